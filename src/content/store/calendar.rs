//! What a calendar shows. Every figure comes from the same conditions, so that the numbers of all views agree.

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use super::content::{COLUMNS, content_of};
use crate::{
    clock::Micros,
    content::model::{CalendarFilter, ContentState, Dated},
    db::statement,
    keyword::model::ContentType,
};

/// A span of time, and how much of it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first instant, microseconds.
    pub from: Micros,
    /// The first instant after it.
    pub to: Micros,
    /// Now: nothing was published later.
    pub now: Micros,
    /// The most entries.
    pub entries_max: i64,
    /// The most contents without a slot.
    pub tray_max: i64,
}

/// The condition of a filter; its values follow those that are there.
fn filtered(filter: &CalendarFilter, values: &mut Vec<Value>) -> String {
    let mut clauses = String::new();
    let mut add = |clause: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            clauses.push_str(&clause.replace('?', &format!("${}", values.len())));
        }
    };
    add(" AND state = ?", filter.state.map(|state| state.as_str().into()));
    add(" AND cluster_id = ?", filter.cluster.map(Into::into));
    add(" AND content_type = ?", filter.content_type.map(ContentType::as_str).map(Into::into));
    let written = " AND EXISTS (SELECT 1 FROM content_revision WHERE content_id = content.id AND author_id = ?)";
    add(written, filter.author.map(Into::into));
    clauses
}

/// The states that a calendar shows by their time.
const SHOWN: [ContentState; 5] = [
    ContentState::Published,
    ContentState::Scheduled,
    ContentState::Publishing,
    ContentState::Uncertain,
    ContentState::Failed,
];

const SHOWN_AT: &str = "CASE WHEN state = 'PUBLISHED' THEN published_at ELSE slot_at END";

/// Reads it; the caller has authorised by holding the site, and opened a snapshot.
pub async fn load_dated(
    connection: &impl ConnectionTrait,
    site: Uuid,
    span: &Span,
    filter: &CalendarFilter,
) -> Result<Dated, DbErr> {
    let mut found = Dated::default();
    let mut values: Vec<Value> = vec![site.into(), span.from.into(), span.to.into(), span.now.into()];
    let more = filtered(filter, &mut values);
    let shown = format!(
        "site_id = $1 AND ((state = 'PUBLISHED' AND published_at >= $2 AND published_at < $3 AND published_at <= $4) \
         OR (state IN ('SCHEDULED', 'PUBLISHING', 'UNCERTAIN', 'FAILED') AND slot_at >= $2 AND slot_at < $3)){more}"
    );
    // Not grouped: SQLite would go through all of the site's content by state, and not by time.
    let counts = SHOWN.iter().enumerate();
    let counts = counts.map(|(at, state)| format!("COUNT(*) FILTER (WHERE state = '{}') AS n{at}", state.as_str()));
    let sql = format!("SELECT {} FROM content WHERE {shown}", counts.collect::<Vec<_>>().join(", "));
    if let Some(row) = connection.query_one_raw(statement(connection, sql, values.clone())).await? {
        for (at, state) in SHOWN.into_iter().enumerate() {
            found.counts.push((state, row.try_get("", &format!("n{at}"))?));
        }
    }
    values.push(span.entries_max.into());
    let place = values.len();
    let sql = format!(
        "SELECT {COLUMNS}, {SHOWN_AT} AS shown_at FROM content WHERE {shown} ORDER BY {SHOWN_AT}, id LIMIT ${place}"
    );
    for row in connection.query_all_raw(statement(connection, sql, values)).await? {
        found.entries.push((row.try_get("", "shown_at")?, content_of(&row)?));
    }
    let sql =
        "SELECT 1 AS one FROM site s JOIN account a ON a.id = s.account_id WHERE s.id = $1 AND a.state = 'SUSPENDED'";
    found.is_suspended = connection.query_one_raw(statement(connection, sql, [site.into()])).await?.is_some();
    let mut values: Vec<Value> = vec![site.into()];
    let waiting = format!("site_id = $1 AND state = 'APPROVED'{}", filtered(filter, &mut values));
    let sql = format!("SELECT COUNT(*) AS n FROM content WHERE {waiting}");
    let row = connection.query_one_raw(statement(connection, sql, values.clone())).await?;
    found.tray_count = row.map_or(Ok(0), |row| row.try_get("", "n"))?;
    values.push(span.tray_max.into());
    let sql = format!("SELECT {COLUMNS} FROM content WHERE {waiting} ORDER BY approved_at, id LIMIT ${}", values.len());
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    found.tray = rows.iter().map(content_of).collect::<Result<_, _>>()?;
    Ok(found)
}
