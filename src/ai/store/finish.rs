//! The writes that end an item and a task: the three records, in the transaction that moves the credits.

use sea_orm::Value;
use uuid::Uuid;

use super::{
    SUBJECT,
    step::{Figured, Grip},
    task::Work,
};
use crate::{
    ai::model::{
        AiFunction, AiTask, Attempt, AttemptState, Item, ItemState, MadeCount, Phase, PriceVersion, TaskStatus,
        task_percent,
    },
    clock::Micros,
    db::effect::{Cell, Effect, Known, Set},
    jobs::event::{EventSubject, FINISHED, NewEvent, append_effects},
    notification::{NewNotification, Severity, insert_effect},
};

/// One notification for a task, whatever happens.
pub fn dedupe_key(task: Uuid) -> String {
    format!("ai_task:{task}")
}

/// How one item ends.
#[derive(Debug, Clone)]
pub struct ItemEnd {
    /// `DELIVERED`, `FAILED` or `CANCELLED`.
    pub state: ItemState,
    /// Whether the command settles the item's hold, so that its amount is what the item cost.
    pub is_charged: bool,
    /// The image it delivered.
    pub image_id: Option<Uuid>,
    /// How much it delivered.
    pub made: MadeCount,
    /// What it delivered beside an image.
    pub products: Vec<Uuid>,
    /// Which of the things that it was about nothing was made of.
    pub untouched: Vec<Uuid>,
    /// Whether the item's own text is of no more use: it was made into something.
    pub drops_text: bool,
    /// Why it failed.
    pub code: Option<String>,
    /// The phase it ended in.
    pub phase: Phase,
    /// Whether the command moves credits at all; not when the hold had ended before.
    pub moves_credits: bool,
}

/// How a task ends.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The final status.
    pub status: TaskStatus,
    /// Delivered items, this command's included.
    pub delivered: i32,
    /// Failed items, this command's included.
    pub failed: i32,
    /// What they delivered, this command's included.
    pub made: MadeCount,
    /// Credits charged by earlier commands.
    pub credits_before: i64,
    /// Whether this command's amount is charged too.
    pub is_charged: bool,
    /// The last failure's code.
    pub code: Option<String>,
    /// Our text for it.
    pub error: Option<String>,
    /// What was delivered, this command's included: images, or items for texts.
    pub subjects: Vec<Uuid>,
    /// The new notification's id.
    pub notification_id: Uuid,
    /// Whether the command moves credits at all.
    pub moves_credits: bool,
}

/// The usage columns of an attempt.
pub(super) fn usage_cells(attempt: &Attempt) -> Vec<(&'static str, Cell)> {
    vec![
        ("tokens_input", attempt.tokens_input.into()),
        ("tokens_output", attempt.tokens_output.into()),
        ("tokens_estimated", attempt.tokens_estimated.into()),
        ("provider_cost_nanousd", attempt.provider_cost_nanousd.into()),
    ]
}

/// Ends `item` with its event and the task's counters. `work` holds the attempts as they are now; open ones of the item
/// are abandoned, since nobody waits for them any more.
pub fn item_effects(grip: &Grip, work: &Work, item: &Item, end: &ItemEnd, now: Micros) -> Vec<Effect> {
    let task = &work.task;
    let delivered = i32::from(end.state == ItemState::Delivered);
    let failed = i32::from(end.state == ItemState::Failed);
    let done = task.items_delivered + task.items_failed + delivered + failed;
    let percent = task_percent(task.items_total, done, &[]);
    let mut set = vec![
        ("items_delivered", Set::Add(delivered.into())),
        ("items_failed", Set::Add(failed.into())),
        ("phase", Set::To(end.phase.as_str().into())),
        ("percent", Set::Max(percent.into())),
        ("updated_at", Set::To(now.into())),
    ];
    if end.is_charged {
        set.push(("credits_used", Set::Add(Cell::Known(Known::Amount))));
    }
    let mut effects = vec![grip.task_update(set)];
    effects.extend(work.attempts.iter().filter(|attempt| attempt.item_id == item.id).filter_map(abandon_effect));
    effects.push(item_update(item, end, now));
    let payload = item_payload(item, end, percent);
    let event = NewEvent { kind: "ITEM", payload: payload.into_parts(), credits: end.moves_credits };
    effects.extend(append_effects(grip.subject(), &event, now));
    effects
}

