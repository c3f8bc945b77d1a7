//! One command in one transaction: lock, look up the key, write off due lots, load, check guards, decide, write. A
//! batching writer can take many of these through one transaction without a change to what callers see.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use crate::{
    db::{
        constraint::{code_of, violated},
        effect::{Effect, EffectError, Facts, PostingFacts},
    },
    error::{Failure, Internal},
    ids::Ids,
};

use super::{
    model::{
        self, Actor, Answer, Balance, Decision, Declined, IdemKey, Kind, Operation, Refusal, Request, Stamp, State,
        Transaction,
    },
    store,
};

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
    /// The holds taken or ended.
    pub holds: Vec<Uuid>,
    /// The new lot.
    pub grant: Option<Uuid>,
    /// Credits delivered that could not be charged.
    pub shortfall: i64,
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
            result,
            replayed,
        }
    }
}

/// A command made ready: everything that is not in the database has been decided.
pub(super) struct Job {
    pub account: Uuid,
    pub request: Request,
    pub open_account: bool,
    pub effects: Vec<Effect>,
    pub otherwise: Vec<Effect>,
    pub stamp: Stamp,
    pub salt: [u8; 16],
    pub epoch: i64,
    pub ids: Arc<dyn Ids>,
}

/// What a committed transaction did: the answer, and the journal rows it wrote.
pub(super) struct Outcome {
    pub done: Result<Posting, Refusal>,
    pub written: Vec<Transaction>,
}

/// Why nothing of the command itself may stay.
enum Stop {
    Refused(Refusal),
    Fault(Internal),
}

impl From<DbErr> for Stop {
    fn from(error: DbErr) -> Self {
        Self::Fault(error.into())
    }
}

impl From<Declined> for Stop {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::Refused(refusal) => Self::Refused(refusal),
            Declined::Broken(broken) => Self::Fault(Internal::new("a ledger operation met contradicting rows", broken)),
        }
    }
}

impl From<Stop> for Failure<Refusal> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(refusal) => Self::Refused(refusal),
            Stop::Fault(internal) => internal.into(),
        }
    }
}

/// Carries `job` out inside `tx`. `Err` means that all of it must be rolled back; a refusal that comes as `Ok` has left
/// a record (a write-off of due lots, or the `otherwise` rows) that is to be committed.
pub(super) async fn carry_out(tx: &DatabaseTransaction, job: &Job) -> Result<Outcome, Failure<Refusal>> {
    carry(tx, job).await.map_err(Failure::from)
}

async fn carry(tx: &DatabaseTransaction, job: &Job) -> Result<Outcome, Stop> {
    let opened = job.open_account && store::insert_account(tx, job.account, job.stamp.now).await?;
    let account = store::lock_account(tx, job.account, job.epoch).await?;
    let account = account.ok_or(Stop::Refused(Refusal::AccountNotFound))?;
    // Only under the lock: before it, two copies of a command would both find nothing.
    if let Some(stored) = store::find_by_key(tx, job.account, job.request.key.as_str()).await? {
        let answer = model::repeat(&stored, &job.request)?;
        return Ok(Outcome { done: Ok(Posting::new(answer, stored.result, true)), written: Vec::new() });
    }
    if job.open_account && !opened {
        return Err(Stop::Refused(Refusal::EffectConflict { constraint: "ledger_account_pkey".to_owned() }));
    }
    let mut state = State::of(account);
    let mut written = write_off_due(tx, job, &mut state).await?;
    if written.is_empty() {
        return decide(tx, job, &mut state)
            .await
            .map(|(done, row)| Outcome { done, written: row.into_iter().collect() });
    }
    // The write-off stands even if the command does not.
    tx.execute_unprepared("SAVEPOINT command").await?;
    match decide(tx, job, &mut state).await {
        Ok((done, row)) => {
            written.extend(row);
            Ok(Outcome { done, written })
        }
        Err(Stop::Refused(refusal)) => {
            tx.execute_unprepared("ROLLBACK TO SAVEPOINT command").await?;
            Ok(Outcome { done: Err(refusal), written })
        }
        Err(fault) => Err(fault),
    }
}

