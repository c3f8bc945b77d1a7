//! The queue's SQL: claim, renew, end. Every write is guarded by id and fence, and a place in the account's quota is
//! taken and given back in the same transaction as the job's state changes.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult, Value};
use uuid::Uuid;

use super::{End, Job, Jobs, Lane, Lease, Subject, boot::Boot, config::micros, store::cap};
use crate::{
    clock::Micros,
    db::{Engine, statement},
    error::{Error, Failure, Internal},
};

/// How many accounts one look at a lane passes over; more wait for the next look.
const ACCOUNTS_PER_CLAIM: usize = 64;

const COLUMNS: &str =
    "id, kind, lane, account_id, subject_kind, subject_id, payload, fence, attempts, attempts_max, crashes";

/// Why a claim took nothing.
struct NothingTaken;

/// What happens to a job that is not finished.
pub(super) struct Back {
    /// Not before this much later.
    pub(super) after: Duration,
    /// Whether the run counts as an attempt.
    pub(super) attempt: bool,
    /// Why.
    pub(super) code: Option<&'static str>,
}

pub(super) struct Queue {
    jobs: Jobs,
    boot: Boot,
    // The account served last in each lane: the next claim begins after it.
    served: Mutex<HashMap<Lane, Uuid>>,
}

impl Queue {
    pub(super) fn new(jobs: Jobs, boot: Boot) -> Self {
        Self { jobs, boot, served: Mutex::new(HashMap::new()) }
    }

    pub(super) fn boot(&self) -> &Boot {
        &self.boot
    }

