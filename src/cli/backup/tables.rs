//! The tables of a PostgreSQL database as files, one JSON object a line, and back into the tables that migrations made.
//!
//! Our own copy instead of `pg_dump`: it needs no program of the right version beside the server, is restored into exactly the
//! schema that this binary's migrations make, and the epoch and the marks come from the very snapshot that is copied.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
};

use futures_util::TryStreamExt as _;
use indicatif::ProgressBar;
use sea_orm::{ConnectionTrait, DatabaseTransaction, StreamTrait};

use super::{
    archive::{Manifest, Sink, Stored, below},
    high_water::{self, Mark},
};
use crate::{
    cli::CliError,
    db::{Db, statement},
    error::{Error, Failure, Internal},
};

const FOLDER: &str = "tables";
const ENDING: &str = ".jsonl";

/// What migrations note about themselves; restoring runs them.
const MIGRATIONS: &str = "seaql_migrations";

/// Bytes of rows in one statement.
const BATCH_BYTES: usize = 1 << 20;

/// Nothing was ever in the database.
struct Unnamed;

/// Copies every table in one snapshot into `folder`.
pub(super) async fn dump(db: &Db, folder: PathBuf, bar: ProgressBar) -> Result<(Mark, Vec<Stored>), CliError> {
    let done = db.snapshot((folder, bar), |tx, (folder, bar)| {
        Box::pin(async move {
            let Some(mark) = high_water::find(tx).await? else { return Err(Failure::Refused(Unnamed)) };
            let mut files = Vec::new();
            for table in list_tables(tx).await? {
                bar.set_message(format!("copying {table}"));
                files.push(dump_table(tx, folder, &table).await?);
            }
            Ok((mark, files))
        })
    });
    match done.await {
        Ok(done) => Ok(done),
        Err(Failure::Refused(Unnamed)) => Err(CliError::Usage(
            "no server has used this database yet, so there is nothing to back up. Run `inkledger serve` first"
                .to_owned(),
        )),
        Err(Failure::Fault(error)) => Err(error.into()),
    }
}

async fn dump_table(tx: &DatabaseTransaction, folder: &Path, table: &str) -> Result<Stored, Internal> {
    let failed = |error| Internal::new("writing the backup", error);
    let mut sink = Sink::create(folder, &format!("{FOLDER}/{table}{ENDING}")).map_err(failed)?;
    let sql = format!("SELECT CAST(row_to_json(t) AS text) AS line FROM \"{table}\" t");
    let mut rows = 0;
    let mut lines = tx.stream_raw(statement(tx, sql, [])).await?;
    while let Some(row) = lines.try_next().await? {
        let line: String = row.try_get("", "line")?;
        sink.write_all(line.as_bytes()).and_then(|()| sink.write_all(b"\n")).map_err(failed)?;
        rows += 1;
    }
    sink.finish(Some(rows)).map_err(failed)
}

/// The tables of the schema, in the order of their names.
async fn list_tables(connection: &impl ConnectionTrait) -> Result<Vec<String>, Internal> {
    let sql = "SELECT CAST(tablename AS text) AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1";
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    let names = rows.iter().map(|row| row.try_get("", "name")).collect::<Result<Vec<String>, _>>()?;
    Ok(names.into_iter().filter(|name| name != MIGRATIONS).collect())
}

