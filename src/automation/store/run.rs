//! Runs, and the keys that their commands came with.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::unknown;
use crate::{
    automation::model::{
        AutomationRun, Desired, Pause, PauseFigures, PauseReason, RunSettings, RunState, Stage, Trigger,
    },
    clock::Micros,
    db::{engine_of, list::List, places, statement},
    page::{Page, PageArgs},
};

const COLUMNS: &str = "id, account_id, site_id, cause, user_id, source_run_id, from_stage, is_redo, state, desired, fence, \
                       event_seq, config, current_stage, pause_reason, credits_next, credits_short, credits_to_finish, \
                       pauses, credits_start, credits_used, credits_committed, credit_cap, active_us, active_since, error_code, error_text, \
                       created_at, updated_at, started_at, finished_at";

fn stage_of(word: Option<String>) -> Result<Option<Stage>, DbErr> {
    word.map(|word| Stage::parse(&word).ok_or_else(|| unknown("stage"))).transpose()
}

fn pause_of(row: &QueryResult) -> Result<Option<Pause>, DbErr> {
    let reason: Option<String> = row.try_get("", "pause_reason")?;
    let Some(reason) = reason else { return Ok(None) };
    let reason = PauseReason::parse(&reason).ok_or_else(|| unknown("reason of a pause"))?;
    let figures: [Option<i64>; 3] =
        [row.try_get("", "credits_next")?, row.try_get("", "credits_short")?, row.try_get("", "credits_to_finish")?];
    let figures = match figures {
        [Some(next), Some(short), Some(to_finish)] => Some(PauseFigures { next, short, to_finish }),
        _ => None,
    };
    Ok(Some(Pause { reason, figures, cap: None }))
}

fn run_of(row: &QueryResult) -> Result<AutomationRun, DbErr> {
    let word = |column: &str| row.try_get::<String>("", column);
    Ok(AutomationRun {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        site_id: row.try_get("", "site_id")?,
        trigger: Trigger::parse(&word("cause")?).ok_or_else(|| unknown("cause of a run"))?,
        user_id: row.try_get("", "user_id")?,
        source_run_id: row.try_get("", "source_run_id")?,
        from_stage: stage_of(row.try_get("", "from_stage")?)?,
        is_redo: row.try_get("", "is_redo")?,
        state: RunState::parse(&word("state")?).ok_or_else(|| unknown("state of a run"))?,
        desired: Desired::parse(&word("desired")?).ok_or_else(|| unknown("wish for a run"))?,
        fence: row.try_get("", "fence")?,
        event_seq: row.try_get("", "event_seq")?,
        settings: RunSettings::from_json(&word("config")?).ok_or_else(|| unknown("config of a run"))?,
        current_stage: stage_of(row.try_get("", "current_stage")?)?,
        pause: pause_of(row)?,
        pauses: row.try_get("", "pauses")?,
        credits_start: row.try_get("", "credits_start")?,
        credits_used: row.try_get("", "credits_used")?,
        credits_committed: row.try_get("", "credits_committed")?,
        credit_cap: row.try_get("", "credit_cap")?,
        active_us: row.try_get("", "active_us")?,
        active_since: row.try_get("", "active_since")?,
        error_code: row.try_get("", "error_code")?,
        error_text: row.try_get("", "error_text")?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
        started_at: row.try_get("", "started_at")?,
        finished_at: row.try_get("", "finished_at")?,
    })
}

/// An account's run. Another account's is not found.
pub async fn find_run(
    connection: &impl ConnectionTrait,
    account: Uuid,
    id: Uuid,
) -> Result<Option<AutomationRun>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM automation_run WHERE id = $1 AND account_id = $2");
    let row = connection.query_one_raw(statement(connection, sql, [id.into(), account.into()])).await?;
    row.as_ref().map(run_of).transpose()
}

/// A run of any account, for the engine.
pub async fn find_any_run(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<AutomationRun>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM automation_run WHERE id = $1");
    let row = connection.query_one_raw(statement(connection, sql, [id.into()])).await?;
    row.as_ref().map(run_of).transpose()
}

/// Locks a run until the transaction ends; the caller compares the account.
pub async fn lock_run(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<AutomationRun>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM automation_run WHERE id = $1{}", engine_of(tx).for_update());
    let row = tx.query_one_raw(statement(tx, sql, [id.into()])).await?;
    row.as_ref().map(run_of).transpose()
}

/// Runs by id, of any account: the caller compares the account.
pub async fn load_runs(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, AutomationRun>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM automation_run WHERE id IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| run_of(row).map(|run| (run.id, run))).collect()
}

