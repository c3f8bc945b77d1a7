//! Looks for a person in every column of every table that can hold text, whatever tables there are.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use sea_orm::{ConnectionTrait as _, StreamTrait as _};

use crate::{
    cli::CliError,
    db::{Db, Engine},
};

/// A column that names the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) table: String,
    pub(super) column: String,
    /// In so many rows.
    pub(super) rows: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Bytes,
}

/// Columns where `username` stands as a word, or `email` stands at all, in any case.
pub(super) async fn search(db: &Db, username: &str, email: &str) -> Result<Vec<Found>, CliError> {
    let mut found = Vec::new();
    for (table, column, kind) in columns(db).await? {
        let rows = match kind {
            Kind::Text => count_texts(db, &table, &column, username, email).await?,
            Kind::Bytes => count_bytes(db, &table, &column, &[username, email]).await?,
        };
        if rows > 0 {
            found.push(Found { table, column, rows });
        }
    }
    Ok(found)
}

async fn columns(db: &Db) -> Result<Vec<(String, String, Kind)>, CliError> {
    let sql = match db.engine() {
        Engine::Sqlite => {
            "SELECT m.name AS table_name, i.name AS column_name, LOWER(i.type) AS kind FROM sqlite_master m \
             JOIN pragma_table_info(m.name) i WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1, 2"
        }
        Engine::Postgres => {
            "SELECT CAST(c.table_name AS text) AS table_name, CAST(c.column_name AS text) AS column_name, \
             CAST(c.data_type AS text) AS kind FROM information_schema.columns c JOIN information_schema.tables t \
             ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE' \
             WHERE c.table_schema = current_schema() ORDER BY 1, 2"
        }
    };
    let rows = db.reader().query_all_raw(db.statement(sql, [])).await?;
    let mut columns = Vec::new();
    for row in rows {
        let kind: String = row.try_get("", "kind")?;
        let kind = match kind.as_str() {
            "bytea" | "blob" => Kind::Bytes,
            kind if ["text", "char", "json"].iter().any(|word| kind.contains(word)) => Kind::Text,
            _ => continue,
        };
        columns.push((row.try_get("", "table_name")?, row.try_get("", "column_name")?, kind));
    }
    Ok(columns)
}

/// The database finds what could be it; whether the name stands there as a word is judged here.
async fn count_texts(db: &Db, table: &str, column: &str, username: &str, email: &str) -> Result<i64, CliError> {
    let text = format!("CAST(\"{column}\" AS text)");
    let clauses: Vec<String> = (1..=4).map(|place| format!("LOWER({text}) LIKE ${place} ESCAPE '\\'")).collect();
    let sql = format!("SELECT {text} AS value FROM \"{table}\" WHERE {}", clauses.join(" OR "));
    // SQLite knows upper and lower case of ASCII alone, so both forms are looked for.
    let patterns = [username.to_lowercase(), email.to_lowercase(), username.to_owned(), email.to_owned()];
    let values = patterns.iter().map(|part| pattern(part).into());
    let mut rows = pin!(db.reader().stream_raw(db.statement(sql, values)).await?);
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        let value: String = row.try_get("", "value")?;
        if names(&value, username, email) {
            count += 1;
        }
    }
    Ok(count)
}

async fn count_bytes(db: &Db, table: &str, column: &str, parts: &[&str]) -> Result<i64, CliError> {
    let clause = |place: usize| match db.engine() {
        Engine::Sqlite => format!("instr(\"{column}\", ${place}) > 0"),
        Engine::Postgres => format!("position(${place} IN \"{column}\") > 0"),
    };
    let clauses: Vec<String> = (1..=parts.len()).map(clause).collect();
    let sql = format!("SELECT COUNT(*) AS number FROM \"{table}\" WHERE {}", clauses.join(" OR "));
    let values = parts.iter().map(|part| part.as_bytes().to_vec().into());
    let row = db.reader().query_one_raw(db.statement(sql, values)).await?;
    Ok(row.map_or(Ok(0), |row| row.try_get("", "number"))?)
}

fn pattern(part: &str) -> String {
    let escaped = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// Whether `value` has the address, or the name as a word of its own: a short name is part of many others.
fn names(value: &str, username: &str, email: &str) -> bool {
    let (value, name) = (value.to_lowercase(), username.to_lowercase());
    if value.contains(&email.to_lowercase()) {
        return true;
    }
    value.match_indices(&name).any(|(at, part)| {
        let before = value.get(..at).and_then(|before| before.chars().next_back());
        let after = value.get(at + part.len()..).and_then(|after| after.chars().next());
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_word_and_an_address_anywhere() {
        for text in ["ann", "{\"name\":\"Ann\"}", "to ann, from bob", "xann@example.comx", "ANN@EXAMPLE.COM"] {
            assert!(names(text, "ann", "ann@example.com"), "{text}");
        }
        for text in ["channel", "annex", "joann", "", "anne@example.com"] {
            assert!(!names(text, "ann", "ann@example.com"), "{text}");
        }
        assert_eq!(pattern("a_b%c\\"), "%a\\_b\\%c\\\\%");
    }
}
