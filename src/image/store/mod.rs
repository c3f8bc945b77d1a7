//! The tables of images. Every finder takes the account, except the loaders, whose caller compares it. A deleted image is
//! found by none of them.

mod change;
mod insert;
mod shelf;

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{Image, ImageFilter, ImageKind, Variant, VariantFailure, VariantKind, VariantObject, Visibility};
use crate::{
    db::{places, statement},
    page::{Page, PageArgs},
};

pub use change::{delete_images, delete_images_of, list_unowned, lock_pair, update_hidden, update_visibility};
pub use insert::insert_effects;
pub use shelf::{find_original, find_watermark, list_enlargeable};

/// A marked image is shown by its marked copy alone, so its original's key does not even leave the database here.
const COLUMNS: &str = "i.id, i.account_id, i.ai_task_id, i.kind, i.prompt, i.ai_model_id, i.model_name, i.provider, \
                       i.seed, i.width, i.height, i.created_at, i.visibility, i.is_hidden, i.original_id, i.watermark, \
                       i.placeholder, i.alt_text, i.event_type, i.style, i.ratio, i.quality, \
                       s.object_key AS shown_key, s.store AS shown_store, s.content_type, s.bytes";

const SHOWN: &str = "FROM image i LEFT JOIN image_variant m ON m.image_id = i.id AND m.variant = 'marked' \
                     JOIN stored_object s ON s.object_key = \
                     CASE WHEN i.watermark IS NULL THEN i.object_key ELSE m.object_key END";

const FROM: &str = "FROM image i JOIN stored_object o ON o.object_key = i.object_key";

fn unknown(what: &str) -> DbErr {
    DbErr::Type(format!("a stored {what} is not one we know"))
}

fn image_of(row: &QueryResult) -> Result<Image, DbErr> {
    let kind: String = row.try_get("", "kind")?;
    let visibility: String = row.try_get("", "visibility")?;
    Ok(Image {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        ai_task_id: row.try_get("", "ai_task_id")?,
        kind: ImageKind::parse(&kind).ok_or_else(|| unknown("kind of image"))?,
        prompt: row.try_get("", "prompt")?,
        ai_model_id: row.try_get("", "ai_model_id")?,
        model_name: row.try_get("", "model_name")?,
        provider: row.try_get("", "provider")?,
        seed: row.try_get("", "seed")?,
        width: row.try_get("", "width")?,
        height: row.try_get("", "height")?,
        shown_key: row.try_get("", "shown_key")?,
        shown_store: row.try_get("", "shown_store")?,
        content_type: row.try_get("", "content_type")?,
        bytes: row.try_get("", "bytes")?,
        created_at: row.try_get("", "created_at")?,
        visibility: Visibility::parse(&visibility).ok_or_else(|| unknown("visibility"))?,
        is_hidden: row.try_get("", "is_hidden")?,
        original_id: row.try_get("", "original_id")?,
        watermark: row.try_get("", "watermark")?,
        placeholder: row.try_get("", "placeholder")?,
        alt_text: row.try_get("", "alt_text")?,
        event_type: row.try_get("", "event_type")?,
        style: row.try_get("", "style")?,
        ratio: row.try_get("", "ratio")?,
        quality: row.try_get("", "quality")?,
    })
}

