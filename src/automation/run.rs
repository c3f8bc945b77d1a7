//! Carrying a run out: stage by stage, step by step, each committed before the next begins, so that a crash anywhere loses no
//! more than what was in flight, and that is taken up again.

use std::time::Duration;

use futures_util::future::join_all;
use uuid::Uuid;

use super::{
    Automation, Picked, Selection, Step, Stepped,
    model::{AutomationRun, Desired, Pause, PauseReason, RunItem, RunState, Stage, next_batch},
    points::Point,
    store::{
        self,
        change::Change,
        effect::RunGrip,
        step::{Begun, Next, RunEnd},
    },
};
use crate::{
    error::{Error, Failure, Never},
    jobs::{Claimed, End, Handler, HandlerFuture, Lost, Outcome, forgive_in},
};

/// The stable name of the job.
pub const JOB_KIND: &str = "automation.run";

/// How long a turn that lost its run, or met a busy ledger, waits before it looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// After this long, the runs of other accounts get the worker.
const TURN: Duration = Duration::from_secs(5);

/// The handler of runs.
pub struct RunAutomation(pub Automation);

/// Why a turn stops before its run has ended.
enum Stop {
    /// Somebody else has the run.
    Lost,
    /// Our fault, or the database's.
    Fault(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl From<Failure<Lost>> for Stop {
    fn from(failure: Failure<Lost>) -> Self {
        match failure {
            Failure::Refused(Lost) => Self::Lost,
            Failure::Fault(error) => Self::Fault(error),
        }
    }
}

/// One worker's turn at a run.
struct Turn<'a> {
    automation: &'a Automation,
    run: AutomationRun,
    grip: RunGrip,
    /// Whether turns before this one failed or died, and nothing has ended since.
    has_failed: bool,
}

/// What a turn goes on with.
enum Then {
    /// Look again at once.
    Next,
    /// Look again later.
    Later(Duration),
    /// The run has ended or is paused, and the job with it.
    Over,
}

impl Handler for RunAutomation {
    fn kind(&self) -> &'static str {
        JOB_KIND
    }

    fn run<'a>(&'a self, claimed: &'a Claimed) -> HandlerFuture<'a, Outcome> {
        Box::pin(async move {
            match self.carry_out(claimed).await {
                Ok(outcome) => outcome,
                // The job's own end is guarded by the fence: if the lease is lost, this writes nothing.
                Err(Stop::Lost) | Err(Stop::Fault(Error::RateLimited { .. } | Error::ShuttingDown)) => {
                    Outcome::Defer { after: LOOK_AGAIN }
                }
                Err(Stop::Fault(error)) => {
                    tracing::error!(
                        automation_run.id = %claimed.job.subject.id, error = ?error, "a turn of an automation run failed"
                    );
                    Outcome::Retry { after: Duration::from_secs(2), code: "INTERNAL" }
                }
            }
        })
    }

    fn give_up<'a>(&'a self, claimed: &'a Claimed, _: &'static str) -> HandlerFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let ended = match self.begin(claimed).await {
                Ok(Some(turn)) => turn.give_up().await,
                Ok(None) => Ok(()),
                Err(stop) => Err(stop),
            };
            match ended {
                Ok(()) | Err(Stop::Lost) => Ok(()),
                Err(Stop::Fault(error)) => Err(error),
            }
        })
    }
}

