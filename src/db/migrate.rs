//! Brings the schema up to date, safely with several processes starting at once.

use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbErr};

use super::{Db, Engine};

/// "inkledge" in ASCII: the advisory lock that one migrating process holds.
const LOCK: i64 = 0x696e_6b6c_6564_6765;

/// How long a process waits for another one that migrates.
const PATIENCE: Duration = Duration::from_secs(300);

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Another process holds the lock for too long.
    #[error("another process has been migrating for five minutes. See what it waits for, then start this one again")]
    Locked,
    /// The database has migrations that this binary does not know.
    #[error("the database is newer than this binary: it has the migration {0}. Install the newer version")]
    Newer(String),
    /// The database refused.
    #[error("a migration failed")]
    Db(#[from] DbErr),
}

/// What the schema lacks, or has beyond this binary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaState {
    /// Migrations of this binary that were applied, oldest first.
    pub applied: Vec<String>,
    /// Migrations of this binary that are missing, oldest first.
    pub pending: Vec<String>,
    /// Migrations in the database that this binary does not know.
    pub newer: Vec<String>,
}

/// Reads how far the schema is. Changes nothing, so it also works on a database opened for reading.
pub async fn schema_state(db: &Db) -> Result<SchemaState, DbErr> {
    let table = match db.engine() {
        Engine::Sqlite => "SELECT 1 AS one FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'",
        Engine::Postgres => "SELECT 1 AS one WHERE to_regclass('seaql_migrations') IS NOT NULL",
    };
    let known = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect::<Vec<_>>();
    if db.reader().query_one_raw(db.statement(table, [])).await?.is_none() {
        return Ok(SchemaState { pending: known, ..SchemaState::default() });
    }
    let versions = db.statement("SELECT version FROM seaql_migrations ORDER BY version", []);
    let found = db.reader().query_all_raw(versions).await?;
    let found = found.iter().map(|row| row.try_get("", "version")).collect::<Result<Vec<String>, _>>()?;
    let newer = found.iter().filter(|version| !known.contains(version)).cloned().collect();
    let (applied, pending) = known.into_iter().partition(|name| found.contains(name));
    Ok(SchemaState { applied, pending, newer })
}

/// Applies what is missing and answers how many migrations that was.
pub async fn migrate(db: &Db) -> Result<usize, MigrateError> {
    Ok(apply_pending(db).await?.len())
}

/// Applies what is missing and answers the names, oldest first. Repeating it applies nothing.
pub async fn apply_pending(db: &Db) -> Result<Vec<String>, MigrateError> {
    let connection = db.migration_connection();
    if db.engine() == Engine::Sqlite {
        return apply(connection).await;
    }
    // The lock belongs to a session, so one connection is kept for as long as it is held.
    let mut session = connection
        .get_postgres_connection_pool()
        .acquire()
        .await
        .map_err(|error| DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error.into())))?;
    let sqlx_err = |error: sqlx::Error| DbErr::Exec(sea_orm::RuntimeErr::SqlxError(error.into()));
    let mut waited = Duration::ZERO;
    loop {
        let got: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut *session)
            .await
            .map_err(sqlx_err)?;
        if got {
            break;
        }
        if waited >= PATIENCE {
            return Err(MigrateError::Locked);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        waited += Duration::from_millis(200);
    }
    let result = apply(connection).await;
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK).execute(&mut *session).await.map_err(sqlx_err)?;
    result
}

async fn apply(connection: &sea_orm::DatabaseConnection) -> Result<Vec<String>, MigrateError> {
    refuse_newer(connection).await?;
    let pending = Migrator::get_pending_migrations(connection).await?;
    let pending = pending.iter().map(|migration| migration.name().to_owned()).collect();
    Migrator::up(connection, None).await?;
    Ok(pending)
}

async fn refuse_newer(connection: &sea_orm::DatabaseConnection) -> Result<(), MigrateError> {
    Migrator::install(connection).await?;
    let known: Vec<String> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let rows = connection
        .query_all_raw(super::statement(connection, "SELECT version FROM seaql_migrations ORDER BY version", []))
        .await?;
    for row in rows {
        let version: String = row.try_get("", "version")?;
        if !known.contains(&version) {
            return Err(MigrateError::Newer(version));
        }
    }
    Ok(())
}
