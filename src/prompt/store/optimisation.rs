//! Applied optimisations, kept so that they can be undone.

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

use crate::{
    clock::Micros,
    db::{engine_of, statement},
    prompt::model::prompt::{OptimisationChange, OptimisationRun},
};

fn run_of(row: &QueryResult) -> Result<OptimisationRun, DbErr> {
    Ok(OptimisationRun {
        id: row.try_get("", "id")?,
        report_hash: row.try_get("", "report_hash")?,
        actor_id: row.try_get("", "actor_id")?,
        created_at: row.try_get("", "created_at")?,
        undone_by: row.try_get("", "undone_by")?,
        undone_at: row.try_get("", "undone_at")?,
    })
}

/// Writes a run.
pub async fn insert_run(tx: &impl ConnectionTrait, run: &OptimisationRun) -> Result<(), DbErr> {
    let sql = "INSERT INTO optimisation_run (id, report_hash, actor_id, created_at) VALUES ($1, $2, $3, $4)";
    let values = [run.id.into(), run.report_hash.clone().into(), run.actor_id.into(), run.created_at.into()];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Writes what a run did to one prompt.
pub async fn insert_change(tx: &impl ConnectionTrait, run: Uuid, change: &OptimisationChange) -> Result<(), DbErr> {
    let sql = "INSERT INTO optimisation_change (optimisation_run_id, system_prompt_id, before_version_id, \
               after_version_id) VALUES ($1, $2, $3, $4)";
    let values = [run.into(), change.prompt_id.into(), change.before_version_id.into(), change.after_version_id.into()];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

const RUN: &str =
    "SELECT id, report_hash, actor_id, created_at, undone_by, undone_at FROM optimisation_run WHERE id = $1";

/// The run.
pub async fn find_run(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<OptimisationRun>, DbErr> {
    let row = connection.query_one_raw(statement(connection, RUN, [id.into()])).await?;
    row.as_ref().map(run_of).transpose()
}

/// The run, locked until the transaction ends.
pub async fn lock_run(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<OptimisationRun>, DbErr> {
    let sql = format!("{RUN}{}", engine_of(tx).for_update());
    let row = tx.query_one_raw(statement(tx, sql, [id.into()])).await?;
    row.as_ref().map(run_of).transpose()
}

/// Marks a run as undone. It is locked.
pub async fn update_undone(tx: &impl ConnectionTrait, id: Uuid, by: Option<Uuid>, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE optimisation_run SET undone_by = $1, undone_at = $2 WHERE id = $3";
    tx.execute_raw(statement(tx, sql, [by.into(), now.into(), id.into()])).await?;
    Ok(())
}

/// What a run did, by prompt.
pub async fn list_changes(connection: &impl ConnectionTrait, run: Uuid) -> Result<Vec<OptimisationChange>, DbErr> {
    let sql = "SELECT system_prompt_id, before_version_id, after_version_id FROM optimisation_change \
               WHERE optimisation_run_id = $1 ORDER BY system_prompt_id";
    let rows = connection.query_all_raw(statement(connection, sql, [run.into()])).await?;
    rows.iter()
        .map(|row| {
            Ok(OptimisationChange {
                prompt_id: row.try_get("", "system_prompt_id")?,
                before_version_id: row.try_get("", "before_version_id")?,
                after_version_id: row.try_get("", "after_version_id")?,
            })
        })
        .collect()
}
