//! SQL texts that run on both engines: lines that start with `--pg:` or `--sqlite:` are for one of them only.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

/// Foreign keys so marked stand on tables that every operation writes; PostgreSQL has them in tests only.
const HOT: &str = "-- [hot]";

/// The statements of `text` for `backend`.
pub(crate) fn statements(text: &str, backend: DbBackend) -> Vec<String> {
    let (ours, theirs) = match backend {
        DbBackend::Postgres => ("--pg:", "--sqlite:"),
        _ => ("--sqlite:", "--pg:"),
    };
    let mut all = Vec::new();
    let mut statement = String::new();
    for line in text.lines() {
        if line.starts_with(theirs) || (backend == DbBackend::Postgres && line.contains(HOT)) {
            continue;
        }
        let line = line.strip_prefix(ours).unwrap_or(line);
        let code = line.split("--").next().unwrap_or_default().trim_end();
        if code.trim().is_empty() {
            continue;
        }
        statement.push_str(code);
        statement.push('\n');
        if code.ends_with(';') {
            all.push(std::mem::take(&mut statement));
        }
    }
    all
}

/// Runs the statements of `text` one after another.
pub(crate) async fn run(manager: &SchemaManager<'_>, text: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    for statement in statements(text, connection.get_database_backend()) {
        connection.execute_unprepared(&statement).await?;
    }
    Ok(())
}

/// The statements that add the foreign keys marked `[hot]` on PostgreSQL.
pub(crate) fn hot_foreign_keys(text: &str) -> Vec<String> {
    let mut table = "";
    let mut all = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
            table = rest.split_whitespace().next().unwrap_or_default();
        }
        if line.contains(HOT) && line.trim_start().starts_with("CONSTRAINT") {
            let key = line.split("--").next().unwrap_or_default().trim().trim_end_matches(',');
            all.push(format!("ALTER TABLE {table} ADD {key}"));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "CREATE TABLE a ( -- comment; here\n  id uuid,\n  CONSTRAINT a_b_fkey FOREIGN KEY (b) REFERENCES b (id),   -- [hot]\n  x int\n);\n--pg: ALTER TABLE a SET (fillfactor = 50);\n--sqlite: CREATE TRIGGER t BEGIN SELECT 1; END;\n";

    #[test]
    fn takes_each_engines_own_lines() {
        assert_eq!(
            statements(TEXT, DbBackend::Postgres),
            ["CREATE TABLE a (\n  id uuid,\n  x int\n);\n", " ALTER TABLE a SET (fillfactor = 50);\n"]
        );
        assert_eq!(statements(TEXT, DbBackend::Sqlite).len(), 2);
        assert!(statements(TEXT, DbBackend::Sqlite).concat().contains("a_b_fkey"));
    }

    #[test]
    fn finds_the_hot_keys() {
        assert_eq!(hot_foreign_keys(TEXT), ["ALTER TABLE a ADD CONSTRAINT a_b_fkey FOREIGN KEY (b) REFERENCES b (id)"]);
    }
}
