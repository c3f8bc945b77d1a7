//! Carrying a task out: item by item, each step committed before the next begins, so that a crash anywhere loses at most
//! one provider call and never a credit.

mod call;
mod finish;
mod item;
mod make;
mod route;
mod stage;

use std::time::Duration;

use super::{
    model::{ItemState, Phase, task_percent},
    points::Point,
    service::{Ai, Owner, Rest, end_rest},
    stage::SharedRun,
    store::{self, Begun, Grip, Work},
};
use crate::{
    db::effect::Effect,
    error::{Error, Failure},
    flag::Flag,
    jobs::{Claimed, End, Handler, HandlerFuture, Lost, Outcome, write_in},
    ledger::model::Actor,
};

pub(in crate::ai) use stage::{carry_stage_item, give_stage_item_back};

/// The stable name of the job.
pub const JOB_KIND: &str = "ai_task.run";

/// How long a run that lost its task, or met a busy ledger, waits before it looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The handler of AI tasks.
pub struct RunAiTask(pub Ai);

/// Why a run stops before its task has ended.
enum Stop {
    /// Somebody else has the task.
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

/// How one item's step ended.
enum Step {
    /// Look again: the item has ended and others may be left, or it may be tried again at once.
    Next,
    /// Another try, not before this much later.
    Later(Duration),
    /// The task has ended, and the job with it.
    Ended,
    /// A cancel was asked for, or a pause of the run: no request may leave.
    Withdrawn,
    /// Of a run: no provider can do it until somebody mends something.
    Down,
}

/// A run of one task.
struct Run<'a> {
    ai: &'a Ai,
    work: Box<Work>,
    grip: Grip,
    /// Whether a process died with the job: what it was about to write may be missing.
    was_reclaimed: bool,
    /// The run whose stage the item belongs to; `None` for a task of its own.
    stage: Option<SharedRun>,
}

impl Handler for RunAiTask {
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
                    tracing::error!(ai_task.id = %claimed.job.subject.id, error = ?error, "a run of an AI task failed");
                    Outcome::Retry { after: Duration::from_secs(2), code: "INTERNAL" }
                }
            }
        })
    }

    fn give_up<'a>(&'a self, claimed: &'a Claimed, code: &'static str) -> HandlerFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            match self.begin(claimed).await {
                Ok(None) | Err(Stop::Lost) => Ok(()),
                Err(Stop::Fault(error)) => Err(error),
                Ok(Some(run)) => run.end_rest(Rest::Failed(code), End::Dead).await,
            }
        })
    }
}

impl RunAiTask {
    async fn begin(&self, claimed: &Claimed) -> Result<Option<Run<'_>>, Stop> {
        let context = (claimed.job.lease.clone(), claimed.job.subject.id, self.0.parts.clock.now());
        let begun = self
            .0
            .parts
            .db
            .write(context, |tx, (lease, task, now)| Box::pin(store::begin_in(tx, lease, *task, *now)))
            .await?;
        match begun {
            Begun::Lost => Err(Stop::Lost),
            Begun::Ended => Ok(None),
            Begun::Work(work, grip) => {
                Ok(Some(Run { ai: &self.0, work, grip, was_reclaimed: claimed.job.crashes > 0, stage: None }))
            }
        }
    }

    async fn carry_out(&self, claimed: &Claimed) -> Result<Outcome, Stop> {
        let Some(mut run) = self.begin(claimed).await? else { return Ok(Outcome::Done) };
        self.0.points.reach(Point::Begun).await;
        let began = tokio::time::Instant::now();
        loop {
            // A task of a run comes here when its run is gone: what it held is given back.
            if run.work.task.is_cancelling || run.work.task.run_id.is_some() {
                run.end_rest(Rest::Cancelled, End::Done).await?;
                return Ok(Outcome::Done);
            }
            let pending = run.work.items.iter().position(|item| item.state == ItemState::Pending);
            let Some(at) = pending else {
                // The last item and the task end in one command, so this is a task that was stored without items.
                run.end_rest(Rest::Failed("INTERNAL"), End::Failed).await?;
                return Ok(Outcome::Done);
            };
            match Box::pin(run.item(at)).await? {
                // Many items take long: between two of them, the tasks of other accounts get the worker.
                Step::Next if began.elapsed() >= self.0.parts.config.turn && !run.work.task.is_cancelling => {
                    return Ok(Outcome::Defer { after: Duration::ZERO });
                }
                Step::Next => {}
                Step::Later(after) => return Ok(Outcome::Defer { after }),
                Step::Ended => return Ok(Outcome::Done),
                // Only runs get there.
                Step::Down => return Ok(Outcome::Defer { after: LOOK_AGAIN }),
                Step::Withdrawn => run.work.task.is_cancelling = true,
            }
        }
    }
}

impl Run<'_> {
    async fn end_rest(&self, rest: Rest<'_>, end: End) -> Result<(), Error> {
        match end_rest(self.ai, &self.work, Owner::Run(&self.grip, end), rest, Actor::System).await {
            Ok(()) | Err(Failure::Refused(Lost)) => Ok(()),
            Err(Failure::Fault(error)) => Err(error),
        }
    }

    /// The task's percent with one item in `phase`.
    fn percent(&self, phase: Phase) -> i32 {
        let task = &self.work.task;
        task_percent(task.items_total, task.items_delivered + task.items_failed, &[phase])
    }

    /// The effects of moving on to `phase`.
    fn phase(&mut self, phase: Phase, position: i32) -> Vec<Effect> {
        self.work.task.phase = phase;
        // An earlier try may have come further: what is shown never falls.
        self.work.task.percent = self.work.task.percent.max(self.percent(phase));
        // An event that is not told gets no number either, so that streams have no gap.
        let is_told = self.ai.parts.switches.is_on(Flag::Animations);
        let now = self.ai.parts.clock.now();
        store::phase_effects(&self.grip, (phase, self.work.task.percent), position, is_told, now)
    }

    /// Writes effects that move no credits, then tells readers.
    async fn write(&self, effects: Vec<Effect>) -> Result<(), Stop> {
        let now = self.ai.parts.clock.now();
        self.ai
            .parts
            .db
            .write((effects, now), |tx, (effects, now)| Box::pin(async move { write_in(tx, effects, *now).await }))
            .await?;
        self.tell_stage();
        Ok(())
    }
}
