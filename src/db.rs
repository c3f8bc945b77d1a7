//! Connections and transactions. `Db::write` alone opens a writing transaction, on a task of its own, so that a request
//! that is dropped can never leave a connection inside one. It must never know a feature.

pub mod constraint;
pub mod effect;
pub mod full;
pub mod list;
pub mod many;
pub mod migrate;
mod postgres;
mod retry;
mod sqlite;
mod thread;

use std::{fs::File, future::Future, path::PathBuf, pin::Pin, sync::Arc};

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel, Statement,
    TransactionOptions, TransactionTrait, Value,
};
use secrecy::SecretString;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::error::{Failure, Internal};

use self::thread::Thread;

pub use retry::{is_about_connection, is_about_lock, is_transient, read_again};

/// Which database engine holds the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One file, one process.
    Sqlite,
    /// A server, many processes.
    Postgres,
}

impl Engine {
    /// The word in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }

    /// The row lock at the end of a `SELECT`; SQLite has one writer and needs none.
    pub fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    fn backend(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
            Self::Postgres => DbBackend::Postgres,
        }
    }

    /// A statement with `$1`-style placeholders, which both engines take.
    pub fn statement(self, sql: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Statement {
        Statement::from_sql_and_values(self.backend(), sql, values)
    }
}

/// Where the state is.
#[derive(Debug, Clone)]
pub enum Location {
    /// A SQLite file; a lock file stands beside it.
    File(PathBuf),
    /// A PostgreSQL URL.
    Server(SecretString),
}

/// How to open the database.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it is.
    pub location: Location,
    /// Connections of the pool on PostgreSQL, readers on SQLite.
    pub connections: u32,
}

