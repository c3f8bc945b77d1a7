//! One step of a run's stage: look, quote, hold, carry out.

use std::time::Duration;

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{
    Ai,
    cancel::{delivered_subjects, made_so_far, words_for},
    prepare::Prepared,
};
use crate::{
    ai::{
        model::{
            AcceptError, AiTask, AspectRatio, Gate, ItemState, ItemTerms, MakeThings, ModelRefusal, Order, Passage,
            PricedModel, Quality, Targets, TaskStatus,
        },
        points::Point,
        run::{carry_stage_item, give_stage_item_back},
        setup::SetUp,
        stage::{SharedRun, StageAsk, StageOutcome},
        store::{self, Accepted, Ending, GateKey, Grip, NewItem, NewStageItem},
    },
    audit::{self, Trace},
    clock::Micros,
    db::effect::{EffectError, write_all},
    error::{Error, Failure, Internal},
    flag::Flag,
    jobs::{Lost, write_in},
    ledger::{
        Command, Posting, Refusal,
        model::{Actor, Credits, HoldItem, IdemKey, Operation, WorkKind},
    },
    prompt::{Purpose, SPLIT, take_effect, use_effect},
};

/// How often an item whose things changed between the look and the hold is looked at again.
const TRIES: u32 = 5;

/// How long a step waits for what is expected back soon: the prompts' store, a frozen account.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How a stage's task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageTaskEnd {
    /// Every item of the stage was looked at.
    Done,
    /// The run was cancelled.
    Cancelled,
    /// The run failed; the code.
    Failed(&'static str),
}

impl StageAsk {
    fn order(&self) -> Order {
        Order::from(MakeThings {
            function: self.function,
            idempotency_key: String::new(),
            targets: Targets { site: Some(self.site_id), ids: self.ids.clone(), redo: self.redo, ..Targets::default() },
            ratio: AspectRatio::default(),
            quality: Quality::default(),
            ai_model_id: None,
        })
    }
}

/// What a hold came to.
enum Held {
    /// It is there, for this item.
    Item(Uuid),
    /// Something changed meanwhile.
    Again,
    /// It is not.
    Not(StageOutcome),
}

impl Ai {
    /// Carries one new item of a run's stage out: quotes it, holds its credits, asks the model, and settles. Everything that
    /// this changes about the run commits with it.
    pub async fn stage_item(&self, ask: &StageAsk, run: SharedRun) -> Result<StageOutcome, Error> {
        let order = ask.order();
        for _ in 0..TRIES {
            let prepared = match self.prepare(ask.account_id, &order, Purpose::Work).await {
                Ok(prepared) => prepared,
                Err(Failure::Refused(refusal)) => return refused(refusal),
                // Whoever runs the installation will switch it on again.
                Err(Failure::Fault(Error::FeatureDisabled { .. })) => return Ok(StageOutcome::Later(LOOK_AGAIN)),
                Err(Failure::Fault(error)) => return Err(error),
            };
            if let Some(outcome) = self.shut(&prepared).await? {
                return Ok(outcome);
            }
            let task = match self.open(ask, &run, &prepared).await? {
                Some(task) => task,
                None => return Ok(StageOutcome::Lost),
            };
            let Some(grip) = self.take(&task, &run).await? else { return Ok(StageOutcome::Lost) };
            match self.hold(ask, &run, &prepared, &grip).await? {
                Held::Item(item) => {
                    self.hint(task.id);
                    run.hint();
                    self.points.reach(Point::Held).await;
                    return carry_stage_item(self, &run, grip, item, true).await;
                }
                Held::Again => {}
                Held::Not(outcome) => return Ok(outcome),
            }
        }
        // It changes with every look: whoever is at work on it has it.
        Ok(StageOutcome::Later(LOOK_AGAIN))
    }

    /// Goes on with an item that an earlier turn held. Where `goes_on` is false, what has come is finished, and nothing new
    /// leaves.
    pub async fn left_over_stage_item(&self, item: Uuid, run: SharedRun, goes_on: bool) -> Result<StageOutcome, Error> {
        match self.left_over(item, &run).await? {
            Ok(grip) => carry_stage_item(self, &run, grip, item, goes_on).await,
            Err(outcome) => Ok(outcome),
        }
    }

    /// Gives the credits of an item back that an earlier turn held, whatever has come of it.
    pub async fn give_up_stage_item(&self, item: Uuid, run: SharedRun) -> Result<StageOutcome, Error> {
        match self.left_over(item, &run).await? {
            Ok(grip) => give_stage_item_back(self, &run, grip, item).await,
            Err(outcome) => Ok(outcome),
        }
    }

