//! The writes of one step of a task's run. Each is guarded by the task's fence and the job's lease.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use uuid::Uuid;

use super::{
    SUBJECT,
    gate::{GateKey, find_model_wait, find_retry_wait, lock_gate, lock_or_insert_gate, update_gate},
    price::find_price,
    registry::find_model,
    stage::load_terms,
    task::{Candidate, Work, find_task_in, list_attempts, list_items, load_stand_ins},
};
use crate::{
    ai::{
        StageRun,
        model::{
            AiModel, AiTask, Attempt, AttemptState, FaultClass, Gate, Item, Passage, Phase, TextTokens, input_bound,
        },
        store::finish::usage_cells,
    },
    clock::Micros,
    db::{
        Engine,
        effect::{Effect, Known, Set, TextPart},
        engine_of, statement,
    },
    error::{Failure, Internal},
    jobs::{
        Lease, Lost,
        event::{EventSubject, NewEvent, append_effects},
        lease_guard, write_in,
    },
};

/// A text with figures that only the ledger's decision knows.
#[derive(Debug, Clone, Default)]
pub struct Figured(Vec<TextPart>);

impl Figured {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Followed by `text` as it stands.
    #[must_use]
    pub fn lit(mut self, text: &str) -> Self {
        self.0.push(TextPart::Lit(text.to_owned()));
        self
    }

    /// Followed by `text` as the inside of a JSON string.
    #[must_use]
    pub fn json(self, text: &str) -> Self {
        let quoted = serde_json::Value::from(text).to_string();
        let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
        self.lit(inside)
    }

    /// Followed by `base` plus the known figure.
    #[must_use]
    pub fn sum(mut self, known: Known, base: i64) -> Self {
        self.0.push(TextPart::Sum { known, base });
        self
    }

    /// Followed by the words of the refusal.
    #[must_use]
    pub fn refusal(mut self) -> Self {
        self.0.push(TextPart::Refusal);
        self
    }

    /// Followed by another one.
    #[must_use]
    pub fn all(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The parts, for a cell.
    pub fn into_parts(self) -> Vec<TextPart> {
        self.0
    }
}

/// The right to write for a task: its fence, raised when the run began, and the lease of its job.
#[derive(Debug, Clone)]
pub struct Grip {
    /// The task.
    pub task_id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// The fence of this run.
    pub fence: i64,
    /// The lease of this run.
    pub lease: Lease,
}

impl Grip {
    /// The task as a subject of events.
    pub fn subject(&self) -> EventSubject {
        EventSubject { table: SUBJECT, id: self.task_id, account_id: self.account_id }
    }