/// Why the database could not be opened. Each message ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the SQLite file.
    #[error("another process uses {0}. Stop it, or give this one a data folder of its own with --data-dir")]
    Locked(PathBuf),
    /// SQLite is too old to be trusted with WAL.
    #[error(
        "SQLite {found} is older than 3.51.3, which can corrupt a database in WAL mode. Build with the bundled one"
    )]
    SqliteTooOld {
        /// The version that was found.
        found: String,
    },
    /// PostgreSQL is too old.
    #[error("PostgreSQL {found} is older than 15. Upgrade the server")]
    PostgresTooOld {
        /// The version that was found.
        found: String,
    },
    /// The file or folder cannot be used.
    #[error("cannot use {path}: {source}. Check that the folder exists and may be written")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database did not answer.
    #[error("cannot connect to the database. Check the URL and that the server runs")]
    Connect(#[source] DbErr),
    /// The system gives no thread.
    #[error("cannot start a thread for the ledger: {0}. Check the limits on processes and open files")]
    Thread(#[source] std::io::Error),
}

struct Inner {
    engine: Engine,
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    /// The connections of the ledger's lanes, outside the pool on PostgreSQL; the one writer on SQLite.
    lanes: DatabaseConnection,
    /// Where they are used.
    thread: Thread,
    tasks: TaskTracker,
    // Held for the life of the process: a second one on the same SQLite file would break the one-writer rule.
    _lock: Option<File>,
}

/// The database. Cloning is cheap.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

tokio::task_local! {
    /// Set while a writing transaction is open.
    static INSIDE: ();
}

/// Whether this task is inside a writing transaction. Who waits for another one there could wait for ever.
pub fn is_in_transaction() -> bool {
    INSIDE.try_with(|()| ()).is_ok()
}

/// A boxed piece of work inside a transaction.
pub type Work<'t, T, R> = Pin<Box<dyn Future<Output = Result<T, Failure<R>>> + Send + 't>>;

impl Db {
    /// Opens the database, checks the engine's version and takes the file lock.
    pub async fn open(options: &Options) -> Result<Self, OpenError> {
        let inner = match &options.location {
            Location::File(path) => sqlite::open(path, options.connections).await?,
            Location::Server(url) => postgres::open(url, options.connections).await?,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Opens a SQLite file for reading only, beside a running server.
    pub async fn open_read_only(path: &std::path::Path) -> Result<Self, OpenError> {
        Ok(Self(Arc::new(sqlite::open_read_only(path).await?)))
    }

    /// Opens what `options` name for reading only, without a lock and without a limit on how long a statement takes.
    pub async fn open_to_read(options: &Options) -> Result<Self, OpenError> {
        match &options.location {
            Location::File(path) => Self::open_read_only(path).await,
            Location::Server(url) => Ok(Self(Arc::new(postgres::open_read_only(url).await?))),
        }
    }

    /// Whether a process has the SQLite file `path` for writing.
    pub fn is_in_use(path: &std::path::Path) -> std::io::Result<bool> {
        sqlite::is_in_use(path)
    }

    /// The engine.
    pub fn engine(&self) -> Engine {
        self.0.engine
    }

    /// The pool for reads that need no transaction.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.0.reader
    }

    /// The pool that migrations run on. Nothing else may use it outside [`Db::write`].
    pub fn migration_connection(&self) -> &DatabaseConnection {
        &self.0.writer
    }

    /// How many ledger lanes may be inside a transaction at once.
    pub fn lanes(&self) -> usize {
        match self.0.engine {
            Engine::Sqlite => 1,
            Engine::Postgres => postgres::LANES,
        }
    }

    /// A statement with `$1`-style placeholders.
    pub fn statement(&self, sql: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Statement {
        self.0.engine.statement(sql, values)
    }

    /// Runs `work` in one writing transaction on a task of its own and commits it when it answers `Ok`. It runs again,
    /// at most five times, on a serialisation failure, a deadlock or a busy database; so it may touch the database
    /// alone, and what it needs comes in by `context`. Faults: `RateLimited` after the last try, when nothing was done.
    pub async fn write<C, T, R, F>(&self, context: C, work: F) -> Result<T, Failure<R>>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        R: Send + 'static,
        F: for<'t> Fn(&'t DatabaseTransaction, &'t C) -> Work<'t, T, R> + Send + Sync + 'static,
    {
        self.write_on(&Handle::current(), self.0.writer.clone(), context, work).await
    }

    /// As [`Db::write`], for a lane of the ledger: on a thread that nobody else uses, and on PostgreSQL on connections of the lanes'
    /// own, with short limits, which never scan a table that nobody has analysed yet.
    pub async fn write_in_lane<C, T, R, F>(&self, context: C, work: F) -> Result<T, Failure<R>>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        R: Send + 'static,
        F: for<'t> Fn(&'t DatabaseTransaction, &'t C) -> Work<'t, T, R> + Send + Sync + 'static,
    {
        self.write_on(self.0.thread.handle(), self.0.lanes.clone(), context, work).await
    }

    async fn write_on<C, T, R, F>(
        &self,
        runtime: &Handle,
        pool: DatabaseConnection,
        context: C,
        work: F,
    ) -> Result<T, Failure<R>>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        R: Send + 'static,
        F: for<'t> Fn(&'t DatabaseTransaction, &'t C) -> Work<'t, T, R> + Send + Sync + 'static,
    {
        let transaction = INSIDE.scope((), async move { retry::run(&pool, &context, &work).await });
        let running = self.0.tasks.spawn_on(transaction, runtime);
        match running.await {
            Ok(result) => result,
            Err(joined) => Err(Internal::new("a transaction's task ended early", joined).into()),
        }
    }

    /// Runs reads that must agree with each other in one snapshot, on a task of its own.
    pub async fn snapshot<C, T, R, F>(&self, context: C, work: F) -> Result<T, Failure<R>>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        R: Send + 'static,
        F: for<'t> Fn(&'t DatabaseTransaction, &'t C) -> Work<'t, T, R> + Send + Sync + 'static,
    {
        let db = self.clone();
        let running = self.0.tasks.spawn(async move {
            let tx = db.begin_snapshot().await?;
            let result = work(&tx, &context).await;
            tx.rollback().await?;
            result
        });
        match running.await {
            Ok(result) => result,
            Err(joined) => Err(Internal::new("a snapshot's task ended early", joined).into()),
        }
    }

    /// Waits for transactions under way, then closes the pools.
    pub async fn close(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
        for connection in [&self.0.reader, &self.0.lanes, &self.0.writer] {
            if let Err(error) = connection.close_by_ref().await {
                tracing::warn!(error = %error, "closing a database pool failed");
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this module alone opens transactions")]
    async fn begin_snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = match self.0.engine {
            Engine::Postgres => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                sqlite_transaction_mode: None,
            },
            Engine::Sqlite => TransactionOptions {
                isolation_level: None,
                access_mode: None,
                sqlite_transaction_mode: Some(sea_orm::SqliteTransactionMode::Deferred),
            },
        };
        self.0.reader.begin_with_options(options).await
    }
}

/// The engine behind any connection or transaction.
pub fn engine_of(connection: &impl ConnectionTrait) -> Engine {
    match connection.get_database_backend() {
        DbBackend::Postgres => Engine::Postgres,
        _ => Engine::Sqlite,
    }
}

/// A statement for whatever engine is behind `connection`.
pub fn statement(
    connection: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    engine_of(connection).statement(sql, values)
}

/// Parts of `items` whose lengths are powers of two, none above `most`: the statements that write them differ in so few texts
/// that each stays prepared.
pub fn in_powers<T>(items: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let length = 1 << rest.len().min(most.max(1)).checked_ilog2()?;
        let (part, after) = rest.split_at_checked(length)?;
        rest = after;
        Some(part)
    })
}

/// `items` with the last one repeated up to the next power of two, for lists that are looked up. Empty stays empty.
pub fn to_power<T: Clone>(mut items: Vec<T>) -> Vec<T> {
    if let Some(last) = items.last().cloned() {
        items.resize(items.len().next_power_of_two(), last);
    }
    items
}

/// The place of value number `place` in a statement whose values come in their order. SQLite looks every numbered one up by
/// its name among all others, so with thousands of them they have none there.
pub fn place(engine: Engine, place: usize) -> String {
    match engine {
        Engine::Sqlite => "?".to_owned(),
        Engine::Postgres => format!("${place}"),
    }
}

/// `$first, $first+1, …` for `count` values.
pub fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

impl From<DbErr> for Internal {
    fn from(error: DbErr) -> Self {
        Self::new("the database refused or failed", error)
    }
}

impl From<DbErr> for crate::error::Error {
    fn from(error: DbErr) -> Self {
        Self::Internal(error.into())
    }
}

impl<R> From<DbErr> for Failure<R> {
    fn from(error: DbErr) -> Self {
        Self::Fault(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_powers_of_two_and_lose_nothing() {
        for (count, most) in [(0, 8), (1, 8), (7, 8), (8, 8), (21, 8), (21, 6), (3, 0)] {
            let items: Vec<usize> = (0..count).collect();
            let parts: Vec<&[usize]> = in_powers(&items, most).collect();
            assert!(parts.iter().all(|part| part.len().is_power_of_two() && part.len() <= most.max(1)), "{parts:?}");
            assert_eq!(parts.concat(), items);
        }
        assert_eq!(to_power(vec![1, 2, 3]), [1, 2, 3, 3]);
        assert_eq!(to_power(Vec::<i32>::new()), [0; 0]);
    }
}
