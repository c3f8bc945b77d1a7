//! Counts that only the database knows, cheap enough to be asked for every few seconds.

use sea_orm::{ConnectionTrait, DbErr};

use crate::{
    clock::Micros,
    db::{Db, Engine, statement},
};

/// The jobs of one lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queued {
    /// The lane.
    pub lane: String,
    /// Jobs that are due.
    pub due: i64,
    /// Jobs whose time is to come.
    pub later: i64,
    /// Jobs that run.
    pub running: i64,
    /// Since when the oldest of those that are due is.
    pub oldest: Option<Micros>,
}

/// The unfinished jobs by lane; a lane without any is left out.
pub async fn count_jobs(connection: &impl ConnectionTrait, now: Micros) -> Result<Vec<Queued>, DbErr> {
    // Each half has an index of its own; together they would be read from the whole table.
    let sql = "SELECT lane, COUNT(*) FILTER (WHERE ready_at <= $1) AS due, COUNT(*) FILTER (WHERE ready_at > $1) AS later, \
               CAST(0 AS bigint) AS running, MIN(ready_at) AS oldest FROM job WHERE state = 'ready' GROUP BY lane \
               UNION ALL SELECT lane, CAST(0 AS bigint) AS due, CAST(0 AS bigint) AS later, COUNT(*) AS running, \
               CAST(NULL AS bigint) AS oldest FROM job WHERE state = 'running' GROUP BY lane";
    let mut lanes: Vec<Queued> = Vec::new();
    for row in connection.query_all_raw(statement(connection, sql, [now.into()])).await? {
        let lane: String = row.try_get("", "lane")?;
        let place = lanes.iter().position(|queued| queued.lane == lane).unwrap_or_else(|| {
            lanes.push(Queued { lane, ..Queued::default() });
            lanes.len() - 1
        });
        let Some(queued) = lanes.get_mut(place) else { continue };
        queued.due += row.try_get::<i64>("", "due")?;
        queued.later += row.try_get::<i64>("", "later")?;
        queued.running += row.try_get::<i64>("", "running")?;
        queued.oldest = queued.oldest.or(row.try_get("", "oldest")?);
    }
    Ok(lanes)
}

/// How many credit transactions there ever were.
pub async fn count_transactions(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let sql = "SELECT CAST(COALESCE(SUM(seq), 0) AS bigint) AS n FROM ledger_account";
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// The connections of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: &'static str,
    /// Connections that somebody has.
    pub used: u32,
    /// Connections that nobody has.
    pub idle: u32,
    /// The most there may be.
    pub most: u32,
}

impl Pool {
    fn new(name: &'static str, open: u32, idle: usize, most: u32) -> Self {
        let idle = u32::try_from(idle).unwrap_or(u32::MAX).min(open);
        Self { name, used: open - idle, idle, most }
    }
}

/// The pools of the database: on SQLite one writes and one reads, on PostgreSQL one does both.
pub fn pools(db: &Db) -> Vec<Pool> {
    match db.engine() {
        Engine::Postgres => {
            let pool = db.reader().get_postgres_connection_pool();
            vec![Pool::new("main", pool.size(), pool.num_idle(), pool.options().get_max_connections())]
        }
        Engine::Sqlite => [("reader", db.reader()), ("writer", db.migration_connection())]
            .map(|(name, connection)| {
                let pool = connection.get_sqlite_connection_pool();
                Pool::new(name, pool.size(), pool.num_idle(), pool.options().get_max_connections())
            })
            .to_vec(),
    }
}
