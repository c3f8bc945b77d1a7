//! Keywords.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::unknown;
use crate::{
    clock::Micros,
    db::{engine_of, list::List, places, statement},
    keyword::model::{
        Country, Cpc, Difficulty, Intent, Keyword, KeywordFacts, KeywordFilter, KeywordState, KeywordText, Volume,
        text_key,
    },
    page::{Page, PageArgs},
};

pub(super) const COLUMNS: &str = "id, account_id, site_id, sector_id, text, country, volume, cpc_nanousd, difficulty, intent, state, \
                       cluster_id, created_at, updated_at";

pub(super) fn keyword_of(row: &QueryResult) -> Result<Keyword, DbErr> {
    let state: String = row.try_get("", "state")?;
    let country: String = row.try_get("", "country")?;
    let intent: Option<String> = row.try_get("", "intent")?;
    let volume: Option<i64> = row.try_get("", "volume")?;
    let cpc: Option<i64> = row.try_get("", "cpc_nanousd")?;
    let difficulty: Option<i32> = row.try_get("", "difficulty")?;
    let intent = intent.map(|word| Intent::parse(&word).ok_or_else(|| unknown("intent"))).transpose()?;
    let broken = |_| unknown("fact of a keyword");
    Ok(Keyword {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        site_id: row.try_get("", "site_id")?,
        sector_id: row.try_get("", "sector_id")?,
        text: row.try_get("", "text")?,
        facts: KeywordFacts {
            country: Country::parse(&country).map_err(broken)?,
            volume: volume.map(Volume::new).transpose().map_err(broken)?,
            cpc: cpc.map(Cpc::new).transpose().map_err(broken)?,
            difficulty: difficulty.map(Difficulty::new).transpose().map_err(broken)?,
            intent,
        },
        state: KeywordState::parse(&state).ok_or_else(|| unknown("state of a keyword"))?,
        cluster_id: row.try_get("", "cluster_id")?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

/// A site's keywords, newest first; the caller has authorised by holding the site.
pub async fn list_keywords(
    connection: &impl ConnectionTrait,
    site: Uuid,
    filter: &KeywordFilter,
    args: &PageArgs<Uuid>,
) -> Result<Page<Keyword>, DbErr> {
    List::of(COLUMNS, "keyword", "id", "site_id", site)
        .only("state", filter.state.map(KeywordState::as_str))
        // Without a sector, the site itself is the bucket.
        .only("bucket_id", filter.sector.map(|sector| sector.unwrap_or(site)))
        .only("cluster_id", filter.cluster)
        .holding("text_key", filter.search.as_deref().map(text_key).as_deref())
        .page(connection, args, keyword_of)
        .await
}

/// Keywords by id, of any account: the caller compares the account.
pub async fn load_keywords(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, Keyword>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM keyword WHERE id IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| keyword_of(row).map(|keyword| (keyword.id, keyword))).collect()
}

/// Locks those of `ids` (at most 500) that are keywords of the account, in order of their ids.
pub async fn lock_keywords(tx: &impl ConnectionTrait, account: Uuid, ids: &[Uuid]) -> Result<Vec<Keyword>, DbErr> {
    let lock = engine_of(tx).for_update();
    let list = places(2, ids.len());
    let sql = format!("SELECT {COLUMNS} FROM keyword WHERE account_id = $1 AND id IN ({list}) ORDER BY id{lock}");
    let values = std::iter::once(account.into()).chain(ids.iter().map(|id| (*id).into()));
    let rows = tx.query_all_raw(statement(tx, sql, values)).await?;
    rows.iter().map(keyword_of).collect()
}

/// Locks the keywords of a cluster, in order of their ids.
pub async fn lock_keywords_of(tx: &impl ConnectionTrait, cluster: Uuid) -> Result<Vec<Keyword>, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT {COLUMNS} FROM keyword WHERE cluster_id = $1 ORDER BY id{lock}");
    let rows = tx.query_all_raw(statement(tx, sql, [cluster.into()])).await?;
    rows.iter().map(keyword_of).collect()
}

/// How many keywords a site has.
pub async fn count_keywords(connection: &impl ConnectionTrait, site: Uuid) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM keyword WHERE site_id = $1";
    let row = connection.query_one_raw(statement(connection, sql, [site.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// Adds a new keyword. `false`: its sector, or the site outside sectors, has it already, and nothing was written.
pub async fn insert_keyword(tx: &impl ConnectionTrait, keyword: &Keyword, text: &KeywordText) -> Result<bool, DbErr> {
    let sql = "INSERT INTO keyword (id, account_id, site_id, sector_id, bucket_id, text, text_key, country, volume, \
               cpc_nanousd, difficulty, intent, state, cluster_id, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'NEW', NULL, $13, $13) ON CONFLICT DO NOTHING";
    let facts = &keyword.facts;
    let values: [Value; 13] = [
        keyword.id.into(),
        keyword.account_id.into(),
        keyword.site_id.into(),
        keyword.sector_id.into(),
        keyword.sector_id.unwrap_or(keyword.site_id).into(),
        text.as_str().into(),
        text.key().into(),
        facts.country.as_str().into(),
        facts.volume.map(Volume::get).into(),
        facts.cpc.map(Cpc::nanousd).into(),
        facts.difficulty.map(Difficulty::get).into(),
        facts.intent.map(Intent::as_str).into(),
        keyword.created_at.into(),
    ];
    Ok(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected() == 1)
}

/// Writes what may change about a keyword that the caller has locked.
pub async fn update_keyword(tx: &impl ConnectionTrait, keyword: &Keyword, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE keyword SET volume = $1, cpc_nanousd = $2, difficulty = $3, intent = $4, state = $5, \
               cluster_id = $6, updated_at = $7 WHERE id = $8";
    let facts = &keyword.facts;
    let values: [Value; 8] = [
        facts.volume.map(Volume::get).into(),
        facts.cpc.map(Cpc::nanousd).into(),
        facts.difficulty.map(Difficulty::get).into(),
        facts.intent.map(Intent::as_str).into(),
        keyword.state.as_str().into(),
        keyword.cluster_id.into(),
        now.into(),
        keyword.id.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}
