//! Rows of several features, joined by their ids. Constant SQL for both engines.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use super::model::UsageRow;
use crate::{
    db::{engine_of, place, places, statement},
    ledger::store::{HoldPlace, Order, Slice},
};

/// The AI tasks of many items, for a loader. The caller authorises.
pub async fn load_task_by_item(
    connection: &impl ConnectionTrait,
    items: &[Uuid],
) -> Result<HashMap<Uuid, Uuid>, DbErr> {
    if items.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!("SELECT id, ai_task_id FROM ai_task_item WHERE id IN ({})", places(1, items.len()));
    let rows = connection.query_all_raw(statement(connection, sql, items.iter().copied().map(Value::from))).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "ai_task_id")?))).collect()
}

/// What the work that settle transactions of one account charged for cost, by the transaction's number.
pub async fn load_usage(
    connection: &impl ConnectionTrait,
    account: Uuid,
    settles: &[i64],
) -> Result<HashMap<i64, UsageRow>, DbErr> {
    if settles.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT credit_seq, credits, credit_value_nanousd, model_name, created_at FROM credit_usage \
         WHERE account_id = $1 AND credit_seq IN ({})",
        places(2, settles.len())
    );
    let values = std::iter::once(Value::from(account)).chain(settles.iter().copied().map(Value::from));
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter()
        .map(|row| {
            let usage = UsageRow {
                credits: row.try_get("", "credits")?,
                credit_value_nanousd: row.try_get("", "credit_value_nanousd")?,
                model_name: row.try_get("", "model_name")?,
                created_at: row.try_get("", "created_at")?,
            };
            Ok((row.try_get("", "credit_seq")?, usage))
        })
        .collect()
}

/// The holds of an AI task's items that were taken, by the items' positions.
pub async fn list_holds_of_task(
    connection: &impl ConnectionTrait,
    task: Uuid,
    slice: Slice<HoldPlace>,
) -> Result<Vec<HoldPlace>, DbErr> {
    let (mut condition, mut values) = (String::new(), vec![Value::from(task)]);
    for (end, sign) in [(slice.above, '>'), (slice.below, '<')] {
        // A task has one item at each position.
        if let Some((position, _)) = end {
            values.push(position.into());
            condition.push_str(&format!(" AND i.position {sign} ${}", values.len()));
        }
    }
    values.push(i64::try_from(slice.limit).unwrap_or(i64::MAX).into());
    let way = match slice.order {
        Order::NewestFirst => "DESC",
        Order::OldestFirst => "ASC",
    };
    let sql = format!(
        "SELECT CAST(i.position AS bigint) AS position, i.hold_id AS hold_id FROM ai_task_item i \
         JOIN credit_hold h ON h.id = i.hold_id WHERE i.ai_task_id = $1{condition} \
         ORDER BY i.position {way} LIMIT ${}",
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "position")?, row.try_get("", "hold_id")?))).collect()
}

/// How many of an AI task's items have a hold.
pub async fn count_holds_of_task(connection: &impl ConnectionTrait, task: Uuid) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM ai_task_item i JOIN credit_hold h ON h.id = i.hold_id WHERE i.ai_task_id = $1";
    let row = connection.query_one_raw(statement(connection, sql, [task.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// Work that is looked at for one content.
const WORKS_MAX: i64 = 500;

/// The holds of the items that went into a content, at most `most`, in the order of their ids; and whether some were left out.
/// Which tasks worked on it is known by its versions and by what is noted of other work; which items of these, by what they
/// delivered. Reads the items of these tasks by the tasks' index.
pub async fn list_holds_of_content(
    connection: &impl ConnectionTrait,
    content: Uuid,
    most: usize,
) -> Result<(Vec<Uuid>, bool), DbErr> {
    let sql = format!(
        "SELECT ai_task_id, content_id AS product_id FROM content_revision \
         WHERE content_id = $1 AND ai_task_id IS NOT NULL \
         UNION SELECT ai_task_id, product_id FROM content_work WHERE content_id = $1 LIMIT {WORKS_MAX}"
    );
    let rows = connection.query_all_raw(statement(connection, sql, [content.into()])).await?;
    if rows.is_empty() {
        return Ok((Vec::new(), true));
    }
    let is_all = i64::try_from(rows.len()).is_ok_and(|found| found < WORKS_MAX);
    let (mut groups, mut values): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    for row in &rows {
        let (task, product): (Uuid, Uuid) = (row.try_get("", "ai_task_id")?, row.try_get("", "product_id")?);
        let first = values.len() + 1;
        let marks: Vec<String> = (first..first + 3).map(|number| place(engine_of(connection), number)).collect();
        groups.push(format!("({})", marks.join(", ")));
        // Products are a list of ids as JSON has them.
        values.extend([task.into(), product.into(), format!("%\"{product}\"%").into()]);
    }
    let sql = format!(
        "SELECT i.hold_id AS hold_id FROM (VALUES {}) AS k JOIN ai_task_item i ON i.ai_task_id = k.column1 \
         JOIN credit_hold h ON h.id = i.hold_id WHERE i.image_id = k.column2 OR i.products LIKE k.column3 \
         ORDER BY i.hold_id DESC LIMIT {}",
        groups.join(", "),
        most + 1
    );
    let mut seen = HashSet::new();
    let mut holds = Vec::new();
    for row in connection.query_all_raw(statement(connection, sql, values)).await? {
        let hold: Uuid = row.try_get("", "hold_id")?;
        if seen.insert(hold) {
            holds.push(hold);
        }
    }
    let is_all = is_all && holds.len() <= most;
    holds.truncate(most);
    Ok((holds, is_all))
}
