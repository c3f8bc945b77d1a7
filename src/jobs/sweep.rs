//! Recovery that every start and one process every few seconds repeats: lapsed leases, quotas, and what features add.

use std::{collections::BTreeMap, sync::Arc};

use sea_orm::{ConnectionTrait, Value};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Jobs, Lane, config::micros, queue::Queue, worker::Sweep};
use crate::{
    db::{Engine, statement},
    error::{Error, Failure, Never},
};

/// Sweeps until `stop`, at once and then every `config.sweep`.
pub(super) async fn sweep_forever(jobs: &Jobs, queue: &Queue, sweeps: &[Arc<dyn Sweep>], stop: &CancellationToken) {
    loop {
        match is_sweeper(jobs, queue).await {
            Ok(true) => sweep(jobs, queue, sweeps).await,
            Ok(false) => {}
            Err(error) => tracing::warn!(error = ?error, "could not tell who sweeps"),
        }
        tokio::select! {
            () = tokio::time::sleep(jobs.config.sweep) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Does everything once. A step that fails is logged and does not stop the others.
pub(super) async fn sweep(jobs: &Jobs, queue: &Queue, sweeps: &[Arc<dyn Sweep>]) {
    match reclaim(jobs, queue).await {
        Ok(0) => {}
        Ok(count) => {
            tracing::warn!(count, "lapsed leases were reclaimed");
            jobs.wake(Lane::Interactive);
        }
        Err(error) => tracing::warn!(error = ?error, "reclaiming leases failed"),
    }
    if let Err(error) = recount(jobs).await {
        tracing::warn!(error = ?error, "recounting quotas failed");
    }
    for step in sweeps {
        if let Err(error) = step.sweep().await {
            tracing::warn!(step = step.name(), error = ?error, "a sweep failed");
        }
    }
}

/// The oldest live start sweeps: its own row's heartbeat is the lease.
async fn is_sweeper(jobs: &Jobs, queue: &Queue) -> Result<bool, Error> {
    if jobs.db.engine() == Engine::Sqlite {
        return Ok(true);
    }
    let now = queue.boot().now_sql("$1");
    let sql =
        format!("SELECT id FROM worker_boot WHERE stopped_at IS NULL AND seen_at > {now} - $2 ORDER BY epoch LIMIT 1");
    let values: [Value; 2] = [queue.boot().monotonic().into(), micros(jobs.config.lease).into()];
    let row = jobs.db.reader().query_one_raw(jobs.db.statement(sql, values)).await?;
    let oldest: Option<Uuid> = row.map(|row| row.try_get("", "id")).transpose()?;
    // Nobody seen lately: better two sweepers than none.
    Ok(oldest.is_none_or(|id| id == queue.boot().id))
}

/// Puts jobs whose lease has lapsed back, and gives their places in the quotas back with them: whoever dies after it leaves
/// no place taken by nobody.
async fn reclaim(jobs: &Jobs, queue: &Queue) -> Result<usize, Error> {
    let now = queue.boot().now_sql("$2");
    let lapsed = queue.boot().lapsed_sql(&now, "$1");
    let sql = format!(
        "WITH picked AS MATERIALIZED (SELECT id FROM job WHERE state = 'running' AND {lapsed} ORDER BY id LIMIT 1000{}) \
         UPDATE job SET state = 'ready', boot_id = NULL, lease_until = NULL, fence = fence + 1, crashes = crashes + 1 \
         WHERE id IN (SELECT id FROM picked) RETURNING account_id, lane",
        match jobs.db.engine() {
            Engine::Postgres => " FOR UPDATE SKIP LOCKED",
            Engine::Sqlite => "",
        }
    );
    let values: Vec<Value> = vec![queue.boot().id.into(), queue.boot().monotonic().into()];
    let count = jobs
        .db
        .write((sql, values), |tx, (sql, values)| {
            Box::pin(async move {
                let mut places: BTreeMap<(Uuid, String), i32> = BTreeMap::new();
                for row in tx.query_all_raw(statement(tx, sql.as_str(), values.clone())).await? {
                    *places.entry((row.try_get("", "account_id")?, row.try_get("", "lane")?)).or_default() += 1;
                }
                let mut count = 0;
                // In the order of the key, as every other lock of several rows of one table.
                for ((account, lane), given) in places {
                    let sql = "UPDATE job_quota SET running = CASE WHEN running > $3 THEN running - $3 ELSE 0 END \
                               WHERE account_id = $1 AND lane = $2";
                    tx.execute_raw(statement(tx, sql, [account.into(), lane.into(), given.into()])).await?;
                    count += usize::try_from(given).unwrap_or_default();
                }
                Ok::<_, Failure<Never>>(count)
            })
        })
        .await?;
    Ok(count)
}

/// Sets every quota to what truly runs. The rows are locked before the jobs are counted: whoever takes or gives a place
/// meanwhile waits for the lock and adds to the right number.
async fn recount(jobs: &Jobs) -> Result<(), Error> {
    let lock = jobs.db.engine().for_update();
    jobs.db
        .write(lock, |tx, lock| {
            Box::pin(async move {
                let sql = format!(
                    "SELECT account_id, lane, running FROM job_quota WHERE running <> 0 ORDER BY account_id, lane{lock}"
                );
                let rows = tx.query_all_raw(statement(tx, sql, [])).await?;
                for row in rows {
                    let account: Uuid = row.try_get("", "account_id")?;
                    let lane: String = row.try_get("", "lane")?;
                    let sql = "UPDATE job_quota SET running = (SELECT COUNT(*) FROM job WHERE state = 'running' \
                               AND account_id = $1 AND lane = $2) WHERE account_id = $1 AND lane = $2";
                    tx.execute_raw(statement(tx, sql, [account.into(), lane.into()])).await?;
                }
                Ok::<_, Failure<Never>>(())
            })
        })
        .await?;
    Ok(())
}
