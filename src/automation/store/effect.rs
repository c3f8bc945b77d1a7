//! What an item's own transaction writes about its run, as values: the ledger writes them together with the credits that
//! move, and a local stage writes them with what it changed.

use sea_orm::{ConnectionTrait, DatabaseTransaction, Value};
use uuid::Uuid;

use super::SUBJECT;
use crate::{
    automation::model::{Desired, ItemState, Stage, StageStatus},
    clock::Micros,
    db::{
        effect::{Cell, Effect, Known, Set, TextPart},
        engine_of, statement,
    },
    error::Failure,
    jobs::{
        Lease, Lost,
        event::{EventSubject, NewEvent, append_effects},
        lease_guard,
    },
};

/// The right to write for a run: its fence, raised when a worker took it, and the lease of its job.
#[derive(Debug, Clone)]
pub struct RunGrip {
    /// The run.
    pub run_id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// The fence of this turn.
    pub fence: i64,
    /// The lease of this turn.
    pub lease: Lease,
}

/// A run as a subject of events.
pub fn subject(run: Uuid, account: Uuid) -> EventSubject {
    EventSubject { table: SUBJECT, id: run, account_id: account }
}

/// An event that moves no credits.
pub fn event_effects(run: Uuid, account: Uuid, (kind, payload): (&'static str, String), now: Micros) -> [Effect; 2] {
    let event = NewEvent { kind, payload: vec![TextPart::Lit(payload)], credits: false };
    append_effects(subject(run, account), &event, now)
}

/// The event that a stage's counts or status have changed: what they are now is read with it.
pub fn stage_event(run: Uuid, account: Uuid, stage: Stage, now: Micros) -> [Effect; 2] {
    event_effects(run, account, ("STAGE", format!("{{\"stage\":\"{}\"}}", stage.as_str())), now)
}

impl RunGrip {
    /// The run as a subject of events.
    pub fn subject(&self) -> EventSubject {
        subject(self.run_id, self.account_id)
    }

    /// Changes the run, and refuses everything when it is no longer this turn's.
    pub fn run_update(&self, set: Vec<(&'static str, Set)>) -> Effect {
        Effect::Update {
            table: SUBJECT,
            set,
            key: vec![("id", self.run_id.into()), ("fence", self.fence.into())],
            guarded: true,
        }
    }

    /// Refuses the whole command unless the run is this turn's and is to go on: for the hold that begins an item. Nothing
    /// begins after a pause or cancel was answered.
    pub fn wanted_guard(&self, now: Micros) -> Effect {
        Effect::Update {
            table: SUBJECT,
            set: vec![("updated_at", Set::To(now.into()))],
            key: vec![
                ("id", self.run_id.into()),
                ("fence", self.fence.into()),
                ("desired", Desired::Run.as_str().into()),
            ],
            guarded: true,
        }
    }

    /// What a hold of `amount` credits commits the run to, in the hold's own command. Refused when the run is no longer this
    /// turn's, is not to go on, or would be taken above its cap: then it is read again to see which.
    pub fn hold_effects(&self, amount: i64, now: Micros) -> Vec<Effect> {
        let take = Effect::Take {
            table: SUBJECT,
            key: vec![("id", self.run_id.into())],
            open: ("desired", Desired::Run.as_str().into()),
            taken: "credits_committed",
            amount,
            limit: "credit_limit",
        };
        vec![self.wanted_guard(now), lease_guard(&self.lease), take]
    }

    /// What a hold of `amount` credits no longer commits the run to, in the command that gives it back. The end of a step does
    /// this by itself.
    pub fn release_effect(&self, amount: i64) -> Effect {
        self.run_update(vec![("credits_committed", Set::Add((-amount).into()))])
    }

    /// The AI task that does a stage's work.
    pub fn stage_task_effect(&self, stage: Stage, ai_task_id: Uuid) -> Effect {
        Effect::Update {
            table: "automation_stage",
            set: vec![("ai_task_id", Set::To(ai_task_id.into()))],
            key: vec![("run_id", self.run_id.into()), ("stage", stage.as_str().into())],
            guarded: false,
        }
    }
}

/// The event that a stage's figures moved with the credits of the command.
fn credits_event(grip: &RunGrip, stage: Stage, moves_credits: bool, now: Micros) -> [Effect; 2] {
    let payload = vec![TextPart::Lit(format!("{{\"stage\":\"{}\"}}", stage.as_str()))];
    let event = NewEvent { kind: "STAGE", payload, credits: moves_credits };
    append_effects(grip.subject(), &event, now)
}

fn item_key(grip: &RunGrip, stage: Stage, position: i32) -> Vec<(&'static str, Value)> {
    vec![
        ("run_id", grip.run_id.into()),
        ("stage", stage.as_str().into()),
        ("position", position.into()),
        ("state", ItemState::Running.as_str().into()),
    ]
}

/// Everything that the hold of `amount` credits for a step changes about its run. Refused as
/// [`RunGrip::hold_effects`] is, and when an item is not in flight any more.
pub fn step_hold_effects(
    grip: &RunGrip,
    (stage, positions): (Stage, &[i32]),
    (ai_task_item, amount): (Uuid, i64),
    now: Micros,
) -> Vec<Effect> {
    let mut effects = grip.hold_effects(amount, now);
    effects.extend(positions.iter().map(|position| Effect::Update {
        table: "automation_item",
        set: vec![("ai_task_item_id", Set::To(ai_task_item.into()))],
        key: item_key(grip, stage, *position),
        guarded: true,
    }));
    effects.extend(credits_event(grip, stage, true, now));
    effects
}

/// Everything that giving a step's hold back changes about its run: its items wait again. Guarded by fence and lease.
pub fn step_back_effects(
    grip: &RunGrip,
    (stage, positions): (Stage, &[i32]),
    (hold, moves_credits): (i64, bool),
    now: Micros,
) -> Vec<Effect> {
    let mut effects = vec![grip.release_effect(hold), lease_guard(&grip.lease)];
    effects.extend(positions.iter().map(|position| Effect::Update {
        table: "automation_item",
        set: vec![
            ("state", Set::To(ItemState::Pending.as_str().into())),
            ("ai_task_item_id", Set::To(Cell::Value(Value::Uuid(None)))),
        ],
        key: item_key(grip, stage, *position),
        guarded: false,
    }));
    effects.extend(credits_event(grip, stage, moves_credits, now));
    effects
}

/// What somebody wants of the run, under its lock: for the transaction that marks a request as sent. It comes before the
/// locks of tasks, attempts and jobs. Refuses: [`Lost`] when the run is no longer this turn's.
pub async fn lock_desired_in(tx: &DatabaseTransaction, grip: &RunGrip) -> Result<Desired, Failure<Lost>> {
    let sql = format!("SELECT desired, fence FROM automation_run WHERE id = $1{}", engine_of(tx).for_update());
    let row = tx.query_one_raw(statement(tx, sql, [grip.run_id.into()])).await?.ok_or(Failure::Refused(Lost))?;
    if row.try_get::<i64>("", "fence")? != grip.fence {
        return Err(Failure::Refused(Lost));
    }
    let desired: String = row.try_get("", "desired")?;
    Desired::parse(&desired).ok_or_else(|| super::unknown("wish for a run").into())
}

/// How one item of a step ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemEnd {
    /// Its place in the stage.
    pub position: i32,
    /// `SUCCEEDED`, `FAILED` or `SKIPPED`.
    pub state: ItemState,
    /// Our code of what went wrong.
    pub error_code: Option<String>,
}

/// How a step ends: all of its items, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEnd {
    /// Of which stage.
    pub stage: Stage,
    /// Each item of the step.
    pub ends: Vec<ItemEnd>,
    /// What was made: what a fork of this run goes on with.
    pub products: Vec<Uuid>,
    /// What was held for the step, as given to [`RunGrip::hold_effects`]; 0 for none.
    pub hold: i64,
    /// Whether the command charges credits, so that its amount is what the step cost.
    pub is_charged: bool,
    /// Whether the command moves credits at all, so that the events carry the balance after it.
    pub moves_credits: bool,
    /// The image that was delivered.
    pub image_id: Option<Uuid>,
}

