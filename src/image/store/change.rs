//! Changes of images after their delivery. An image and its enlargement are one thing to them.

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use super::{Visibility, places};
use crate::{
    clock::Micros,
    db::{engine_of, statement},
    storage::purge,
};

/// Locks the original of the pair that `image` of `account` belongs to, and answers its members that are there, original
/// first. Empty: there is no such image. An enlargement is delivered under the same lock, so none appears in between.
pub async fn lock_pair(tx: &impl ConnectionTrait, account: Uuid, image: Uuid) -> Result<Vec<Uuid>, DbErr> {
    let sql = "SELECT original_id FROM image WHERE id = $1 AND account_id = $2 AND deleted_at IS NULL";
    let found = tx.query_one_raw(statement(tx, sql, [image.into(), account.into()])).await?;
    let Some(found) = found else { return Ok(Vec::new()) };
    let original = found.try_get::<Option<Uuid>>("", "original_id")?.unwrap_or(image);
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT id FROM image WHERE id = $1{lock}");
    tx.query_one_raw(statement(tx, sql, [original.into()])).await?;
    let sql = "SELECT id FROM image WHERE (id = $1 OR original_id = $1) AND account_id = $2 AND deleted_at IS NULL \
               ORDER BY CASE WHEN id = $1 THEN 0 ELSE 1 END";
    let rows = tx.query_all_raw(statement(tx, sql, [original.into(), account.into()])).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

fn with_ids(mut values: Vec<Value>, ids: &[Uuid]) -> (String, Vec<Value>) {
    let list = places(values.len() + 1, ids.len());
    values.extend(ids.iter().map(|id| Value::from(*id)));
    (list, values)
}

/// Sets who may see `images`.
pub async fn update_visibility(
    tx: &impl ConnectionTrait,
    images: &[Uuid],
    visibility: Visibility,
    now: Micros,
) -> Result<(), DbErr> {
    let (list, values) = with_ids(vec![visibility.as_str().into(), now.into()], images);
    let sql = format!("UPDATE image SET visibility = $1, updated_at = $2 WHERE id IN ({list})");
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Hides `images` from others, or no longer.
pub async fn update_hidden(
    tx: &impl ConnectionTrait,
    images: &[Uuid],
    is_hidden: bool,
    now: Micros,
) -> Result<(), DbErr> {
    let (list, values) = with_ids(vec![is_hidden.into(), now.into()], images);
    let sql = format!("UPDATE image SET is_hidden = $1, updated_at = $2 WHERE id IN ({list})");
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// What a deleted image's row keeps: that it was drawn, by what, when, and for which task. `is_enlarged` stays set, so that
/// no enlargement under way finds its guard satisfied.
const ERASED: &str = "prompt = '', seed = NULL, alt_text = NULL, event_type = NULL, style = NULL, placeholder = NULL, \
                      is_enlarged = $1, updated_at = $2, deleted_at = $2";

/// Deletes `images` (at most 100), which are locked: their objects are marked to go, and their rows keep what records need.
pub async fn delete_images(tx: &impl ConnectionTrait, images: &[Uuid], now: Micros) -> Result<(), DbErr> {
    if images.is_empty() {
        return Ok(());
    }
    let ids = || images.iter().map(|id| Value::from(*id));
    let list = places(1, images.len());
    let sql = format!(
        "SELECT object_key FROM image WHERE id IN ({list}) UNION \
         SELECT object_key FROM image_variant WHERE image_id IN ({list}) AND object_key IS NOT NULL"
    );
    let rows = tx.query_all_raw(statement(tx, sql, ids())).await?;
    let keys = rows.iter().map(|row| row.try_get("", "object_key")).collect::<Result<Vec<String>, _>>()?;
    purge::mark_for_purge_in(tx, &keys, now).await?;
    let sql = format!("DELETE FROM image_variant WHERE image_id IN ({list})");
    tx.execute_raw(statement(tx, sql, ids())).await?;
    // Originals of deleted enlargements may be enlarged again.
    let (list, values) = with_ids(vec![false.into(), now.into()], images);
    let sql = format!(
        "UPDATE image SET is_enlarged = $1, updated_at = $2 \
         WHERE id IN (SELECT original_id FROM image WHERE id IN ({list}) AND original_id IS NOT NULL)"
    );
    tx.execute_raw(statement(tx, sql, values)).await?;
    let (list, values) = with_ids(vec![true.into(), now.into()], images);
    let sql = format!("UPDATE image SET {ERASED} WHERE id IN ({list}) AND deleted_at IS NULL");
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Deletes all images of `account`, as [`delete_images`] does. Repeating is safe.
pub async fn delete_images_of(tx: &impl ConnectionTrait, account: Uuid, now: Micros) -> Result<(), DbErr> {
    purge::mark_account_for_purge_in(tx, account, now).await?;
    let sql = "DELETE FROM image_variant WHERE image_id IN (SELECT id FROM image WHERE account_id = $1)";
    tx.execute_raw(statement(tx, sql, [account.into()])).await?;
    let sql = format!("UPDATE image SET {ERASED} WHERE account_id = $3 AND deleted_at IS NULL");
    tx.execute_raw(statement(tx, sql, [true.into(), now.into(), account.into()])).await?;
    Ok(())
}

/// Accounts, at most 100, that went with their people and have images all the same: work that was under way delivered
/// them afterwards.
pub async fn list_unowned(connection: &impl ConnectionTrait) -> Result<Vec<Uuid>, DbErr> {
    let sql = "SELECT DISTINCT i.account_id FROM account a LEFT JOIN app_user u ON u.id = a.personal_user_id \
               JOIN image i ON i.account_id = a.id AND i.deleted_at IS NULL WHERE u.deleted_at IS NOT NULL \
               OR (a.state = 'SUSPENDED' \
               AND NOT EXISTS (SELECT 1 FROM account_member m WHERE m.account_id = a.id)) LIMIT 100";
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    rows.iter().map(|row| row.try_get("", "account_id")).collect()
}
