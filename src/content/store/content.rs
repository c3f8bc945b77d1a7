//! Reading content.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

use super::unknown;
use crate::{
    content::model::{
        Approval, ApprovalBlock, ApprovedSource, Content, ContentFilter, ContentState, Face, ScheduleBlock, Slot,
        SlotSource,
    },
    db::{engine_of, list::List, places, statement},
    keyword::model::{ContentType, text_key},
    page::{Page, PageArgs},
};

pub(super) const COLUMNS: &str = "id, account_id, site_id, sector_id, content_task_id, cluster_id, content_type, title, slug, \
    excerpt, meta_title, meta_description, keywords, categories, tags, words, score, version, is_sandbox, prompts_made_at, \
    image_seq, state, review_note, approved_at, approved_by, approved_source, approval_blocked_by, slot_at, slot_source, \
    schedule_blocked_by, published_at, created_at, updated_at";

fn word<T>(
    row: &QueryResult,
    column: &str,
    parse: impl Fn(&str) -> Option<T>,
    what: &'static str,
) -> Result<Option<T>, DbErr> {
    let text: Option<String> = row.try_get("", column)?;
    text.map(|text| parse(&text).ok_or_else(|| unknown(what))).transpose()
}

fn texts(row: &QueryResult, column: &str) -> Result<Vec<String>, DbErr> {
    let json: String = row.try_get("", column)?;
    serde_json::from_str(&json).map_err(|_| unknown("list of texts"))
}

fn face_of(row: &QueryResult) -> Result<Face, DbErr> {
    Ok(Face {
        title: row.try_get("", "title")?,
        slug: row.try_get("", "slug")?,
        excerpt: row.try_get("", "excerpt")?,
        meta_title: row.try_get("", "meta_title")?,
        meta_description: row.try_get("", "meta_description")?,
        keywords: texts(row, "keywords")?,
        categories: texts(row, "categories")?,
        tags: texts(row, "tags")?,
    })
}

/// A row of [`COLUMNS`].
pub(super) fn content_of(row: &QueryResult) -> Result<Content, DbErr> {
    let source = word(row, "approved_source", ApprovedSource::parse, "source of an approval")?;
    let by: Option<Uuid> = row.try_get("", "approved_by")?;
    let approved_at: Option<i64> = row.try_get("", "approved_at")?;
    let slot_source = word(row, "slot_source", SlotSource::parse, "source of a slot")?;
    let slot_at: Option<i64> = row.try_get("", "slot_at")?;
    Ok(Content {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        site_id: row.try_get("", "site_id")?,
        sector_id: row.try_get("", "sector_id")?,
        content_task_id: row.try_get("", "content_task_id")?,
        cluster_id: row.try_get("", "cluster_id")?,
        content_type: word(row, "content_type", ContentType::parse, "type of content")?
            .ok_or_else(|| unknown("type of content"))?,
        face: face_of(row)?,
        words: row.try_get("", "words")?,
        score: row.try_get("", "score")?,
        version: row.try_get("", "version")?,
        is_sandbox: row.try_get("", "is_sandbox")?,
        prompts_made_at: row.try_get("", "prompts_made_at")?,
        image_seq: row.try_get("", "image_seq")?,
        state: word(row, "state", ContentState::parse, "state of content")?
            .ok_or_else(|| unknown("state of content"))?,
        review_note: row.try_get("", "review_note")?,
        approval: approved_at.zip(source).map(|(at, source)| Approval { at, by, source }),
        approval_blocked_by: word(row, "approval_blocked_by", ApprovalBlock::parse, "reason")?,
        slot: slot_at.zip(slot_source).map(|(at, source)| Slot { at, source }),
        schedule_blocked_by: word(row, "schedule_blocked_by", ScheduleBlock::parse, "reason")?,
        published_at: row.try_get("", "published_at")?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

/// A site's content, newest first; the caller has authorised by holding the site.
pub async fn list_contents(
    connection: &impl ConnectionTrait,
    site: Uuid,
    filter: &ContentFilter,
    args: &PageArgs<Uuid>,
) -> Result<Page<Content>, DbErr> {
    let mut list = List::of(COLUMNS, "content", "id", "site_id", site)
        .only("state", filter.state.map(ContentState::as_str))
        .only("cluster_id", filter.cluster)
        .only("content_type", filter.content_type.map(ContentType::as_str))
        .holding("title_key", filter.search.as_deref().map(text_key).as_deref());
    list = match filter.sector {
        Some(Some(sector)) => list.only("sector_id", Some(sector)),
        Some(None) => list.such_that(Some("sector_id IS NULL")),
        None => list,
    };
    list.page(connection, args, content_of).await
}

/// Content by id, of any account: the caller compares the account.
pub async fn load_contents(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, Content>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM content WHERE id IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| content_of(row).map(|content| (content.id, content))).collect()
}

/// Content by the content task it was written for, of any account: the caller compares the account.
pub async fn load_contents_of_tasks(
    connection: &impl ConnectionTrait,
    tasks: &[Uuid],
) -> Result<HashMap<Uuid, Content>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM content WHERE content_task_id IN ({})", places(1, tasks.len()));
    let rows = connection.query_all_raw(statement(connection, sql, tasks.iter().map(|id| (*id).into()))).await?;
    let found = rows.iter().map(content_of).collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().filter_map(|content| Some((content.content_task_id?, content))).collect())
}

/// The texts of content that the caller holds.
pub async fn load_texts(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, DbErr> {
    let sql = format!("SELECT id, html FROM content WHERE id IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "html")?))).collect()
}

/// Content, of any account, as it is now: for what the server does by itself.
pub async fn find_content(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<Content>, DbErr> {
    Ok(load_contents(connection, &[id]).await?.remove(&id))
}

/// Whose content it is, and of which site, so that the site can be locked before it.
pub async fn find_place(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<(Uuid, Uuid)>, DbErr> {
    let sql = "SELECT account_id, site_id FROM content WHERE id = $1";
    let row = tx.query_one_raw(statement(tx, sql, [id.into()])).await?;
    row.map(|row| Ok((row.try_get("", "account_id")?, row.try_get("", "site_id")?))).transpose()
}

/// Locks content of the account until the transaction ends.
pub async fn lock_content(tx: &impl ConnectionTrait, account: Uuid, id: Uuid) -> Result<Option<Content>, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT {COLUMNS} FROM content WHERE id = $1 AND account_id = $2{lock}");
    let row = tx.query_one_raw(statement(tx, sql, [id.into(), account.into()])).await?;
    row.as_ref().map(content_of).transpose()
}

/// The slugs of a site that are `base` or begin with it and a hyphen. The caller holds the site.
pub async fn taken_slugs(
    connection: &impl ConnectionTrait,
    site: Uuid,
    base: &str,
) -> Result<std::collections::HashSet<String>, DbErr> {
    // Those that a number makes are shortened where they would be too long.
    let stem = base.get(..base.len().min(60)).unwrap_or(base);
    let sql = "SELECT slug FROM content WHERE site_id = $1 AND slug LIKE $2";
    let values: [sea_orm::Value; 2] = [site.into(), format!("{stem}%").into()];
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| row.try_get("", "slug")).collect()
}