/// A site's runs, newest first; the caller has authorised by holding the site.
pub async fn list_runs(
    connection: &impl ConnectionTrait,
    site: Uuid,
    state: Option<RunState>,
    args: &PageArgs<Uuid>,
) -> Result<Page<AutomationRun>, DbErr> {
    List::of(COLUMNS, "automation_run", "id", "site_id", site)
        .only("state", state.map(RunState::as_str))
        .page(connection, args, run_of)
        .await
}

/// The newest run of each site that has one; the caller has authorised by holding the sites.
pub async fn load_last_runs(
    connection: &impl ConnectionTrait,
    sites: &[Uuid],
) -> Result<HashMap<Uuid, AutomationRun>, DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} FROM automation_run r WHERE site_id IN ({}) AND NOT EXISTS \
         (SELECT 1 FROM automation_run n WHERE n.site_id = r.site_id AND n.id > r.id)",
        places(1, sites.len())
    );
    let rows = connection.query_all_raw(statement(connection, sql, sites.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| run_of(row).map(|run| (run.site_id, run))).collect()
}

/// The run of a site that has not ended.
pub async fn find_unfinished(connection: &impl ConnectionTrait, site: Uuid) -> Result<Option<Uuid>, DbErr> {
    let sql = "SELECT id FROM automation_run WHERE site_id = $1 AND finished_at IS NULL";
    let row = connection.query_one_raw(statement(connection, sql, [site.into()])).await?;
    row.map(|row| row.try_get("", "id")).transpose()
}

/// What stands for no cap: more than there can be.
const NO_LIMIT: i64 = 1_000_000_000_000_000;

fn limit_of(run: &AutomationRun) -> i64 {
    run.credit_cap.unwrap_or(NO_LIMIT)
}