impl RunAutomation {
    async fn begin(&self, claimed: &Claimed) -> Result<Option<Turn<'_>>, Stop> {
        let parts = &self.0.parts;
        let change = Change::to(RunState::Running, parts.ids.as_ref());
        let context = (claimed.job.lease.clone(), claimed.job.subject.id, change, parts.clock.now());
        let begun = parts
            .db
            .write(context, |tx, (lease, run, change, now)| {
                Box::pin(store::step::begin_in(tx, lease, *run, change, *now))
            })
            .await?;
        self.0.hint(claimed.job.subject.id);
        match begun {
            Begun::Lost => Err(Stop::Lost),
            Begun::Ended => Ok(None),
            Begun::Work(run, grip) => {
                let has_failed = claimed.job.attempts > 0 || claimed.job.crashes > 0;
                Ok(Some(Turn { automation: &self.0, run: *run, grip, has_failed }))
            }
        }
    }

    async fn carry_out(&self, claimed: &Claimed) -> Result<Outcome, Stop> {
        let Some(mut turn) = self.begin(claimed).await? else { return Ok(Outcome::Done) };
        self.0.points.reach(Point::Begun).await;
        let began = tokio::time::Instant::now();
        loop {
            match Box::pin(turn.advance()).await? {
                Then::Over => return Ok(Outcome::Done),
                Then::Later(after) => return Ok(Outcome::Defer { after }),
                Then::Next if began.elapsed() >= TURN => return Ok(Outcome::Defer { after: Duration::ZERO }),
                Then::Next => {}
            }
        }
    }
}

fn seconds(seconds: i32) -> Then {
    match u64::try_from(seconds) {
        Ok(0) | Err(_) => Then::Next,
        Ok(seconds) => Then::Later(Duration::from_secs(seconds)),
    }
}

