//! The only two ways into the queue, and the ends of jobs as effects, so that they commit with the work they belong to.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::{End, Lane, Lease, NewJob};
use crate::{
    clock::Micros,
    db::{
        effect::{Cell, Effect, EffectError, Facts, Set},
        statement,
    },
    error::{Error, Failure, Internal},
};

/// How many jobs of one account may wait.
pub const BACKLOG_MAX: i64 = 10_000;

/// A guarded row was not as expected: somebody else has the work now. Write nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

/// A job as a write of the command that needs it. Where an unfinished job of this kind and subject exists, nothing.
pub fn enqueue_effect(job: &NewJob) -> Effect {
    Effect::Insert {
        table: "job",
        cells: vec![
            ("id", job.id.into()),
            ("kind", job.kind.into()),
            ("lane", job.lane.as_str().into()),
            ("account_id", job.account_id.into()),
            ("subject_kind", job.subject_kind.into()),
            ("subject_id", job.subject_id.into()),
            ("payload", job.payload.clone().into()),
            ("dedupe_key", job.dedupe_key().into()),
            ("state", "ready".into()),
            ("ready_at", job.ready_at.into()),
            ("fence", 0i64.into()),
            ("attempts", 0i32.into()),
            ("attempts_max", job.attempts_max.into()),
            ("crashes", 0i32.into()),
            ("created_at", job.created_at.into()),
        ],
        if_absent: true,
    }
}

/// Puts a job in its queue within the caller's transaction. Safe to repeat.
pub async fn enqueue(connection: &impl ConnectionTrait, job: &NewJob) -> Result<(), DbErr> {
    let facts = Facts::at(job.created_at);
    enqueue_effect(job).write(connection, &facts).await.map_err(|error| match error {
        EffectError::Db(error) => error,
        other => DbErr::Custom(other.to_string()),
    })
}

/// How many jobs of `account` wait, counted up to one more than [`BACKLOG_MAX`].
pub async fn backlog_of(connection: &impl ConnectionTrait, account: Uuid) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS waiting FROM (SELECT 1 AS one FROM job WHERE state = 'ready' \
               AND lane IN ('interactive', 'bulk', 'system') AND account_id = $1 LIMIT 10001) w";
    match connection.query_one_raw(statement(connection, sql, [account.into()])).await? {
        Some(row) => row.try_get("", "waiting"),
        None => Ok(0),
    }
}

/// Refuses the whole command when the lease is no longer the caller's.
pub fn lease_guard(lease: &Lease) -> Effect {
    Effect::Update {
        table: "job",
        set: vec![("fence", Set::To(lease.fence.into()))],
        key: lease_key(lease),
        guarded: true,
    }
}

fn lease_key(lease: &Lease) -> Vec<(&'static str, sea_orm::Value)> {
    vec![("id", lease.job_id.into()), ("fence", lease.fence.into()), ("state", "running".into())]
}

/// Ends the job and gives its place back, guarded by the lease.
pub fn finish_effects(lease: &Lease, end: End, now: Micros) -> Vec<Effect> {
    vec![
        Effect::Update {
            table: "job",
            set: vec![
                ("state", Set::To(end.as_str().into())),
                ("boot_id", Set::To(Cell::Value(sea_orm::Value::Uuid(None)))),
                ("lease_until", Set::To(Cell::Value(sea_orm::Value::BigInt(None)))),
                ("finished_at", Set::To(now.into())),
            ],
            key: lease_key(lease),
            guarded: true,
        },
        Effect::Update {
            table: "job_quota",
            set: vec![("running", Set::Add((-1i32).into()))],
            key: vec![("account_id", lease.account_id.into()), ("lane", lease.lane.as_str().into())],
            guarded: false,
        },
    ]
}

/// Cancels the waiting job of a subject. A running one is left to its holder, who will find the subject ended.
pub fn cancel_ready_effect(kind: &'static str, subject_id: Uuid, now: Micros) -> Effect {
    Effect::Update {
        table: "job",
        set: vec![("state", Set::To(End::Cancelled.as_str().into())), ("finished_at", Set::To(now.into()))],
        key: vec![("kind", kind.into()), ("subject_id", subject_id.into()), ("state", "ready".into())],
        guarded: false,
    }
}

/// Makes the waiting job of a subject due at once.
pub async fn hasten_in(tx: &impl ConnectionTrait, kind: &str, subject_id: Uuid, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE job SET ready_at = $1 WHERE kind = $2 AND subject_id = $3 AND state = 'ready' AND ready_at > $1";
    tx.execute_raw(statement(tx, sql, [now.into(), kind.into(), subject_id.into()])).await?;
    Ok(())
}

/// Forgets the failed runs and crashes of a job that has got on since, so that what lives for long is not given up for what
/// lies far behind it. Guarded by the lease.
pub async fn forgive_in(tx: &impl ConnectionTrait, lease: &Lease) -> Result<(), DbErr> {
    let sql = "UPDATE job SET attempts = 0, crashes = 0 WHERE id = $1 AND fence = $2 AND state = 'running' \
               AND (attempts > 0 OR crashes > 0)";
    tx.execute_raw(statement(tx, sql, [lease.job_id.into(), lease.fence.into()])).await?;
    Ok(())
}

/// Writes effects that move no credits: guards first, in lock order, then every write in its own order.
/// Refuses: [`Lost`] when a guard does not hold; the caller's transaction must then roll back.
pub async fn write_in(tx: &DatabaseTransaction, effects: &[Effect], now: Micros) -> Result<(), Failure<Lost>> {
    let mut guarded: Vec<&Effect> = effects.iter().collect();
    guarded.sort_by_key(|effect| effect.lock_rank());
    for effect in guarded {
        if !effect.guard_holds(tx).await? {
            return Err(Failure::Refused(Lost));
        }
    }
    let facts = Facts::at(now);
    for effect in effects {
        match effect.write(tx, &facts).await {
            Ok(()) => {}
            Err(EffectError::GuardFailed { .. }) => return Err(Failure::Refused(Lost)),
            Err(EffectError::Db(error)) => return Err(error.into()),
            Err(error @ EffectError::Unknown { .. }) => {
                return Err(Internal::new("an effect cannot be written", error).into());
            }
        }
    }
    Ok(())
}

/// How many jobs of one account and lane may run at once.
pub(super) fn cap(lane: Lane, configured: i32, workers: usize) -> i32 {
    match lane {
        Lane::Interactive | Lane::Bulk => configured.max(1),
        Lane::System => i32::try_from(workers).unwrap_or(i32::MAX).max(1),
    }
}

/// Takes every lease away, inside the caller's transaction, and answers how many there were: whoever had one can write nothing
/// under it any more, and no crash is counted.
pub async fn void_leases_in(tx: &DatabaseTransaction) -> Result<u64, Error> {
    let sql =
        "UPDATE job SET state = 'ready', boot_id = NULL, lease_until = NULL, fence = fence + 1 WHERE state = 'running'";
    let voided = tx.execute_raw(statement(tx, sql, [])).await?.rows_affected();
    tx.execute_raw(statement(tx, "UPDATE job_quota SET running = 0", [])).await?;
    Ok(voided)
}