    async fn left_over(&self, item: Uuid, run: &SharedRun) -> Result<Result<Grip, StageOutcome>, Error> {
        let reader = self.parts.db.reader();
        let found = store::find_item(reader, item).await?.filter(|item| item.state == ItemState::Pending);
        let Some(item) = found else { return Ok(Err(StageOutcome::GivenBack)) };
        let task = store::find_task_in(reader, item.ai_task_id, "").await?;
        let task = task.ok_or_else(|| Internal::new("a stage goes on", "its AI task is not there"))?;
        Ok(self.take(&task, run).await?.ok_or(StageOutcome::Lost))
    }

    /// What one item would hold now.
    pub async fn quote_stage_item(&self, ask: &StageAsk) -> Result<Option<i64>, Error> {
        match self.prepare(ask.account_id, &ask.order(), Purpose::Preview).await {
            Ok(prepared) => Ok(Some(prepared.holds()?.iter().sum())),
            Err(Failure::Refused(_)) => Ok(None),
            Err(Failure::Fault(error)) => Err(error),
        }
    }

    /// Why no request could leave now. Nothing is held while that is so.
    async fn shut(&self, prepared: &Prepared) -> Result<Option<StageOutcome>, Error> {
        let now = self.parts.clock.now();
        let (mut until, mut is_down) = (None::<Micros>, true);
        for candidate in prepared.route() {
            let model = &candidate.model;
            let Ok(SetUp { credential_id, .. }) = self.set_up(model).await? else { continue };
            let reader = self.parts.db.reader();
            let key = GateKey::of(model, &credential_id);
            let gate = store::find_gate(reader, &key).await?.unwrap_or(Gate::NEW);
            let wait = match gate.passage(now) {
                Passage::Shut(until) => {
                    is_down &= gate.open_for >= self.parts.config.breaker.open_max;
                    Some(until)
                }
                _ => {
                    is_down = false;
                    let look = i64::try_from(self.parts.config.look_again.as_micros()).unwrap_or(i64::MAX);
                    store::find_model_wait(reader, model, Uuid::nil(), now, look).await?
                }
            };
            let Some(wait) = wait else { return Ok(None) };
            until = Some(until.map_or(wait, |earlier| earlier.min(wait)));
        }
        Ok(Some(match until {
            Some(until) if !is_down => {
                let wait = u64::try_from(until.saturating_sub(now)).unwrap_or(0).max(1_000);
                StageOutcome::Later(Duration::from_micros(wait))
            }
            _ => StageOutcome::ProvidersDown,
        }))
    }

    /// The stage's task, opened with its first item. `None`: the run is somebody else's.
    async fn open(&self, ask: &StageAsk, run: &SharedRun, prepared: &Prepared) -> Result<Option<AiTask>, Error> {
        let place = (run.run_id(), ask.stage);
        if let Some(task) = store::find_stage_task(self.parts.db.reader(), place).await? {
            return Ok(Some(task));
        }
        let (now, model) = (self.parts.clock.now(), &prepared.model);
        let payload = serde_json::to_string(&prepared.stage_payload())
            .map_err(|error| Internal::new("writing a payload", error))?;
        let accepted = Accepted {
            ai_task_id: self.parts.ids.uuid(),
            account_id: ask.account_id,
            user_id: ask.user_id,
            stage: Some(place),
            function: ask.function,
            ai_model_id: model.model.id,
            price_version_id: model.price.id,
            payload,
            key: None,
            total: ask.planned.max(1),
            items: Vec::new(),
            tells_phases: self.parts.switches.is_on(Flag::Animations),
            now,
        };
        let mut effects = run.open_effects(accepted.ai_task_id, now);
        effects.extend(store::open_stage_effects(&accepted));
        let written = self
            .parts
            .db
            .write((effects, now), |tx, (effects, now)| Box::pin(async move { write_in(tx, effects, *now).await }));
        match written.await {
            Ok(()) => {}
            Err(Failure::Refused(Lost)) => return Ok(None),
            // Another step of the wave was first.
            Err(Failure::Fault(error)) => {
                let found = store::find_stage_task(self.parts.db.reader(), place).await?;
                return found.map(Some).ok_or(error);
            }
        }
        self.hint(accepted.ai_task_id);
        Ok(store::find_stage_task(self.parts.db.reader(), place).await?)
    }

