//! What belongs to content: its places for images and the versions of its text.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::unknown;
use crate::{
    content::model::{ContentImage, ContentImageKind, ContentImageState, Revision, RevisionCause},
    db::{places, statement},
    page::{Page, PageArgs},
};

const IMAGE: &str = "id, account_id, content_id, kind, position, prompt, alt_text, state, image_id, error_code, created_at, \
                     updated_at";
const REVISION: &str = "content_id, version, cause, title, excerpt, meta_title, meta_description, words, author_id, \
                        ai_task_id, created_at";

fn image_of(row: &QueryResult) -> Result<ContentImage, DbErr> {
    let (kind, state): (String, String) = (row.try_get("", "kind")?, row.try_get("", "state")?);
    Ok(ContentImage {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        content_id: row.try_get("", "content_id")?,
        kind: ContentImageKind::parse(&kind).ok_or_else(|| unknown("kind of an image"))?,
        position: row.try_get("", "position")?,
        prompt: row.try_get("", "prompt")?,
        alt_text: row.try_get("", "alt_text")?,
        state: ContentImageState::parse(&state).ok_or_else(|| unknown("state of an image"))?,
        image_id: row.try_get("", "image_id")?,
        error_code: row.try_get("", "error_code")?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

fn revision_of(row: &QueryResult) -> Result<Revision, DbErr> {
    let cause: String = row.try_get("", "cause")?;
    Ok(Revision {
        content_id: row.try_get("", "content_id")?,
        version: row.try_get("", "version")?,
        cause: RevisionCause::parse(&cause).ok_or_else(|| unknown("cause of a version"))?,
        title: row.try_get("", "title")?,
        excerpt: row.try_get("", "excerpt")?,
        meta_title: row.try_get("", "meta_title")?,
        meta_description: row.try_get("", "meta_description")?,
        words: row.try_get("", "words")?,
        author_id: row.try_get("", "author_id")?,
        ai_task_id: row.try_get("", "ai_task_id")?,
        created_at: row.try_get("", "created_at")?,
    })
}

/// The places for images of content that the caller holds: the featured one first, then those inside it by position.
pub async fn load_images_of(
    connection: &impl ConnectionTrait,
    contents: &[Uuid],
) -> Result<HashMap<Uuid, Vec<ContentImage>>, DbErr> {
    let list = places(1, contents.len());
    let sql = format!("SELECT {IMAGE} FROM content_image WHERE content_id IN ({list}) ORDER BY kind, position");
    let rows = connection.query_all_raw(statement(connection, sql, contents.iter().map(|id| (*id).into()))).await?;
    let mut found: HashMap<Uuid, Vec<ContentImage>> = HashMap::new();
    for row in &rows {
        let image = image_of(row)?;
        found.entry(image.content_id).or_default().push(image);
    }
    Ok(found)
}

/// Places for images by id, of any account: the caller compares the account.
pub async fn load_images(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, ContentImage>, DbErr> {
    let sql = format!("SELECT {IMAGE} FROM content_image WHERE id IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| image_of(row).map(|image| (image.id, image))).collect()
}

/// The versions of a text, the newest first; the caller has authorised by holding the content.
pub async fn list_revisions(
    connection: &impl ConnectionTrait,
    content: Uuid,
    args: &PageArgs<i64>,
) -> Result<Page<Revision>, DbErr> {
    let mut values: Vec<Value> = vec![content.into()];
    let total = if args.with_total {
        let sql = "SELECT COUNT(*) AS n FROM content_revision WHERE content_id = $1";
        let row = connection.query_one_raw(statement(connection, sql, values.clone())).await?;
        Some(row.map_or(Ok(0), |row| row.try_get("", "n"))?)
    } else {
        None
    };
    let mut sql = format!("SELECT {REVISION} FROM content_revision WHERE content_id = $1");
    for (bound, operator) in [(args.after, "<"), (args.before, ">")] {
        if let Some(bound) = bound {
            values.push(bound.into());
            sql.push_str(&format!(" AND version {operator} ${}", values.len()));
        }
    }
    values.push(args.fetch().into());
    let order = if args.from_end { "ASC" } else { "DESC" };
    sql.push_str(&format!(" ORDER BY version {order} LIMIT ${}", values.len()));
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let rows = rows.iter().map(revision_of).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_rows(rows, args, total))
}

/// One version of a text; the caller has authorised by holding the content.
pub async fn find_revision(
    connection: &impl ConnectionTrait,
    content: Uuid,
    version: i32,
) -> Result<Option<Revision>, DbErr> {
    let sql = format!("SELECT {REVISION} FROM content_revision WHERE content_id = $1 AND version = $2");
    let row = connection.query_one_raw(statement(connection, sql, [content.into(), version.into()])).await?;
    row.as_ref().map(revision_of).transpose()
}

/// The texts of versions, by content and version; the caller holds the content.
pub async fn load_revision_texts(
    connection: &impl ConnectionTrait,
    keys: &[(Uuid, i32)],
) -> Result<HashMap<(Uuid, i32), String>, DbErr> {
    let pairs: Vec<String> =
        (0..keys.len()).map(|at| format!("(content_id = ${} AND version = ${})", 2 * at + 1, 2 * at + 2)).collect();
    let sql = format!("SELECT content_id, version, html FROM content_revision WHERE {}", pairs.join(" OR "));
    let values = keys.iter().flat_map(|(content, version)| [Value::from(*content), Value::from(*version)]);
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let text = |row: &QueryResult| {
        Ok(((row.try_get("", "content_id")?, row.try_get("", "version")?), row.try_get("", "html")?))
    };
    rows.iter().map(text).collect()
}
