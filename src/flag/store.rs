//! The table of overrides.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};

use super::{Flag, Override};
use crate::{
    audit::Actor,
    db::{engine_of, statement},
};

const COLUMNS: &str = "name, is_on, reason, actor_id, set_at, expires_at";

fn override_of(row: &QueryResult) -> Result<Override, DbErr> {
    Ok(Override {
        is_on: row.try_get("", "is_on")?,
        reason: row.try_get("", "reason")?,
        set_by: row.try_get("", "actor_id")?,
        set_at: row.try_get("", "set_at")?,
        expires_at: row.try_get("", "expires_at")?,
    })
}

/// Everything that was set at run time, also what counts no more. Rows of flags that this version does not have are left out.
pub async fn list_overrides(connection: &impl ConnectionTrait) -> Result<Vec<(Flag, Override)>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM flag_override ORDER BY name");
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let name: String = row.try_get("", "name")?;
        if let Some(flag) = Flag::parse(&name) {
            found.push((flag, override_of(row)?));
        }
    }
    Ok(found)
}

/// What was set for `flag`, whose row is locked.
pub(super) async fn lock_override(tx: &impl ConnectionTrait, flag: Flag) -> Result<Option<Override>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM flag_override WHERE name = $1{}", engine_of(tx).for_update());
    let row = tx.query_one_raw(statement(tx, sql, [flag.as_str().into()])).await?;
    row.as_ref().map(override_of).transpose()
}

/// Sets `flag`, whatever was set before.
pub(super) async fn update_override(
    tx: &impl ConnectionTrait,
    flag: Flag,
    set: &Override,
    actor: Actor,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO flag_override (name, is_on, reason, actor_kind, actor_id, set_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO UPDATE SET is_on = excluded.is_on, \
               reason = excluded.reason, actor_kind = excluded.actor_kind, actor_id = excluded.actor_id, \
               set_at = excluded.set_at, expires_at = excluded.expires_at";
    let values: [Value; 7] = [
        flag.as_str().into(),
        set.is_on.into(),
        set.reason.as_str().into(),
        actor.kind().into(),
        set.set_by.into(),
        set.set_at.into(),
        set.expires_at.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Takes away what was set for `flag`.
pub(super) async fn delete_override(tx: &impl ConnectionTrait, flag: Flag) -> Result<(), DbErr> {
    let sql = "DELETE FROM flag_override WHERE name = $1";
    tx.execute_raw(statement(tx, sql, [flag.as_str().into()])).await?;
    Ok(())
}