fn item_update(item: &Item, end: &ItemEnd, now: Micros) -> Effect {
    let credits: Cell = if end.is_charged { Cell::Known(Known::Amount) } else { Cell::Value(Value::BigInt(None)) };
    let mut set = vec![
        ("state", Set::To(end.state.as_str().into())),
        ("credits", Set::To(credits)),
        ("image_id", Set::To(end.image_id.into())),
        ("error_code", Set::To(end.code.clone().into())),
        ("finished_at", Set::To(now.into())),
    ];
    if end.state == ItemState::Delivered {
        set.push(("made", Set::To(end.made.things.into())));
        set.push(("made_groups", Set::To(end.made.groups.into())));
    }
    if !end.products.is_empty() {
        set.push(("products", Set::To(id_list(&end.products).into())));
    }
    if end.state != ItemState::Delivered || end.drops_text {
        // Nobody gets what nobody paid for.
        set.push(("text", Set::To(Value::String(None).into())));
    }
    Effect::Update {
        table: "ai_task_item",
        set,
        key: vec![("id", item.id.into()), ("state", "PENDING".into())],
        guarded: true,
    }
}

fn id_list(ids: &[Uuid]) -> String {
    serde_json::to_string(ids).unwrap_or_else(|_| "[]".to_owned())
}

fn item_payload(item: &Item, end: &ItemEnd, percent: i32) -> Figured {
    let quoted = |text: Option<String>| text.map_or("null".to_owned(), |text| format!("\"{text}\""));
    let payload = Figured::new().lit(&format!(
        "{{\"item_id\":\"{}\",\"position\":{},\"state\":\"{}\",\"percent\":{percent},\"phase\":\"{}\",\
         \"image_id\":{},\"error_code\":{},\"credits\":",
        item.id,
        item.position,
        end.state.as_str(),
        end.phase.as_str(),
        quoted(end.image_id.map(|id| id.to_string())),
        quoted(end.code.clone()),
    ));
    let payload = if end.is_charged { payload.sum(Known::Amount, 0) } else { payload.lit("0") };
    payload.lit("}")
}

fn abandon_effect(attempt: &Attempt) -> Option<Effect> {
    matches!(attempt.state, AttemptState::Prepared | AttemptState::Sent | AttemptState::Unknown).then(|| {
        Effect::Update {
            table: "ai_attempt",
            set: vec![("state", Set::To(AttemptState::Abandoned.as_str().into()))],
            key: vec![("id", attempt.id.into()), ("state", attempt.state.as_str().into())],
            guarded: false,
        }
    })
}

/// A received attempt whose result is charged with this command.
pub fn settled_effect(attempt: &Attempt) -> Effect {
    Effect::Update {
        table: "ai_attempt",
        set: vec![("state", Set::To(AttemptState::Settled.as_str().into()))],
        key: vec![("id", attempt.id.into()), ("state", AttemptState::Received.as_str().into())],
        guarded: true,
    }
}

/// The usage row of a charged attempt: the model that was called, and the price version that the charge was reckoned by,
/// which is the quote's or the cheaper one of the model that stood in.
pub fn usage_effect(work: &Work, item: &Item, attempt: &Attempt, by: &PriceVersion, id: Uuid, now: Micros) -> Effect {
    let task = &work.task;
    let price = by.credit_price_nanousd;
    // The name at the time of the quote, where the quoted model was called.
    let is_quoted = attempt.ai_model_id == task.ai_model_id;
    let name = if is_quoted { task.payload.model.clone() } else { work.candidate_of(attempt).model.name };
    let mut cells: Vec<(&'static str, Cell)> = vec![
        ("id", id.into()),
        ("account_id", task.account_id.into()),
        ("ai_task_id", task.id.into()),
        ("item_id", item.id.into()),
        ("ai_attempt_id", attempt.id.into()),
        ("credit_transaction_id", Cell::Known(Known::TransactionId)),
        ("credit_seq", Cell::Known(Known::Sequence)),
        ("ai_function", task.function.as_str().into()),
        ("ai_model_id", attempt.ai_model_id.into()),
        ("model_name", name.into()),
        ("price_version_id", by.id.into()),
        ("credits", Cell::Known(Known::Amount)),
        ("credit_value_nanousd", Cell::Known(Known::AmountTimes(price))),
        ("credit_price_nanousd", price.into()),
        ("created_at", now.into()),
        ("site_id", task.target_of(item).and_then(|target| target.site).into()),
    ];
    cells.extend(usage_cells(attempt));
    Effect::Insert { table: "credit_usage", cells, if_absent: false }
}

impl Ending {
    fn credits(&self, text: Figured) -> Figured {
        if self.is_charged {
            text.sum(Known::Amount, self.credits_before)
        } else {
            text.lit(&self.credits_before.to_string())
        }
    }

