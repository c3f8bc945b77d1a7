//! Objects that nothing points to any more: from the moment they are marked nobody is given their bytes, which go later.

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use crate::{clock::Micros, db::statement};

/// Marks the objects under `object_keys` (at most 1,000) to go, in the transaction that takes away what pointed to them.
/// What is not stored is left out, so repeating is safe.
pub async fn mark_for_purge_in(tx: &impl ConnectionTrait, object_keys: &[String], now: Micros) -> Result<(), DbErr> {
    if object_keys.is_empty() {
        return Ok(());
    }
    let places: Vec<String> = (1..=object_keys.len()).map(|at| format!("${at}")).collect();
    let values: Vec<Value> = object_keys.iter().map(|key| Value::from(key.as_str())).collect();
    mark_in(tx, &format!("object_key IN ({})", places.join(", ")), values, now).await
}

/// Marks all objects of an account to go.
pub async fn mark_account_for_purge_in(tx: &impl ConnectionTrait, account: Uuid, now: Micros) -> Result<(), DbErr> {
    mark_in(tx, "account_id = $1", vec![account.into()], now).await
}

/// Moves the rows that `clause` with `values` names.
async fn mark_in(tx: &impl ConnectionTrait, clause: &str, values: Vec<Value>, now: Micros) -> Result<(), DbErr> {
    let sql = format!(
        "INSERT INTO object_purge (object_key, store, marked_at) \
         SELECT object_key, store, CAST(${} AS bigint) FROM stored_object WHERE {clause} ON CONFLICT DO NOTHING",
        values.len() + 1
    );
    let with_now = values.iter().cloned().chain([now.into()]);
    tx.execute_raw(statement(tx, sql, with_now)).await?;
    let sql = format!("DELETE FROM stored_object WHERE {clause}");
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}
