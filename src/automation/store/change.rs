//! The one way in which a run changes its state: with its events, its audit row and, where one is due, its notification.

use sea_orm::{ConnectionTrait, DatabaseTransaction};
use uuid::Uuid;

use super::{
    SUBJECT,
    effect::event_effects,
    run::update_run,
    stage::{list_stages, update_open_stages},
};
use crate::{
    ai::stage::{StageTaskEnd, end_tasks_in, pause_tasks_in},
    audit::{Trace, store::insert_entry},
    automation::model::{
        AutomationRun, Desired, Notice, Pause, PauseReason, RunState, StageProgress, StageStatus, end_notice, metadata,
        pause_notice,
    },
    db::effect::{Effect, EffectError, Facts, TextPart},
    error::{Failure, Internal},
    jobs::event::FINISHED,
    notification::{NewNotification, insert_effect},
};

/// A change of a locked run.
#[derive(Debug, Clone)]
pub struct Change {
    /// Where it goes.
    pub next: RunState,
    /// Why it pauses; for `PAUSING` and `PAUSED` only. A run that was pausing keeps its reason.
    pub pause: Option<Pause>,
    /// The id of the audit row.
    pub entry_id: Uuid,
    /// The id of the notification, where one is due.
    pub notification_id: Uuid,
    /// The id of the notification of the AI task that ends with the run.
    pub task_notification_id: Uuid,
}

impl Change {
    /// A change to `next`.
    pub fn to(next: RunState, ids: &dyn crate::ids::Ids) -> Self {
        Self { next, pause: None, entry_id: ids.uuid(), notification_id: ids.uuid(), task_notification_id: ids.uuid() }
    }

    /// A pause for `pause`: to `PAUSING` or `PAUSED`.
    pub fn pausing(next: RunState, pause: Pause, ids: &dyn crate::ids::Ids) -> Self {
        Self { pause: Some(pause), ..Self::to(next, ids) }
    }
}

/// Changes a run that the caller has locked, and brings `run` up to date. What the table of states does not know is a defect.
pub async fn change_in<R>(
    tx: &DatabaseTransaction,
    run: &mut AutomationRun,
    change: &Change,
    trace: &Trace,
) -> Result<(), Failure<R>> {
    let now = trace.at;
    let from = run.state;
    run.state =
        from.become_state(change.next).map_err(|illegal| Internal::new("changing the state of a run", illegal))?;
    run.updated_at = now;
    let is_by_itself = move_fields(run, from, change, now);
    update_run(tx, run).await?;
    move_stages(tx, run, now).await?;
    move_tasks(tx, run, change.task_notification_id, now).await?;
    let stages = list_stages(tx, run.id).await?;
    let mut effects: Vec<Effect> = Vec::new();
    let mut tell = |kind, payload| effects.extend(event_effects(run.id, run.account_id, (kind, payload), now));
    tell("STATE", state_payload(run));
    if matches!(run.state, RunState::Paused | RunState::Cancelled | RunState::Failed) {
        tell("DRAINED", "{}".to_owned());
    }
    let notice = if run.state.is_final() {
        let notice = end_notice(run, &stages);
        tell(FINISHED, finished_payload(run, notice.as_ref()));
        notice.map(|notice| (notice, format!("{SUBJECT}:{}", run.id)))
    } else {
        run.pause
            .filter(|_| is_by_itself)
            .and_then(|pause| pause_notice(run, &pause))
            .map(|notice| (notice, format!("{SUBJECT}:{}:pause:{}", run.id, run.pauses)))
    };
    if let Some((notice, key)) = notice {
        effects.push(notification(run, &stages, notice, (change.notification_id, key)));
    }
    let facts = Facts::at(now);
    for effect in &effects {
        effect.write(tx, &facts).await.map_err(in_effect)?;
    }
    run.event_seq = event_seq_of(tx, run.id).await?;
    let notes = [from, run.state].map(|state| Some(state.as_str().to_owned()));
    let entry = trace.entry(change.entry_id, "automation_run.change", (SUBJECT, run.id), notes);
    insert_entry(tx, &entry).await.map_err(in_effect)?;
    Ok(())
}

fn in_effect(error: EffectError) -> Internal {
    match error {
        EffectError::Db(error) => error.into(),
        other => Internal::new("writing the change of a run", other),
    }
}

