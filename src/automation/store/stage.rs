//! How far the stages of runs are, and what they made.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::unknown;
use crate::{
    automation::model::{Stage, StageProgress, StageStatus},
    clock::Micros,
    db::{places, statement},
};

const COLUMNS: &str = "run_id, account_id, stage, status, total, succeeded, failed, skipped, credits_used, last_error, \
                       ai_task_id, started_at, finished_at";

fn stage_of(row: &QueryResult) -> Result<StageProgress, DbErr> {
    let (stage, status): (String, String) = (row.try_get("", "stage")?, row.try_get("", "status")?);
    Ok(StageProgress {
        run_id: row.try_get("", "run_id")?,
        account_id: row.try_get("", "account_id")?,
        stage: Stage::parse(&stage).ok_or_else(|| unknown("stage"))?,
        status: StageStatus::parse(&status).ok_or_else(|| unknown("status of a stage"))?,
        total: row.try_get("", "total")?,
        succeeded: row.try_get("", "succeeded")?,
        failed: row.try_get("", "failed")?,
        skipped: row.try_get("", "skipped")?,
        credits_used: row.try_get("", "credits_used")?,
        last_error: row.try_get("", "last_error")?,
        ai_task_id: row.try_get("", "ai_task_id")?,
        started_at: row.try_get("", "started_at")?,
        finished_at: row.try_get("", "finished_at")?,
    })
}

/// The stages of a run, in order. The caller holds the run.
pub async fn list_stages(connection: &impl ConnectionTrait, run: Uuid) -> Result<Vec<StageProgress>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM automation_stage WHERE run_id = $1 ORDER BY position");
    let rows = connection.query_all_raw(statement(connection, sql, [run.into()])).await?;
    rows.iter().map(stage_of).collect()
}

/// The stages of runs, in order. The caller holds the runs.
pub async fn load_stages(
    connection: &impl ConnectionTrait,
    runs: &[Uuid],
) -> Result<HashMap<Uuid, Vec<StageProgress>>, DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} FROM automation_stage WHERE run_id IN ({}) ORDER BY run_id, position",
        places(1, runs.len())
    );
    let rows = connection.query_all_raw(statement(connection, sql, runs.iter().map(|id| (*id).into()))).await?;
    let mut found: HashMap<Uuid, Vec<StageProgress>> = HashMap::new();
    for row in &rows {
        let stage = stage_of(row)?;
        found.entry(stage.run_id).or_default().push(stage);
    }
    Ok(found)
}

/// The seven stages of a new run.
pub async fn insert_stages(tx: &impl ConnectionTrait, run: Uuid, account: Uuid) -> Result<(), DbErr> {
    for stage in Stage::ALL {
        let sql = "INSERT INTO automation_stage (run_id, stage, position, account_id, status, total, succeeded, failed, \
                   skipped, credits_used) VALUES ($1, $2, $3, $4, 'PENDING', 0, 0, 0, 0, 0)";
        let values: [Value; 4] = [run.into(), stage.as_str().into(), stage.position().into(), account.into()];
        tx.execute_raw(statement(tx, sql, values)).await?;
    }
    Ok(())
}

/// Moves a stage of a locked run to `status`; where it begins, with its fixed `total`. `false`: it was not in one of `from`.
pub async fn update_stage(
    tx: &impl ConnectionTrait,
    (run, stage): (Uuid, Stage),
    from: &[StageStatus],
    (status, total): (StageStatus, Option<i32>),
    now: Micros,
) -> Result<bool, DbErr> {
    let words: Vec<String> = from.iter().map(|status| format!("'{}'", status.as_str())).collect();
    let begins = total.is_some();
    let sql = format!(
        "UPDATE automation_stage SET status = $1, total = COALESCE($2, total), \
         started_at = CASE WHEN $3 = 1 THEN $4 ELSE started_at END, finished_at = $5 \
         WHERE run_id = $6 AND stage = $7 AND status IN ({})",
        words.join(", ")
    );
    let values: [Value; 7] = [
        status.as_str().into(),
        total.into(),
        i32::from(begins).into(),
        now.into(),
        status.is_final().then_some(now).into(),
        run.into(),
        stage.as_str().into(),
    ];
    Ok(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected() == 1)
}

/// What became of the stages of a locked run when it pauses, goes on or ends: every stage in one of `from` is `status` now.
pub async fn update_open_stages(
    tx: &impl ConnectionTrait,
    run: Uuid,
    from: &[StageStatus],
    status: StageStatus,
    now: Micros,
) -> Result<(), DbErr> {
    let words: Vec<String> = from.iter().map(|status| format!("'{}'", status.as_str())).collect();
    let sql = format!(
        "UPDATE automation_stage SET status = $1, finished_at = $2 WHERE run_id = $3 AND status IN ({})",
        words.join(", ")
    );
    let finished: Option<Micros> = status.is_final().then_some(now);
    tx.execute_raw(statement(tx, sql, [status.as_str().into(), finished.into(), run.into()])).await?;
    Ok(())
}