    /// The right to write for the task in this turn. `None`: the run is somebody else's.
    async fn take(&self, task: &AiTask, run: &SharedRun) -> Result<Option<Grip>, Error> {
        let lease = run.lease().clone();
        let grip = Grip { task_id: task.id, account_id: task.account_id, fence: run.fence(), lease };
        if task.fence == grip.fence && task.status == TaskStatus::Running {
            return Ok(Some(grip));
        }
        let context = (grip, run.clone(), self.parts.clock.now());
        let begun = self.parts.db.write(context, |tx, (grip, run, now)| {
            Box::pin(async move {
                store::begin_stage_in(tx, run.as_ref(), grip, *now).await?;
                Ok(grip.clone())
            })
        });
        match begun.await {
            Ok(grip) => Ok(Some(grip)),
            Err(Failure::Refused(Lost)) => Ok(None),
            Err(Failure::Fault(error)) => Err(error),
        }
    }

    async fn hold(&self, ask: &StageAsk, run: &SharedRun, prepared: &Prepared, grip: &Grip) -> Result<Held, Error> {
        let now = self.parts.clock.now();
        let [amount] = prepared.holds()?[..] else {
            return Err(Internal::new("holding an item of a stage", "it is not one request").into());
        };
        let new = self.new_item(ask, prepared, amount, grip).await?;
        let item = new.item.id;
        let mut effects = store::stage_item_effects(grip, &new, now)?;
        if let Some(maker) = self.parts.makers.of(ask.function) {
            let trace = Trace { account_id: ask.account_id, actor: audit::Actor::System, request_id: None, at: now };
            effects.extend(prepared.targets.iter().flat_map(|target| maker.begin(target, &trace)));
        }
        effects.extend(prepared.uses.iter().map(|one| use_effect(grip.task_id, one.version_id, one.split_id)));
        let tried = prepared.uses.iter().filter_map(|one| Some((one.split_id?, one.version_id)));
        effects.extend(tried.map(|(split, version)| take_effect(split, version, amount)));
        effects.extend(run.hold_effects(item, amount, now));
        match self.submit_hold(ask, run, (prepared, &new), effects).await {
            Ok(_) => Ok(Held::Item(item)),
            Err(Failure::Refused(Refusal::InsufficientCredits { available, .. })) => {
                Ok(Held::Not(StageOutcome::Short { next: amount, available }))
            }
            Err(Failure::Refused(Refusal::CapExceeded(exceeded))) => {
                let (left, cap) = (exceeded.room(), exceeded.cap);
                Ok(Held::Not(StageOutcome::Capped { next: amount, left, cap }))
            }
            Err(Failure::Refused(Refusal::EffectRefused { code })) => self.hold_refused(&code, prepared, amount).await,
            Err(Failure::Refused(Refusal::EffectConflict { .. })) => Ok(Held::Again),
            Err(Failure::Refused(Refusal::AccountFrozen)) => Ok(Held::Not(StageOutcome::Later(LOOK_AGAIN))),
            Err(Failure::Refused(Refusal::LedgerBusy { retry_after_ms })) => {
                Ok(Held::Not(StageOutcome::Later(Duration::from_millis(retry_after_ms.max(1)))))
            }
            Err(Failure::Refused(Refusal::LedgerClosing)) => Err(Error::ShuttingDown),
            Err(Failure::Refused(other)) => Err(Internal::new("the ledger refused the hold of a stage", other).into()),
            Err(Failure::Fault(error)) => Err(error),
        }
    }

    async fn hold_refused(&self, code: &str, prepared: &Prepared, amount: i64) -> Result<Held, Error> {
        match code {
            "automation_run" => Ok(Held::Not(StageOutcome::NotTaken { next: amount })),
            "automation_item" | "ai_task" | "job" => Ok(Held::Not(StageOutcome::Lost)),
            SPLIT => {
                for split in prepared.uses.iter().filter_map(|one| one.split_id) {
                    self.parts.prompts.make_room(split, amount).await?;
                }
                Ok(Held::Again)
            }
            // The thing is not what it was when it was looked at.
            _ => Ok(Held::Again),
        }
    }

    async fn new_item(
        &self,
        ask: &StageAsk,
        prepared: &Prepared,
        hold_amount: i64,
        grip: &Grip,
    ) -> Result<NewStageItem, Error> {
        let ids = &self.parts.ids;
        let payload =
            prepared.payload(&ask.order(), || i64::from(u32::from_be_bytes(crate::ids::random(ids.as_ref()))));
        let terms =
            ItemTerms { ai_model_id: prepared.model.model.id, price_version_id: prepared.model.price.id, payload };
        let item =
            NewItem { id: ids.uuid(), hold_id: ids.uuid(), hold_amount, original_id: None, site_id: Some(ask.site_id) };
        let place = store::find_stage_place(self.parts.db.reader(), grip.task_id).await?;
        Ok(NewStageItem { item, terms, place })
    }

