//! The stages with an AI model: each step is one request, held, asked and charged by itself.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{
    ItemEnd, RunGrip, Step, StepEnd, Stepped,
    local::{ended, write_end},
    lock_desired_in,
    model::{Desired, ItemState, Pause, PauseReason, RunItem, Stage, count_steps, next_batch},
    step_end_effects,
    store::{
        self,
        effect::{step_back_effects, step_hold_effects},
    },
};
use crate::{
    ai::{
        Ai, StageRun,
        model::ItemState as AiItemState,
        stage::{StageAsk, StageItemEnd, StageOutcome},
    },
    bus::Bus,
    clock::{Clock, Micros},
    db::{Db, effect::Effect},
    error::{Error, Failure, Internal},
    jobs::{Lease, Lost, event, lease_guard},
};

/// How many steps of a stage are quoted to say what its rest takes; of more, the rest is taken to cost as much each.
const QUOTED_MAX: usize = 100;

/// The most items of a stage.
const ITEMS_MAX: i64 = 2_000;

/// Carries out the stages that cost credits.
pub struct AiStages {
    db: Db,
    clock: Arc<dyn Clock>,
    bus: Arc<dyn Bus>,
    ai: Ai,
}

impl AiStages {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>, bus: Arc<dyn Bus>, ai: Ai) -> Self {
        Self { db, clock, bus, ai }
    }

    /// Carries a step out.
    pub(super) async fn carry_out(&self, step: &Step) -> Result<Stepped, Error> {
        if !step.is_left_over {
            return self.begin(step).await;
        }
        let Some(item) = step.items.first().and_then(|item| item.ai_task_item_id) else { return Ok(Stepped::PutBack) };
        let run = self.turn(step, step.items.clone(), Vec::new());
        let outcome = self.ai.left_over_stage_item(item, run, step.goes_on).await?;
        self.stepped(step, outcome).await
    }

    /// Gives back what a step holds.
    pub(super) async fn give_up(&self, step: &Step) -> Result<Stepped, Error> {
        let Some(item) = step.items.first().and_then(|item| item.ai_task_item_id) else { return Ok(Stepped::PutBack) };
        let run = self.turn(step, step.items.clone(), Vec::new());
        let outcome = self.ai.give_up_stage_item(item, run).await?;
        self.stepped(step, outcome).await
    }

    async fn begin(&self, step: &Step) -> Result<Stepped, Error> {
        let (mut items, mut passed) = (step.items.clone(), Vec::new());
        let least = usize::try_from(step.stage.batch_min()).unwrap_or(1);
        loop {
            if items.len() < least {
                passed.extend(items.iter().map(|item| ended(item, ItemState::Skipped, Some("TOO_FEW_KEYWORDS"))));
                return self.end_free(step, passed).await;
            }
            let ask = self.ask(step, &items).await?;
            let run = self.turn(step, items.clone(), passed.clone());
            match self.ai.stage_item(&ask, run).await? {
                StageOutcome::Refused(refusal) => {
                    let at = refusal.position().and_then(|position| position.checked_sub(1));
                    let Some(item) = at.filter(|at| *at < items.len()).map(|at| items.remove(at)) else {
                        return Err(Internal::new("beginning a step of a run", refusal).into());
                    };
                    passed.push(ended(&item, ItemState::Skipped, Some("TARGET_GONE")));
                }
                StageOutcome::Unfit(code) => {
                    passed.extend(items.iter().map(|item| ended(item, ItemState::Failed, Some(code))));
                    return self.end_free(step, passed).await;
                }
                outcome => return self.stepped(step, outcome).await,
            }
        }
    }

    async fn end_free(&self, step: &Step, ends: Vec<ItemEnd>) -> Result<Stepped, Error> {
        write_end(&self.db, step, &StepEnd::free(step.stage, ends, Vec::new()), self.clock.now()).await
    }

    async fn stepped(&self, step: &Step, outcome: StageOutcome) -> Result<Stepped, Error> {
        Ok(match outcome {
            StageOutcome::Ended => Stepped::Ended,
            StageOutcome::Waiting(after) => Stepped::Waiting(after),
            StageOutcome::Later(after) => Stepped::Later(after),
            StageOutcome::GivenBack => Stepped::PutBack,
            StageOutcome::Lost => Stepped::Lost,
            StageOutcome::ProvidersDown => Stepped::Pause(Pause::plain(PauseReason::ProviderDown)),
            StageOutcome::Short { next, available } => {
                Stepped::Pause(Pause::short_of_credits(next, available, self.to_finish(step, next).await?))
            }
            StageOutcome::Capped { next, left, cap } => {
                Stepped::Pause(Pause::above_cap(next, left, self.to_finish(step, next).await?).by(cap))
            }
            StageOutcome::NotTaken { next } => self.not_taken(step, next).await?,
            other @ (StageOutcome::Refused(_) | StageOutcome::Unfit(_)) => {
                return Err(Internal::new("ending a step of a run", format!("{other:?}")).into());
            }
        })
    }

    /// Why the run did not take a hold.
    async fn not_taken(&self, step: &Step, next: i64) -> Result<Stepped, Error> {
        let run = store::run::find_any_run(self.db.reader(), step.run.id).await?;
        let Some(run) = run.filter(|run| run.fence == step.grip.fence) else { return Ok(Stepped::Lost) };
        if run.desired != Desired::Run {
            return Ok(Stepped::PutBack);
        }
        Ok(match run.cap_left().filter(|left| *left < next) {
            Some(left) => Stepped::Pause(Pause::above_cap(next, left, self.to_finish(step, next).await?)),
            None => Stepped::PutBack,
        })
    }

    /// What the rest of the stage takes, `step` with it, as it would be quoted now.
    async fn to_finish(&self, step: &Step, next: i64) -> Result<i64, Error> {
        let key = (step.run.id, step.stage);
        let reader = self.db.reader();
        let mut left = store::item::list_items(reader, key, ItemState::Running, ITEMS_MAX).await?;
        // Steps beside this one that hold nothing wait again as it does.
        left.retain(|item| {
            item.ai_task_item_id.is_none() && !step.items.iter().any(|own| own.position == item.position)
        });
        left.extend(store::item::list_items(reader, key, ItemState::Pending, ITEMS_MAX).await?);
        let (batch, least) = (step.run.settings.of(step.stage).batch, step.stage.batch_min());
        let mut sum = next;
        for _ in 0..QUOTED_MAX {
            let items = next_batch(&left, batch, least);
            if items.is_empty() {
                break;
            }
            left.retain(|item| !items.contains(item));
            // What can no longer be worked on takes nothing.
            let quote = self.ai.quote_stage_item(&self.ask(step, &items).await?).await?;
            sum = sum.saturating_add(quote.unwrap_or(0));
        }
        let more = i64::from(count_steps(&left, batch, least));
        Ok(sum.saturating_add(more.saturating_mul(next)))
    }

    async fn ask(&self, step: &Step, items: &[RunItem]) -> Result<StageAsk, Error> {
        let run = &step.run;
        let function = step.stage.function();
        let function =
            function.ok_or_else(|| Internal::new("beginning a step of a run", "its stage needs no model"))?;
        Ok(StageAsk {
            stage: step.stage.as_str(),
            function,
            account_id: run.account_id,
            user_id: run.user_id,
            site_id: run.site_id,
            ids: items.iter().map(|item| item.subject_id).collect(),
            redo: run.is_redo,
            planned: self.planned(step).await?,
        })
    }

    /// How many requests the stage takes.
    async fn planned(&self, step: &Step) -> Result<i32, Error> {
        let (batch, least) = (step.run.settings.of(step.stage).batch, step.stage.batch_min());
        if least == 1 {
            let stages = store::stage::list_stages(self.db.reader(), step.run.id).await?;
            return Ok(stages.iter().find(|stage| stage.stage == step.stage).map_or(1, |stage| stage.total));
        }
        let key = (step.run.id, step.stage);
        let left = store::item::list_items(self.db.reader(), key, ItemState::Pending, ITEMS_MAX).await?;
        Ok(1 + count_steps(&left, batch, least))
    }

    fn turn(&self, step: &Step, items: Vec<RunItem>, passed: Vec<ItemEnd>) -> Arc<dyn StageRun> {
        Arc::new(StepRun {
            db: self.db.clone(),
            bus: self.bus.clone(),
            grip: step.grip.clone(),
            stage: step.stage,
            is_capped: step.run.credit_cap.is_some(),
            items,
            passed,
        })
    }
}

