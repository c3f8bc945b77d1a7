//! Tasks of runs: one for each AI stage, whose items come one by one, each with its own quote.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use uuid::Uuid;

use super::{
    SUBJECT,
    accept::{Accepted, NewItem, item_effect},
    price::find_price,
    registry::find_model,
    step::{Figured, Grip, close_open_in, lease_holds_in},
    task::{Work, find_item, find_task_in, list_attempts_of, load_stand_ins},
};
use crate::{
    ai::{
        StageRun,
        model::{AiTask, ItemTerms, TaskStatus},
    },
    clock::Micros,
    db::{
        effect::{Effect, EffectError, Set, write_all},
        engine_of, statement,
    },
    error::{Failure, Internal},
    jobs::{
        Lost,
        event::{EventSubject, NewEvent, append_effects},
    },
};

fn broken(what: &str) -> DbErr {
    DbErr::Type(format!("a stored {what} is not one we know"))
}

/// The task of a run's stage; `None` before it was opened.
pub async fn find_stage_task(
    connection: &impl ConnectionTrait,
    (run, stage): (Uuid, &str),
) -> Result<Option<AiTask>, DbErr> {
    let sql = "SELECT id FROM ai_task WHERE run_id = $1 AND stage = $2";
    let row = connection.query_one_raw(statement(connection, sql, [run.into(), stage.into()])).await?;
    let Some(row) = row else { return Ok(None) };
    find_task_in(connection, row.try_get("", "id")?, "").await
}

/// The task of a run that has not ended, locked.
pub async fn find_task_of_run_in(tx: &impl ConnectionTrait, run: Uuid) -> Result<Option<AiTask>, DbErr> {
    let sql = "SELECT id FROM ai_task WHERE run_id = $1 AND finished_at IS NULL";
    let row = tx.query_one_raw(statement(tx, sql, [run.into()])).await?;
    let Some(row) = row else { return Ok(None) };
    find_task_in(tx, row.try_get("", "id")?, engine_of(tx).for_update()).await
}

/// Whose requests are meant.
#[derive(Debug, Clone, Copy)]
pub enum Sender {
    /// All tasks of a run.
    Run(Uuid),
    /// One task.
    Task(Uuid),
}

/// When a cancel is told of, which came at `now`: not before the last request. Times are read before locks are there, and
/// not all from one clock. The caller has locked the sender, so none leaves meanwhile.
pub async fn cancelled_at_in(tx: &impl ConnectionTrait, sender: Sender, now: Micros) -> Result<Micros, DbErr> {
    let (clause, id) = match sender {
        Sender::Run(id) => ("ai_task_id IN (SELECT id FROM ai_task WHERE run_id = $1)", id),
        Sender::Task(id) => ("ai_task_id = $1", id),
    };
    let sql = format!("SELECT MAX(sent_at) AS sent FROM ai_attempt WHERE {clause}");
    let row = tx.query_one_raw(statement(tx, sql, [id.into()])).await?;
    let sent: Option<Micros> = row.map_or(Ok(None), |row| row.try_get("", "sent"))?;
    Ok(sent.map_or(now, |sent| sent.max(now)))
}

/// A new task without items, and its first event where phases are told.
pub fn open_stage_effects(accepted: &Accepted) -> Vec<Effect> {
    let mut effects = vec![accepted.task(TaskStatus::Pending, Vec::new())];
    if accepted.tells_phases {
        let payload = Figured::new().lit("{\"phase\":\"INIT\",\"percent\":0}");
        effects.push(accepted.event("PHASE", payload, false));
    }
    effects
}

/// The task of a run waits with it, and tells so.
pub async fn pause_tasks_in(tx: &impl ConnectionTrait, run: Uuid, now: Micros) -> Result<(), Internal> {
    let Some(task) = find_task_of_run_in(tx, run).await? else { return Ok(()) };
    let status = vec![("status", Set::To(TaskStatus::Paused.as_str().into())), ("updated_at", Set::To(now.into()))];
    let paused = Effect::Update { table: SUBJECT, set: status, key: open_task_key(&task), guarded: true };
    tell_status_in(tx, (&task, paused), TaskStatus::Paused, now).await
}

