//! Recovery of AI work: tasks without a job get one, holds whose time is over are given back.

use super::{Ai, run::JOB_KIND, store};
use crate::{
    error::{Error, Failure, Never},
    jobs::{HandlerFuture, Lane, Sweep, enqueue},
    ledger::{
        Command, Refusal,
        model::{Actor, IdemKey, Operation},
    },
};

/// How many rows of a kind one sweep handles.
const BATCH: i64 = 100;

/// Finds AI work that nobody does.
pub struct AiSweep(pub Ai);

impl Sweep for AiSweep {
    fn name(&self) -> &'static str {
        "ai_task"
    }

    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.adopt().await?;
            self.expire_holds().await
        })
    }
}

impl AiSweep {
    async fn adopt(&self) -> Result<(), Error> {
        let parts = &self.0.parts;
        let orphans = store::list_orphans(parts.db.reader(), JOB_KIND, BATCH).await?;
        if orphans.is_empty() {
            return Ok(());
        }
        tracing::warn!(count = orphans.len(), "AI tasks without a job get one");
        let jobs: Vec<_> = orphans.into_iter().map(|(task, account)| self.0.job(task, account)).collect();
        parts
            .db
            .write(jobs, |tx, jobs| {
                Box::pin(async move {
                    for job in jobs {
                        enqueue(tx, job).await?;
                    }
                    Ok::<_, Failure<Never>>(())
                })
            })
            .await?;
        parts.jobs.wake(Lane::Interactive);
        Ok(())
    }

    async fn expire_holds(&self) -> Result<(), Error> {
        let parts = &self.0.parts;
        let due = store::list_due_holds(parts.db.reader(), parts.clock.now(), BATCH).await?;
        for (hold, account) in due {
            let command = Command {
                account,
                key: IdemKey::server("expire", hold),
                actor: Actor::System,
                operation: Operation::ExpireHold(hold),
                open_account: false,
                effects: Vec::new(),
                otherwise: Vec::new(),
            };
            match parts.ledger.submit(command).await {
                // In use, not due by the account's own clock, or ended meanwhile: the next sweep sees.
                Ok(_) | Err(Failure::Refused(Refusal::HoldInUse | Refusal::HoldNotDue { .. })) => {}
                Err(Failure::Refused(Refusal::HoldClosed { .. } | Refusal::LedgerBusy { .. })) => {}
                Err(Failure::Refused(refusal)) => {
                    tracing::warn!(hold.id = %hold, code = refusal.code(), "a due hold could not be given back");
                }
                Err(Failure::Fault(error)) => return Err(error),
            }
        }
        Ok(())
    }
}
