//! The writer: one lane, a queue and a task, per share of the accounts. Whatever queued while the last commit ran goes into the
//! next transaction together. Everything that moves credits passes through here.

mod batch;
mod desk;
mod gauge;
mod lane;

use uuid::Uuid;

use crate::db::effect::Effect;

use super::model::{Actor, Answer, Balance, Crossing, IdemKey, Kind, Operation, Untouched};

pub use gauge::LaneHealth;
pub(super) use lane::{Lane, Parts, Sender};

/// An operation on one account with the further rows that commit with it or not at all.
#[derive(Debug, Clone)]
pub struct Command {
    /// Whose credits.
    pub account: Uuid,
    /// Makes it happen once.
    pub key: IdemKey,
    /// Who asks.
    pub actor: Actor,
    /// What to do.
    pub operation: Operation,
    /// Opens the account's ledger with the command; refused as `EffectConflict` when it is open already.
    pub open_account: bool,
    /// Rows that commit with the transaction, written in this order; at most 256.
    pub effects: Vec<Effect>,
    /// Rows that commit instead, without a transaction, when the command is refused for lack of credits.
    pub otherwise: Vec<Effect>,
}

impl Command {
    /// About how many bytes it takes while it waits.
    fn size(&self) -> usize {
        let items = if let Operation::Hold(items) = &self.operation { size_of_val(items.as_slice()) } else { 0 };
        let note = self.operation.note().map_or(0, |note| note.as_str().len());
        size_of::<Self>() + items + note + self.effects.iter().chain(&self.otherwise).map(Effect::size).sum::<usize>()
    }
}

/// The row that tells an account's members of a crossing, with the id that is given to it. It commits with the transaction.
pub type LowBalance = fn(Uuid, &Crossing) -> Effect;

/// The most rows one command may carry.
pub const EFFECTS_MAX: usize = 256;

/// What a command did. All of it comes from its own transaction, also when it is an answer repeated years later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The transaction's number in its account.
    pub sequence: i64,
    /// Its id.
    pub transaction_id: Uuid,
    /// What it did.
    pub kind: Kind,
    /// Credits charged, granted, held or released.
    pub amount: i64,
    /// When, microseconds.
    pub at: i64,
    /// The six sums after it.
    pub balance: Balance,
    /// The holds taken, ended or refunded.
    pub holds: Vec<Uuid>,
    /// The new lot, or the one that credits were taken from by name.
    pub grant: Option<Uuid>,
    /// Credits delivered that could not be charged.
    pub shortfall: i64,
    /// What is left held and spent of a lot that credits were taken from by name.
    pub untouched: Option<Untouched>,
    /// The stored answer, byte for byte the same for every repeat.
    pub result: String,
    /// Whether an earlier command with this key did it.
    pub replayed: bool,
}

impl Posting {
    fn new(answer: Answer, result: String, replayed: bool) -> Self {
        Self {
            sequence: answer.sequence,
            transaction_id: answer.transaction_id,
            kind: answer.kind,
            amount: answer.amount,
            at: answer.at,
            balance: answer.balance,
            holds: answer.holds,
            grant: answer.grant,
            shortfall: answer.shortfall,
            untouched: answer.untouched,
            result,
            replayed,
        }
    }
}
