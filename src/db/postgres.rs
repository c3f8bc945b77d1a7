//! PostgreSQL: one pool, READ COMMITTED, and time-outs that end what a lost client left behind.

use std::time::Duration;

use sea_orm::SqlxPostgresConnector;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    ConnectOptions, Connection, PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio_util::task::TaskTracker;

use super::{Engine, Inner, OpenError, thread::Thread};

const OLDEST: i32 = 150_000;

fn connect(error: sqlx::Error) -> OpenError {
    OpenError::Connect(sea_orm::DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error.into())))
}

pub(super) async fn open(url: &SecretString, connections: u32) -> Result<Inner, OpenError> {
    let limits =
        [("lock_timeout", "10s"), ("statement_timeout", "30s"), ("idle_in_transaction_session_timeout", "15s")];
    open_with(options(url, &limits)?, connections.max(2), lanes(url)?).await
}

/// How many connections the ledger's lanes have on PostgreSQL, outside the pool.
pub(super) const LANES: usize = 2;

/// The ledger's own connections, opened when they are first used. Scans and joins that read a whole table are off, so that a
/// fresh database that was not analysed yet cannot choose one.
fn lanes(url: &SecretString) -> Result<PgPool, OpenError> {
    let limits = [
        ("lock_timeout", "2s"),
        ("statement_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "5s"),
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ];
    // Lists that are looked up differ by their length, a power of two.
    let options = options(url, &limits)?.statement_cache_capacity(1000);
    Ok(pool(LANES as u32).idle_timeout(None).connect_lazy_with(options))
}

fn pool(size: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(size).acquire_timeout(Duration::from_secs(30)).test_before_acquire(false)
}

/// Two connections that can only read, whose statements may take their time.
pub(super) async fn open_read_only(url: &SecretString) -> Result<Inner, OpenError> {
    let options = options(url, &[("lock_timeout", "10s"), ("default_transaction_read_only", "on")])?;
    // A server waits for its database to come up; who only looks is told at once what is wrong.
    options.connect().await.map_err(connect)?.close().await.map_err(connect)?;
    let lanes = pool(1).connect_lazy_with(options.clone());
    open_with(options, 2, lanes).await
}

fn options(url: &SecretString, limits: &[(&str, &str)]) -> Result<PgConnectOptions, OpenError> {
    let options: PgConnectOptions = url.expose_secret().parse().map_err(connect)?;
    let options = options.application_name("inkledger").options(limits.iter().copied());
    Ok(options.options([("timezone", "UTC"), ("jit", "off")]))
}

async fn open_with(options: PgConnectOptions, connections: u32, lanes: PgPool) -> Result<Inner, OpenError> {
    let pool = pool(connections).min_connections(connections).connect_with(options).await.map_err(connect)?;
    let row = sqlx::query("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
        .fetch_one(&pool)
        .await
        .map_err(connect)?;
    if row.try_get::<i32, _>(0).map_err(connect)? < OLDEST {
        return Err(OpenError::PostgresTooOld { found: row.try_get(1).map_err(connect)? });
    }
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    Ok(Inner {
        engine: Engine::Postgres,
        writer: connection.clone(),
        reader: connection,
        lanes: SqlxPostgresConnector::from_sqlx_postgres_pool(lanes),
        thread: Thread::start().map_err(OpenError::Thread)?,
        tasks: TaskTracker::new(),
        _lock: None,
    })
}