/// A table that has a row, if there is one.
pub(super) async fn find_filled(connection: &impl ConnectionTrait) -> Result<Option<String>, Internal> {
    for table in list_tables(connection).await? {
        let sql = format!("SELECT 1 AS one FROM \"{table}\" LIMIT 1");
        if connection.query_one_raw(statement(connection, sql, [])).await?.is_some() {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

/// Fills the empty tables from `folder` in one transaction. Answers how many rows that were.
pub(super) async fn load(db: &Db, folder: PathBuf, manifest: Manifest, bar: ProgressBar) -> Result<u64, Error> {
    let done = db.write((folder, manifest, bar), |tx, (folder, manifest, bar)| {
        Box::pin(
            async move { load_all(tx, folder, manifest, bar).await.map_err(Failure::<std::convert::Infallible>::from) },
        )
    });
    done.await.map_err(|failure| match failure {
        Failure::Fault(error) => error,
        Failure::Refused(never) => match never {},
    })
}

async fn load_all(
    tx: &DatabaseTransaction,
    folder: &Path,
    manifest: &Manifest,
    bar: &ProgressBar,
) -> Result<u64, Internal> {
    // This connection goes back to the pool with its own limits.
    for setting in ["statement_timeout", "idle_in_transaction_session_timeout"] {
        tx.execute_unprepared(&format!("SET LOCAL {setting} = 0")).await?;
    }
    // A server that starts meanwhile waits here, and finds a database that has a name.
    tx.execute_unprepared("LOCK TABLE ledger_meta IN ACCESS EXCLUSIVE MODE").await?;
    let tables = list_tables(tx).await?;
    let files: BTreeMap<&str, &Stored> =
        manifest.files.iter().filter_map(|file| Some((table_of(file)?, file))).collect();
    if let Some(table) = files.keys().find(|table| !tables.iter().any(|known| known == *table)) {
        return Err(Internal::new("restoring", format!("the schema has no table {table}")));
    }
    if let Some(table) = find_filled(tx).await? {
        return Err(Internal::new("restoring", format!("{table} is not empty any more")));
    }
    let keys = foreign_keys(tx).await?;
    let mut rows = 0;
    for table in in_order(&tables, &keys) {
        clear(tx, table).await?;
        let Some(file) = files.get(table) else { continue };
        bar.set_message(format!("filling {table}"));
        let found = load_table(tx, folder, table, file, keys.contains(&(table.to_owned(), table.to_owned()))).await?;
        if file.rows.is_some_and(|expected| expected != found) {
            return Err(Internal::new("restoring", format!("{table} has {found} rows, which is not what was written")));
        }
        rows += found;
    }
    Ok(rows)
}

/// Takes out what triggers of tables before this one have put there: the backup says what its rows were.
async fn clear(tx: &DatabaseTransaction, table: &str) -> Result<(), Internal> {
    let sql = format!("SELECT 1 AS one FROM \"{table}\" LIMIT 1");
    if tx.query_one_raw(statement(tx, sql, [])).await?.is_some() {
        tx.execute_unprepared(&format!("DELETE FROM \"{table}\"")).await?;
    }
    Ok(())
}

fn table_of(file: &Stored) -> Option<&str> {
    file.path.strip_prefix(FOLDER)?.strip_prefix('/')?.strip_suffix(ENDING)
}

/// Rows that name rows of their own table go through a temporary one: a foreign key is judged at the end of each statement, so
/// all of them have to come in one.
async fn load_table(
    tx: &DatabaseTransaction,
    folder: &Path,
    table: &str,
    file: &Stored,
    is_staged: bool,
) -> Result<u64, Internal> {
    let failed = |error| Internal::new("reading the backup", error);
    let path =
        below(folder, &file.path).ok_or_else(|| Internal::new("reading the backup", "a name leaves the folder"))?;
    let target = if is_staged { format!("restored_{table}") } else { table.to_owned() };
    if is_staged {
        tx.execute_unprepared(&format!("CREATE TEMPORARY TABLE \"{target}\" (LIKE \"{table}\") ON COMMIT DROP"))
            .await?;
    }
    let sql = format!(
        "INSERT INTO \"{target}\" SELECT * FROM json_populate_recordset(CAST(NULL AS \"{table}\"), CAST($1 AS json))"
    );
    let (mut rows, mut batch) = (0, String::new());
    for line in BufReader::new(File::open(path).map_err(failed)?).lines() {
        let line = line.map_err(failed)?;
        batch.push(if batch.is_empty() { '[' } else { ',' });
        batch.push_str(&line);
        rows += 1;
        if batch.len() >= BATCH_BYTES {
            insert(tx, &sql, &mut batch).await?;
        }
    }
    insert(tx, &sql, &mut batch).await?;
    if is_staged {
        tx.execute_unprepared(&format!("INSERT INTO \"{table}\" SELECT * FROM \"{target}\"")).await?;
    }
    Ok(rows)
}

async fn insert(tx: &DatabaseTransaction, sql: &str, batch: &mut String) -> Result<(), Internal> {
    if batch.is_empty() {
        return Ok(());
    }
    batch.push(']');
    tx.execute_raw(statement(tx, sql, [std::mem::take(batch).into()])).await?;
    Ok(())
}

/// Which table's rows name which other table's, where that is judged at once.
async fn foreign_keys(connection: &impl ConnectionTrait) -> Result<BTreeSet<(String, String)>, Internal> {
    let sql = "SELECT CAST(a.relname AS text) AS from_table, CAST(b.relname AS text) AS to_table FROM pg_constraint c \
               JOIN pg_class a ON a.oid = c.conrelid JOIN pg_class b ON b.oid = c.confrelid \
               JOIN pg_namespace n ON n.oid = c.connamespace \
               WHERE c.contype = 'f' AND NOT c.condeferred AND n.nspname = current_schema()";
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    rows.iter().map(|row| Ok((row.try_get("", "from_table")?, row.try_get("", "to_table")?))).collect()
}

/// The tables, each after those that its rows name. What is left of a ring comes last, in the order of the names.
fn in_order<'a>(tables: &'a [String], keys: &BTreeSet<(String, String)>) -> Vec<&'a str> {
    let mut rest: Vec<&str> = tables.iter().map(String::as_str).collect();
    let mut ordered = Vec::new();
    while !rest.is_empty() {
        let waits =
            |table: &str| keys.iter().any(|(from, to)| from == table && to != table && rest.contains(&to.as_str()));
        let (later, now): (Vec<&str>, Vec<&str>) = rest.iter().partition(|table| waits(table));
        if now.is_empty() {
            ordered.extend(later);
            break;
        }
        ordered.extend(now);
        rest = later;
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_after_those_that_they_name() {
        let tables = ["a", "b", "c", "d"].map(str::to_owned);
        let keys = [("a", "b"), ("b", "c"), ("c", "c"), ("d", "a")].map(|(from, to)| (from.to_owned(), to.to_owned()));
        assert_eq!(in_order(&tables, &keys.into()), ["c", "b", "a", "d"]);
        let ring = [("a", "b"), ("b", "a")].map(|(from, to)| (from.to_owned(), to.to_owned()));
        assert_eq!(in_order(&tables, &ring.into()), ["c", "d", "a", "b"]);
    }
}
