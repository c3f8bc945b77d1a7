//! Low-balance levels.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use crate::{
    clock::Micros,
    db::{engine_of, place, statement, to_power},
    ledger::model::Threshold,
};

use super::list;

/// The levels of accounts, highest first.
pub async fn load_thresholds(
    connection: &impl ConnectionTrait,
    accounts: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Threshold>>, DbErr> {
    let mut found: HashMap<Uuid, Vec<Threshold>> = HashMap::new();
    if accounts.is_empty() {
        return Ok(found);
    }
    let ids = to_power(accounts.to_vec());
    let sql = format!(
        "SELECT account_id, id, level, armed FROM credit_threshold WHERE account_id IN ({}) ORDER BY account_id, level DESC",
        list(engine_of(connection), ids.len())
    );
    for row in connection.query_all_raw(statement(connection, sql, ids.into_iter().map(Value::from))).await? {
        let armed: i32 = row.try_get("", "armed")?;
        found.entry(row.try_get("", "account_id")?).or_default().push(Threshold {
            id: row.try_get("", "id")?,
            level: row.try_get("", "level")?,
            is_armed: armed == 1,
        });
    }
    Ok(found)
}

/// Adds a level. Called under the account's lock.
pub async fn insert_threshold(
    tx: &impl ConnectionTrait,
    account: Uuid,
    threshold: Threshold,
    now: Micros,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO credit_threshold (id, account_id, level, armed, created_at) VALUES ($1, $2, $3, $4, $5)";
    let Threshold { id, level, is_armed } = threshold;
    let values = [id.into(), account.into(), level.into(), i32::from(is_armed).into(), now.into()];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Says whether the writer must look for levels of the account. Called under its lock.
pub async fn mark_thresholds(tx: &impl ConnectionTrait, account: Uuid, has_some: bool) -> Result<(), DbErr> {
    let sql = "UPDATE ledger_account SET has_thresholds = $2 WHERE account_id = $1 AND has_thresholds <> $2";
    tx.execute_raw(statement(tx, sql, [account.into(), i32::from(has_some).into()])).await?;
    Ok(())
}

/// Removes levels. Called under the account's lock.
pub async fn delete_thresholds(tx: &impl ConnectionTrait, ids: &[Uuid]) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    let engine = engine_of(tx);
    let places: Vec<String> = (1..=ids.len()).map(|number| place(engine, number)).collect();
    let sql = format!("DELETE FROM credit_threshold WHERE id IN ({})", places.join(", "));
    tx.execute_raw(statement(tx, sql, ids.iter().copied().map(Value::from))).await?;
    Ok(())
}
