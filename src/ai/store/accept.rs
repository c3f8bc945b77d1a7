//! The writes of accepting a command, and of refusing one for lack of credits.

use sea_orm::Value;
use uuid::Uuid;

use super::{SUBJECT, step::Figured};
use crate::{
    ai::model::{AiFunction, Phase, TaskStatus},
    clock::Micros,
    db::effect::{Cell, Effect, Known},
    jobs::{NewJob, enqueue_effect, event::FINISHED},
    notification::{NewNotification, Severity, insert_effect},
};

/// A thing to be delivered, with its hold.
#[derive(Debug, Clone, Copy)]
pub struct NewItem {
    /// Its id.
    pub id: Uuid,
    /// Its hold's id.
    pub hold_id: Uuid,
    /// Credits held for it.
    pub hold_amount: i64,
    /// The image that it enlarges. No other item that has not ended has the same: the command is refused with an effect
    /// conflict.
    pub original_id: Option<Uuid>,
    /// The site whose content it is about.
    pub site_id: Option<Uuid>,
}

/// A command that was checked and quoted.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The new task's id.
    pub ai_task_id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// Who asked.
    pub user_id: Option<Uuid>,
    /// The run, and which of its stages it is.
    pub stage: Option<(Uuid, &'static str)>,
    /// What to do.
    pub function: AiFunction,
    /// The model of the quote.
    pub ai_model_id: Uuid,
    /// The price of the quote.
    pub price_version_id: Uuid,
    /// What was asked, as JSON.
    pub payload: String,
    /// The key as stored, and what makes two requests with it the same; a stage needs none.
    pub key: Option<(String, Vec<u8>)>,
    /// How many things are to be delivered.
    pub total: i32,
    /// Each of them that is held with the task.
    pub items: Vec<NewItem>,
    /// Whether its phases are told as they begin, the first one with it.
    pub tells_phases: bool,
    /// Now.
    pub now: Micros,
}

impl Accepted {
    /// Credits held for all items.
    pub fn required(&self) -> i64 {
        self.items.iter().fold(0, |sum, item| sum.saturating_add(item.hold_amount))
    }

