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

/// Applies what is missing and answers how many migrations that was.
pub async fn migrate(db: &Db) -> Result<usize, MigrateError> {
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

async fn apply(connection: &sea_orm::DatabaseConnection) -> Result<usize, MigrateError> {
    refuse_newer(connection).await?;
    let pending = Migrator::get_pending_migrations(connection).await?.len();
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
