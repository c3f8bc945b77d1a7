//! The tables of system prompts. The caller has judged the right: prompts belong to no tenant.

pub mod import;
pub mod optimisation;
pub mod prompt;
pub mod split;
pub mod usage;
pub mod version;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};

use crate::{
    db::{places, statement},
    prompt::model::{metadata::Metadata, prompt::Body},
};

/// A word of a closed set that the schema's checks should have kept.
fn word<T>(parsed: Option<T>, what: &str) -> Result<T, DbErr> {
    parsed.ok_or_else(|| DbErr::Type(format!("a stored {what} is not one we know")))
}

/// What a version says, from columns whose names begin with `prefix`.
fn body_of(row: &QueryResult, prefix: &str) -> Result<Body, DbErr> {
    // One row that cannot be read must not hide all others: it reads as empty, and the statistics warn of it.
    let metadata = Metadata::stored(&row.try_get::<String>(prefix, "metadata")?);
    if metadata.is_lost() {
        let id: uuid::Uuid = row.try_get(prefix, "id")?;
        tracing::warn!(version.id = %id, "stored metadata cannot be read and counts as empty");
    }
    Ok(Body {
        name: row.try_get(prefix, "name")?,
        description: row.try_get(prefix, "description")?,
        content: row.try_get(prefix, "content")?,
        metadata,
    })
}

/// Appends to `clauses` which rows come after or before the page's keys; answers the direction of travel.
fn keyset(
    clauses: &mut String,
    values: &mut Vec<Value>,
    column: &str,
    args: &crate::page::PageArgs<uuid::Uuid>,
) -> &'static str {
    for (key, comparison) in [(args.after, "<"), (args.before, ">")] {
        if let Some(key) = key {
            values.push(key.into());
            clauses.push_str(&format!(" AND {column} {comparison} ${}", values.len()));
        }
    }
    values.push(args.fetch().into());
    if args.from_end { "ASC" } else { "DESC" }
}

/// The single number that `sql` answers as `n`.
async fn count(connection: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<i64, DbErr> {
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}