/// Reads the lots and writes off those that are due, each 500 as one transaction.
async fn write_off_due(tx: &DatabaseTransaction, job: &Job, state: &mut State) -> Result<Vec<Transaction>, Stop> {
    let now = job.stamp.now.max(state.account.ledger_now);
    let mut written = Vec::new();
    let (lots, complete) = store::load_lots(tx, job.account).await?;
    state.lots = lots;
    state.lots_complete = complete;
    loop {
        if !state.lots_complete {
            // The due ones may lie beyond those that were read.
            state.lots = store::load_due_lots(tx, job.account, now).await?;
        }
        let Some(decision) = model::write_off(state, job.ids.uuid(), now)? else { break };
        store::save(tx, &decision, None).await?;
        written.push(decision.transaction);
    }
    if !state.lots_complete {
        (state.lots, state.lots_complete) = store::load_lots(tx, job.account).await?;
    }
    Ok(written)
}

type Decided = (Result<Posting, Refusal>, Option<Transaction>);

async fn decide(tx: &DatabaseTransaction, job: &Job, state: &mut State) -> Result<Decided, Stop> {
    store::load_touched(tx, state, &job.request.operation).await?;
    check_guards(tx, &job.effects).await?;
    match model::apply(state, &job.request, &job.stamp) {
        Ok(decision) => {
            let posting = write(tx, job, &decision).await?;
            Ok((Ok(posting), Some(decision.transaction)))
        }
        Err(Declined::Refused(refusal @ Refusal::InsufficientCredits { .. })) if !job.otherwise.is_empty() => {
            check_guards(tx, &job.otherwise).await?;
            let now = job.stamp.now.max(state.account.ledger_now);
            let balance = state.account.balance;
            let unchanged = Some((balance.available, balance.held));
            write_effects(tx, &job.otherwise, &Facts { posting: None, unchanged, now }).await?;
            Ok((Err(refusal), None))
        }
        Err(declined) => Err(declined.into()),
    }
}

/// Locks the guarded rows in the one lock order and refuses when one is not as expected.
async fn check_guards(tx: &DatabaseTransaction, effects: &[Effect]) -> Result<(), Stop> {
    let mut guarded: Vec<&Effect> = effects.iter().filter(|effect| effect.is_guarded()).collect();
    guarded.sort_by_key(|effect| (effect.lock_rank(), effect.table(), effect.row_id()));
    for effect in guarded {
        if !effect.guard_holds(tx).await? {
            return Err(Stop::Refused(Refusal::EffectRefused { code: effect.table().to_owned() }));
        }
    }
    Ok(())
}

async fn write(tx: &DatabaseTransaction, job: &Job, decision: &Decision) -> Result<Posting, Stop> {
    let note = match &job.request.operation {
        Operation::Grant(grant) => grant.note.as_ref().map(|note| (&job.salt, note.as_str())),
        _ => None,
    };
    store::save(tx, decision, note).await.map_err(|error| {
        // Another account used the source between our look and our write.
        if violated(&error).as_deref() == Some("credit_grant_kind_source_key") {
            Stop::Refused(Refusal::GrantSourceUsed { sequence: None })
        } else {
            error.into()
        }
    })?;
    let answer = decision.answer.clone();
    let facts = Facts {
        posting: Some(PostingFacts {
            sequence: answer.sequence,
            transaction_id: answer.transaction_id,
            amount: answer.amount,
            shortfall: answer.shortfall,
            available: answer.balance.available,
            held: answer.balance.held,
        }),
        unchanged: None,
        now: answer.at,
    };
    write_effects(tx, &job.effects, &facts).await?;
    Ok(Posting::new(answer, decision.transaction.result.clone(), false))
}

async fn write_effects(tx: &DatabaseTransaction, effects: &[Effect], facts: &Facts) -> Result<(), Stop> {
    for effect in effects {
        effect.write(tx, facts).await.map_err(|error| match error {
            EffectError::GuardFailed { table } => Stop::Refused(Refusal::EffectRefused { code: table.to_owned() }),
            EffectError::Db(error) => match taken(&error) {
                Some(constraint) => Stop::Refused(Refusal::EffectConflict { constraint }),
                None => error.into(),
            },
            unknown @ EffectError::Unknown { .. } => {
                Stop::Fault(Internal::new("an effect could not be filled", unknown))
            }
        })?;
    }
    Ok(())
}

/// PostgreSQL: unique violation. SQLite: unique key, primary key.
const UNIQUE: [&str; 3] = ["23505", "2067", "1555"];

/// The name of the unique key that `error` violated.
fn taken(error: &DbErr) -> Option<String> {
    let code = code_of(error)?;
    if UNIQUE.contains(&code.as_str()) { violated(error) } else { None }
}