    async fn submit_hold(
        &self,
        ask: &StageAsk,
        run: &SharedRun,
        (prepared, new): (&Prepared, &NewStageItem),
        effects: Vec<crate::db::effect::Effect>,
    ) -> Result<Posting, Failure<Refusal>> {
        let life = i64::try_from(self.parts.config.hold_life.as_micros()).unwrap_or(i64::MAX);
        let hold = HoldItem {
            hold_id: new.item.hold_id,
            work_kind: WorkKind::AiTaskItem,
            work_id: new.item.id,
            run_id: Some(run.run_id()),
            user_id: ask.user_id,
            price_version_id: prepared.model.price.id,
            prompt_version_id: prepared.prompt_version_id,
            amount: Credits::new(new.item.hold_amount).map_err(Failure::Refused)?,
            expires_at: self.parts.clock.now().saturating_add(life),
        };
        let command = Command {
            account: ask.account_id,
            key: IdemKey::server("hold", new.item.id),
            actor: Actor::System,
            operation: Operation::Hold(vec![hold]),
            open_account: false,
            effects,
            otherwise: Vec::new(),
        };
        self.parts.ledger.submit(command).await
    }
}

/// What a refusal at the door means for a run.
fn refused(refusal: AcceptError) -> Result<StageOutcome, Error> {
    Ok(match refusal {
        AcceptError::Target(refusal) => StageOutcome::Refused(refusal),
        AcceptError::Model(ModelRefusal::PromptTooLong { .. }) | AcceptError::PromptTooLong(_) => {
            StageOutcome::Unfit("PROMPT_TOO_LONG")
        }
        AcceptError::Model(refusal) => {
            tracing::error!(refusal = %refusal, "no AI model can carry a stage out");
            StageOutcome::ProvidersDown
        }
        AcceptError::PromptsUnavailable => StageOutcome::Later(LOOK_AGAIN),
        other => return Err(Internal::new("preparing an item of a stage", other).into()),
    })
}

impl Prepared {
    /// The models that may be asked, in order.
    fn route(&self) -> impl Iterator<Item = &PricedModel> {
        std::iter::once(&self.model).chain(&self.stand_ins)
    }
}

/// Ends the task of a run that has not ended, if there is one: its status, notification and last event. The caller has locked
/// the run, and nothing of it is in flight.
pub async fn end_tasks_in(
    tx: &DatabaseTransaction,
    run: Uuid,
    end: StageTaskEnd,
    notification_id: Uuid,
    now: Micros,
) -> Result<(), Internal> {
    let Some(task) = store::find_task_of_run_in(tx, run).await? else { return Ok(()) };
    let items = store::list_items(tx, task.id).await?;
    if items.iter().any(|item| item.state == ItemState::Pending) {
        return Err(Internal::new("a stage ends", "an item of its AI task is held"));
    }
    let (delivered, failed) = (task.items_delivered, task.items_failed);
    let status = match end {
        StageTaskEnd::Cancelled => TaskStatus::Cancelled,
        _ if delivered > 0 && failed > 0 => TaskStatus::Partial,
        StageTaskEnd::Done if delivered > 0 => TaskStatus::Success,
        _ if failed > 0 => TaskStatus::Error,
        StageTaskEnd::Failed(_) if delivered == 0 => TaskStatus::Error,
        // Nothing failed, and not all was done.
        _ => TaskStatus::Cancelled,
    };
    let last_failure =
        items.iter().rev().filter(|item| item.state == ItemState::Failed).find_map(|item| item.error_code.clone());
    let code = last_failure.or_else(|| match end {
        StageTaskEnd::Failed(code) => Some(code.to_owned()),
        _ => None,
    });
    let code = code.filter(|_| matches!(status, TaskStatus::Partial | TaskStatus::Error));
    let ending = Ending {
        status,
        delivered,
        failed,
        made: made_so_far(&items),
        credits_before: task.credits_used,
        is_charged: false,
        error: code.as_deref().map(|code| words_for(code, delivered == 0)),
        code,
        subjects: delivered_subjects(&items),
        notification_id,
        moves_credits: false,
    };
    let effects = store::end_effects(&task, &ending, store::open_task_key(&task), now);
    write_all(tx, &effects, now).await.map_err(|error| match error {
        EffectError::Db(error) => error.into(),
        other => Internal::new("ending the AI task of a stage", other),
    })
}
