//! Recovery of runs and their schedules: what is due starts, what should be at work gets a job, and what waited for credits
//! goes on when they are there.

use std::{future::Future, time::Duration};

use uuid::Uuid;

use super::{Automation, model::AutomationRun, run::JOB_KIND, store};
use crate::{
    error::{Error, Failure, Never},
    jobs::{HandlerFuture, Lane, Sweep, enqueue},
};

/// How many rows of a kind one sweep handles.
const BATCH: i64 = 100;

/// How often credits are looked at for runs that wait for them.
const TOP_UP_LOOK: Duration = Duration::from_secs(2);

/// Starts what is due, and finds runs that nobody carries out.
pub struct AutomationSweep(pub Automation);

impl Sweep for AutomationSweep {
    fn name(&self) -> &'static str {
        "automation_run"
    }

    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.adopt().await?;
            self.0.fire_due().await?;
            self.0.resume_covered().await?;
            self.0.forget_firings().await
        })
    }
}

impl AutomationSweep {
    async fn adopt(&self) -> Result<(), Error> {
        let parts = &self.0.parts;
        let orphans = store::run::list_orphans(parts.db.reader(), JOB_KIND, BATCH).await?;
        let now = parts.clock.now();
        if !orphans.is_empty() {
            tracing::warn!(count = orphans.len(), "automation runs without a job get one");
        }
        let jobs: Vec<_> = orphans.into_iter().map(|(run, account)| self.0.job(run, account, now)).collect();
        let found = jobs.len();
        let hastened = parts
            .db
            .write((jobs, now), |tx, (jobs, now)| {
                Box::pin(async move {
                    for job in jobs {
                        enqueue(tx, job).await?;
                    }
                    // A command that came just before its run began to wait, or a site or an account that was
                    // switched off, which knows no runs.
                    let hastened = store::run::hasten_asked(tx, JOB_KIND, *now).await?;
                    Ok::<_, Failure<Never>>(hastened)
                })
            })
            .await?;
        if found > 0 || hastened > 0 {
            parts.jobs.wake(Lane::Bulk);
        }
        Ok(())
    }
}

impl Automation {
    /// Resumes the runs that were paused for lack of credits, wish it, and have enough for their next hold now.
    pub(in crate::automation) async fn resume_covered(&self) -> Result<(), Error> {
        let mut after = Uuid::nil();
        loop {
            // All of them, portion by portion: those that go on waiting keep none from going on.
            let waiting = store::run::list_short_of_credits(self.parts.db.reader(), after, BATCH).await?;
            for run in waiting.iter().filter(|run| run.settings.resumes_on_top_up) {
                // It is looked at again with the next look; the others are not to wait for it.
                if let Err(error) = self.resume_if_covered(run).await {
                    tracing::error!(run = %run.id, error = ?error, "a run that waits for credits was not looked after");
                }
            }
            match waiting.last() {
                Some(last) if i64::try_from(waiting.len()).is_ok_and(|count| count == BATCH) => after = last.id,
                _ => return Ok(()),
            }
        }
    }

    async fn resume_if_covered(&self, run: &AutomationRun) -> Result<(), Error> {
        let Some(figures) = run.pause.and_then(|pause| pause.figures) else { return Ok(()) };
        if self.available(run.account_id).await? >= figures.next {
            self.resume_topped_up(run.id, run.account_id).await?;
        }
        Ok(())
    }

    /// Looks after runs that wait for credits until `stop`: a grant that suffices resumes them within seconds.
    pub async fn watch_top_ups(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = tokio::time::sleep(TOP_UP_LOOK) => {}
                () = &mut stop => return,
            }
            if let Err(error) = self.resume_covered().await {
                tracing::warn!(error = ?error, "runs that wait for credits could not be looked after");
            }
        }
    }
}