/// The turn of a run at one step.
struct StepRun {
    db: Db,
    bus: Arc<dyn Bus>,
    grip: RunGrip,
    stage: Stage,
    is_capped: bool,
    /// What the request is about.
    items: Vec<RunItem>,
    /// What of the step was left out of it, and why: it ends with the others.
    passed: Vec<ItemEnd>,
}

impl StepRun {
    fn positions(&self) -> Vec<i32> {
        self.items.iter().map(|item| item.position).collect()
    }

    fn ends(&self, end: &StageItemEnd<'_>) -> Vec<ItemEnd> {
        let (state, code) = match (end.state, end.code) {
            (AiItemState::Delivered, _) => (ItemState::Succeeded, None),
            (AiItemState::Failed, Some("TARGET_GONE")) => (ItemState::Skipped, end.code),
            (AiItemState::Failed, _) => (ItemState::Failed, end.code),
            (AiItemState::Cancelled | AiItemState::Pending, _) => (ItemState::Skipped, end.code),
        };
        let end_of = |item: &RunItem| {
            let is_untouched = end.untouched.contains(&item.subject_id);
            ended(item, if is_untouched { ItemState::Skipped } else { state }, code)
        };
        self.items.iter().map(end_of).chain(self.passed.iter().cloned()).collect()
    }
}

