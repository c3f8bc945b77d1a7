//! One start of one process: its row, its epoch and the clock by which it judges leases.

use std::time::Instant;

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::{Jobs, config::micros};
use crate::{
    clock::Micros,
    db::{Engine, constraint::violated, statement},
    error::{Error, Failure, Never},
};

/// The database's own clock, in microseconds.
const POSTGRES_NOW: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)";

/// How often registering is tried when several processes start at once.
const TRIES: u32 = 20;

/// A registered start.
pub(super) struct Boot {
    /// The row.
    pub(super) id: Uuid,
    engine: Engine,
    started: Instant,
    base: Micros,
}

impl Boot {
    /// Writes the row. Its epoch is one above every other, which on SQLite voids every older lease at once.
    pub(super) async fn register(jobs: &Jobs, role: &'static str) -> Result<Self, Error> {
        let id = jobs.ids.uuid();
        let base = jobs.clock.now();
        let engine = jobs.db.engine();
        let mut tried = 0;
        loop {
            let written = jobs
                .db
                .write((id, role, base), |tx, (id, role, base)| {
                    Box::pin(async move {
                        let now = if matches!(crate::db::engine_of(tx), Engine::Postgres) { POSTGRES_NOW } else { "$4" };
                        // The fourth value is used on SQLite alone; PostgreSQL needs it named to know its type.
                        let sql = format!(
                            "INSERT INTO worker_boot (id, epoch, role, version, started_at, seen_at) \
                             SELECT $1, COALESCE(MAX(epoch), 0) + 1, $2, $3, {now} + 0 * $4, {now} + 0 * $4 FROM worker_boot"
                        );
                        let version = env!("CARGO_PKG_VERSION");
                        let values = [(*id).into(), (*role).into(), version.into(), (*base).into()];
                        tx.execute_raw(statement(tx, sql, values)).await?;
                        Ok::<(), Failure<Never>>(())
                    })
                })
                .await;
            tried += 1;
            match written.map_err(Error::from) {
                Ok(()) => return Ok(Self { id, engine, started: Instant::now(), base }),
                Err(Error::Internal(internal)) if tried < TRIES && is_epoch_taken(&internal) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The expression that is "now" for leases. `parameter` is bound to [`Boot::monotonic`]; PostgreSQL ignores its
    /// value, so that no machine's clock can end or prolong a lease.
    pub(super) fn now_sql(&self, parameter: &str) -> String {
        match self.engine {
            Engine::Postgres => format!("({POSTGRES_NOW} + 0 * {parameter})"),
            Engine::Sqlite => parameter.to_owned(),
        }
    }

    /// The expression that says a lease has lapsed. On SQLite there is one process, so a lease of another boot is void.
    pub(super) fn lapsed_sql(&self, now: &str, boot_parameter: &str) -> String {
        match self.engine {
            Engine::Postgres => format!("(lease_until < {now} AND {boot_parameter} IS NOT NULL)"),
            Engine::Sqlite => format!("(lease_until < {now} OR boot_id <> {boot_parameter})"),
        }
    }

    /// Microseconds that only ever run forward at the pace of real time, whatever the machine's clock does.
    pub(super) fn monotonic(&self) -> Micros {
        self.base.saturating_add(micros(self.started.elapsed()))
    }

    /// The engine.
    pub(super) fn engine(&self) -> Engine {
        self.engine
    }
}

fn is_epoch_taken(internal: &crate::error::Internal) -> bool {
    internal
        .source
        .downcast_ref::<sea_orm::DbErr>()
        .and_then(violated)
        .is_some_and(|constraint| constraint == "worker_boot_epoch_key")
}