impl StepEnd {
    /// A step of items that cost nothing.
    pub fn free(stage: Stage, ends: Vec<ItemEnd>, products: Vec<Uuid>) -> Self {
        Self { stage, ends, products, hold: 0, is_charged: false, moves_credits: false, image_id: None }
    }

    fn count(&self, state: ItemState) -> i32 {
        i32::try_from(self.ends.iter().filter(|end| end.state == state).count()).unwrap_or(i32::MAX)
    }

    fn payload(&self) -> Vec<TextPart> {
        let state = [ItemState::Succeeded, ItemState::Failed].into_iter().find(|state| self.count(*state) > 0);
        let code = self.ends.iter().find_map(|end| end.error_code.clone());
        let head = serde_json::json!({
            "stage": self.stage.as_str(),
            "state": state.unwrap_or(ItemState::Skipped).as_str(),
            "count": self.ends.len(),
            "error_code": code,
            "image_id": self.image_id,
        });
        let head = head.to_string();
        let open = head.strip_suffix('}').unwrap_or(&head).to_owned();
        let credits = if self.is_charged {
            TextPart::Sum { known: Known::Amount, base: 0 }
        } else {
            TextPart::Lit("0".to_owned())
        };
        vec![TextPart::Lit(format!("{open},\"credits\":")), credits, TextPart::Lit("}".to_owned())]
    }
}

