//! When sites' runs start by themselves, and what became of each time.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::unknown;
use crate::{
    automation::model::AutomationConfig,
    calendar::SiteZone,
    clock::Micros,
    db::{Engine, engine_of, places, statement},
    error::Error,
};

/// The kind of subject that schedules of runs have: the site.
const SUBJECT: &str = "site";

/// A schedule that has fallen due, or whose zone is no longer the site's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The schedule.
    pub id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// When it fell due.
    pub due_at: Micros,
    /// The site's zone now.
    pub zone: SiteZone,
    /// Whether something may be done: the site is active and the account is not suspended.
    pub is_on: bool,
}

/// What became of a firing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A run started, with this job.
    Fired {
        /// The run.
        run_id: Uuid,
        /// Its job.
        job_id: Uuid,
    },
    /// The site had a run that had not ended.
    SkippedActive,
    /// The site is not in use, or its account is suspended.
    SkippedOff,
}

/// When a site's next run starts. The caller holds the sites.
pub async fn load_next(connection: &impl ConnectionTrait, sites: &[Uuid]) -> Result<HashMap<Uuid, Micros>, DbErr> {
    let sql = format!(
        "SELECT subject_id, next_at FROM schedule WHERE subject_kind = 'site' AND next_at IS NOT NULL \
         AND subject_id IN ({})",
        places(1, sites.len())
    );
    let rows = connection.query_all_raw(statement(connection, sql, sites.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| Ok((row.try_get("", "subject_id")?, row.try_get("", "next_at")?))).collect()
}

/// Makes the site's schedule what its config says; `id` is that of a new one. The caller has locked the site.
pub async fn save_schedule(
    tx: &impl ConnectionTrait,
    id: Uuid,
    config: &AutomationConfig,
    (zone, next): (SiteZone, Option<Micros>),
    now: Micros,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO schedule (id, account_id, subject_kind, subject_id, cron, time_zone, catch_up, state, next_at, \
               created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 'once', $7, $8, $9, $9) \
               ON CONFLICT (subject_kind, subject_id) DO UPDATE SET cron = excluded.cron, \
               time_zone = excluded.time_zone, state = excluded.state, next_at = excluded.next_at, \
               updated_at = excluded.updated_at";
    let state = if next.is_some() { "on" } else { "off" };
    let values: [Value; 9] = [
        id.into(),
        config.account_id.into(),
        SUBJECT.into(),
        config.site_id.into(),
        config.cron().into(),
        zone.name().into(),
        state.into(),
        next.into(),
        now.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Whether the site has a schedule that is off.
pub async fn is_off(connection: &impl ConnectionTrait, site: Uuid) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM schedule WHERE subject_kind = 'site' AND subject_id = $1 AND state = 'off'";
    Ok(connection.query_one_raw(statement(connection, sql, [site.into()])).await?.is_some())
}

/// Schedules that are due, or whose site has another zone now: site and account. Unlocked: each is judged again under its
/// lock.
pub async fn list_due(connection: &impl ConnectionTrait, now: Micros, limit: i64) -> Result<Vec<(Uuid, Uuid)>, DbErr> {
    let sql = "SELECT s.id, s.account_id FROM schedule s JOIN site w ON w.id = s.subject_id \
               WHERE s.state = 'on' AND s.subject_kind = 'site' AND (s.next_at <= $1 OR s.time_zone <> w.time_zone) \
               ORDER BY s.next_at, s.id LIMIT $2";
    let rows = connection.query_all_raw(statement(connection, sql, [now.into(), limit.into()])).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "account_id")?))).collect()
}

fn due_of(row: &QueryResult) -> Result<Due, DbErr> {
    let zone: String = row.try_get("", "time_zone")?;
    Ok(Due {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        site_id: row.try_get("", "site_id")?,
        due_at: row.try_get("", "next_at")?,
        zone: SiteZone::parse(&zone).map_err(|_| unknown("time zone"))?,
        is_on: row.try_get("", "is_active")? && row.try_get::<String>("", "account_state")? == "ACTIVE",
    })
}