    /// Changes the task, and refuses everything when it is no longer this run's.
    pub fn task_update(&self, set: Vec<(&'static str, Set)>) -> Effect {
        Effect::Update {
            table: SUBJECT,
            set,
            key: vec![("id", self.task_id.into()), ("fence", self.fence.into()), ("status", "RUNNING".into())],
            guarded: true,
        }
    }
}

/// What all attempts have cost so far, as far as it is known.
fn cost_of(attempts: &[Attempt]) -> Option<i64> {
    attempts
        .iter()
        .filter_map(|attempt| attempt.provider_cost_nanousd)
        .fold(None, |sum, cost| Some(sum.unwrap_or(0_i64).saturating_add(cost)))
}

/// How a run began.
#[derive(Debug)]
pub enum Begun {
    /// The lease is no longer ours.
    Lost,
    /// There is nothing to do: the task has ended, or is not there.
    Ended,
    /// The task is ours.
    Work(Box<Work>, Grip),
}

/// Raises the task's fence, so that no earlier run can write any more, and closes what earlier runs left open.
pub async fn begin_in(
    tx: &DatabaseTransaction,
    lease: &Lease,
    task_id: Uuid,
    now: Micros,
) -> Result<Begun, Failure<Lost>> {
    let lock = engine_of(tx).for_update();
    let Some(task) = find_task_in(tx, task_id, lock).await? else { return Ok(Begun::Ended) };
    if task.status.is_final() {
        return Ok(Begun::Ended);
    }
    if !lease_holds_in(tx, lease).await? {
        return Ok(Begun::Lost);
    }
    let model = find_model(tx, task.ai_model_id).await?;
    let price = find_price(tx, task.price_version_id).await?;
    let (Some(model), Some(price)) = (model, price) else {
        return Err(Internal::new("an AI task begins", "its model or price is not there").into());
    };
    let stand_ins = load_stand_ins(tx, &task.payload).await?;
    let attempts = list_attempts(tx, task_id).await?;
    let mut work = Work { task, items: Vec::new(), attempts, model, price, stand_ins };
    close_open_in(tx, &mut work, now).await?;
    let sql = "UPDATE ai_task SET fence = fence + 1, status = 'RUNNING', provider_cost_nanousd = $1, updated_at = $2 \
               WHERE id = $3";
    tx.execute_raw(statement(tx, sql, [cost_of(&work.attempts).into(), now.into(), task_id.into()])).await?;
    let fence = work.task.fence + 1;
    let grip = Grip { task_id, account_id: work.task.account_id, fence, lease: lease.clone() };
    work.items = list_items(tx, task_id).await?;
    if work.task.run_id.is_some() {
        let mut terms = load_terms(tx, task_id).await?;
        for item in &mut work.items {
            item.terms = terms.remove(&item.id).map(Box::new);
        }
    }
    work.task.fence = fence;
    Ok(Begun::Work(Box::new(work), grip))
}

/// Closes the attempts that somebody before left open: prepared ones are abandoned, sent ones are unknown, with the cost
/// that they may have had.
pub(super) async fn close_open_in(tx: &DatabaseTransaction, work: &mut Work, now: Micros) -> Result<(), DbErr> {
    let sent_to: Vec<Candidate> = work.attempts.iter().map(|attempt| work.candidate_of(attempt)).collect();
    for (attempt, candidate) in work.attempts.iter_mut().zip(&sent_to) {
        let state = match attempt.state {
            AttemptState::Prepared => AttemptState::Abandoned,
            AttemptState::Sent => AttemptState::Unknown,
            _ => continue,
        };
        attempt.state = state;
        if state == AttemptState::Unknown {
            attempt.provider_cost_nanousd = most_cost(&work.task, candidate);
            attempt.error_class = Some(FaultClass::Unclear);
            attempt.error_code = Some("OUTCOME_UNKNOWN".to_owned());
        }
        let sql = "UPDATE ai_attempt SET state = $1, provider_cost_nanousd = $2, error_code = $3, finished_at = $4, \
                   error_class = $6 WHERE id = $5";
        let values: [Value; 6] = [
            state.as_str().into(),
            attempt.provider_cost_nanousd.into(),
            attempt.error_code.clone().into(),
            now.into(),
            attempt.id.into(),
            attempt.error_class.map(FaultClass::as_str).into(),
        ];
        tx.execute_raw(statement(tx, sql, values)).await?;
    }
    Ok(())
}

/// The most that a lost answer can have cost.
fn most_cost(task: &AiTask, sent_to: &Candidate) -> Option<i64> {
    let price = &sent_to.price;
    match sent_to.model.output_token_limit {
        Some(output) => {
            let input = input_bound(task.payload.longest_input()).ok()?;
            price.text_cost(TextTokens { input, output }).ok()
        }
        None => price.image_cost(None),
    }
}

/// Whether the lease is still the caller's; locks the job's row.
pub async fn lease_holds_in(tx: &impl ConnectionTrait, lease: &Lease) -> Result<bool, DbErr> {
    lease_guard(lease).guard_holds(tx).await
}

/// Moves the task to `phase`, with an event where phases are told. The percent never falls.
pub fn phase_effects(
    grip: &Grip,
    (phase, percent): (Phase, i32),
    position: i32,
    is_told: bool,
    now: Micros,
) -> Vec<Effect> {
    let payload = Figured::new()
        .lit(&format!("{{\"phase\":\"{}\",\"percent\":{percent},\"position\":{position}}}", phase.as_str()));
    let mut effects = vec![
        grip.task_update(vec![
            ("phase", Set::To(phase.as_str().into())),
            ("percent", Set::Max(percent.into())),
            ("updated_at", Set::To(now.into())),
        ]),
        lease_guard(&grip.lease),
    ];
    if is_told {
        let event = NewEvent { kind: "PHASE", payload: payload.into_parts(), credits: false };
        effects.extend(append_effects(grip.subject(), &event, now));
    }
    effects
}

/// Records an attempt before anything leaves.
pub fn prepare_effect(grip: &Grip, item: &Item, attempt: &Attempt, request_hash: Vec<u8>) -> Effect {
    Effect::Insert {
        table: "ai_attempt",
        cells: vec![
            ("id", attempt.id.into()),
            ("account_id", grip.account_id.into()),
            ("ai_task_id", grip.task_id.into()),
            ("item_id", item.id.into()),
            ("attempt_no", attempt.attempt_no.into()),
            ("fence", grip.fence.into()),
            ("hold_id", item.hold_id.into()),
            ("ai_model_id", attempt.ai_model_id.into()),
            ("price_version_id", attempt.price_version_id.into()),
            ("credential_id", attempt.credential_id.clone().into()),
            ("settings", attempt.settings.clone().into()),
            ("is_retry", attempt.is_retry.into()),
            ("state", AttemptState::Prepared.as_str().into()),
            ("request_hash", request_hash.into()),
            ("created_at", attempt.created_at.into()),
        ],
        if_absent: false,
    }
}

/// Whether a request may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Recorded as sent: the first byte may leave once this has committed.
    Sent,
    /// The hold is no longer held.
    HoldGone,
    /// Pause or cancel was asked for.
    Withdrawn,
}

/// A request about to leave.
#[derive(Clone)]
pub struct Leaving {
    /// The right to write.
    pub grip: Grip,
    /// The run whose stage it belongs to.
    pub run: Option<Arc<dyn StageRun>>,
    /// The item it is for.
    pub item: Item,
    /// Its record.
    pub attempt: Attempt,
    /// What is written with it.
    pub effects: Vec<Effect>,
    /// The model it goes to.
    pub model: AiModel,
    /// The gate before that model.
    pub gate: GateKey,
    /// How many retries a minute any credential may send.
    pub retries_least: i64,
    /// When it will have ended.
    pub deadline: Micros,
    /// Now.
    pub now: Micros,
}

/// Why a request does not leave, with nothing written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stays {
    /// Somebody else has the task.
    Lost,
    /// The gate was shut meanwhile, or a limit reached: not before this time.
    Until(Micros),
}

