//! Writes the audit trail.

use sea_orm::{ConnectionTrait, DbErr};

use super::Entry;
use crate::db::{
    effect::{Cell, Effect, EffectError, Facts, Known},
    statement,
};

/// The row of `entry`, for a ledger command to write with its own transaction.
pub fn entry_effect(entry: &Entry) -> Effect {
    Effect::Insert {
        table: "audit_entry",
        cells: vec![
            ("id", entry.id.into()),
            ("account_id", entry.account_id.into()),
            ("actor_kind", entry.actor.kind().into()),
            ("actor_id", entry.actor.id().into()),
            ("action", entry.action.into()),
            ("target_kind", entry.target_kind.into()),
            ("target_id", entry.target_id.into()),
            ("before", entry.before.clone().into()),
            ("after", entry.after.clone().into()),
            ("request_id", entry.request_id.clone().into()),
            ("at", entry.at.into()),
        ],
        if_absent: false,
    }
}

/// The same, with the amount of the ledger's transaction as what came after: it is known only when the command is carried out.
pub fn posting_effect(entry: &Entry) -> Effect {
    let mut effect = entry_effect(entry);
    if let Effect::Insert { cells, .. } = &mut effect {
        for (column, cell) in cells {
            if *column == "after" {
                *cell = Cell::Known(Known::AmountText);
            }
        }
    }
    effect
}

/// Writes `entry` in the caller's transaction.
pub async fn insert_entry(tx: &impl ConnectionTrait, entry: &Entry) -> Result<(), EffectError> {
    entry_effect(entry).write(tx, &Facts::at(entry.at)).await
}

/// How often `action` was done to `target`, for tests and statistics.
pub async fn count_entries(connection: &impl ConnectionTrait, action: &str, target: uuid::Uuid) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS total FROM audit_entry WHERE action = $1 AND target_id = $2";
    let row = connection.query_one_raw(statement(connection, sql, [action.into(), target.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "total"))
}
