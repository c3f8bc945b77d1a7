//! Imports that were given a key, and what they were answered.

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use super::word;
use crate::{clock::Micros, db::statement, prompt::model::transfer::ImportReport};

/// An import that was given a key.
#[derive(Debug, Clone)]
pub struct KeyedImport {
    /// Its id.
    pub id: Uuid,
    /// Who imported.
    pub actor_id: Uuid,
    /// The key.
    pub key: String,
    /// Of what was asked, 32 bytes.
    pub request_hash: Vec<u8>,
    /// What was answered.
    pub report: ImportReport,
}

/// The hash of what was asked under a key, and what was answered.
pub async fn find_import(
    connection: &impl ConnectionTrait,
    actor: Uuid,
    key: &str,
) -> Result<Option<(Vec<u8>, ImportReport)>, DbErr> {
    let sql = "SELECT request_hash, report FROM prompt_import WHERE actor_id = $1 AND idempotency_key = $2";
    let row = connection.query_one_raw(statement(connection, sql, [actor.into(), key.into()])).await?;
    row.map(|row| {
        let report: String = row.try_get("", "report")?;
        let report = word(serde_json::from_str(&report).ok(), "report of an import")?;
        Ok((row.try_get("", "request_hash")?, report))
    })
    .transpose()
}

/// Writes what an import was answered. The unique key decides between two under one key at once.
pub async fn insert_import(tx: &impl ConnectionTrait, import: &KeyedImport, now: Micros) -> Result<(), DbErr> {
    let sql = "INSERT INTO prompt_import (id, actor_id, idempotency_key, request_hash, report, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let report = word(serde_json::to_string(&import.report).ok(), "report of an import")?;
    let values: [Value; 6] = [
        import.id.into(),
        import.actor_id.into(),
        import.key.as_str().into(),
        import.request_hash.clone().into(),
        report.into(),
        now.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}
