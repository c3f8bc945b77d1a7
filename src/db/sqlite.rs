//! SQLite: one writing connection, several reading ones, a lock against a second process.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
    time::Duration,
};

use sea_orm::SqlxSqliteConnector;
use sqlx::{
    Connection as _, Row, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio_util::task::TaskTracker;

use super::{Engine, Inner, OpenError, thread::Thread};

/// The first version without the known ways to corrupt a database in WAL mode.
const OLDEST: (u32, u32, u32) = (3, 51, 3);

fn connect(error: sqlx::Error) -> OpenError {
    OpenError::Connect(sea_orm::DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error.into())))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(512)
}

fn lock_path(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// How often the lock is tried for, 50 ms apart: a process that is ending, or the doctor's look at it, has it for a moment.
const LOCK_TRIES: u32 = 10;

async fn lock(path: &Path) -> Result<File, OpenError> {
    for _ in 1..LOCK_TRIES {
        match try_lock(path) {
            Err(OpenError::Locked(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            other => return other,
        }
    }
    try_lock(path)
}

/// Whether a process has the SQLite file for writing. Nothing is made when there is no lock file.
pub(super) fn is_in_use(path: &Path) -> std::io::Result<bool> {
    let file = match OpenOptions::new().write(true).open(lock_path(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn try_lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = lock_path(path);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|source| OpenError::File { path: lock_path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::File { path: lock_path, source }),
    }
}

/// Whether a connection that comes back is outside every transaction. After some faults, a full disk first of all, SQLite
/// rolls back by itself; the `ROLLBACK` that follows then fails, and sqlx believes for good that a transaction is open
/// (0.9.0): each later one would be a savepoint inside one that nobody commits. Such a connection is closed.
async fn is_clean(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // A rollback that was queued when a transaction was dropped is done before this is answered.
    connection.ping().await?;
    let is_clean = !connection.is_in_transaction();
    if !is_clean {
        tracing::error!("a database connection came back inside a transaction and is closed");
    }
    Ok(is_clean)
}

async fn check_version(pool: &SqlitePool) -> Result<(), OpenError> {
    let row = sqlx::query("SELECT sqlite_version()").fetch_one(pool).await.map_err(connect)?;
    let found: String = row.try_get(0).map_err(connect)?;
    let mut parts = found.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) < OLDEST {
        return Err(OpenError::SqliteTooOld { found });
    }
    Ok(())
}

pub(super) async fn open(path: &Path, readers: u32) -> Result<Inner, OpenError> {
    let lock = lock(path).await?;
    let pool = |size| {
        SqlitePoolOptions::new()
            .min_connections(size)
            .max_connections(size)
            .test_before_acquire(false)
            .after_release(|connection, _| Box::pin(is_clean(connection)))
    };
    let writer = pool(1)
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(options(path).create_if_missing(true))
        .await
        .map_err(connect)?;
    check_version(&writer).await?;
    let reader = pool(readers.max(1)).connect_with(options(path).pragma("query_only", "ON")).await.map_err(connect)?;
    let writer = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer);
    Ok(Inner {
        engine: Engine::Sqlite,
        lanes: writer.clone(),
        writer,
        reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
        thread: Thread::start().map_err(OpenError::Thread)?,
        tasks: TaskTracker::new(),
        _lock: Some(lock),
    })
}

pub(super) async fn open_read_only(path: &Path) -> Result<Inner, OpenError> {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(5)))
        .await
        .map_err(connect)?;
    check_version(&pool).await?;
    Ok(Inner {
        engine: Engine::Sqlite,
        writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.clone()),
        lanes: SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.clone()),
        reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(pool),
        thread: Thread::start().map_err(OpenError::Thread)?,
        tasks: TaskTracker::new(),
        _lock: None,
    })
}
