//! The tables of images. Every finder takes the account, except the loader, whose caller compares it.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{Image, ImageKind};
use crate::{
    ai::shelf::{ImageRecord, KeptImage},
    db::{effect::Effect, statement},
    page::{Page, PageArgs},
};

/// The image's two rows, to be written with the settlement.
pub fn insert_effects(kept: &KeptImage, record: &ImageRecord, store: &'static str) -> Vec<Effect> {
    vec![
        Effect::Insert {
            table: "stored_object",
            cells: vec![
                ("object_key", kept.object_key.clone().into()),
                ("account_id", record.account_id.into()),
                ("store", store.into()),
                ("content_type", kept.content_type.into()),
                ("bytes", kept.bytes.into()),
                ("sha256", kept.sha256.to_vec().into()),
                ("created_at", record.now.into()),
            ],
            if_absent: false,
        },
        Effect::Insert {
            table: "image",
            cells: vec![
                ("id", kept.id.into()),
                ("account_id", record.account_id.into()),
                ("ai_task_id", record.ai_task_id.into()),
                ("kind", ImageKind::Standalone.as_str().into()),
                ("prompt", record.prompt.clone().into()),
                ("ai_model_id", record.ai_model_id.into()),
                ("model_name", record.model_name.clone().into()),
                ("provider", record.provider.clone().into()),
                ("seed", record.seed.into()),
                ("width", kept.width.into()),
                ("height", kept.height.into()),
                ("object_key", kept.object_key.clone().into()),
                ("state", "GENERATED".into()),
                ("created_at", record.now.into()),
                ("updated_at", record.now.into()),
            ],
            if_absent: false,
        },
    ]
}

const COLUMNS: &str = "i.id, i.account_id, i.ai_task_id, i.kind, i.prompt, i.ai_model_id, i.model_name, i.provider, \
                       i.seed, i.width, i.height, i.object_key, i.created_at, o.content_type, o.bytes";

const FROM: &str = "FROM image i JOIN stored_object o ON o.object_key = i.object_key";

fn image_of(row: &QueryResult) -> Result<Image, DbErr> {
    let kind: String = row.try_get("", "kind")?;
    Ok(Image {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        ai_task_id: row.try_get("", "ai_task_id")?,
        kind: ImageKind::parse(&kind)
            .ok_or_else(|| DbErr::Type("a stored kind of image is not one we know".to_owned()))?,
        prompt: row.try_get("", "prompt")?,
        ai_model_id: row.try_get("", "ai_model_id")?,
        model_name: row.try_get("", "model_name")?,
        provider: row.try_get("", "provider")?,
        seed: row.try_get("", "seed")?,
        width: row.try_get("", "width")?,
        height: row.try_get("", "height")?,
        object_key: row.try_get("", "object_key")?,
        content_type: row.try_get("", "content_type")?,
        bytes: row.try_get("", "bytes")?,
        created_at: row.try_get("", "created_at")?,
    })
}

/// An account's images, newest first.
pub async fn list_images(
    connection: &impl ConnectionTrait,
    account: Uuid,
    args: &PageArgs<Uuid>,
) -> Result<Page<Image>, DbErr> {
    let mut values: Vec<Value> = vec![account.into()];
    let mut clauses = String::new();
    for (key, operator) in [(args.after, "<"), (args.before, ">")] {
        if let Some(key) = key {
            values.push(key.into());
            clauses.push_str(&format!(" AND i.id {operator} ${}", values.len()));
        }
    }
    values.push(args.fetch().into());
    let order = if args.from_end { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {COLUMNS} {FROM} WHERE i.account_id = $1{clauses} ORDER BY i.id {order} LIMIT ${}",
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let images = rows.iter().map(image_of).collect::<Result<Vec<_>, _>>()?;
    let total = if args.with_total {
        let sql = "SELECT COUNT(*) AS n FROM image WHERE account_id = $1";
        let row = connection.query_one_raw(statement(connection, sql, [account.into()])).await?;
        Some(row.map_or(Ok(0), |row| row.try_get("", "n"))?)
    } else {
        None
    };
    Ok(Page::from_rows(images, args, total))
}

/// Images by id, of any account: the caller compares the account.
pub async fn load_images(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, Image>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = (1..=ids.len()).map(|at| format!("${at}")).collect();
    let sql = format!("SELECT {COLUMNS} {FROM} WHERE i.id IN ({})", places.join(", "));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter()
        .map(|row| {
            let image = image_of(row)?;
            Ok((image.id, image))
        })
        .collect()
}

/// The media type of a stored object.
pub async fn find_content_type(connection: &impl ConnectionTrait, object_key: &str) -> Result<Option<String>, DbErr> {
    let sql = "SELECT content_type FROM stored_object WHERE object_key = $1";
    let row = connection.query_one_raw(statement(connection, sql, [object_key.into()])).await?;
    row.map(|row| row.try_get("", "content_type")).transpose()
}