/// A new run, with its first event still to come.
pub async fn insert_run(tx: &impl ConnectionTrait, run: &AutomationRun) -> Result<(), DbErr> {
    let sql = "INSERT INTO automation_run (id, account_id, site_id, cause, user_id, source_run_id, from_stage, is_redo, \
               state, desired, fence, event_seq, config, pauses, credits_start, credits_used, credits_committed, credit_cap, \
               active_us, created_at, updated_at, credit_limit) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, $11, 0, $12, 0, 0, $13, 0, $14, $14, $15)";
    let values: [Value; 15] = [
        run.id.into(),
        run.account_id.into(),
        run.site_id.into(),
        run.trigger.as_str().into(),
        run.user_id.into(),
        run.source_run_id.into(),
        run.from_stage.map(Stage::as_str).into(),
        run.is_redo.into(),
        run.state.as_str().into(),
        run.desired.as_str().into(),
        run.settings.to_json().into(),
        run.credits_start.into(),
        run.credit_cap.into(),
        run.created_at.into(),
        limit_of(run).into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Writes what changes about a run that the caller has locked: all but its numbers of events and credits, which only effects
/// raise.
pub async fn update_run(tx: &impl ConnectionTrait, run: &AutomationRun) -> Result<(), DbErr> {
    let sql = "UPDATE automation_run SET state = $1, desired = $2, fence = $3, current_stage = $4, pause_reason = $5, \
               credits_next = $6, credits_short = $7, credits_to_finish = $8, pauses = $9, credit_cap = $10, \
               active_us = $11, active_since = $12, error_code = $13, error_text = $14, updated_at = $15, \
               started_at = $16, finished_at = $17, credit_limit = $18 WHERE id = $19";
    let figures = run.pause.and_then(|pause| pause.figures);
    let values: [Value; 19] = [
        run.state.as_str().into(),
        run.desired.as_str().into(),
        run.fence.into(),
        run.current_stage.map(Stage::as_str).into(),
        run.pause.map(|pause| pause.reason.as_str()).into(),
        figures.map(|figures| figures.next).into(),
        figures.map(|figures| figures.short).into(),
        figures.map(|figures| figures.to_finish).into(),
        run.pauses.into(),
        run.credit_cap.into(),
        run.active_us.into(),
        run.active_since.into(),
        run.error_code.clone().into(),
        run.error_text.clone().into(),
        run.updated_at.into(),
        run.started_at.into(),
        run.finished_at.into(),
        limit_of(run).into(),
        run.id.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// What a key of the account was used for: the run, and the request's hash.
pub async fn find_command(
    connection: &impl ConnectionTrait,
    account: Uuid,
    key: &str,
) -> Result<Option<(Uuid, Vec<u8>)>, DbErr> {
    let sql = "SELECT run_id, request_hash FROM automation_command WHERE account_id = $1 AND idem_key = $2";
    let row = connection.query_one_raw(statement(connection, sql, [account.into(), key.into()])).await?;
    row.map(|row| Ok((row.try_get("", "run_id")?, row.try_get("", "request_hash")?))).transpose()
}

/// Notes what a key was used for. A key that was used meanwhile violates `automation_command_pkey`.
pub async fn insert_command(
    tx: &impl ConnectionTrait,
    account: Uuid,
    (key, hash): (&str, &[u8]),
    run: Uuid,
    now: Micros,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO automation_command (account_id, idem_key, request_hash, run_id, created_at) \
               VALUES ($1, $2, $3, $4, $5)";
    let values: [Value; 5] = [account.into(), key.into(), hash.to_vec().into(), run.into(), now.into()];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// A site as a run needs it; another account's is not found. Locked until the transaction ends, so that a site's runs start
/// one after the other. Answers whether it is active.
pub async fn lock_site(tx: &impl ConnectionTrait, account: Uuid, site: Uuid) -> Result<Option<bool>, DbErr> {
    let lock = match engine_of(tx) {
        // Rows that refer to the site are added meanwhile.
        crate::db::Engine::Postgres => " FOR NO KEY UPDATE",
        crate::db::Engine::Sqlite => "",
    };
    let sql = format!("SELECT is_active FROM site WHERE id = $1 AND account_id = $2{lock}");
    let row = tx.query_one_raw(statement(tx, sql, [site.into(), account.into()])).await?;
    row.map(|row| row.try_get("", "is_active")).transpose()
}

/// Whether the account is suspended.
pub async fn is_suspended(connection: &impl ConnectionTrait, account: Uuid) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM account WHERE id = $1 AND state = 'SUSPENDED'";
    Ok(connection.query_one_raw(statement(connection, sql, [account.into()])).await?.is_some())
}

/// Whether nothing is done for the site now.
pub async fn is_site_off(connection: &impl ConnectionTrait, site: Uuid) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM site WHERE id = $1 AND is_active = FALSE";
    Ok(connection.query_one_raw(statement(connection, sql, [site.into()])).await?.is_some())
}

/// Runs that wait for credits, by id, after `after`.
pub async fn list_short_of_credits(
    connection: &impl ConnectionTrait,
    after: Uuid,
    limit: i64,
) -> Result<Vec<AutomationRun>, DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} FROM automation_run WHERE finished_at IS NULL AND state = 'PAUSED' \
         AND pause_reason = 'INSUFFICIENT_CREDITS' AND id > $1 ORDER BY id LIMIT $2"
    );
    let rows = connection.query_all_raw(statement(connection, sql, [after.into(), limit.into()])).await?;
    rows.iter().map(run_of).collect()
}

/// Runs that should be at work and have no job: run and account.
pub async fn list_orphans(
    connection: &impl ConnectionTrait,
    job_kind: &str,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>, DbErr> {
    let sql = "SELECT r.id, r.account_id FROM automation_run r WHERE r.finished_at IS NULL AND r.state <> 'PAUSED' \
               AND NOT EXISTS (SELECT 1 FROM job j WHERE j.subject_kind = 'automation_run' AND j.subject_id = r.id \
               AND j.kind = $1 AND j.state IN ('ready', 'running')) ORDER BY r.id LIMIT $2";
    let rows = connection.query_all_raw(statement(connection, sql, [job_kind.into(), limit.into()])).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "account_id")?))).collect()
}

/// Makes the waiting jobs of runs due that were asked to pause or to end, or whose site or account is off. Answers how many
/// there were.
pub async fn hasten_asked(tx: &impl ConnectionTrait, job_kind: &str, now: Micros) -> Result<u64, DbErr> {
    let sql = "UPDATE job SET ready_at = $1 WHERE kind = $2 AND state = 'ready' AND ready_at > $1 AND subject_id IN \
               (SELECT r.id FROM automation_run r WHERE r.finished_at IS NULL AND r.state <> 'PAUSED' AND (r.desired <> 'run' \
               OR EXISTS (SELECT 1 FROM account a WHERE a.id = r.account_id AND a.state = 'SUSPENDED') \
               OR EXISTS (SELECT 1 FROM site s WHERE s.id = r.site_id AND s.is_active = FALSE)))";
    Ok(tx.execute_raw(statement(tx, sql, [now.into(), job_kind.into()])).await?.rows_affected())
}
