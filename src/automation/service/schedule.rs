//! Runs that start by themselves: each due time once, whatever processes, restarts and clocks do.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{
    Automation,
    start::{Starting, insert_in},
};
use crate::{
    automation::{
        model::AutomationRun,
        store::{self, schedule::Outcome},
    },
    clock::{Micros, SECOND},
    error::{Error, Failure, Never},
};

/// How many schedules one look handles.
const BATCH: i64 = 100;

/// How long firings are kept.
const KEPT: Micros = 90 * 24 * 3600 * SECOND;

impl Automation {
    /// Starts what is due. What was missed is one run at most. Safe to repeat, and to run in two processes at once.
    pub(in crate::automation) async fn fire_due(&self) -> Result<(), Error> {
        let now = self.parts.clock.now();
        let due = store::schedule::list_due(self.parts.db.reader(), now, BATCH).await?;
        for (schedule, account) in due {
            match self.fire(schedule, account).await {
                Ok(Some(run)) => self.started(&run),
                Ok(None) => {}
                // It stays due; the others are not to wait for it.
                Err(error) => tracing::error!(%schedule, error = ?error, "a schedule could not be fired"),
            }
        }
        Ok(())
    }

    async fn fire(&self, schedule: Uuid, account: Uuid) -> Result<Option<AutomationRun>, Error> {
        // Read before: inside the transaction there is the database alone.
        let site = store::schedule::find_site(self.parts.db.reader(), schedule).await?;
        let Some(site) = site else { return Ok(None) };
        let starting = self.starting_by_schedule(account, site).await?;
        let now = self.parts.clock.now();
        let fired = self
            .parts
            .db
            .write((schedule, starting, now), |tx, (schedule, starting, now)| {
                Box::pin(fire_in(tx, *schedule, starting, *now))
            })
            .await?;
        Ok(fired)
    }

    /// Forgets old firings.
    pub(in crate::automation) async fn forget_firings(&self) -> Result<(), Error> {
        let before = self.parts.clock.now().saturating_sub(KEPT);
        self.parts
            .db
            .write(before, |tx, before| {
                Box::pin(async move {
                    store::schedule::delete_firings(tx, *before).await?;
                    Ok::<_, Failure<Never>>(())
                })
            })
            .await?;
        Ok(())
    }
}

/// Fires a schedule: its firing, the run and the next time commit together.
async fn fire_in(
    tx: &DatabaseTransaction,
    schedule: Uuid,
    starting: &Starting,
    now: Micros,
) -> Result<Option<AutomationRun>, Failure<Never>> {
    // Before the schedule, in the order in which an edit of the config locks them.
    if store::run::lock_site(tx, starting.account(), starting.site()).await?.is_none() {
        return Ok(None);
    }
    let Some(due) = store::schedule::lock_schedule(tx, schedule).await? else { return Ok(None) };
    let Some(config) = store::config::find_config(tx, due.site_id).await? else { return Ok(None) };
    let Some(next) = config.next_after(due.zone, now) else { return Ok(None) };
    let mut run = None;
    // A clock that was set back finds its firing there: that time has had its run.
    if due.due_at <= now && !store::schedule::is_fired(tx, &due).await? {
        let outcome = if !due.is_on {
            Outcome::SkippedOff
        } else if store::run::find_unfinished(tx, due.site_id).await?.is_some() {
            Outcome::SkippedActive
        } else {
            let started = insert_in(tx, starting).await?;
            let fired = Outcome::Fired { run_id: started.id, job_id: starting.job.id };
            run = Some(started);
            fired
        };
        store::schedule::insert_firing(tx, &due, outcome, now).await?;
    }
    store::schedule::update_next(tx, due.id, (due.zone, next), now).await?;
    Ok(run)
}
