//! Lots for readers.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use crate::{
    db::statement,
    ledger::model::{GrantKind, Lot},
};

use super::{
    Slice,
    condition::{Conditions, direction, limit},
    places,
    row::{LOT_COLUMNS, lot_from},
};

/// A lot with what only readers ask of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whose.
    pub account_id: Uuid,
    /// The lot itself.
    pub lot: Lot,
}

/// Which lots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantFilter {
    /// Only these kinds; empty is all.
    pub kinds: Vec<GrantKind>,
    /// Only those that have available credits, or only those that have none.
    pub has_available: Option<bool>,
}

/// What a reader's columns add to those of a lot.
pub(super) const READER_COLUMNS: &str = "account_id";

pub(super) fn grant_from(row: &QueryResult) -> Result<Grant, DbErr> {
    Ok(Grant { account_id: row.try_get("", "account_id")?, lot: lot_from(row)? })
}

fn matching(account: Uuid, filter: &GrantFilter) -> Conditions {
    let mut conditions = Conditions::of(account);
    let kinds: Vec<&'static str> = filter.kinds.iter().map(|kind| kind.as_str()).collect();
    conditions.one_of("kind", &kinds);
    match filter.has_available {
        // As the index of usable lots has it.
        Some(true) => conditions.and("available > 0"),
        Some(false) => conditions.and("available = 0"),
        None => {}
    }
    conditions
}

/// One account's lots that match `filter`, by the transaction that made them: one makes one lot at most.
pub async fn list_grants(
    connection: &impl ConnectionTrait,
    account: Uuid,
    filter: &GrantFilter,
    slice: Slice,
) -> Result<Vec<Grant>, DbErr> {
    let mut conditions = matching(account, filter);
    conditions.within("granted_seq", &slice);
    let most = conditions.place(limit(slice.limit));
    let (condition, values) = conditions.into_parts();
    let sql = format!(
        "SELECT {READER_COLUMNS}, {LOT_COLUMNS} FROM credit_grant WHERE {condition} \
         ORDER BY granted_seq {} LIMIT {most}",
        direction(slice.order)
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(grant_from).collect()
}

/// How many of one account's lots match `filter`.
pub async fn count_grants(
    connection: &impl ConnectionTrait,
    account: Uuid,
    filter: &GrantFilter,
) -> Result<i64, DbErr> {
    let (condition, values) = matching(account, filter).into_parts();
    let sql = format!("SELECT COUNT(*) AS n FROM credit_grant WHERE {condition}");
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// Many lots by id, for a loader. The caller authorises.
pub async fn load_by_grant(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, Grant>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql =
        format!("SELECT {READER_COLUMNS}, {LOT_COLUMNS} FROM credit_grant WHERE id IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().copied().map(Value::from))).await?;
    rows.iter().map(|row| grant_from(row).map(|found| (found.lot.id, found))).collect()
}
