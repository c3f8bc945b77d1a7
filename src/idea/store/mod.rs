//! The table of ideas. Every finder takes the account, except the loaders, whose caller compares it, and the lists, whose
//! caller holds what they belong to.

pub mod effect;

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::model::{Idea, IdeaFilter, IdeaState, Plan};
use crate::{
    clock::Micros,
    db::{engine_of, list::List, places, statement},
    keyword::model::{ContentType, text_key},
    page::{Page, PageArgs},
};

const COLUMNS: &str = "id, account_id, site_id, sector_id, cluster_id, title, outline, target_keywords, content_type, \
                       target_words, state, created_at, updated_at";

/// A word of a closed set that the schema's checks should have kept.
fn unknown(what: &str) -> DbErr {
    DbErr::Type(format!("a stored {what} is not one we know"))
}

/// What is to be written, of a row that names its keywords `keywords`.
pub fn plan_of(row: &QueryResult, keywords: &str) -> Result<Plan, DbErr> {
    let (kind, list): (String, String) = (row.try_get("", "content_type")?, row.try_get("", keywords)?);
    Ok(Plan {
        title: row.try_get("", "title")?,
        outline: row.try_get("", "outline")?,
        keywords: serde_json::from_str(&list).map_err(|_| unknown("list of keywords"))?,
        content_type: ContentType::parse(&kind).ok_or_else(|| unknown("type of content"))?,
        target_words: row.try_get("", "target_words")?,
    })
}

/// Keywords as they are stored.
pub fn keyword_list(keywords: &[String]) -> String {
    serde_json::Value::from(keywords.to_vec()).to_string()
}

fn idea_of(row: &QueryResult) -> Result<Idea, DbErr> {
    let state: String = row.try_get("", "state")?;
    Ok(Idea {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        site_id: row.try_get("", "site_id")?,
        sector_id: row.try_get("", "sector_id")?,
        cluster_id: row.try_get("", "cluster_id")?,
        plan: plan_of(row, "target_keywords")?,
        state: IdeaState::parse(&state).ok_or_else(|| unknown("state of an idea"))?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

/// A site's ideas, newest first; the caller has authorised by holding the site.
pub async fn list_ideas(
    connection: &impl ConnectionTrait,
    site: Uuid,
    filter: &IdeaFilter,
    args: &PageArgs<Uuid>,
) -> Result<Page<Idea>, DbErr> {
    List::of(COLUMNS, "idea", "id", "site_id", site)
        .only("state", filter.state.map(IdeaState::as_str))
        .only("sector_id", filter.sector.flatten())
        .such_that((filter.sector == Some(None)).then_some("sector_id IS NULL"))
        .only("cluster_id", filter.cluster)
        .holding("title_key", filter.search.as_deref().map(text_key).as_deref())
        .page(connection, args, idea_of)
        .await
}

/// Ideas by id, of any account: the caller compares the account.
pub async fn load_ideas(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, Idea>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM idea WHERE id IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| idea_of(row).map(|idea| (idea.id, idea))).collect()
}

/// Locks those of `ids` that are ideas of the account, in order of their ids.
pub async fn lock_ideas(tx: &impl ConnectionTrait, account: Uuid, ids: &[Uuid]) -> Result<Vec<Idea>, DbErr> {
    let lock = engine_of(tx).for_update();
    let list = places(2, ids.len());
    let sql = format!("SELECT {COLUMNS} FROM idea WHERE account_id = $1 AND id IN ({list}) ORDER BY id{lock}");
    let values = std::iter::once(account.into()).chain(ids.iter().map(|id| (*id).into()));
    let rows = tx.query_all_raw(statement(tx, sql, values)).await?;
    rows.iter().map(idea_of).collect()
}

/// The titles of a cluster's ideas, rejected ones too: the newest, at most `limit`.
pub async fn newest_titles(connection: &impl ConnectionTrait, cluster: Uuid, limit: u32) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT title FROM idea WHERE cluster_id = $1 ORDER BY id DESC LIMIT $2";
    let rows = connection.query_all_raw(statement(connection, sql, [cluster.into(), i64::from(limit).into()])).await?;
    rows.iter().map(|row| row.try_get("", "title")).collect()
}

/// The titles of a cluster's ideas, rejected ones too, that have one of these keys.
pub async fn titles_of(
    connection: &impl ConnectionTrait,
    cluster: Uuid,
    keys: &[String],
) -> Result<Vec<String>, DbErr> {
    let list = places(2, keys.len());
    let sql = format!("SELECT title FROM idea WHERE cluster_id = $1 AND title_key IN ({list})");
    let values = std::iter::once(cluster.into()).chain(keys.iter().map(|key| key.clone().into()));
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| row.try_get("", "title")).collect()
}

/// Writes what is to be written of an idea that the caller has locked.
pub async fn update_plan(tx: &impl ConnectionTrait, idea: &Idea, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE idea SET title = $1, title_key = $2, outline = $3, target_keywords = $4, content_type = $5, \
               target_words = $6, updated_at = $7 WHERE id = $8";
    let plan = &idea.plan;
    let values: [Value; 8] = [
        plan.title.clone().into(),
        text_key(&plan.title).into(),
        plan.outline.clone().into(),
        keyword_list(&plan.keywords).into(),
        plan.content_type.as_str().into(),
        plan.target_words.into(),
        now.into(),
        idea.id.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}
