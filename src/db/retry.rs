//! One writing transaction, run again when the database asks for it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr, TransactionTrait};

use super::{Work, constraint::code_of};
use crate::error::{Error, Failure};

const TRIES: u32 = 5;

/// PostgreSQL: serialisation failure, deadlock, lock not available. SQLite: busy, locked, busy snapshot.
const TRANSIENT: [&str; 6] = ["40001", "40P01", "55P03", "5", "6", "517"];

/// Whether the database asks for the transaction to be tried again.
pub fn is_transient(error: &DbErr) -> bool {
    code_of(error).is_some_and(|code| TRANSIENT.contains(&code.as_str()))
}

/// Whether the connection broke, so that it is not known if the transaction took place.
pub fn is_about_connection(error: &DbErr) -> bool {
    match code_of(error) {
        // Connection exceptions, and a server that is ending or starting.
        Some(code) => code.starts_with("08") || code.starts_with("57P"),
        None => match error {
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => is_of_connection(cause),
            _ => false,
        },
    }
}

/// Not a row that cannot be read, for one: that is the same on every connection.
fn is_of_connection(cause: &sqlx::Error) -> bool {
    use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
    matches!(cause, Io(_) | Tls(_) | Protocol(_) | PoolTimedOut | PoolClosed | WorkerCrashed)
}

/// How often a read is repeated whose connection broke.
const READ_TRIES: u32 = 8;

/// Reads, and again where the connection broke: after a restart of the database every idle one is dead, and each try finds out about
/// two.
pub async fn read_again<T, F: Future<Output = Result<T, DbErr>>>(read: impl Fn() -> F) -> Result<T, DbErr> {
    let mut tried = 0;
    loop {
        match read().await {
            Err(error) if tried < READ_TRIES && is_about_connection(&error) => tried += 1,
            result => return result,
        }
    }
}

/// Whether a lock was not to be had in the time that statements wait for one.
pub fn is_about_lock(error: &DbErr) -> bool {
    code_of(error).is_some_and(|code| code == "55P03")
}

fn asks_for_retry<R>(failure: &Failure<R>) -> bool {
    match failure {
        Failure::Fault(Error::Internal(internal)) => internal.source.downcast_ref::<DbErr>().is_some_and(is_transient),
        Failure::Fault(_) | Failure::Refused(_) => false,
    }
}

/// What a client that asks again should wait, when the database would not let the transaction through.
const RETRY_AFTER_MS: u64 = 1_000;

/// How long to wait after try number `tried`: the wait and its spread double each time, so that many transactions that met
/// part further each time. Without a source of randomness.
fn pause(tried: u32) -> Duration {
    static STEP: AtomicU64 = AtomicU64::new(0);
    let step = STEP.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    let least = 5_u64 << tried.min(6);
    // The upper 16 bits as a part of `3 × least`.
    Duration::from_millis(least + ((3 * least * (step >> 48)) >> 16))
}

pub(super) async fn run<C, T, R, F>(pool: &DatabaseConnection, context: &C, work: &F) -> Result<T, Failure<R>>
where
    F: for<'t> Fn(&'t DatabaseTransaction, &'t C) -> Work<'t, T, R>,
{
    let mut tried = 1;
    loop {
        let result = once(pool, context, work).await;
        match result {
            Err(failure) if tried < TRIES && asks_for_retry(&failure) => {
                tracing::debug!(tried, "transaction runs again");
                tokio::time::sleep(pause(tried)).await;
                tried += 1;
            }
            Err(failure) if asks_for_retry(&failure) => {
                if let Failure::Fault(Error::Internal(internal)) = &failure {
                    tracing::warn!(tried, cause = %internal.chain(), "the database would not let a transaction through");
                }
                return Err(Error::RateLimited { retry_after_ms: RETRY_AFTER_MS }.into());
            }
            result => return result,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "`Db` alone opens transactions, and runs this on a task of its own")]
async fn begin(pool: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    pool.begin().await
}

async fn once<C, T, R, F>(pool: &DatabaseConnection, context: &C, work: &F) -> Result<T, Failure<R>>
where
    F: for<'t> Fn(&'t DatabaseTransaction, &'t C) -> Work<'t, T, R>,
{
    // A pool does not test its connections, so a dead one shows here; nothing was sent yet, and a second try is safe.
    let tx = match begin(pool).await {
        Ok(tx) => tx,
        Err(error) if is_transient(&error) => return Err(error.into()),
        Err(_) => begin(pool).await?,
    };
    match work(&tx, context).await {
        Ok(value) => {
            tx.commit().await?;
            Ok(value)
        }
        Err(failure) => {
            if let Err(error) = tx.rollback().await {
                tracing::error!(error = %error, "rolling back failed; the connection is closed");
            }
            Err(failure)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_and_wider_each_time() {
        let within = |tried: u32| {
            let pauses: Vec<Duration> = (0..200).map(|_| pause(tried)).collect();
            (pauses.iter().min().copied().unwrap(), pauses.iter().max().copied().unwrap())
        };
        for tried in 1..TRIES {
            let (least, most) = within(tried);
            assert!(least >= Duration::from_millis(5 << tried) && most <= Duration::from_millis(20 << tried));
            assert!(most > least * 2, "{least:?} {most:?}");
        }
        assert!(within(4).0 > within(1).1);
    }
}