/// Writes a change of a task's status, and the event of it.
async fn tell_status_in(
    tx: &impl ConnectionTrait,
    (task, change): (&AiTask, Effect),
    status: TaskStatus,
    now: Micros,
) -> Result<(), Internal> {
    let subject = EventSubject { table: SUBJECT, id: task.id, account_id: task.account_id };
    let payload = Figured::new().lit(&format!("{{\"status\":\"{}\"}}", status.as_str())).into_parts();
    let mut effects = vec![change];
    effects.extend(append_effects(subject, &NewEvent { kind: "STATE", payload, credits: false }, now));
    write_all(tx, &effects, now).await.map_err(|error| match error {
        EffectError::Db(error) => error.into(),
        other => Internal::new("changing the status of a stage's task", other),
    })
}

/// Takes the task for the turn of its run with `grip.fence`, once: earlier turns can no longer write, and what they left open
/// is closed. Refuses: `Lost` when a later turn has the run or the task, or the task has ended.
pub async fn begin_stage_in(
    tx: &DatabaseTransaction,
    run: &dyn StageRun,
    grip: &Grip,
    now: Micros,
) -> Result<(), Failure<Lost>> {
    // Under the run's lock, whatever is wanted of it: a turn that went on without it may have paused the task.
    run.goes_on_in(tx).await?;
    let task = find_task_in(tx, grip.task_id, engine_of(tx).for_update()).await?;
    let task = task.filter(|task| !task.status.is_final() && task.fence <= grip.fence).ok_or(Failure::Refused(Lost))?;
    if !lease_holds_in(tx, &grip.lease).await? {
        return Err(Failure::Refused(Lost));
    }
    if task.fence == grip.fence && task.status == TaskStatus::Running {
        return Ok(());
    }
    let sql = "SELECT DISTINCT item_id FROM ai_attempt WHERE ai_task_id = $1 AND state IN ('prepared', 'sent')";
    for row in tx.query_all_raw(statement(tx, sql, [task.id.into()])).await? {
        let work = load_stage_work(tx, task.id, row.try_get("", "item_id")?).await?;
        let mut work =
            work.ok_or_else(|| Internal::new("a stage goes on", "what an open attempt is for is not there"))?;
        close_open_in(tx, &mut work, now).await?;
    }
    let sql = "UPDATE ai_task SET fence = $1, updated_at = $2, provider_cost_nanousd = \
               (SELECT CAST(SUM(provider_cost_nanousd) AS bigint) FROM ai_attempt WHERE ai_task_id = $3) WHERE id = $3";
    tx.execute_raw(statement(tx, sql, [grip.fence.into(), now.into(), task.id.into()])).await?;
    if task.status == TaskStatus::Running {
        return Ok(());
    }
    let set = vec![("status", Set::To(TaskStatus::Running.as_str().into()))];
    let key = vec![("id", task.id.into()), ("fence", grip.fence.into())];
    let running = Effect::Update { table: SUBJECT, set, key, guarded: true };
    Ok(tell_status_in(tx, (&task, running), TaskStatus::Running, now).await?)
}

/// Where the next item of a task goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagePlace {
    /// Its position.
    pub position: i32,
    /// How many items there are with it, those that were given back not counted.
    pub total: i32,
}

/// Where the next item of a task goes.
pub async fn find_stage_place(connection: &impl ConnectionTrait, task: Uuid) -> Result<StagePlace, DbErr> {
    let sql = "SELECT CAST(COUNT(*) AS integer) AS places, \
               CAST(COUNT(CASE WHEN state <> 'CANCELLED' THEN 1 END) AS integer) AS kept \
               FROM ai_task_item WHERE ai_task_id = $1";
    let row = connection.query_one_raw(statement(connection, sql, [task.into()])).await?;
    let row = row.ok_or_else(|| broken("count of items"))?;
    Ok(StagePlace { position: row.try_get("", "places")?, total: row.try_get::<i32>("", "kept")? + 1 })
}