/// Locks a schedule that is on; `None` when it is off, or another process has it in hand.
pub async fn lock_schedule(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<Due>, DbErr> {
    let lock = match engine_of(tx) {
        Engine::Postgres => " FOR UPDATE OF s SKIP LOCKED",
        Engine::Sqlite => "",
    };
    let sql = format!(
        "SELECT s.id, s.account_id, w.id AS site_id, s.next_at, w.time_zone, w.is_active, a.state AS account_state \
         FROM schedule s JOIN site w ON w.id = s.subject_id JOIN account a ON a.id = s.account_id \
         WHERE s.id = $1 AND s.state = 'on'{lock}"
    );
    let row = tx.query_one_raw(statement(tx, sql, [id.into()])).await?;
    row.as_ref().map(due_of).transpose()
}

/// Records what became of a firing.
pub async fn insert_firing(tx: &impl ConnectionTrait, due: &Due, outcome: Outcome, now: Micros) -> Result<(), DbErr> {
    let sql = "INSERT INTO schedule_firing (schedule_id, due_at, account_id, outcome, run_id, job_id, fired_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let (word, run, job) = match outcome {
        Outcome::Fired { run_id, job_id } => ("fired", Some(run_id), Some(job_id)),
        Outcome::SkippedActive => ("skipped_active", None, None),
        Outcome::SkippedOff => ("skipped_off", None, None),
    };
    let values: [Value; 7] =
        [due.id.into(), due.due_at.into(), due.account_id.into(), word.into(), run.into(), job.into(), now.into()];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// When a locked schedule falls due next, reckoned in `zone`.
pub async fn update_next(
    tx: &impl ConnectionTrait,
    id: Uuid,
    (zone, next): (SiteZone, Micros),
    now: Micros,
) -> Result<(), DbErr> {
    let sql = "UPDATE schedule SET next_at = $1, time_zone = $2, updated_at = $3 WHERE id = $4 AND state = 'on'";
    tx.execute_raw(statement(tx, sql, [next.into(), zone.name().into(), now.into(), id.into()])).await?;
    Ok(())
}

/// Forgets firings from before `before`. Answers how many there were.
pub async fn delete_firings(tx: &impl ConnectionTrait, before: Micros) -> Result<u64, DbErr> {
    let sql = "DELETE FROM schedule_firing WHERE fired_at < $1";
    Ok(tx.execute_raw(statement(tx, sql, [before.into()])).await?.rows_affected())
}

/// A site's zone.
pub async fn find_zone(connection: &impl ConnectionTrait, site: Uuid) -> Result<Option<SiteZone>, DbErr> {
    let sql = "SELECT time_zone FROM site WHERE id = $1";
    let row = connection.query_one_raw(statement(connection, sql, [site.into()])).await?;
    let Some(row) = row else { return Ok(None) };
    let zone: String = row.try_get("", "time_zone")?;
    SiteZone::parse(&zone).map(Some).map_err(|_| unknown("time zone"))
}

/// The site of a schedule.
pub async fn find_site(connection: &impl ConnectionTrait, schedule: Uuid) -> Result<Option<Uuid>, DbErr> {
    let sql = "SELECT subject_id FROM schedule WHERE id = $1 AND subject_kind = 'site'";
    let row = connection.query_one_raw(statement(connection, sql, [schedule.into()])).await?;
    row.map(|row| row.try_get("", "subject_id")).transpose()
}

/// Whether a firing of this time is recorded.
pub async fn is_fired(connection: &impl ConnectionTrait, due: &Due) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM schedule_firing WHERE schedule_id = $1 AND due_at = $2";
    Ok(connection.query_one_raw(statement(connection, sql, [due.id.into(), due.due_at.into()])).await?.is_some())
}

/// Switches every schedule off, inside the caller's transaction, and answers how many were on. Saving a site's settings of
/// automation switches its own on again.
pub async fn pause_schedules_in(tx: &DatabaseTransaction, now: Micros) -> Result<u64, Error> {
    let sql = "UPDATE schedule SET state = 'off', next_at = NULL, updated_at = $1 WHERE state = 'on'";
    Ok(tx.execute_raw(statement(tx, sql, [now.into()])).await?.rows_affected())
}