/// Everything that the end of a step changes about its run: items, stage, run, products, then the events `ITEM` and `STAGE`.
/// Guarded by fence and lease, and by each item still being in flight, so that nothing is counted twice.
pub fn step_end_effects(grip: &RunGrip, end: &StepEnd, now: Micros) -> Vec<Effect> {
    let stage = end.stage.as_str();
    let used = || Set::Add(Cell::Known(Known::Amount));
    let mut run = vec![("updated_at", Set::To(now.into()))];
    let mut progress: Vec<(&'static str, Set)> = vec![
        ("succeeded", Set::Add(end.count(ItemState::Succeeded).into())),
        ("failed", Set::Add(end.count(ItemState::Failed).into())),
        ("skipped", Set::Add(end.count(ItemState::Skipped).into())),
    ];
    if end.is_charged {
        run.push(("credits_used", used()));
        run.push(("credits_committed", used()));
        progress.push(("credits_used", used()));
    }
    if let Some(code) = end.ends.iter().rev().find_map(|end| end.error_code.clone()) {
        progress.push(("last_error", Set::To(code.into())));
    }
    let mut effects = vec![grip.run_update(run), lease_guard(&grip.lease)];
    if end.hold > 0 {
        effects.push(grip.release_effect(end.hold));
    }
    effects.extend(end.ends.iter().map(|one| item_effect(grip, end.stage, one, now)));
    effects.push(Effect::Update {
        table: "automation_stage",
        set: progress,
        key: vec![("run_id", grip.run_id.into()), ("stage", stage.into())],
        guarded: false,
    });
    effects.extend(end.products.iter().map(|product| Effect::Insert {
        table: "automation_product",
        cells: vec![
            ("run_id", grip.run_id.into()),
            ("stage", stage.into()),
            ("subject_id", (*product).into()),
            ("account_id", grip.account_id.into()),
        ],
        if_absent: true,
    }));
    let item = NewEvent { kind: "ITEM", payload: end.payload(), credits: end.moves_credits };
    effects.extend(append_effects(grip.subject(), &item, now));
    effects.extend(credits_event(grip, end.stage, end.moves_credits, now));
    effects
}

fn item_effect(grip: &RunGrip, stage: Stage, end: &ItemEnd, now: Micros) -> Effect {
    Effect::Update {
        table: "automation_item",
        set: vec![
            ("state", Set::To(end.state.as_str().into())),
            ("error_code", Set::To(end.error_code.clone().into())),
            ("finished_at", Set::To(now.into())),
        ],
        key: item_key(grip, stage, end.position),
        guarded: true,
    }
}

/// The statuses of a stage that has not ended.
pub const OPEN: [StageStatus; 3] = [StageStatus::Pending, StageStatus::Running, StageStatus::Paused];