    /// Takes one job: lapsed leases first, then ready ones lane by lane, account by account.
    pub(super) async fn claim(&self, lanes: &[Lane]) -> Result<Option<Job>, Error> {
        if let Some(job) = self.claim_lapsed(lanes).await? {
            return Ok(Some(job));
        }
        for lane in lanes {
            if let Some(job) = self.claim_ready(*lane).await? {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    async fn claim_lapsed(&self, lanes: &[Lane]) -> Result<Option<Job>, Error> {
        let lanes = lanes.iter().map(|lane| format!("'{}'", lane.as_str())).collect::<Vec<_>>().join(", ");
        let now = self.boot.now_sql("$2");
        let lapsed = self.boot.lapsed_sql(&now, "$1");
        let picked = format!("SELECT id FROM job WHERE state = 'running' AND lane IN ({lanes}) AND {lapsed}");
        let values: [Value; 2] = [self.boot.id.into(), self.boot.monotonic().into()];
        let look = self.jobs.db.statement(format!("{picked} LIMIT 1"), values.clone());
        if self.jobs.db.reader().query_one_raw(look).await?.is_none() {
            return Ok(None);
        }
        // The place in the quota stays taken: it passes from the process that died to this one.
        let sql = format!(
            "WITH picked AS MATERIALIZED ({picked} ORDER BY lease_until, id LIMIT 1{}) \
             UPDATE job SET fence = fence + 1, boot_id = $1, lease_until = {now} + $3, crashes = crashes + 1 \
             WHERE id IN (SELECT id FROM picked) RETURNING {COLUMNS}",
            self.skip_locked()
        );
        let [boot, monotonic] = values;
        let values = vec![boot, monotonic, micros(self.jobs.config.lease).into()];
        let taken = self
            .jobs
            .db
            .write((sql, values), |tx, (sql, values)| {
                Box::pin(async move {
                    let row = tx.query_one_raw(statement(tx, sql.as_str(), values.clone())).await?;
                    row.as_ref().map(job_of).transpose()?.ok_or(Failure::Refused(NothingTaken))
                })
            })
            .await;
        taken_or_nothing(taken)
    }

    async fn claim_ready(&self, lane: Lane) -> Result<Option<Job>, Error> {
        let first = self.served_last(lane);
        let mut after = first;
        let mut wrapped = first.is_none();
        for _ in 0..ACCOUNTS_PER_CLAIM {
            let Some((account, free)) = self.next_account(lane, after).await? else {
                if wrapped {
                    return Ok(None);
                }
                wrapped = true;
                after = None;
                continue;
            };
            if wrapped && first.is_some_and(|first| account > first) {
                return Ok(None);
            }
            if free && let Some(job) = self.take(lane, account).await? {
                self.served.lock().unwrap_or_else(PoisonError::into_inner).insert(lane, account);
                return Ok(Some(job));
            }
            after = Some(account);
        }
        // So many accounts were at their cap: the next look begins where this one ended.
        if let Some(account) = after {
            self.served.lock().unwrap_or_else(PoisonError::into_inner).insert(lane, account);
        }
        Ok(None)
    }

    fn cap(&self, lane: Lane) -> i32 {
        cap(lane, self.jobs.config.account_running_max, self.jobs.config.workers)
    }

    fn served_last(&self, lane: Lane) -> Option<Uuid> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).get(&lane).copied()
    }

    /// The next account with ready work, and whether it may start another job.
    async fn next_account(&self, lane: Lane, after: Option<Uuid>) -> Result<Option<(Uuid, bool)>, Error> {
        let bound = if after.is_some() { "account_id > $3" } else { "account_id >= $3" };
        let sql = format!(
            "SELECT n.account_id, COALESCE(q.running < $4, TRUE) AS free \
             FROM (SELECT account_id FROM job WHERE state = 'ready' AND lane = $1 AND {bound} AND ready_at <= {} \
             ORDER BY account_id LIMIT 1) n LEFT JOIN job_quota q ON q.account_id = n.account_id AND q.lane = $1",
            self.ready_now_sql("$2")
        );
        let values =
            [lane.as_str().into(), self.ready_now().into(), after.unwrap_or(Uuid::nil()).into(), self.cap(lane).into()];
        let row = self.jobs.db.reader().query_one_raw(self.jobs.db.statement(sql, values)).await?;
        match row {
            Some(row) => Ok(Some((row.try_get("", "account_id")?, row.try_get("", "free")?))),
            None => Ok(None),
        }
    }

    async fn take(&self, lane: Lane, account: Uuid) -> Result<Option<Job>, Error> {
        let claim = format!(
            "WITH picked AS MATERIALIZED (SELECT id FROM job WHERE state = 'ready' AND lane = $1 AND account_id = $2 \
             AND ready_at <= {} ORDER BY ready_at, id LIMIT 1{}) \
             UPDATE job SET state = 'running', fence = fence + 1, boot_id = $4, lease_until = {} + $6 \
             WHERE id IN (SELECT id FROM picked) RETURNING {COLUMNS}",
            self.ready_now_sql("$3"),
            self.skip_locked(),
            self.boot.now_sql("$5"),
        );
        let values: Vec<Value> = vec![
            lane.as_str().into(),
            account.into(),
            self.ready_now().into(),
            self.boot.id.into(),
            self.boot.monotonic().into(),
            micros(self.jobs.config.lease).into(),
        ];
        let cap = self.cap(lane);
        let taken = self
            .jobs
            .db
            .write((claim, values, lane, account, cap), |tx, (claim, values, lane, account, cap)| {
                Box::pin(async move {
                    let row = tx.query_one_raw(statement(tx, claim.as_str(), values.clone())).await?;
                    let job = row.as_ref().map(job_of).transpose()?.ok_or(Failure::Refused(NothingTaken))?;
                    take_place(tx, *lane, *account, *cap).await?;
                    Ok(job)
                })
            })
            .await;
        taken_or_nothing(taken)
    }

    /// Renews `leases` in one statement and answers which of them are still ours.
    pub(super) async fn renew(&self, leases: &[(Uuid, i64)]) -> Result<HashSet<(Uuid, i64)>, Error> {
        let now = self.boot.now_sql("$2");
        let mut values: Vec<Value> =
            vec![self.boot.id.into(), self.boot.monotonic().into(), micros(self.jobs.config.lease).into()];
        let mut rows = Vec::with_capacity(leases.len());
        for (id, fence) in leases {
            values.push((*id).into());
            values.push((*fence).into());
            rows.push(format!("(${}, ${})", values.len() - 1, values.len()));
        }
        let seen = format!("UPDATE worker_boot SET seen_at = {now} WHERE id = $1");
        // Locked in the order of their ids, as by everybody who locks several.
        let renew = format!(
            "WITH picked AS MATERIALIZED (SELECT id FROM job WHERE state = 'running' AND boot_id = $1 \
             AND (id, fence) IN (VALUES {}) ORDER BY id{}) \
             UPDATE job SET lease_until = {now} + $3 WHERE id IN (SELECT id FROM picked) RETURNING id, fence",
            rows.join(", "),
            self.boot.engine().for_update(),
        );
        let kept = self
            .jobs
            .db
            .write((seen, renew, values), |tx, (seen, renew, values)| {
                Box::pin(async move {
                    let two: Vec<Value> = values.iter().take(2).cloned().collect();
                    tx.execute_raw(statement(tx, seen.as_str(), two)).await?;
                    let mut kept = HashSet::new();
                    if values.len() > 3 {
                        for row in tx.query_all_raw(statement(tx, renew.as_str(), values.clone())).await? {
                            kept.insert((row.try_get("", "id")?, row.try_get("", "fence")?));
                        }
                    }
                    Ok::<_, Failure<crate::error::Never>>(kept)
                })
            })
            .await?;
        Ok(kept)
    }

    /// Ends the job. `false`: it was ended already, or the lease was lost; nothing was written.
    pub(super) async fn finish(&self, lease: &Lease, end: End, code: Option<&str>) -> Result<bool, Error> {
        let sql = "UPDATE job SET state = $1, boot_id = NULL, lease_until = NULL, finished_at = $2, \
                   error_code = COALESCE($3, error_code) WHERE id = $4 AND fence = $5 AND state = 'running'";
        let values: Vec<Value> = vec![
            end.as_str().into(),
            self.jobs.clock.now().into(),
            code.map(str::to_owned).into(),
            lease.job_id.into(),
            lease.fence.into(),
        ];
        self.leave(sql.to_owned(), values, lease).await
    }

    /// Puts the job back. `false`: the lease was lost; nothing was written.
    pub(super) async fn put_back(&self, lease: &Lease, back: &Back) -> Result<bool, Error> {
        let sql = format!(
            "UPDATE job SET state = 'ready', boot_id = NULL, lease_until = NULL, ready_at = {} + $2, \
             attempts = attempts + $3, error_code = COALESCE($4, error_code) \
             WHERE id = $5 AND fence = $6 AND state = 'running'",
            self.ready_now_sql("$1")
        );
        let values: Vec<Value> = vec![
            self.ready_now().into(),
            micros(back.after).into(),
            i32::from(back.attempt).into(),
            back.code.map(str::to_owned).into(),
            lease.job_id.into(),
            lease.fence.into(),
        ];
        self.leave(sql, values, lease).await
    }

    async fn leave(&self, sql: String, values: Vec<Value>, lease: &Lease) -> Result<bool, Error> {
        let context = (sql, values, lease.clone());
        let written = self
            .jobs
            .db
            .write(context, |tx, (sql, values, lease)| {
                Box::pin(async move {
                    let done = tx.execute_raw(statement(tx, sql.as_str(), values.clone())).await?;
                    if done.rows_affected() == 1 {
                        give_place(tx, lease).await?;
                    }
                    Ok::<_, Failure<crate::error::Never>>(done.rows_affected() == 1)
                })
            })
            .await?;
        Ok(written)
    }

    /// Says that this start has ended.
    pub(super) async fn stopped(&self) -> Result<(), Error> {
        let sql = format!("UPDATE worker_boot SET stopped_at = {} WHERE id = $1", self.boot.now_sql("$2"));
        let values: Vec<Value> = vec![self.boot.id.into(), self.boot.monotonic().into()];
        self.jobs
            .db
            .write((sql, values), |tx, (sql, values)| {
                Box::pin(async move {
                    tx.execute_raw(statement(tx, sql.as_str(), values.clone())).await?;
                    Ok::<_, Failure<crate::error::Never>>(())
                })
            })
            .await?;
        Ok(())
    }

    fn skip_locked(&self) -> &'static str {
        match self.boot.engine() {
            Engine::Postgres => " FOR UPDATE SKIP LOCKED",
            Engine::Sqlite => "",
        }
    }