    fn message(&self, task: &AiTask) -> Figured {
        let function = task.function;
        if self.status == TaskStatus::Error {
            return Figured::new().lit(&function.failure_text(self.error.as_deref().unwrap_or("unknown")));
        }
        let (before, after) = function.success_around(self.made);
        let text = self.credits(Figured::new().lit(&before)).lit(&after);
        match self.status {
            TaskStatus::Partial => text.lit(&format!(" ({} failed, not charged)", self.failed)),
            TaskStatus::Cancelled => text.lit(" before cancellation"),
            _ => text,
        }
    }

    fn metadata(&self, task: &AiTask) -> Figured {
        let ids = id_list(&self.subjects);
        let function = task.function;
        let clustered = match function {
            AiFunction::ClusterKeywords => format!("\"keywords_clustered\":{},", self.made.things),
            _ => String::new(),
        };
        let text = Figured::new().lit(&format!(
            "{{\"{}\":{},{clustered}\"tasks_processed\":{},\"failed\":{},\"ai_task_id\":\"{}\",\
             \"subject_ids\":{ids},\"credits_used\":",
            function.counted(),
            function.counted_in(self.made),
            self.delivered + self.failed,
            self.failed,
            task.id,
        ));
        self.credits(text).lit("}")
    }

    fn severity(&self) -> (Severity, &'static str) {
        match self.status {
            TaskStatus::Success => (Severity::Success, "success"),
            TaskStatus::Partial => (Severity::Warning, "success"),
            TaskStatus::Cancelled => (Severity::Info, "cancelled"),
            _ => (Severity::Error, "failed"),
        }
    }
}

/// Ends the task: status, notification, last event. Follows the effects of its last item, or of cancelling the rest.
/// `key` says which task it must still be.
pub fn end_effects(task: &AiTask, ending: &Ending, key: Vec<(&'static str, Value)>, now: Micros) -> Vec<Effect> {
    let ids = id_list(&ending.subjects);
    let result = format!("{{\"delivered\":{},\"failed\":{},\"subject_ids\":{ids}}}", ending.delivered, ending.failed);
    let mut set = vec![
        ("status", Set::To(ending.status.as_str().into())),
        ("result", Set::To(result.into())),
        ("error_code", Set::To(ending.code.clone().into())),
        ("error_text", Set::To(ending.error.clone().into())),
        ("updated_at", Set::To(now.into())),
        ("finished_at", Set::To(now.into())),
    ];
    if matches!(ending.status, TaskStatus::Success | TaskStatus::Partial) {
        set.push(("phase", Set::To(Phase::Done.as_str().into())));
        set.push(("percent", Set::To(100i32.into())));
    }
    let (severity, suffix) = ending.severity();
    let error = ending.error.clone().filter(|_| ending.status == TaskStatus::Error);
    let notification = insert_effect(NewNotification {
        id: ending.notification_id,
        account_id: task.account_id,
        kind: format!("{}_{suffix}", task.function.notification()),
        severity,
        title: task.function.title().to_owned(),
        message: ending.message(task).into_parts(),
        metadata: ending.metadata(task).into_parts(),
        subject_kind: SUBJECT,
        subject_id: task.id,
        error: error.map(|text| Figured::new().lit(&text).into_parts()),
        dedupe_key: dedupe_key(task.id),
        created_at: now,
    });
    let payload = ending
        .credits(Figured::new().lit(&format!("{{\"status\":\"{}\",\"credits\":", ending.status.as_str())))
        .lit(",\"message\":\"")
        // The templates and our texts hold nothing that JSON would escape.
        .all(ending.message(task))
        .lit("\"}");
    let mut effects = vec![Effect::Update { table: SUBJECT, set, key, guarded: true }, notification];
    let subject = EventSubject { table: SUBJECT, id: task.id, account_id: task.account_id };
    let event = NewEvent { kind: FINISHED, payload: payload.into_parts(), credits: ending.moves_credits };
    effects.extend(append_effects(subject, &event, now));
    effects
}

/// Ends an item of a task that is cancelled or given up as a whole. Its attempts are abandoned.
pub fn rest_effects(work: &Work, item: &Item, state: ItemState, code: Option<&str>, now: Micros) -> Vec<Effect> {
    let end = ItemEnd {
        state,
        is_charged: false,
        image_id: None,
        made: MadeCount::default(),
        products: Vec::new(),
        untouched: Vec::new(),
        drops_text: true,
        code: code.map(str::to_owned),
        phase: work.task.phase,
        moves_credits: false,
    };
    let mut effects: Vec<Effect> =
        work.attempts.iter().filter(|attempt| attempt.item_id == item.id).filter_map(abandon_effect).collect();
    effects.push(item_update(item, &end, now));
    effects
}