    pub(super) fn task(&self, status: TaskStatus, more: Vec<(&'static str, Cell)>) -> Effect {
        let (run, stage) = self.stage.unzip();
        let (idem_key, request_hash) = self.key.clone().unzip();
        let mut cells: Vec<(&'static str, Cell)> = vec![
            ("id", self.ai_task_id.into()),
            ("account_id", self.account_id.into()),
            ("user_id", self.user_id.into()),
            ("run_id", run.into()),
            ("stage", stage.map(str::to_owned).into()),
            ("ai_function", self.function.as_str().into()),
            ("ai_model_id", self.ai_model_id.into()),
            ("price_version_id", self.price_version_id.into()),
            ("status", status.as_str().into()),
            ("phase", Phase::Init.as_str().into()),
            ("percent", 0i32.into()),
            ("items_total", self.total.into()),
            ("payload", self.payload.clone().into()),
            ("idem_key", idem_key.into()),
            ("request_hash", request_hash.into()),
            ("desired", "run".into()),
            ("event_seq", i64::from(status != TaskStatus::Pending || self.tells_phases).into()),
            ("created_at", self.now.into()),
            ("updated_at", self.now.into()),
        ];
        cells.extend(more);
        Effect::Insert { table: SUBJECT, cells, if_absent: false }
    }

    /// The first event, written with its number since the task's row is new.
    pub(super) fn event(&self, kind: &'static str, payload: Figured, balance: bool) -> Effect {
        let figure = |known| if balance { Cell::Known(known) } else { Cell::Value(Value::BigInt(None)) };
        let sequence = if balance { Cell::Known(Known::Sequence) } else { Cell::Value(Value::BigInt(None)) };
        Effect::Insert {
            table: "run_event",
            cells: vec![
                ("subject_kind", SUBJECT.into()),
                ("subject_id", self.ai_task_id.into()),
                ("seq", 1i64.into()),
                ("account_id", self.account_id.into()),
                ("kind", kind.into()),
                ("payload", Cell::Text(payload.into_parts())),
                ("credit_seq", sequence),
                ("available", figure(Known::Available)),
                ("held", figure(Known::Held)),
                ("at", self.now.into()),
            ],
            if_absent: false,
        }
    }
}

/// A new item of a task of an account, at `position`; `terms` is its own quote as JSON, where it has one.
pub(super) fn item_effect(
    (task, account): (Uuid, Uuid),
    item: &NewItem,
    position: i32,
    terms: Option<String>,
    now: Micros,
) -> Effect {
    Effect::Insert {
        table: "ai_task_item",
        cells: vec![
            ("id", item.id.into()),
            ("account_id", account.into()),
            ("ai_task_id", task.into()),
            ("position", position.into()),
            ("state", "PENDING".into()),
            ("hold_id", item.hold_id.into()),
            ("hold_amount", item.hold_amount.into()),
            ("original_id", item.original_id.into()),
            ("site_id", item.site_id.into()),
            ("terms", terms.into()),
            ("created_at", now.into()),
        ],
        if_absent: false,
    }
}

/// The task, its items, the first event and the job: what commits with the hold.
pub fn accept_effects(accepted: &Accepted, job: &NewJob) -> Vec<Effect> {
    let mut effects = vec![accepted.task(TaskStatus::Pending, Vec::new())];
    for (position, item) in accepted.items.iter().enumerate() {
        let position = i32::try_from(position).unwrap_or(i32::MAX);
        effects.push(item_effect((accepted.ai_task_id, accepted.account_id), item, position, None, accepted.now));
    }
    if accepted.tells_phases {
        let payload = Figured::new().lit("{\"phase\":\"INIT\",\"percent\":0}");
        effects.push(accepted.event("PHASE", payload, true));
    }
    effects.push(enqueue_effect(job));
    effects
}

/// The record of a refusal for lack of credits or by a cap, with its notification: what commits instead.
pub fn refuse_effects(accepted: &Accepted, notification_id: Uuid) -> Vec<Effect> {
    let required = accepted.required();
    let text = || Figured::new().refusal();
    let task = accepted.task(
        TaskStatus::Error,
        vec![
            ("error_code", Cell::Known(Known::RefusalCode)),
            ("error_text", Cell::Text(text().into_parts())),
            ("required_credits", required.into()),
            ("available_credits", Cell::Known(Known::Available)),
            ("cap_refusal", Cell::Known(Known::RefusalData)),
            ("finished_at", accepted.now.into()),
        ],
    );
    let finished = Figured::new().lit("{\"status\":\"ERROR\",\"credits\":0,\"message\":\"").all(text()).lit("\"}");
    let metadata = Figured::new()
        .lit(&format!(
            "{{\"{}\":0,\"credits_used\":0,\"tasks_processed\":0,\"failed\":0,\"ai_task_id\":\"{}\",\
             \"required\":{required},\"available\":",
            accepted.function.counted(),
            accepted.ai_task_id,
        ))
        .sum(Known::Available, 0)
        .lit("}");
    let notification = insert_effect(NewNotification {
        id: notification_id,
        account_id: accepted.account_id,
        kind: format!("{}_failed", accepted.function.notification()),
        severity: Severity::Error,
        title: accepted.function.title().to_owned(),
        message: text().into_parts(),
        metadata: metadata.into_parts(),
        subject_kind: SUBJECT,
        subject_id: accepted.ai_task_id,
        error: Some(text().into_parts()),
        dedupe_key: super::finish::dedupe_key(accepted.ai_task_id),
        created_at: accepted.now,
    });
    vec![task, accepted.event(FINISHED, finished, false), notification]
}
