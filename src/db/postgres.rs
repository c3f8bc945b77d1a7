//! PostgreSQL: one pool, READ COMMITTED, and time-outs that end what a lost client left behind.

use std::time::Duration;

use sea_orm::SqlxPostgresConnector;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    ConnectOptions, Connection, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio_util::task::TaskTracker;

use super::{Engine, Inner, OpenError};

const OLDEST: i32 = 150_000;

fn connect(error: sqlx::Error) -> OpenError {
    OpenError::Connect(sea_orm::DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error.into())))
}

pub(super) async fn open(url: &SecretString, connections: u32) -> Result<Inner, OpenError> {
    let limits =
        [("lock_timeout", "10s"), ("statement_timeout", "30s"), ("idle_in_transaction_session_timeout", "15s")];
    open_with(options(url, &limits)?, connections.max(2)).await
}

/// Two connections that can only read, whose statements may take their time.
pub(super) async fn open_read_only(url: &SecretString) -> Result<Inner, OpenError> {
    let options = options(url, &[("lock_timeout", "10s"), ("default_transaction_read_only", "on")])?;
    // A server waits for its database to come up; who only looks is told at once what is wrong.
    options.connect().await.map_err(connect)?.close().await.map_err(connect)?;
    open_with(options, 2).await
}

fn options(url: &SecretString, limits: &[(&str, &str)]) -> Result<PgConnectOptions, OpenError> {
    let options: PgConnectOptions = url.expose_secret().parse().map_err(connect)?;
    let options = options.application_name("inkledger").options(limits.iter().copied());
    Ok(options.options([("timezone", "UTC"), ("jit", "off")]))
}

async fn open_with(options: PgConnectOptions, connections: u32) -> Result<Inner, OpenError> {
    let pool = PgPoolOptions::new()
        .min_connections(connections)
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(connect)?;
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
        tasks: TaskTracker::new(),
        _lock: None,
    })
}
