//! Cancelling a task, and ending what is left of one.

use sea_orm::Value;
use uuid::Uuid;

use super::{Ai, Spender};
use crate::{
    ai::{
        maker::{Unmade, Unmaking},
        model::{AiTask, Item, ItemState, MadeCount, TaskStatus, error_text},
        provider::FailureCode,
        run::JOB_KIND,
        store::{self, Ending, Grip, Sender, Work},
    },
    audit::{self, Trace},
    db::{
        effect::{Effect, Set},
        engine_of,
    },
    error::{Error, Failure, Internal},
    jobs::{End, Lane, Lost, cancel_ready_effect, finish_effects, hasten_in, write_in},
    ledger::{
        Command, Refusal,
        model::{Actor, IdemKey, Operation},
    },
};

/// How often a cancel that met a change of state looks again.
const TRIES: u32 = 5;

/// Why a task was not cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CancelError {
    /// It has ended otherwise.
    #[error("The AI task has ended already.")]
    TaskEnded {
        /// How.
        status: TaskStatus,
    },
    /// It is a stage of an automation run.
    #[error("The AI task is a stage of an automation run. Pause or cancel the run instead.")]
    OfRun,
}

/// Who ends the rest of a task.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'a> {
    /// Its run, with the job.
    Run(&'a Grip, End),
    /// Its user, before any run began.
    Pending,
}

/// Why the rest ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest<'a> {
    /// By command.
    Cancelled,
    /// It cannot be done; the code.
    Failed(&'a str),
}

impl Ai {
    /// Cancels a task. Once this has answered, no request of the task leaves; a request that left before gets ten
    /// seconds, and what it delivers in time is charged. Repeating is a no-op that answers the task.
    /// Refuses: `TaskEnded`, `OfRun`. Faults: `NotFound`.
    pub async fn cancel_ai_task(&self, spender: Spender, id: Uuid) -> Result<AiTask, Failure<CancelError>> {
        for _ in 0..TRIES {
            let task = store::find_task(self.parts.db.reader(), spender.account_id, id).await?;
            let task = task.ok_or(Error::NotFound)?;
            if task.status == TaskStatus::Cancelled || (task.is_cancelling && !task.status.is_final()) {
                return Ok(task);
            }
            if task.status.is_final() {
                return Err(Failure::Refused(CancelError::TaskEnded { status: task.status }));
            }
            if task.run_id.is_some() {
                return Err(Failure::Refused(CancelError::OfRun));
            }
            // A change between the look and the write shows as a guard that fails: look again.
            if task.status == TaskStatus::Pending {
                self.cancel_pending(&task, Actor::User(spender.user_id)).await?;
            } else {
                self.ask_running(&task).await?;
            }
        }
        Err(Internal::new("cancelling an AI task", "its state changed with every try").into())
    }

    async fn cancel_pending(&self, task: &AiTask, actor: Actor) -> Result<(), Error> {
        let Some(work) = self.work(task.clone()).await? else { return Ok(()) };
        match end_rest(self, &work, Owner::Pending, Rest::Cancelled, actor).await {
            Ok(()) | Err(Failure::Refused(Lost)) => Ok(()),
            Err(Failure::Fault(error)) => Err(error),
        }
    }

    async fn work(&self, task: AiTask) -> Result<Option<Work>, Error> {
        let reader = self.parts.db.reader();
        let model = store::find_model(reader, task.ai_model_id).await?;
        let price = store::find_price(reader, task.price_version_id).await?;
        let Some((model, price)) = model.zip(price) else { return Ok(None) };
        let items = store::list_items(reader, task.id).await?;
        let attempts = store::list_attempts(reader, task.id).await?;
        let stand_ins = store::load_stand_ins(reader, &task.payload).await?;
        Ok(Some(Work { task, items, attempts, model, price, stand_ins }))
    }