/// Whether the run pauses by itself, so that somebody is to be told.
fn move_fields(run: &mut AutomationRun, from: RunState, change: &Change, now: crate::clock::Micros) -> bool {
    match run.state {
        RunState::Pausing | RunState::Paused => {
            run.stop_clock(now);
            run.desired = Desired::Pause;
            run.pause = run.pause.or(change.pause).or(Some(Pause::plain(PauseReason::User)));
            let is_by_itself =
                from != RunState::Pausing && change.pause.is_some_and(|it| it.reason != PauseReason::User);
            run.pauses += i32::from(is_by_itself);
            is_by_itself
        }
        RunState::Running => {
            run.pause = None;
            run.desired = Desired::Run;
            run.active_since = Some(now);
            run.started_at = run.started_at.or(Some(now));
            false
        }
        RunState::Cancelling => {
            run.pause = None;
            run.desired = Desired::Cancel;
            false
        }
        _ => {
            run.pause = None;
            run.stop_clock(now);
            run.current_stage = None;
            run.finished_at = Some(now);
            if run.state == RunState::Cancelled {
                run.desired = Desired::Cancel;
            }
            false
        }
    }
}

async fn move_stages(
    tx: &DatabaseTransaction,
    run: &AutomationRun,
    now: crate::clock::Micros,
) -> Result<(), sea_orm::DbErr> {
    use StageStatus::{Failed, Paused, Pending, Running, Skipped};
    match run.state {
        RunState::Paused => update_open_stages(tx, run.id, &[Running], Paused, now).await,
        RunState::Running => update_open_stages(tx, run.id, &[Paused], Running, now).await,
        // What was done of it stands in its counts.
        RunState::Cancelled => update_open_stages(tx, run.id, &[Pending, Running, Paused], Skipped, now).await,
        RunState::Failed => {
            update_open_stages(tx, run.id, &[Running, Paused], Failed, now).await?;
            update_open_stages(tx, run.id, &[Pending], Skipped, now).await
        }
        _ => Ok(()),
    }
}

/// The AI task of the present stage waits and ends with its run.
async fn move_tasks(
    tx: &DatabaseTransaction,
    run: &AutomationRun,
    notification_id: Uuid,
    now: crate::clock::Micros,
) -> Result<(), Internal> {
    let end = match run.state {
        RunState::Paused => return pause_tasks_in(tx, run.id, now).await,
        RunState::Cancelled => StageTaskEnd::Cancelled,
        RunState::Failed => StageTaskEnd::Failed("RUN_FAILED"),
        _ => return Ok(()),
    };
    end_tasks_in(tx, run.id, end, notification_id, now).await
}

/// What a `STATE` event says.
pub fn state_payload(run: &AutomationRun) -> String {
    let figures = run.pause.and_then(|pause| pause.figures);
    serde_json::json!({
        "state": run.state.as_str(),
        "reason": run.pause.map(|pause| pause.reason.as_str()),
        "credits_next": figures.map(|figures| figures.next),
        "credits_short": figures.map(|figures| figures.short),
        "credits_to_finish": figures.map(|figures| figures.to_finish),
    })
    .to_string()
}

fn finished_payload(run: &AutomationRun, notice: Option<&Notice>) -> String {
    serde_json::json!({
        "state": run.state.as_str(),
        "credits": run.credits_used,
        "message": notice.map(|notice| notice.message.as_str()),
    })
    .to_string()
}

fn notification(run: &AutomationRun, stages: &[StageProgress], notice: Notice, (id, key): (Uuid, String)) -> Effect {
    let literal = |text: String| vec![TextPart::Lit(text)];
    insert_effect(NewNotification {
        id,
        account_id: run.account_id,
        kind: notice.kind.to_owned(),
        severity: notice.severity,
        title: "Automation".to_owned(),
        message: literal(notice.message),
        metadata: literal(metadata(run, stages)),
        subject_kind: SUBJECT,
        subject_id: run.id,
        error: notice.error.map(literal),
        dedupe_key: key,
        created_at: run.updated_at,
    })
}

async fn event_seq_of(tx: &DatabaseTransaction, run: Uuid) -> Result<i64, sea_orm::DbErr> {
    let sql = "SELECT event_seq FROM automation_run WHERE id = $1";
    let row = tx.query_one_raw(crate::db::statement(tx, sql, [run.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "event_seq"))
}
