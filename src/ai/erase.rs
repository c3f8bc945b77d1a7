//! The AI work of people who are deleted.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{Ai, run::JOB_KIND, store};
use crate::{
    auth::{AccountEraser, ErasureFuture},
    clock::Micros,
    error::{Error, Failure, Internal, Never},
    jobs::{HandlerFuture, Lane, Sweep},
};

/// Ends a personal account's AI work with its person, and erases what they asked and were written. The three records stay.
pub struct AiEraser;

impl AccountEraser for AiEraser {
    fn erase_in<'t>(&'t self, tx: &'t DatabaseTransaction, account: Uuid, now: Micros) -> ErasureFuture<'t> {
        Box::pin(erase_in(tx, account, now))
    }
}

async fn erase_in(tx: &DatabaseTransaction, account: Uuid, now: Micros) -> Result<(), Internal> {
    store::cancel_tasks_of(tx, account, JOB_KIND, now).await?;
    Ok(store::erase_words_of(tx, account).await?)
}

/// Erases what came after that: a request that had left may still answer within its grace.
pub struct AiErasureSweep(pub Ai);

impl Sweep for AiErasureSweep {
    fn name(&self) -> &'static str {
        "ai_erasure"
    }

    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let parts = &self.0.parts;
            let (accounts, now) = (store::list_unerased(parts.db.reader()).await?, parts.clock.now());
            for account in &accounts {
                let account = *account;
                let erased = parts.db.write((), move |tx, ()| {
                    Box::pin(async move {
                        erase_in(tx, account, now).await?;
                        Ok::<_, Failure<Never>>(())
                    })
                });
                erased.await?;
            }
            if !accounts.is_empty() {
                parts.jobs.wake(Lane::Interactive);
            }
            Ok(())
        })
    }
}
