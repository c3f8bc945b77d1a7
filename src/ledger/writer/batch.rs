//! A batch of commands in one transaction, or what of it goes into one: together, or one of them alone.

use std::{collections::HashMap, ops::Range, sync::Arc};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use crate::{
    db::{effect::Effect, full::is_full, is_about_connection, is_about_lock, is_transient},
    error::{Failure, Internal, Never},
    ids::Ids,
    ledger::{
        model::{Declined, Inconsistency, Refusal, Request, Stamp, State, Transaction},
        store,
    },
};

use super::{
    LowBalance, Posting,
    desk::{Desk, Kept},
};

/// A command made ready: everything that is not in the database has been decided.
pub(super) struct Job {
    pub(super) account: Uuid,
    pub(super) request: Request,
    pub(super) open_account: bool,
    pub(super) effects: Vec<Effect>,
    pub(super) otherwise: Vec<Effect>,
    pub(super) stamp: Stamp,
    pub(super) salt: [u8; 16],
}

/// Commands that commit together, in the order in which they came: of all that a lane took, a part.
pub(super) struct Batch {
    pub(super) taken: Arc<Vec<Job>>,
    pub(super) part: Range<usize>,
    /// What the lane knows of accounts from its last batches. It holds where the account's number is still the same.
    pub(super) remembered: Arc<HashMap<Uuid, State>>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) low_balance: Option<LowBalance>,
}

impl Batch {
    /// Its commands.
    pub(super) fn jobs(&self) -> &[Job] {
        self.taken.get(self.part.clone()).unwrap_or_default()
    }
}

/// What a committed batch did.
#[derive(Default)]
pub(super) struct Outcome {
    /// The answers, in the order of the commands.
    pub(super) answers: Vec<Result<Posting, Failure<Refusal>>>,
    /// The journal rows it wrote, in order.
    pub(super) written: Vec<Transaction>,
    /// The accounts as they are now.
    pub(super) states: Vec<State>,
}

/// The batch cannot be carried out as one; nothing of it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    /// One of its commands is refused by the database: smaller parts will tell which.
    Halves,
    /// One of them waits for a lock that is not to be had: each for itself, so that the others do not wait again and again.
    Singles,
}

/// Why nothing of what stands on a desk may stay.
pub(super) enum Stop {
    Refused(Refusal),
    /// More would have to be undone than the one command that cannot be carried out.
    Apart,
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
            Declined::Unread => Self::Fault(contradiction(NOT_ENOUGH)),
            Declined::Broken(broken) => Self::Fault(contradiction(broken)),
        }
    }
}

/// What cannot be: more lots are read than an operation may touch.
pub(super) const NOT_ENOUGH: Inconsistency = Inconsistency("lots read anew are not enough");

pub(super) fn contradiction(broken: Inconsistency) -> Internal {
    Internal::new("a ledger operation met contradicting rows", broken)
}

impl From<Stop> for Failure<Refusal> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(refusal) => Self::Refused(refusal),
            Stop::Apart => Internal::new("a ledger command stood alone", "and was told to stand apart").into(),
            Stop::Fault(internal) => internal.into(),
        }
    }
}

/// Whether a fault is the transaction's and no single command's: the database asks for another try, is away or has no room.
fn is_of_all(internal: &Internal) -> bool {
    let is_so = |error: &DbErr| is_transient(error) || is_about_connection(error) || is_full(error);
    internal.source.downcast_ref::<DbErr>().is_some_and(is_so)
}

/// Carries the whole batch out. Refuses: [`Split`] when one of its commands would keep the others from it.
pub(super) async fn together(tx: &DatabaseTransaction, batch: &Batch) -> Result<Outcome, Failure<Split>> {
    let mut desk = match Desk::judge(tx, batch, batch.jobs()).await {
        Ok(desk) => desk,
        Err(stop) => return Err(split(stop)),
    };
    desk.write(tx).await.map_err(split)?;
    Ok(desk.finish())
}

fn split(stop: Stop) -> Failure<Split> {
    match stop {
        Stop::Fault(internal) if is_locked(&internal) => Failure::Refused(Split::Singles),
        Stop::Fault(internal) if is_of_all(&internal) => internal.into(),
        Stop::Fault(_) | Stop::Apart | Stop::Refused(_) => Failure::Refused(Split::Halves),
    }
}

/// Whether a row that the command needs is locked by somebody for too long.
fn is_locked(internal: &Internal) -> bool {
    internal.source.downcast_ref::<DbErr>().is_some_and(is_about_lock)
}

/// Carries a batch of one command out. It has a savepoint of its own: what of the account's lots is written off before it
/// stands, also when the command is refused.
pub(super) async fn alone(tx: &DatabaseTransaction, batch: &Batch) -> Result<Outcome, Failure<Never>> {
    // Locked before the savepoint: a lock that is taken after it is given back with it, and another process would come between.
    let accounts: Vec<Uuid> = batch.jobs().iter().map(|job| job.account).collect();
    store::lock_accounts(tx, &accounts).await?;
    tx.execute_unprepared("SAVEPOINT command").await?;
    let (stop, kept) = match Desk::judge(tx, batch, batch.jobs()).await {
        Ok(mut desk) => match desk.write(tx).await {
            Ok(()) => return Ok(desk.finish()),
            Err(stop) => (stop, desk.keep()),
        },
        Err(stop) => (stop, Kept::default()),
    };
    let refused = match stop {
        Stop::Fault(internal) if is_locked(&internal) => Failure::Refused(busy()),
        Stop::Fault(internal) if is_of_all(&internal) => return Err(internal.into()),
        stop => stop.into(),
    };
    tx.execute_unprepared("ROLLBACK TO SAVEPOINT command").await?;
    let written = kept.write(tx).await?;
    Ok(Outcome { answers: vec![Err(refused)], written, states: Vec::new() })
}

/// What a client that finds no place should wait.
const RETRY_AFTER_MS: u64 = 1_000;

/// Certain to have had no effect.
pub(super) fn busy() -> Refusal {
    Refusal::LedgerBusy { retry_after_ms: RETRY_AFTER_MS }
}