/// An item that is held by itself.
#[derive(Debug, Clone)]
pub struct NewStageItem {
    /// The item.
    pub item: NewItem,
    /// Its quote.
    pub terms: ItemTerms,
    /// Where it goes.
    pub place: StagePlace,
}

/// What commits with the hold of an item. Guarded: the task is this turn's; nothing else is at the place.
pub fn stage_item_effects(grip: &Grip, new: &NewStageItem, now: Micros) -> Result<Vec<Effect>, Internal> {
    let terms =
        serde_json::to_string(&new.terms).map_err(|error| Internal::new("writing the terms of an item", error))?;
    let counted =
        grip.task_update(vec![("items_total", Set::Max(new.place.total.into())), ("updated_at", Set::To(now.into()))]);
    let owner = (grip.task_id, grip.account_id);
    Ok(vec![counted, item_effect(owner, &new.item, new.place.position, Some(terms), now)])
}

/// The quotes of a task's items, by item.
pub async fn load_terms(connection: &impl ConnectionTrait, task: Uuid) -> Result<HashMap<Uuid, ItemTerms>, DbErr> {
    let sql = "SELECT id, terms FROM ai_task_item WHERE ai_task_id = $1 AND terms IS NOT NULL";
    let rows = connection.query_all_raw(statement(connection, sql, [task.into()])).await?;
    rows.iter()
        .map(|row| {
            let terms: String = row.try_get("", "terms")?;
            Ok((row.try_get("", "id")?, serde_json::from_str(&terms).map_err(|_| broken("quote of an item"))?))
        })
        .collect()
}

/// One item of a stage's task with everything that carrying it out needs, quoted as the item was. `None`: it is not there,
/// or what it was quoted with is not.
pub async fn load_stage_work(connection: &impl ConnectionTrait, task: Uuid, item: Uuid) -> Result<Option<Work>, DbErr> {
    let Some(mut task) = find_task_in(connection, task, "").await? else { return Ok(None) };
    let found = find_item(connection, item).await?.filter(|one| one.ai_task_id == task.id);
    let terms = load_item_terms(connection, item).await?;
    let Some((mut item, terms)) = found.zip(terms) else { return Ok(None) };
    let model = find_model(connection, terms.ai_model_id).await?;
    let price = find_price(connection, terms.price_version_id).await?;
    let Some((model, price)) = model.zip(price) else { return Ok(None) };
    let stand_ins = load_stand_ins(connection, &terms.payload).await?;
    task.ai_model_id = terms.ai_model_id;
    task.price_version_id = terms.price_version_id;
    task.payload = terms.payload.clone();
    item.terms = Some(Box::new(terms));
    let attempts = list_attempts_of(connection, item.id).await?;
    Ok(Some(Work { task, items: vec![item], attempts, model, price, stand_ins }))
}

async fn load_item_terms(connection: &impl ConnectionTrait, item: Uuid) -> Result<Option<ItemTerms>, DbErr> {
    let sql = "SELECT terms FROM ai_task_item WHERE id = $1";
    let row = connection.query_one_raw(statement(connection, sql, [item.into()])).await?;
    let terms = row.map_or(Ok(None), |row| row.try_get::<Option<String>>("", "terms"))?;
    terms.map(|terms| serde_json::from_str(&terms).map_err(|_| broken("quote of an item"))).transpose()
}

/// The key of a task that has not ended, whatever its turn: for the end of its stage, under the run's lock.
pub fn open_task_key(task: &AiTask) -> Vec<(&'static str, Value)> {
    vec![("id", task.id.into()), ("fence", task.fence.into()), ("status", task.status.as_str().into())]
}