    async fn ask_running(&self, task: &AiTask) -> Result<(), Error> {
        let now = self.parts.clock.now();
        let written = self
            .parts
            .db
            .write((task.id, now), |tx, (id, now)| {
                Box::pin(async move {
                    let Some(task) = store::find_task_in(tx, *id, engine_of(tx).for_update()).await? else {
                        return Ok(());
                    };
                    let at = store::cancelled_at_in(tx, Sender::Task(task.id), *now).await?;
                    write_in(tx, &store::cancel_request_effects(&task, at), at).await?;
                    hasten_in(tx, JOB_KIND, task.id, *now).await?;
                    Ok::<_, Failure<Lost>>(())
                })
            })
            .await;
        match written {
            Ok(()) => {
                self.hint(task.id);
                self.parts.jobs.wake(Lane::Interactive);
                Ok(())
            }
            Err(Failure::Refused(Lost)) => Ok(()),
            Err(Failure::Fault(error)) => Err(error),
        }
    }
}

/// Ends every pending item and the task in one command: holds are given back, nothing more is charged.
/// Refuses: `Lost` when the task is no longer `owner`'s.
pub async fn end_rest(
    ai: &Ai,
    work: &Work,
    owner: Owner<'_>,
    rest: Rest<'_>,
    actor: Actor,
) -> Result<(), Failure<Lost>> {
    let pending: Vec<_> = work.items.iter().filter(|item| item.state == ItemState::Pending).collect();
    let mut held: Vec<Uuid> = pending.iter().map(|item| item.hold_id).collect();
    let unmade = unmade_effects(ai, work, &pending, rest).await?;
    loop {
        let mut effects = rest_effects(ai, work, owner, rest, !held.is_empty());
        effects.extend(unmade.iter().cloned());
        let done = if held.is_empty() {
            write_plain(ai, effects).await
        } else {
            release(ai, work.task.account_id, work.task.id, held.clone(), actor, effects).await
        };
        match done {
            Ok(()) => {
                ai.hint(work.task.id);
                return Ok(());
            }
            // A hold that was given back before, when its time was over, is left out.
            Err(Failure::Refused(Refusal::HoldClosed { .. })) => {
                held = store::list_held(ai.parts.db.reader(), &held).await?;
            }
            Err(failure) => return Err(lost_or_fault(failure)),
        }
    }
}

/// What the things of items that end without a result become.
async fn unmade_effects(ai: &Ai, work: &Work, items: &[&Item], rest: Rest<'_>) -> Result<Vec<Effect>, Error> {
    let task = &work.task;
    let Some(maker) = ai.parts.makers.of(task.function) else { return Ok(Vec::new()) };
    let trace =
        Trace { account_id: task.account_id, actor: audit::Actor::System, request_id: None, at: ai.parts.clock.now() };
    let how = match rest {
        Rest::Cancelled => Unmade::Cancelled,
        Rest::Failed(code) => Unmade::Failed(code),
    };
    let targets: Vec<_> = items.iter().filter_map(|item| task.target_of(item)).collect();
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    maker.unmade(Unmaking { targets: &targets, how, is_manual: true, trace: &trace }).await
}

async fn release(
    ai: &Ai,
    account: Uuid,
    task: Uuid,
    held: Vec<Uuid>,
    actor: Actor,
    effects: Vec<Effect>,
) -> Result<(), Failure<Refusal>> {
    let command = Command {
        account,
        key: IdemKey::server("end", task),
        actor,
        operation: Operation::Release(held),
        open_account: false,
        effects,
        otherwise: Vec::new(),
    };
    ai.parts.ledger.submit(command).await.map(|_| ())
}

/// Writes effects that move no credits.
pub(in crate::ai) async fn write_plain(ai: &Ai, effects: Vec<Effect>) -> Result<(), Failure<Refusal>> {
    let now = ai.parts.clock.now();
    ai.parts
        .db
        .write((effects, now), |tx, (effects, now)| Box::pin(async move { write_in(tx, effects, *now).await }))
        .await
        .map_err(|failure| failure.map_refusal(|Lost| Refusal::EffectRefused { code: store::SUBJECT.to_owned() }))
}

