//! The table of content tasks. Every finder takes the account, except the loaders, whose caller compares it, and the lists,
//! whose caller holds what they belong to. New rows and changes of state are effects.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

use super::model::{ContentTask, ContentTaskFilter};
use crate::{
    content::model::ContentTaskState,
    db::{engine_of, list::List, places, statement},
    idea::plan_of,
    keyword::model::text_key,
    page::{Page, PageArgs},
};

const COLUMNS: &str = "id, account_id, site_id, sector_id, idea_id, cluster_id, title, outline, keywords, content_type, \
                       target_words, priority, tries, state, created_at, updated_at";

fn task_of(row: &QueryResult) -> Result<ContentTask, DbErr> {
    let state: String = row.try_get("", "state")?;
    let unknown = || DbErr::Type("a stored state of a content task is not one we know".to_owned());
    Ok(ContentTask {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        site_id: row.try_get("", "site_id")?,
        sector_id: row.try_get("", "sector_id")?,
        idea_id: row.try_get("", "idea_id")?,
        cluster_id: row.try_get("", "cluster_id")?,
        plan: plan_of(row, "keywords")?,
        priority: row.try_get("", "priority")?,
        tries: row.try_get("", "tries")?,
        state: ContentTaskState::parse(&state).ok_or_else(unknown)?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

/// A site's content tasks, newest first; the caller has authorised by holding the site.
pub async fn list_tasks(
    connection: &impl ConnectionTrait,
    site: Uuid,
    filter: &ContentTaskFilter,
    args: &PageArgs<Uuid>,
) -> Result<Page<ContentTask>, DbErr> {
    List::of(COLUMNS, "content_task", "id", "site_id", site)
        .only("state", filter.state.map(ContentTaskState::as_str))
        .only("sector_id", filter.sector.flatten())
        .such_that((filter.sector == Some(None)).then_some("sector_id IS NULL"))
        .only("cluster_id", filter.cluster)
        .holding("title_key", filter.search.as_deref().map(text_key).as_deref())
        .page(connection, args, task_of)
        .await
}

async fn tasks_by(
    connection: &impl ConnectionTrait,
    column: &'static str,
    ids: &[Uuid],
) -> Result<Vec<ContentTask>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM content_task WHERE {column} IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(task_of).collect()
}

/// Content tasks by id, of any account: the caller compares the account.
pub async fn load_tasks(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, ContentTask>, DbErr> {
    Ok(tasks_by(connection, "id", ids).await?.into_iter().map(|task| (task.id, task)).collect())
}

/// The content tasks that were made of ideas, by idea; the caller holds the ideas.
pub async fn load_tasks_of(
    connection: &impl ConnectionTrait,
    ideas: &[Uuid],
) -> Result<HashMap<Uuid, ContentTask>, DbErr> {
    let found = tasks_by(connection, "idea_id", ideas).await?;
    Ok(found.into_iter().filter_map(|task| task.idea_id.map(|idea| (idea, task))).collect())
}

/// Locks a content task of the account until the transaction ends.
pub async fn lock_task(tx: &impl ConnectionTrait, account: Uuid, task: Uuid) -> Result<Option<ContentTask>, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT {COLUMNS} FROM content_task WHERE id = $1 AND account_id = $2{lock}");
    let row = tx.query_one_raw(statement(tx, sql, [task.into(), account.into()])).await?;
    row.as_ref().map(task_of).transpose()
}