/// Marks an attempt as sent, in lock order: hold, run, task, attempt, job, gate. Since a cancel takes the same lock on the
/// task, or on its run, no request leaves after a cancel was answered; since gate and limits are judged under the gate's lock, one probe
/// leaves, and no more requests than a limit allows.
pub async fn attempt_sent_in(tx: &DatabaseTransaction, leaving: &Leaving) -> Result<Leave, Failure<Stays>> {
    let Leaving { grip, item, attempt, now, .. } = leaving;
    let share = match engine_of(tx) {
        Engine::Postgres => " FOR SHARE",
        Engine::Sqlite => "",
    };
    let sql = format!("SELECT 1 AS one FROM credit_hold WHERE id = $1 AND state = 'held'{share}");
    if tx.query_one_raw(statement(tx, sql, [item.hold_id.into()])).await?.is_none() {
        return Ok(Leave::HoldGone);
    }
    if let Some(run) = &leaving.run {
        let goes_on = run.goes_on_in(tx).await.map_err(|failure| failure.map_refusal(|Lost| Stays::Lost))?;
        if !goes_on {
            return Ok(Leave::Withdrawn);
        }
    }
    let sql = format!("SELECT desired, fence FROM ai_task WHERE id = $1{}", engine_of(tx).for_update());
    let row = tx.query_one_raw(statement(tx, sql, [grip.task_id.into()])).await?;
    let row = row.ok_or(Failure::Refused(Stays::Lost))?;
    if row.try_get::<i64>("", "fence")? != grip.fence {
        return Err(Failure::Refused(Stays::Lost));
    }
    if row.try_get::<String>("", "desired")? != "run" {
        return Ok(Leave::Withdrawn);
    }
    let sent = Effect::Update {
        table: "ai_attempt",
        set: vec![
            ("state", Set::To(AttemptState::Sent.as_str().into())),
            ("sent_at", Set::To((*now).into())),
            ("deadline_at", Set::To(leaving.deadline.into())),
        ],
        key: vec![("id", attempt.id.into()), ("fence", grip.fence.into()), ("state", "prepared".into())],
        guarded: true,
    };
    let mut all = vec![sent];
    all.extend_from_slice(&leaving.effects);
    write_in(tx, &all, *now).await.map_err(|failure| failure.map_refusal(|Lost| Stays::Lost))?;
    // Last by the lock order; a refusal takes back what was written before it.
    pass_in(tx, leaving).await?;
    Ok(Leave::Sent)
}