/// An account's images, newest first.
pub async fn list_images(
    connection: &impl ConnectionTrait,
    account: Uuid,
    filter: &ImageFilter,
    args: &PageArgs<Uuid>,
) -> Result<Page<Image>, DbErr> {
    let mut values: Vec<Value> = vec![account.into()];
    let mut clauses = String::from("i.account_id = $1 AND i.deleted_at IS NULL AND i.state = 'GENERATED'");
    let filters = [
        ("i.kind", filter.kind.map(|kind| kind.as_str().to_owned())),
        ("i.visibility", filter.visibility.map(|visibility| visibility.as_str().to_owned())),
        ("lower(i.style)", filter.style.as_ref().map(|style| style.trim().to_lowercase())),
        ("i.event_type", filter.event_type.clone()),
    ];
    for (column, wanted) in filters {
        if let Some(wanted) = wanted {
            values.push(wanted.into());
            clauses.push_str(&format!(" AND {column} = ${}", values.len()));
        }
    }
    let total = if args.with_total {
        let sql = format!("SELECT COUNT(*) AS n FROM image i WHERE {clauses}");
        let row = connection.query_one_raw(statement(connection, sql, values.clone())).await?;
        Some(row.map_or(Ok(0), |row| row.try_get("", "n"))?)
    } else {
        None
    };
    for (key, operator) in [(args.after, "<"), (args.before, ">")] {
        if let Some(key) = key {
            values.push(key.into());
            clauses.push_str(&format!(" AND i.id {operator} ${}", values.len()));
        }
    }
    values.push(args.fetch().into());
    let order = if args.from_end { "ASC" } else { "DESC" };
    let sql = format!("SELECT {COLUMNS} {SHOWN} WHERE {clauses} ORDER BY i.id {order} LIMIT ${}", values.len());
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let images = rows.iter().map(image_of).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_rows(images, args, total))
}

async fn load_where(connection: &impl ConnectionTrait, column: &str, ids: &[Uuid]) -> Result<Vec<Image>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT {COLUMNS} {SHOWN} WHERE {column} IN ({}) AND i.deleted_at IS NULL", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(image_of).collect()
}

/// Images by id, of any account: the caller compares the account.
pub async fn load_images(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, Image>, DbErr> {
    Ok(load_where(connection, "i.id", ids).await?.into_iter().map(|image| (image.id, image)).collect())
}

/// Enlargements by the id of their original; the caller has authorised by holding that one.
pub async fn load_enlargements(
    connection: &impl ConnectionTrait,
    originals: &[Uuid],
) -> Result<HashMap<Uuid, Image>, DbErr> {
    let found = load_where(connection, "i.original_id", originals).await?;
    Ok(found.into_iter().filter_map(|image| Some((image.original_id?, image))).collect())
}

/// The stored variants of images, by image; the caller has authorised by holding those.
pub async fn load_variants(
    connection: &impl ConnectionTrait,
    images: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Variant>>, DbErr> {
    if images.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT v.image_id, v.variant, v.width, v.height, v.failure, o.object_key, o.store, o.content_type, o.bytes \
         FROM image_variant v LEFT JOIN stored_object o ON o.object_key = v.object_key WHERE v.image_id IN ({})",
        places(1, images.len())
    );
    let rows = connection.query_all_raw(statement(connection, sql, images.iter().map(|id| (*id).into()))).await?;
    let mut found: HashMap<Uuid, Vec<Variant>> = HashMap::new();
    for row in &rows {
        found.entry(row.try_get("", "image_id")?).or_default().push(variant_of(row)?);
    }
    Ok(found)
}

fn variant_of(row: &QueryResult) -> Result<Variant, DbErr> {
    let kind: String = row.try_get("", "variant")?;
    let failure: Option<String> = row.try_get("", "failure")?;
    let made = match failure {
        Some(failure) => Err(VariantFailure::parse(&failure).ok_or_else(|| unknown("failure of a variant"))?),
        None => Ok(VariantObject {
            object_key: row.try_get("", "object_key")?,
            store: row.try_get("", "store")?,
            content_type: row.try_get("", "content_type")?,
            bytes: row.try_get("", "bytes")?,
            width: row.try_get("", "width")?,
            height: row.try_get("", "height")?,
        }),
    };
    Ok(Variant { kind: VariantKind::parse(&kind).ok_or_else(|| unknown("variant"))?, made })
}

/// The media type of a stored object and the store it lies in.
pub async fn find_stored_as(
    connection: &impl ConnectionTrait,
    object_key: &str,
) -> Result<Option<(String, String)>, DbErr> {
    let sql = "SELECT content_type, store FROM stored_object WHERE object_key = $1";
    let row = connection.query_one_raw(statement(connection, sql, [object_key.into()])).await?;
    row.map(|row| Ok((row.try_get("", "content_type")?, row.try_get("", "store")?))).transpose()
}
