//! The fixed set of items that a stage is about.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::unknown;
use crate::{
    automation::model::{ItemState, RunItem, Stage},
    clock::Micros,
    db::{places, statement},
};

fn item_of(row: &QueryResult) -> Result<RunItem, DbErr> {
    let state: String = row.try_get("", "state")?;
    Ok(RunItem {
        position: row.try_get("", "position")?,
        subject_id: row.try_get("", "subject_id")?,
        group_id: row.try_get("", "group_id")?,
        ai_task_item_id: row.try_get("", "ai_task_item_id")?,
        state: ItemState::parse(&state).ok_or_else(|| unknown("state of an item"))?,
    })
}

/// The items of a stage in one state, in order, at most `limit`. The caller holds the run.
pub async fn list_items(
    connection: &impl ConnectionTrait,
    (run, stage): (Uuid, Stage),
    state: ItemState,
    limit: i64,
) -> Result<Vec<RunItem>, DbErr> {
    let sql = "SELECT position, subject_id, group_id, ai_task_item_id, state FROM automation_item \
               WHERE run_id = $1 AND stage = $2 AND state = $3 ORDER BY position LIMIT $4";
    let values: [Value; 4] = [run.into(), stage.as_str().into(), state.as_str().into(), limit.into()];
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(item_of).collect()
}

/// How many items of a run are in flight.
pub async fn count_running(connection: &impl ConnectionTrait, run: Uuid) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM automation_item WHERE run_id = $1 AND state = 'RUNNING'";
    let row = connection.query_one_raw(statement(connection, sql, [run.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// The fixed set of a stage: subjects with their groups, in the order in which they are taken.
pub async fn insert_items(
    tx: &impl ConnectionTrait,
    (run, stage, account): (Uuid, Stage, Uuid),
    picked: &[(Uuid, Option<Uuid>)],
) -> Result<(), DbErr> {
    for (at, (subject, group)) in picked.iter().enumerate() {
        let sql = "INSERT INTO automation_item (run_id, stage, position, account_id, subject_id, group_id, state) \
                   VALUES ($1, $2, $3, $4, $5, $6, 'PENDING')";
        let position = i32::try_from(at).unwrap_or(i32::MAX);
        let values: [Value; 6] =
            [run.into(), stage.as_str().into(), position.into(), account.into(), (*subject).into(), (*group).into()];
        tx.execute_raw(statement(tx, sql, values)).await?;
    }
    Ok(())
}

/// Moves items of a locked run from one open state to the other.
pub async fn update_items(
    tx: &impl ConnectionTrait,
    (run, stage): (Uuid, Stage),
    positions: &[i32],
    (from, to): (ItemState, ItemState),
    now: Micros,
) -> Result<u64, DbErr> {
    if positions.is_empty() {
        return Ok(0);
    }
    let sql = format!(
        "UPDATE automation_item SET state = $1, started_at = CASE WHEN $2 = 1 THEN COALESCE(started_at, $3) \
         ELSE started_at END WHERE run_id = $4 AND stage = $5 AND state = $6 AND position IN ({})",
        places(7, positions.len())
    );
    let fixed: [Value; 6] = [
        to.as_str().into(),
        i32::from(to == ItemState::Running).into(),
        now.into(),
        run.into(),
        stage.as_str().into(),
        from.as_str().into(),
    ];
    let values = fixed.into_iter().chain(positions.iter().map(|position| (*position).into()));
    Ok(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected())
}

/// Puts every item of a locked run back that is in flight, for a run that was given up.
pub async fn put_all_back(tx: &impl ConnectionTrait, run: Uuid) -> Result<(), DbErr> {
    let sql = "UPDATE automation_item SET state = 'PENDING' WHERE run_id = $1 AND state = 'RUNNING'";
    tx.execute_raw(statement(tx, sql, [run.into()])).await?;
    Ok(())
}
