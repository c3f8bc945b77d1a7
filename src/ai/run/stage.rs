//! One item of a run's stage, from the hold to its end.

use uuid::Uuid;

use super::{Run, Step, Stop};
use crate::{
    ai::{
        maker::Unmade,
        model::{Attempt, FaultClass, Item, ItemState},
        service::{Ai, lost_or_fault, write_plain},
        stage::{SharedRun, StageItemEnd, StageOutcome},
        store::{self, Grip, ItemEnd},
    },
    db::effect::Effect,
    error::{Error, Failure, Internal},
    ledger::{Refusal, model::Operation},
};

/// Carries an item out that is held, until it has ended, waits, or was given back.
pub(in crate::ai) async fn carry_stage_item(
    ai: &Ai,
    owner: &SharedRun,
    grip: Grip,
    item: Uuid,
    goes_on: bool,
) -> Result<StageOutcome, Error> {
    let mut run = stage_run(ai, owner, grip, item).await?;
    end_of(run.carry_out_stage(goes_on).await)
}

/// Gives the credits of an item back that is held.
pub(in crate::ai) async fn give_stage_item_back(
    ai: &Ai,
    owner: &SharedRun,
    grip: Grip,
    item: Uuid,
) -> Result<StageOutcome, Error> {
    let run = stage_run(ai, owner, grip, item).await?;
    end_of(run.give_back().await.map(|()| StageOutcome::GivenBack))
}

async fn stage_run<'a>(ai: &'a Ai, owner: &SharedRun, grip: Grip, item: Uuid) -> Result<Run<'a>, Error> {
    let work = store::load_stage_work(ai.parts.db.reader(), grip.task_id, item).await?;
    let work = work.ok_or_else(|| Internal::new("carrying an item of a stage out", "it is not there"))?;
    // What an earlier turn waited for is waited for still.
    Ok(Run { ai, work: Box::new(work), grip, was_reclaimed: true, stage: Some(owner.clone()) })
}

fn end_of(result: Result<StageOutcome, Stop>) -> Result<StageOutcome, Error> {
    match result {
        Ok(outcome) => Ok(outcome),
        Err(Stop::Lost) => Ok(StageOutcome::Lost),
        Err(Stop::Fault(error)) => Err(error),
    }
}

impl Run<'_> {
    async fn carry_out_stage(&mut self, goes_on: bool) -> Result<StageOutcome, Stop> {
        loop {
            if self.stage_item()?.state != ItemState::Pending {
                return Ok(StageOutcome::Ended);
            }
            if self.work.task.is_cancelling || !goes_on {
                return self.finish_or_give_back().await;
            }
            match Box::pin(self.item(0)).await? {
                Step::Next | Step::Ended => {}
                Step::Later(after) => return Ok(StageOutcome::Waiting(after)),
                Step::Withdrawn => return self.finish_or_give_back().await,
                Step::Down => {
                    self.give_back().await?;
                    return Ok(StageOutcome::ProvidersDown);
                }
            }
        }
    }

    fn stage_item(&self) -> Result<&Item, Stop> {
        let item = self.work.items.first();
        item.ok_or_else(|| Internal::new("carrying an item of a stage out", "it is not there").into())
    }

    /// What has come is charged; else everything is given back.
    async fn finish_or_give_back(&mut self) -> Result<StageOutcome, Stop> {
        let item = self.stage_item()?.clone();
        if let Some((attempt, kept)) = self.left_behind(&item).await? {
            self.deliver(0, &item, attempt, kept).await?;
            return Ok(StageOutcome::Ended);
        }
        self.give_back().await?;
        Ok(StageOutcome::GivenBack)
    }

    /// Ends the item as if it had not been begun: its credits are free again, and what it is about waits again.
    async fn give_back(&self) -> Result<(), Stop> {
        let Some(owner) = &self.stage else { return Ok(()) };
        let item = self.stage_item()?;
        let unmade = self.unmade(item, Unmade::Cancelled).await?;
        let now = self.ai.parts.clock.now();
        let effects = |moves_credits| {
            let mut effects = vec![self.grip.task_update(vec![("updated_at", crate::db::effect::Set::To(now.into()))])];
            effects.extend(store::rest_effects(&self.work, item, ItemState::Cancelled, None, now));
            effects.extend(unmade.iter().cloned());
            effects.extend(owner.give_back_effects(item.hold_amount, moves_credits, now));
            effects
        };
        let release = Operation::Release(vec![item.hold_id]);
        let given = match self.submit("give_back", item, release, effects(true)).await {
            Ok(_) => Ok(()),
            // Given back before, because its time was over.
            Err(Failure::Refused(Refusal::HoldClosed { .. })) => write_plain(self.ai, effects(false)).await,
            Err(failure) => Err(failure),
        };
        given.map_err(lost_or_fault)?;
        self.tell_stage();
        Ok(())
    }

    /// What the end of an item writes about its run; `None` for a task of its own.
    pub(super) fn stage_effects(&self, item: &Item, end: &ItemEnd) -> Option<Vec<Effect>> {
        let owner = self.stage.as_ref()?;
        let end = StageItemEnd {
            state: end.state,
            code: end.code.as_deref(),
            products: &end.products,
            untouched: &end.untouched,
            hold: item.hold_amount,
            is_charged: end.is_charged,
            moves_credits: end.moves_credits,
            image_id: end.image_id,
        };
        Some(owner.end_effects(&end, self.ai.parts.clock.now()))
    }

    /// Whether an item of a run fails for what is the providers' alone: then the run waits for them instead.
    pub(super) fn is_down(&self, code: &str, attempt: Option<&Attempt>) -> bool {
        let is_theirs = matches!(code, "PROVIDER_NOT_CONFIGURED" | "MODEL_UNAVAILABLE");
        let is_operators = attempt.is_some_and(|attempt| attempt.error_class == Some(FaultClass::OperatorFault));
        self.stage.is_some() && (is_theirs || is_operators)
    }

    /// Tells readers of the task and of its run to look.
    pub(super) fn tell_stage(&self) {
        self.ai.hint(self.grip.task_id);
        if let Some(run) = &self.stage {
            run.hint();
        }
    }

    /// Whether the end of the item's work was asked for.
    pub(super) async fn is_end_asked(&self) -> Result<bool, Error> {
        match &self.stage {
            Some(run) => run.is_cancelled().await,
            None => Ok(store::find_cancelling(self.ai.parts.db.reader(), self.grip.task_id).await?),
        }
    }

    /// Whose readers are hinted when that happens.
    pub(super) fn asked_at(&self) -> Uuid {
        self.stage.as_ref().map_or(self.grip.task_id, |run| run.run_id())
    }
}