    /// When a job is due: by the database's clock or by this process's, whichever is ahead, so that what this process
    /// enqueued for "now" is due for it.
    fn ready_now_sql(&self, parameter: &str) -> String {
        match self.boot.engine() {
            Engine::Postgres => {
                format!("GREATEST(CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint), {parameter})")
            }
            Engine::Sqlite => parameter.to_owned(),
        }
    }

    fn ready_now(&self) -> Micros {
        let now = self.jobs.clock.now();
        match self.boot.engine() {
            Engine::Postgres => now,
            Engine::Sqlite => now.max(self.boot.monotonic()),
        }
    }
}

fn taken_or_nothing(taken: Result<Job, Failure<NothingTaken>>) -> Result<Option<Job>, Error> {
    match taken {
        Ok(job) => Ok(Some(job)),
        Err(Failure::Refused(NothingTaken)) => Ok(None),
        Err(Failure::Fault(error)) => Err(error),
    }
}

async fn take_place(
    tx: &DatabaseTransaction,
    lane: Lane,
    account: Uuid,
    cap: i32,
) -> Result<(), Failure<NothingTaken>> {
    let sql =
        "UPDATE job_quota SET running = running + 1, cap = $3 WHERE account_id = $1 AND lane = $2 AND running < $3";
    let done = tx.execute_raw(statement(tx, sql, [account.into(), lane.as_str().into(), cap.into()])).await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    let sql = "INSERT INTO job_quota (account_id, lane, running, cap) VALUES ($1, $2, 1, $3) ON CONFLICT DO NOTHING";
    let done = tx.execute_raw(statement(tx, sql, [account.into(), lane.as_str().into(), cap.into()])).await?;
    // No row: the account is at its cap, or its first job starts elsewhere at this moment. Both look again.
    if done.rows_affected() == 1 { Ok(()) } else { Err(Failure::Refused(NothingTaken)) }
}

async fn give_place(tx: &DatabaseTransaction, lease: &Lease) -> Result<(), sea_orm::DbErr> {
    let sql = "UPDATE job_quota SET running = running - 1 WHERE account_id = $1 AND lane = $2 AND running > 0";
    tx.execute_raw(statement(tx, sql, [lease.account_id.into(), lease.lane.as_str().into()])).await?;
    Ok(())
}

fn job_of(row: &QueryResult) -> Result<Job, Error> {
    let lane: String = row.try_get("", "lane")?;
    let lane = Lane::parse(&lane).ok_or_else(|| Internal::new("a job has no known lane", lane))?;
    Ok(Job {
        lease: Lease {
            job_id: row.try_get("", "id")?,
            fence: row.try_get("", "fence")?,
            account_id: row.try_get("", "account_id")?,
            lane,
        },
        kind: row.try_get("", "kind")?,
        subject: Subject { kind: row.try_get("", "subject_kind")?, id: row.try_get("", "subject_id")? },
        payload: row.try_get("", "payload")?,
        attempts: row.try_get("", "attempts")?,
        attempts_max: row.try_get("", "attempts_max")?,
        crashes: row.try_get("", "crashes")?,
    })
}