/// Guards that failed mean that somebody else has the work; a ledger that is busy or closing is a fault to be tried
/// again; any other refusal is a defect.
pub(in crate::ai) fn lost_or_fault(failure: Failure<Refusal>) -> Failure<Lost> {
    match failure {
        Failure::Refused(Refusal::EffectRefused { .. } | Refusal::EffectConflict { .. }) => Failure::Refused(Lost),
        Failure::Refused(Refusal::LedgerClosing) => Error::ShuttingDown.into(),
        Failure::Refused(Refusal::LedgerBusy { retry_after_ms }) => Error::RateLimited { retry_after_ms }.into(),
        Failure::Refused(other) => Internal::new("the ledger refused the end of AI work", other).into(),
        Failure::Fault(error) => error.into(),
    }
}

fn rest_effects(ai: &Ai, work: &Work, owner: Owner<'_>, rest: Rest<'_>, moves_credits: bool) -> Vec<Effect> {
    let task = &work.task;
    let now = ai.parts.clock.now();
    let (state, code) = match rest {
        Rest::Cancelled => (ItemState::Cancelled, None),
        Rest::Failed(code) => (ItemState::Failed, Some(code)),
    };
    let mut effects = Vec::new();
    let mut ended = 0;
    for item in work.items.iter().filter(|item| item.state == ItemState::Pending) {
        effects.extend(store::rest_effects(work, item, state, code, now));
        ended += 1;
    }
    let failed = task.items_failed + if rest == Rest::Cancelled { 0 } else { ended };
    let status = match rest {
        Rest::Cancelled => TaskStatus::Cancelled,
        Rest::Failed(_) if task.items_delivered > 0 => TaskStatus::Partial,
        Rest::Failed(_) => TaskStatus::Error,
    };
    let key: Vec<(&'static str, Value)> = match owner {
        Owner::Run(grip, _) => {
            effects.push(grip.task_update(vec![("items_failed", Set::To(failed.into()))]));
            vec![("id", task.id.into()), ("fence", grip.fence.into()), ("status", "RUNNING".into())]
        }
        Owner::Pending => vec![("id", task.id.into()), ("status", "PENDING".into())],
    };
    let ending = Ending {
        status,
        delivered: task.items_delivered,
        failed,
        made: made_so_far(&work.items),
        credits_before: task.credits_used,
        is_charged: false,
        code: code.map(str::to_owned),
        error: code.map(|code| words_for(code, task.items_delivered == 0)),
        subjects: delivered_subjects(&work.items),
        notification_id: ai.parts.ids.uuid(),
        moves_credits,
    };
    effects.extend(store::end_effects(task, &ending, key, now));
    match owner {
        Owner::Run(grip, end) => effects.extend(finish_effects(&grip.lease, end, now)),
        Owner::Pending => effects.push(cancel_ready_effect(JOB_KIND, task.id, now)),
    }
    effects
}

/// Our text for an error code. An internal fault that took everything says that nothing was charged.
pub(in crate::ai) fn words_for(code: &str, uncharged: bool) -> String {
    if let Some(text) = error_text(code) {
        let is_internal = matches!(code, "ATTEMPTS_EXHAUSTED" | "CRASHED_REPEATEDLY" | "PANIC" | "INTERNAL");
        return if is_internal && uncharged { format!("{text}; nothing was charged") } else { text.to_owned() };
    }
    FailureCode::parse(code).map_or_else(|| "the work failed".to_owned(), |code| code.text().to_owned())
}

/// What the task has delivered so far: products, images, or items for texts.
pub(in crate::ai) fn delivered_subjects(items: &[Item]) -> Vec<Uuid> {
    let delivered = items.iter().filter(|item| item.state == ItemState::Delivered);
    delivered.flat_map(|item| subjects_of(item.id, item.image_id, &item.products)).collect()
}

/// What one delivered item stands for in records.
pub(in crate::ai) fn subjects_of(item: Uuid, image: Option<Uuid>, products: &[Uuid]) -> Vec<Uuid> {
    match (products, image) {
        ([], image) => vec![image.unwrap_or(item)],
        (products, _) => products.to_vec(),
    }
}

/// How much the task has made so far.
pub(in crate::ai) fn made_so_far(items: &[Item]) -> MadeCount {
    let delivered = items.iter().filter(|item| item.state == ItemState::Delivered);
    delivered.fold(MadeCount::default(), |sum, item| sum.plus(item.made))
}