/// Judges gate and limits under the gate's lock. A gate that nothing was seen of has no row, and needs none unless
/// requests to the model are counted.
async fn pass_in(tx: &DatabaseTransaction, leaving: &Leaving) -> Result<(), Failure<Stays>> {
    let Leaving { model, gate: key, attempt, now, .. } = leaving;
    let caps = &model.capabilities;
    let is_counted = caps.concurrency.is_some() || caps.rate_per_minute.is_some() || attempt.is_retry;
    let gate = if is_counted {
        lock_or_insert_gate(tx, key, *now).await?
    } else {
        lock_gate(tx, key).await?.unwrap_or(Gate::NEW)
    };
    if let Passage::Shut(until) = gate.passage(*now) {
        return Err(Failure::Refused(Stays::Until(until)));
    }
    if let Some(until) = find_model_wait(tx, model, attempt.id, *now, 0).await? {
        return Err(Failure::Refused(Stays::Until(until)));
    }
    if attempt.is_retry
        && let Some(until) = find_retry_wait(tx, &key.credential_id, leaving.retries_least, attempt.id, *now).await?
    {
        return Err(Failure::Refused(Stays::Until(until)));
    }
    if gate.passage(*now) == Passage::Probe {
        update_gate(tx, key, &gate.probing(attempt.id, leaving.deadline), *now).await?;
    }
    Ok(())
}

/// Notes when a run first took an item up.
pub fn begun_effect(item: &Item, now: Micros) -> Effect {
    Effect::Update {
        table: "ai_task_item",
        set: vec![("begun_at", Set::To(now.into()))],
        key: vec![("id", item.id.into()), ("state", "PENDING".into())],
        guarded: true,
    }
}

/// The answer of a request is known: what it used and cost, and why it failed if it did.
pub fn attempt_received_effects(grip: &Grip, attempt: &Attempt, now: Micros) -> Vec<Effect> {
    let mut set = vec![
        ("state", Set::To(attempt.state.as_str().into())),
        ("provider_ref", Set::To(attempt.provider_ref.clone().into())),
        ("error_code", Set::To(attempt.error_code.clone().into())),
        ("error_class", Set::To(attempt.error_class.map(FaultClass::as_str).into())),
        ("error_detail", Set::To(attempt.error_detail.clone().into())),
        ("retry_at", Set::To(attempt.retry_at.into())),
        ("finished_at", Set::To(now.into())),
    ];
    set.extend(usage_cells(attempt).into_iter().map(|(name, cell)| (name, Set::To(cell))));
    let mut task = vec![("updated_at", Set::To(now.into()))];
    task.extend(attempt.provider_cost_nanousd.map(|cost| ("provider_cost_nanousd", Set::Add(cost.into()))));
    vec![
        grip.task_update(task),
        Effect::Update {
            table: "ai_attempt",
            set,
            key: vec![("id", attempt.id.into()), ("fence", grip.fence.into()), ("state", "sent".into())],
            guarded: true,
        },
        lease_guard(&grip.lease),
    ]
}

/// Keeps a text with its item before it is charged, so that a crash in between does not lose it.
pub fn text_kept_effect(item: &Item, text: &str) -> Effect {
    Effect::Update {
        table: "ai_task_item",
        set: vec![("text", Set::To(text.to_owned().into()))],
        key: vec![("id", item.id.into()), ("state", "PENDING".into())],
        guarded: true,
    }
}

/// Asks a running task to stop, with an event. Guarded: it must still be running, with nothing else asked for.
pub fn cancel_request_effects(task: &AiTask, now: Micros) -> Vec<Effect> {
    let mut effects = vec![Effect::Update {
        table: SUBJECT,
        set: vec![("desired", Set::To("cancel".into())), ("updated_at", Set::To(now.into()))],
        key: vec![("id", task.id.into()), ("status", "RUNNING".into()), ("desired", "run".into())],
        guarded: true,
    }];
    let subject = EventSubject { table: SUBJECT, id: task.id, account_id: task.account_id };
    let payload = Figured::new().lit("{\"desired\":\"cancel\"}").into_parts();
    effects.extend(append_effects(subject, &NewEvent { kind: "STATE", payload, credits: false }, now));
    effects
}
