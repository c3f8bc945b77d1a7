//! The tables of stored objects on their way in and out.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use super::upload::{Upload, UploadPurpose};
use crate::{
    clock::Micros,
    db::{places, statement},
};

/// A new upload.
pub(super) async fn insert_upload(connection: &impl ConnectionTrait, upload: &Upload) -> Result<(), DbErr> {
    let sql =
        "INSERT INTO upload (id, user_id, purpose, bytes_max, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
    let values: [Value; 6] = [
        upload.id.into(),
        upload.user_id.into(),
        upload.purpose.as_str().into(),
        upload.bytes_max.into(),
        upload.created_at.into(),
        upload.expires_at.into(),
    ];
    connection.execute_raw(statement(connection, sql, values)).await?;
    Ok(())
}

/// How many uploads of a person were made after `since`.
pub(super) async fn count_uploads(connection: &impl ConnectionTrait, user: Uuid, since: Micros) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM upload WHERE user_id = $1 AND created_at > $2";
    let row = connection.query_one_raw(statement(connection, sql, [user.into(), since.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// An upload that was made after `since`, without its bytes.
pub(super) async fn find_upload(
    connection: &impl ConnectionTrait,
    id: Uuid,
    since: Micros,
) -> Result<Option<Upload>, DbErr> {
    let sql = "SELECT id, user_id, purpose, bytes_max, created_at, expires_at, CAST(length(content) AS bigint) AS bytes \
               FROM upload WHERE id = $1 AND created_at > $2";
    let row = connection.query_one_raw(statement(connection, sql, [id.into(), since.into()])).await?;
    row.map(|row| {
        let purpose: String = row.try_get("", "purpose")?;
        Ok(Upload {
            id: row.try_get("", "id")?,
            user_id: row.try_get("", "user_id")?,
            purpose: UploadPurpose::parse(&purpose)
                .ok_or_else(|| DbErr::Type("a stored purpose of an upload is not one we know".to_owned()))?,
            bytes_max: row.try_get("", "bytes_max")?,
            created_at: row.try_get("", "created_at")?,
            expires_at: row.try_get("", "expires_at")?,
            bytes: row.try_get("", "bytes")?,
        })
    })
    .transpose()
}

/// The hash of what an upload received; the inner `None` before that.
pub(super) async fn find_upload_hash(
    connection: &impl ConnectionTrait,
    id: Uuid,
) -> Result<Option<Option<Vec<u8>>>, DbErr> {
    let sql = "SELECT sha256 FROM upload WHERE id = $1";
    let row = connection.query_one_raw(statement(connection, sql, [id.into()])).await?;
    row.map(|row| row.try_get("", "sha256")).transpose()
}

/// The bytes of an upload of a person and purpose, made after `since`; the inner `None` before they were received.
pub(super) async fn find_upload_content(
    connection: &impl ConnectionTrait,
    id: Uuid,
    user: Uuid,
    purpose: UploadPurpose,
    since: Micros,
) -> Result<Option<Option<Vec<u8>>>, DbErr> {
    let sql = "SELECT content FROM upload WHERE id = $1 AND user_id = $2 AND purpose = $3 AND created_at > $4";
    let values: [Value; 4] = [id.into(), user.into(), purpose.as_str().into(), since.into()];
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.map(|row| row.try_get("", "content")).transpose()
}

/// Keeps the bytes of an upload that is open at `now` and has none; says whether it was.
pub(super) async fn receive_upload(
    connection: &impl ConnectionTrait,
    id: Uuid,
    content: &[u8],
    sha256: &[u8],
    now: Micros,
) -> Result<bool, DbErr> {
    let sql = "UPDATE upload SET content = $2, sha256 = $3, received_at = $4 \
               WHERE id = $1 AND received_at IS NULL AND expires_at > $4";
    let values: [Value; 4] = [id.into(), content.to_vec().into(), sha256.to_vec().into(), now.into()];
    Ok(connection.execute_raw(statement(connection, sql, values)).await?.rows_affected() == 1)
}

/// Whether an upload was made before `before`.
pub(super) async fn has_old_uploads(connection: &impl ConnectionTrait, before: Micros) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM upload WHERE created_at <= $1 LIMIT 1";
    Ok(connection.query_one_raw(statement(connection, sql, [before.into()])).await?.is_some())
}

/// Removes the uploads made before `before`.
pub(super) async fn delete_old_uploads(connection: &impl ConnectionTrait, before: Micros) -> Result<u64, DbErr> {
    let sql = "DELETE FROM upload WHERE created_at <= $1";
    Ok(connection.execute_raw(statement(connection, sql, [before.into()])).await?.rows_affected())
}

/// An object whose bytes are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Purge {
    pub(super) object_key: String,
    pub(super) store: String,
}

/// Objects whose bytes are to go from one of `stores`, those marked first come first.
pub(super) async fn list_purges(
    connection: &impl ConnectionTrait,
    stores: &[&str],
    limit: u64,
) -> Result<Vec<Purge>, DbErr> {
    if stores.is_empty() {
        return Ok(Vec::new());
    }
    let mut values: Vec<Value> = stores.iter().map(|store| (*store).into()).collect();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    values.push(limit.into());
    let sql = format!(
        "SELECT object_key, store FROM object_purge WHERE store IN ({}) ORDER BY marked_at, object_key LIMIT ${}",
        places(1, stores.len()),
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter()
        .map(|row| Ok(Purge { object_key: row.try_get("", "object_key")?, store: row.try_get("", "store")? }))
        .collect()
}

/// Forgets objects whose bytes have gone.
pub(super) async fn delete_purges(connection: &impl ConnectionTrait, keys: &[String]) -> Result<(), DbErr> {
    if keys.is_empty() {
        return Ok(());
    }
    let sql = format!("DELETE FROM object_purge WHERE object_key IN ({})", places(1, keys.len()));
    connection.execute_raw(statement(connection, sql, keys.iter().map(|key| key.as_str().into()))).await?;
    Ok(())
}

/// How many objects were marked before `before` and still have their bytes.
pub async fn count_late_purges(connection: &impl ConnectionTrait, before: Micros) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM object_purge WHERE marked_at <= $1";
    let row = connection.query_one_raw(statement(connection, sql, [before.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// How many objects lie in a store that none of `stores` is.
pub async fn count_elsewhere(connection: &impl ConnectionTrait, stores: &[&str]) -> Result<i64, DbErr> {
    let sql = format!("SELECT COUNT(*) AS n FROM stored_object WHERE store NOT IN ({})", places(1, stores.len()));
    let row = connection.query_one_raw(statement(connection, sql, stores.iter().map(|store| (*store).into()))).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// How many objects lie in `store`, by their rows.
pub async fn count_stored(connection: &impl ConnectionTrait, store: &str) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM stored_object WHERE store = $1";
    let row = connection.query_one_raw(statement(connection, sql, [store.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// The keys of some objects that lie in `store` by their rows: of the first and of the last accounts, `limit` of each.
pub async fn list_some_stored(
    connection: &impl ConnectionTrait,
    store: &str,
    limit: i64,
) -> Result<Vec<String>, DbErr> {
    let mut keys = Vec::new();
    for order in ["ASC", "DESC"] {
        let sql = format!("SELECT object_key FROM stored_object WHERE store = $1 ORDER BY object_key {order} LIMIT $2");
        for row in connection.query_all_raw(statement(connection, sql, [store.into(), limit.into()])).await? {
            keys.push(row.try_get("", "object_key")?);
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

/// Those of `keys` (at most 500) that a row says lie in `store`.
pub async fn load_known(
    connection: &impl ConnectionTrait,
    store: &str,
    keys: &[&str],
) -> Result<HashSet<String>, DbErr> {
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let mut values: Vec<Value> = vec![store.into()];
    values.extend(keys.iter().map(|key| Value::from(*key)));
    let sql =
        format!("SELECT object_key FROM stored_object WHERE store = $1 AND object_key IN ({})", places(2, keys.len()));
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| row.try_get("", "object_key")).collect()
}