impl Turn<'_> {
    async fn advance(&mut self) -> Result<Then, Stop> {
        let reader = self.automation.parts.db.reader();
        if let Some((stage, items)) = store::step::left_over(reader, self.run.id).await? {
            let steps = self.left_over_steps(stage, items).await?;
            return self.wave(steps).await;
        }
        let most = self.run.settings.items_in_flight;
        let mut steps: Vec<Step> = Vec::new();
        loop {
            match self.next().await? {
                Next::Step(run, stage, items) if !items.is_empty() => {
                    self.automation.points.reach(Point::Taken).await;
                    steps.push(self.step(*run, stage, items));
                    if i32::try_from(steps.len()).is_ok_and(|steps| steps < most) {
                        continue;
                    }
                }
                // What follows is looked at again when these have ended.
                _ if !steps.is_empty() => {}
                Next::Step(..) => return Ok(Then::Later(LOOK_AGAIN)),
                Next::Select(stage) => return self.select(stage).await,
                Next::StageEnded => {
                    self.automation.points.reach(Point::StageEnded).await;
                    self.automation.hint(self.run.id);
                    // Between two stages of which one was not gone through, there is nothing to wait for.
                    return Ok(Then::Next);
                }
                Next::Asked(desired) => return self.obey(desired).await,
                Next::Suspended => return self.pause(Pause::plain(PauseReason::AccountSuspended)).await,
                // Whoever took it out of use knows that.
                Next::SiteOff => return self.pause(Pause::plain(PauseReason::User)).await,
                Next::Overdue => return self.end(RunEnd::Failed("RUN_DEADLINE"), End::Done).await,
                Next::Done => return self.end(RunEnd::Done, End::Done).await,
            }
            return self.wave(steps).await;
        }
    }

    fn step(&self, run: AutomationRun, stage: Stage, items: Vec<RunItem>) -> Step {
        Step { run, stage, items, grip: self.grip.clone(), is_left_over: false, goes_on: true }
    }

    /// The steps that an earlier turn had begun: those that are held for by what holds for them, others as far as their
    /// items tell.
    async fn left_over_steps(&self, stage: Stage, mut items: Vec<RunItem>) -> Result<Vec<Step>, Stop> {
        let reader = self.automation.parts.db.reader();
        let run = store::run::find_any_run(reader, self.run.id).await?.ok_or(Stop::Lost)?;
        // As before any new step: see `store::step::next_in`.
        let is_stopped = run.is_overdue(self.automation.parts.clock.now())
            || store::run::is_suspended(reader, run.account_id).await?
            || store::run::is_site_off(reader, run.site_id).await?;
        let goes_on = run.desired == Desired::Run && !is_stopped;
        let batch = run.settings.of(stage).batch;
        let mut steps = Vec::new();
        while let Some(held) = items.first().map(|item| item.ai_task_item_id) {
            let same: Vec<RunItem> = items.iter().filter(|item| item.ai_task_item_id == held).cloned().collect();
            let taken = if held.is_some() { same } else { next_batch(&same, batch, 1) };
            items.retain(|item| !taken.contains(item));
            steps.push(Step { is_left_over: true, goes_on, ..self.step(run.clone(), stage, taken) });
        }
        Ok(steps)
    }

    /// Ends a run that cannot go on. What was held for it is free again.
    async fn give_up(self) -> Result<(), Stop> {
        let reader = self.automation.parts.db.reader();
        if let Some((stage, items)) = store::step::left_over(reader, self.run.id).await? {
            for step in self.left_over_steps(stage, items).await? {
                if self.automation.parts.work.give_up(&step).await? == Stepped::Lost {
                    return Err(Stop::Lost);
                }
            }
        }
        self.end(RunEnd::Failed("INTERNAL"), End::Dead).await.map(|_| ())
    }

    async fn next(&self) -> Result<Next, Stop> {
        let parts = &self.automation.parts;
        let context = (self.grip.clone(), parts.ids.uuid(), parts.clock.now());
        let next = parts.db.write(context, |tx, (grip, id, now)| Box::pin(store::step::next_in(tx, grip, *id, *now)));
        Ok(next.await?)
    }

    /// Carries steps out side by side and waits for all of them, so that nothing is in flight afterwards.
    async fn wave(&mut self, steps: Vec<Step>) -> Result<Then, Stop> {
        let work = &self.automation.parts.work;
        let results = join_all(steps.iter().map(|step| work.step(step))).await;
        self.automation.points.reach(Point::Ended).await;
        self.automation.hint(self.run.id);
        let (mut pause, mut later, mut waiting) = (None, None::<Duration>, None::<Duration>);
        let (mut fault, mut is_lost, mut has_ended) = (None, false, false);
        for (step, result) in steps.iter().zip(results) {
            match result {
                Ok(Stepped::Ended) => {
                    has_ended = true;
                    continue;
                }
                Ok(Stepped::Lost) => {
                    is_lost = true;
                    continue;
                }
                // Its items stay in flight: the next turn takes them up again.
                Err(error) => {
                    fault = Some(error);
                    continue;
                }
                Ok(Stepped::PutBack) => {}
                Ok(Stepped::Waiting(after)) => {
                    waiting = Some(waiting.map_or(after, |least: Duration| least.min(after)));
                    continue;
                }
                Ok(Stepped::Later(after)) => later = later.max(Some(after)),
                Ok(Stepped::Pause(why)) => pause = pause.or(Some(why)),
            }
            self.put_back(step).await?;
        }
        if is_lost {
            return Err(Stop::Lost);
        }
        if let Some(error) = fault {
            return Err(error.into());
        }
        if has_ended {
            self.forgive().await?;
        }
        // What else is to happen is seen again when these have ended.
        if let Some(after) = waiting {
            return Ok(Then::Later(after));
        }
        // What ended beside a step that was short has given back what it did not use: the next look says what is missing.
        let pause = pause.filter(|pause| pause.figures.is_none() || !has_ended);
        match (pause, later) {
            (Some(pause), _) => self.pause(pause).await,
            (None, Some(after)) => Ok(Then::Later(after)),
            (None, None) => self.after_wave(&steps).await,
        }
    }

    /// Forgets the failures of turns before this one: an item has ended, so the run has got on. What was put back has not.
    async fn forgive(&mut self) -> Result<(), Stop> {
        if std::mem::take(&mut self.has_failed) {
            let written = self.automation.parts.db.write(self.grip.lease.clone(), |tx, lease| {
                Box::pin(async move {
                    forgive_in(tx, lease).await?;
                    Ok::<_, Failure<Never>>(())
                })
            });
            written.await?;
        }
        Ok(())
    }

    /// The delay between two steps of a stage, or between two stages where this one has no more.
    async fn after_wave(&self, steps: &[Step]) -> Result<Then, Stop> {
        let Some(step) = steps.first() else { return Ok(Then::Next) };
        let key = (self.run.id, step.stage);
        let reader = self.automation.parts.db.reader();
        let left = store::item::list_items(reader, key, super::model::ItemState::Pending, 1).await?;
        let settings = &self.run.settings;
        Ok(seconds(if left.is_empty() { settings.stage_delay_s } else { settings.item_delay_s }))
    }

    async fn put_back(&self, step: &Step) -> Result<(), Stop> {
        let parts = &self.automation.parts;
        let positions: Vec<i32> = step.items.iter().map(|item| item.position).collect();
        let context = (self.grip.clone(), step.stage, positions, parts.clock.now());
        let written = parts.db.write(context, |tx, (grip, stage, positions, now)| {
            Box::pin(store::step::put_back_in(tx, grip, *stage, positions, *now))
        });
        Ok(written.await?)
    }

    async fn select(&self, stage: Stage) -> Result<Then, Stop> {
        let parts = &self.automation.parts;
        let cap = self.run.settings.of(stage).cap;
        let selection = Selection {
            account_id: self.run.account_id,
            site_id: self.run.site_id,
            stage,
            cap,
            settings: self.run.settings.clone(),
            within: self.automation.scope_of(&self.run, stage).await?,
            is_redo: self.run.is_redo,
        };
        let picked: Vec<Picked> = parts.work.select(&selection).await?;
        let most = usize::try_from(cap).unwrap_or(0);
        let picked: Vec<(Uuid, Option<Uuid>)> =
            picked.into_iter().take(most).map(|one| (one.subject_id, one.group_id)).collect();
        let context = (self.grip.clone(), stage, picked, parts.clock.now());
        let fixed = parts.db.write(context, |tx, (grip, stage, picked, now)| {
            Box::pin(store::step::fix_items_in(tx, grip, *stage, picked, *now))
        });
        fixed.await?;
        self.automation.points.reach(Point::Selected).await;
        self.automation.hint(self.run.id);
        Ok(Then::Next)
    }

    async fn pause(&self, pause: Pause) -> Result<Then, Stop> {
        let parts = &self.automation.parts;
        let change = Change::pausing(RunState::Paused, pause, parts.ids.as_ref());
        let context = (self.grip.clone(), change, parts.clock.now());
        let written =
            parts.db.write(context, |tx, (grip, change, now)| Box::pin(store::step::pause_in(tx, grip, change, *now)));
        self.over(written.await?).await
    }

    async fn obey(&self, desired: Desired) -> Result<Then, Stop> {
        tracing::debug!(automation_run.id = %self.run.id, desired = desired.as_str(), "an automation run obeys");
        let parts = &self.automation.parts;
        let changes = [RunState::Paused, RunState::Cancelled].map(|state| Change::to(state, parts.ids.as_ref()));
        let context = (self.grip.clone(), changes, parts.clock.now());
        let written =
            parts.db.write(context, |tx, (grip, changes, now)| Box::pin(store::step::obey_in(tx, grip, changes, *now)));
        self.over(written.await?).await
    }

    async fn end(&self, end: RunEnd, job_end: End) -> Result<Then, Stop> {
        let parts = &self.automation.parts;
        let change = Change::to(RunState::Completed, parts.ids.as_ref());
        let context = (self.grip.clone(), end, change, job_end, parts.clock.now());
        let written = parts.db.write(context, |tx, (grip, end, change, job_end, now)| {
            Box::pin(store::step::end_in(tx, grip, *end, (change, *job_end), *now))
        });
        self.over(written.await?).await
    }

    async fn over(&self, is_over: bool) -> Result<Then, Stop> {
        self.automation.points.reach(Point::Over).await;
        self.automation.hint(self.run.id);
        // Something else was asked meanwhile: look again.
        Ok(if is_over { Then::Over } else { Then::Next })
    }
}