impl StageRun for StepRun {
    fn run_id(&self) -> Uuid {
        self.grip.run_id
    }

    fn fence(&self) -> i64 {
        self.grip.fence
    }

    fn lease(&self) -> &Lease {
        &self.grip.lease
    }

    fn open_effects(&self, ai_task: Uuid, now: Micros) -> Vec<Effect> {
        vec![
            self.grip.wanted_guard(now),
            lease_guard(&self.grip.lease),
            self.grip.stage_task_effect(self.stage, ai_task),
        ]
    }

    fn is_capped(&self) -> bool {
        self.is_capped
    }

    fn hold_effects(&self, item: Uuid, amount: i64, now: Micros) -> Vec<Effect> {
        step_hold_effects(&self.grip, (self.stage, &self.positions()), (item, amount), now)
    }

    fn end_effects(&self, end: &StageItemEnd<'_>, now: Micros) -> Vec<Effect> {
        let image = end.image_id.filter(|_| end.products.is_empty());
        let end = StepEnd {
            stage: self.stage,
            ends: self.ends(end),
            products: end.products.iter().copied().chain(image).collect(),
            hold: end.hold,
            is_charged: end.is_charged,
            moves_credits: end.moves_credits,
            image_id: end.image_id,
        };
        step_end_effects(&self.grip, &end, now)
    }

    fn give_back_effects(&self, hold: i64, moves_credits: bool, now: Micros) -> Vec<Effect> {
        step_back_effects(&self.grip, (self.stage, &self.positions()), (hold, moves_credits), now)
    }

    fn goes_on_in<'a>(&'a self, tx: &'a DatabaseTransaction) -> BoxFuture<'a, Result<bool, Failure<Lost>>> {
        Box::pin(async move { Ok(lock_desired_in(tx, &self.grip).await? == Desired::Run) })
    }

    fn is_cancelled(&self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(async move {
            let run = store::run::find_any_run(self.db.reader(), self.grip.run_id).await?;
            Ok(run.is_none_or(|run| run.desired == Desired::Cancel))
        })
    }

    fn hint(&self) {
        event::hint(self.bus.as_ref(), self.grip.run_id);
    }
}
