//! Keys of servers. Tables keep hashes; a key lives as long as its session does.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{places, query_twice, word};
use crate::{
    auth::model::ApiKey,
    clock::Micros,
    db::{effect::Effect, statement, to_power},
    page::{Page, PageArgs},
    viewer::{PlatformRole, Scopes},
};

const COLUMNS: &str = "k.session_id, k.user_id, k.name, k.hint, k.scopes, k.created_at, k.expires_at, k.last_used_at";

fn key_from(row: &QueryResult) -> Result<ApiKey, DbErr> {
    Ok(ApiKey {
        id: row.try_get("", "session_id")?,
        user_id: row.try_get("", "user_id")?,
        name: row.try_get("", "name")?,
        hint: row.try_get("", "hint")?,
        scopes: Scopes::from_bits(row.try_get("", "scopes")?),
        created_at: row.try_get("", "created_at")?,
        expires_at: row.try_get("", "expires_at")?,
        last_used_at: row.try_get("", "last_used_at")?,
    })
}

/// The row of a new key; its session's row goes before it.
pub fn key_effect(key: &ApiKey, hash: &[u8]) -> Effect {
    Effect::Insert {
        table: "api_key",
        cells: vec![
            ("session_id", key.id.into()),
            ("user_id", key.user_id.into()),
            ("name", key.name.as_str().into()),
            ("hint", key.hint.as_str().into()),
            ("key_hash", hash.to_vec().into()),
            ("scopes", key.scopes.bits().into()),
            ("created_at", key.created_at.into()),
            ("expires_at", key.expires_at.into()),
        ],
        if_absent: false,
    }
}

/// A living key, as a request finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStanding {
    /// The key, which is its session.
    pub session_id: Uuid,
    /// The person.
    pub user_id: Uuid,
    /// Their role.
    pub role: PlatformRole,
    /// Rises with every change of what they may do.
    pub access_version: i64,
    /// What the key may do.
    pub scopes: Scopes,
    /// When it ends by itself.
    pub expires_at: Option<Micros>,
    /// When its use was last noted.
    pub last_used_at: Option<Micros>,
}

/// Of the keys with these hashes (at most 500) those that live.
pub async fn load_standings(
    connection: &impl ConnectionTrait,
    hashes: &[[u8; 32]],
) -> Result<HashMap<[u8; 32], KeyStanding>, DbErr> {
    if hashes.is_empty() {
        return Ok(HashMap::new());
    }
    let hashes = to_power(hashes.to_vec());
    let sql = format!(
        "SELECT k.key_hash, k.session_id, k.scopes, k.expires_at, k.last_used_at, u.id AS user_id, u.platform_role, \
         u.access_version FROM api_key k JOIN session s ON s.id = k.session_id JOIN app_user u ON u.id = k.user_id \
         WHERE k.key_hash IN ({}) AND s.ended_at IS NULL AND u.deleted_at IS NULL",
        places(1, hashes.len())
    );
    let rows = query_twice(connection, &sql, hashes.iter().map(|hash| hash.to_vec().into()).collect()).await?;
    let standing = |row: &QueryResult| {
        let hash: Vec<u8> = row.try_get("", "key_hash")?;
        let hash = word(<[u8; 32]>::try_from(hash).ok(), "the hash of a key", "of another length")?;
        let role: String = row.try_get("", "platform_role")?;
        let standing = KeyStanding {
            session_id: row.try_get("", "session_id")?,
            user_id: row.try_get("", "user_id")?,
            role: word(PlatformRole::parse(&role), "a platform role", &role)?,
            access_version: row.try_get("", "access_version")?,
            scopes: Scopes::from_bits(row.try_get("", "scopes")?),
            expires_at: row.try_get("", "expires_at")?,
            last_used_at: row.try_get("", "last_used_at")?,
        };
        Ok((hash, standing))
    };
    // A row that this build cannot read must not keep others out; its key counts as revoked.
    let read = |row: &QueryResult| {
        standing(row).inspect_err(|error: &DbErr| tracing::error!(error = %error, "a key cannot be read")).ok()
    };
    Ok(rows.iter().filter_map(read).collect())
}

/// Notes that a key was used.
pub async fn update_last_used(tx: &impl ConnectionTrait, id: Uuid, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE api_key SET last_used_at = $1 WHERE session_id = $2";
    tx.execute_raw(statement(tx, sql, [now.into(), id.into()])).await?;
    Ok(())
}

/// How many living keys a person has. Those that ended by themselves do not count.
pub async fn count_keys(connection: &impl ConnectionTrait, user: Uuid, now: Micros) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS total FROM api_key k JOIN session s ON s.id = k.session_id \
               WHERE k.user_id = $1 AND s.ended_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)";
    let row = connection.query_one_raw(statement(connection, sql, [user.into(), now.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "total"))
}

/// A key of a person that was not revoked.
pub async fn find_key(connection: &impl ConnectionTrait, user: Uuid, id: Uuid) -> Result<Option<ApiKey>, DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} FROM api_key k JOIN session s ON s.id = k.session_id \
         WHERE k.session_id = $1 AND k.user_id = $2 AND s.ended_at IS NULL"
    );
    let row = connection.query_one_raw(statement(connection, &sql, [id.into(), user.into()])).await?;
    row.as_ref().map(key_from).transpose()
}

/// The keys of a person that were not revoked, newest first.
pub async fn list_keys(
    connection: &impl ConnectionTrait,
    user: Uuid,
    page: &PageArgs<Uuid>,
) -> Result<Page<ApiKey>, DbErr> {
    let from = "api_key k JOIN session s ON s.id = k.session_id WHERE k.user_id = $1 AND s.ended_at IS NULL";
    let mut values: Vec<Value> = vec![user.into()];
    let total = if page.with_total {
        let sql = format!("SELECT COUNT(*) AS total FROM {from}");
        let row = connection.query_one_raw(statement(connection, &sql, values.clone())).await?;
        row.map(|row| row.try_get("", "total")).transpose()?
    } else {
        None
    };
    let mut clause = String::new();
    for (key, comparison) in [(page.after, "<"), (page.before, ">")] {
        if let Some(key) = key {
            values.push(key.into());
            clause.push_str(&format!(" AND k.session_id {comparison} ${}", values.len()));
        }
    }
    values.push(page.fetch().into());
    let direction = if page.from_end { "ASC" } else { "DESC" };
    let sql = format!("SELECT {COLUMNS} FROM {from}{clause} ORDER BY k.session_id {direction} LIMIT ${}", values.len());
    let rows = connection.query_all_raw(statement(connection, &sql, values)).await?;
    let keys = rows.iter().map(key_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_rows(keys, page, total))
}

/// Takes what a person called their keys out of the rows, which end with their sessions.
pub async fn erase_keys(tx: &impl ConnectionTrait, user: Uuid) -> Result<(), DbErr> {
    let sql = "DELETE FROM api_key WHERE user_id = $1";
    tx.execute_raw(statement(tx, sql, [user.into()])).await?;
    Ok(())
}
