//! One writing transaction, run again when the database asks for it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use sea_orm::DbErr;

use super::{Db, Work, constraint::code_of};
use crate::error::{Error, Failure};

const TRIES: u32 = 5;

/// PostgreSQL: serialisation failure, deadlock, lock not available. SQLite: busy, locked, busy snapshot.
const TRANSIENT: [&str; 6] = ["40001", "40P01", "55P03", "5", "6", "517"];

pub(super) fn is_transient(error: &DbErr) -> bool {
    code_of(error).is_some_and(|code| TRANSIENT.contains(&code.as_str()))
}

fn asks_for_retry<R>(failure: &Failure<R>) -> bool {
    match failure {
        Failure::Fault(Error::Internal(internal)) => internal.source.downcast_ref::<DbErr>().is_some_and(is_transient),
        Failure::Fault(_) | Failure::Refused(_) => false,
    }
}

/// A spread of 0–15 ms: enough to part two transactions that met, without a source of randomness.
fn jitter() -> Duration {
    static STEP: AtomicU64 = AtomicU64::new(0);
    let step = STEP.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    Duration::from_millis(step >> 60)
}

pub(super) async fn run<C, T, R, F>(db: &Db, context: &C, work: &F) -> Result<T, Failure<R>>
where
    F: for<'t> Fn(&'t sea_orm::DatabaseTransaction, &'t C) -> Work<'t, T, R>,
{
    let mut tried = 1;
    loop {
        let result = once(db, context, work).await;
        match result {
            Err(failure) if tried < TRIES && asks_for_retry(&failure) => {
                tracing::debug!(tried, "transaction runs again");
                tokio::time::sleep(Duration::from_millis(u64::from(5 * tried)) + jitter()).await;
                tried += 1;
            }
            result => return result,
        }
    }
}

async fn once<C, T, R, F>(db: &Db, context: &C, work: &F) -> Result<T, Failure<R>>
where
    F: for<'t> Fn(&'t sea_orm::DatabaseTransaction, &'t C) -> Work<'t, T, R>,
{
    // A pool does not test its connections, so a dead one shows here; nothing was sent yet, and a second try is safe.
    let tx = match db.begin_write().await {
        Ok(tx) => tx,
        Err(error) if is_transient(&error) => return Err(error.into()),
        Err(_) => db.begin_write().await?,
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
