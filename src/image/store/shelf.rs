//! What AI work asks of images.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{FROM, places};
use crate::{
    ai::{
        model::{AspectRatio, Quality},
        shelf::{Enlargeable, ImageAbout},
    },
    db::statement,
};

/// Those of `ids` that are images of `account`, whole, and not enlargements themselves, with their enlargements.
pub async fn list_enlargeable(
    connection: &impl ConnectionTrait,
    account: Uuid,
    ids: &[Uuid],
) -> Result<Vec<Enlargeable>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut values: Vec<Value> = vec![account.into()];
    values.extend(ids.iter().map(|id| Value::from(*id)));
    let sql = format!(
        "SELECT i.id, i.prompt, i.width, i.height, o.content_type, i.event_type, i.style, i.ratio, i.quality, \
         i.watermark IS NOT NULL AS is_marked, e.id AS enlarged {FROM} LEFT JOIN image e ON e.original_id = i.id AND e.deleted_at IS NULL \
         WHERE i.account_id = $1 AND i.id IN ({}) AND i.state = 'GENERATED' AND i.original_id IS NULL \
         AND i.deleted_at IS NULL",
        places(2, ids.len())
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(enlargeable_of).collect()
}

fn enlargeable_of(row: &QueryResult) -> Result<Enlargeable, DbErr> {
    let word = |column: &str| row.try_get::<Option<String>>("", column);
    Ok(Enlargeable {
        id: row.try_get("", "id")?,
        prompt: row.try_get("", "prompt")?,
        width: row.try_get("", "width")?,
        height: row.try_get("", "height")?,
        content_type: row.try_get("", "content_type")?,
        is_marked: row.try_get("", "is_marked")?,
        enlarged: row.try_get("", "enlarged")?,
        about: ImageAbout {
            event_type: word("event_type")?,
            style: word("style")?,
            // Images of earlier releases have neither; those were square and of standard quality.
            ratio: word("ratio")?.and_then(|ratio| AspectRatio::parse(&ratio)).unwrap_or_default(),
            quality: word("quality")?.and_then(|quality| Quality::parse(&quality)).unwrap_or_default(),
        },
    })
}

/// The clean original of an image.
pub struct Original {
    /// Where it is; never signed when the image is marked.
    pub object_key: String,
    /// The store it is in.
    pub store: String,
    /// Its media type.
    pub content_type: String,
    /// What the image is marked with.
    pub watermark: Option<String>,
}

/// The clean original of an image of `account`.
pub async fn find_original(
    connection: &impl ConnectionTrait,
    account: Uuid,
    image: Uuid,
) -> Result<Option<Original>, DbErr> {
    let sql = format!(
        "SELECT i.object_key, o.store, o.content_type, i.watermark {FROM} \
         WHERE i.account_id = $1 AND i.id = $2 AND i.deleted_at IS NULL"
    );
    let row = connection.query_one_raw(statement(connection, sql, [account.into(), image.into()])).await?;
    row.map(|row| {
        Ok(Original {
            object_key: row.try_get("", "object_key")?,
            store: row.try_get("", "store")?,
            content_type: row.try_get("", "content_type")?,
            watermark: row.try_get("", "watermark")?,
        })
    })
    .transpose()
}

/// What the account's new images are marked with.
pub async fn find_watermark(connection: &impl ConnectionTrait, account: Uuid) -> Result<Option<String>, DbErr> {
    let sql = "SELECT watermark_text FROM account WHERE id = $1 AND is_watermarked = $2";
    let row = connection.query_one_raw(statement(connection, sql, [account.into(), true.into()])).await?;
    Ok(row.map(|row| row.try_get::<Option<String>>("", "watermark_text")).transpose()?.flatten())
}
