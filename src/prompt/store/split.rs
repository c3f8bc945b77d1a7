//! Splits.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{count, keyset, places, word};
use crate::{
    clock::Micros,
    db::{engine_of, statement},
    page::{Page, PageArgs},
    prompt::model::split::{Bounds, EndReason, Split},
};

const COLUMNS: &str = "id, system_prompt_id, control_version_id, new_version_id, share_percent, credit_budget, \
                       failure_percent_max, refund_percent_max, cost_nanousd_max, sample_min, end_reason, started_by, \
                       ended_by, started_at, ended_at";

fn split_of(row: &QueryResult) -> Result<Split, DbErr> {
    let reason: Option<String> = row.try_get("", "end_reason")?;
    Ok(Split {
        id: row.try_get("", "id")?,
        prompt_id: row.try_get("", "system_prompt_id")?,
        control_version_id: row.try_get("", "control_version_id")?,
        new_version_id: row.try_get("", "new_version_id")?,
        share_percent: row.try_get("", "share_percent")?,
        credit_budget: row.try_get("", "credit_budget")?,
        bounds: Bounds {
            failure_percent_max: row.try_get("", "failure_percent_max")?,
            refund_percent_max: row.try_get("", "refund_percent_max")?,
            cost_nanousd_max: row.try_get("", "cost_nanousd_max")?,
            sample_min: row.try_get("", "sample_min")?,
        },
        end_reason: reason.map(|text| word(EndReason::parse(&text), "reason of an end")).transpose()?,
        started_by: row.try_get("", "started_by")?,
        ended_by: row.try_get("", "ended_by")?,
        started_at: row.try_get("", "started_at")?,
        ended_at: row.try_get("", "ended_at")?,
    })
}

/// Writes a split that runs.
pub async fn insert_split(tx: &impl ConnectionTrait, split: &Split) -> Result<(), DbErr> {
    let sql = "INSERT INTO prompt_split (id, system_prompt_id, control_version_id, new_version_id, share_percent, \
               credit_budget, failure_percent_max, refund_percent_max, cost_nanousd_max, sample_min, state, started_by, \
               started_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'RUNNING', $11, $12)";
    let values: [Value; 12] = [
        split.id.into(),
        split.prompt_id.into(),
        split.control_version_id.into(),
        split.new_version_id.into(),
        split.share_percent.into(),
        split.credit_budget.into(),
        split.bounds.failure_percent_max.into(),
        split.bounds.refund_percent_max.into(),
        split.bounds.cost_nanousd_max.into(),
        split.bounds.sample_min.into(),
        split.started_by.into(),
        split.started_at.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Ends a split, if it still runs. Answers whether it did.
pub async fn end_split(
    tx: &impl ConnectionTrait,
    id: Uuid,
    reason: EndReason,
    by: Option<Uuid>,
    now: Micros,
) -> Result<bool, DbErr> {
    let sql = "UPDATE prompt_split SET state = 'ENDED', end_reason = $1, ended_by = $2, ended_at = $3 \
               WHERE id = $4 AND state = 'RUNNING'";
    let values = [reason.as_str().into(), by.into(), now.into(), id.into()];
    Ok(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected() == 1)
}

/// Says what a split has given out, which the caller has counted under the split's lock.
pub async fn update_taken(tx: &impl ConnectionTrait, id: Uuid, credits: i64) -> Result<(), DbErr> {
    let sql = "UPDATE prompt_split SET credits_taken = $1 WHERE id = $2";
    tx.execute_raw(statement(tx, sql, [credits.into(), id.into()])).await?;
    Ok(())
}

/// The split, locked until the transaction ends.
pub async fn lock_split(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<Split>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM prompt_split WHERE id = $1{}", engine_of(tx).for_update());
    let row = tx.query_one_raw(statement(tx, sql, [id.into()])).await?;
    row.as_ref().map(split_of).transpose()
}

/// The split.
pub async fn find_split(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<Split>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM prompt_split WHERE id = $1");
    let row = connection.query_one_raw(statement(connection, sql, [id.into()])).await?;
    row.as_ref().map(split_of).transpose()
}

/// The running split of a prompt, locked until the transaction ends.
pub async fn lock_running(tx: &impl ConnectionTrait, prompt: Uuid) -> Result<Option<Split>, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT {COLUMNS} FROM prompt_split WHERE system_prompt_id = $1 AND state = 'RUNNING'{lock}");
    let row = tx.query_one_raw(statement(tx, sql, [prompt.into()])).await?;
    row.as_ref().map(split_of).transpose()
}

/// All splits that run, by id; a few at a time.
pub async fn list_running(connection: &impl ConnectionTrait) -> Result<Vec<Split>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM prompt_split WHERE state = 'RUNNING' ORDER BY id");
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    rows.iter().map(split_of).collect()
}

/// The running splits of prompts, by prompt.
pub async fn load_running(connection: &impl ConnectionTrait, prompts: &[Uuid]) -> Result<HashMap<Uuid, Split>, DbErr> {
    if prompts.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM prompt_split WHERE state = 'RUNNING' AND system_prompt_id IN ({})",
        places(1, prompts.len())
    );
    let rows = connection.query_all_raw(statement(connection, sql, prompts.iter().map(|id| (*id).into()))).await?;
    rows.iter()
        .map(|row| {
            let split = split_of(row)?;
            Ok((split.prompt_id, split))
        })
        .collect()
}

/// A prompt's splits, newest first.
pub async fn list_splits(
    connection: &impl ConnectionTrait,
    prompt: Uuid,
    page: &PageArgs<Uuid>,
) -> Result<Page<Split>, DbErr> {
    let total = if page.with_total {
        let sql = "SELECT COUNT(*) AS n FROM prompt_split WHERE system_prompt_id = $1";
        Some(count(connection, sql, vec![prompt.into()]).await?)
    } else {
        None
    };
    let (mut clauses, mut values) = (String::new(), vec![prompt.into()]);
    let direction = keyset(&mut clauses, &mut values, "id", page);
    let sql = format!(
        "SELECT {COLUMNS} FROM prompt_split WHERE system_prompt_id = $1{clauses} ORDER BY id {direction} LIMIT ${}",
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let splits = rows.iter().map(split_of).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_rows(splits, page, total))
}
