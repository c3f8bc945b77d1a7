//! The ledger's invariants: all of them on a small ledger, those of a few accounts on a large one.

use std::time::Duration;

use sea_orm::ConnectionTrait;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Finding, Scene, database::unread};
use crate::{
    db::Db,
    error::Error,
    ids::{Ids, random},
    ledger::verify::{Report, verify},
};

/// Transactions that are checked all together within the time of a check.
const WHOLE_MAX: i64 = 20_000;

/// Accounts of a sample at most.
const SAMPLE_MAX: i64 = 20;

/// No further account is begun after this.
const SAMPLE_WITHIN: Duration = Duration::from_secs(2);

const REMEDY: &str = "inkledger ledger verify";

pub(super) async fn invariants(scene: &Scene) -> Result<Finding, Finding> {
    let db = scene.tables()?;
    // Counting stops early: a large table is not read to its end.
    let few = format!("SELECT COUNT(*) FROM (SELECT 1 AS one FROM credit_transaction LIMIT {}) t", WHOLE_MAX + 1);
    if number(db, &few).await? <= WHOLE_MAX {
        let report = verify(db, scene.clock.as_ref(), None).await.map_err(|error| failed(&error))?;
        let scope = format!("{} accounts, {} transactions", report.accounts, report.transactions);
        return Ok(judge(&[report], &format!("all invariants and hashes hold: {scope}")));
    }
    // The whole may be too large for the time there is, which is no fault of the ledger's.
    match tokio::time::timeout(Duration::from_millis(4500), sample(scene, db)).await {
        Ok(found) => found,
        Err(_) => Ok(Finding::warn("the ledger is too large to be checked in 5 seconds", REMEDY)),
    }
}

async fn sample(scene: &Scene, db: &Db) -> Result<Finding, Finding> {
    let began = Instant::now();
    let accounts = some_accounts(db, scene.ids.as_ref()).await?;
    let mut reports = Vec::new();
    for account in accounts {
        if began.elapsed() > SAMPLE_WITHIN {
            break;
        }
        reports.push(verify(db, scene.clock.as_ref(), Some(account)).await.map_err(|error| failed(&error))?);
    }
    let text = format!("all invariants and hashes hold in a sample of {} accounts; {REMEDY} checks all", reports.len());
    Ok(judge(&reports, &text))
}

/// Neighbours from a random place in the order of ids.
async fn some_accounts(db: &Db, ids: &dyn Ids) -> Result<Vec<Uuid>, Finding> {
    let total = number(db, "SELECT COUNT(*) FROM ledger_account").await?;
    let room = (total - SAMPLE_MAX).max(0) + 1;
    let skip = i64::from(u32::from_be_bytes(random(ids))) % room;
    let sql = "SELECT account_id FROM ledger_account ORDER BY account_id LIMIT $1 OFFSET $2";
    let statement = db.statement(sql, [SAMPLE_MAX.into(), skip.into()]);
    let rows = db.reader().query_all_raw(statement).await.map_err(|error| unread(&error))?;
    rows.iter().map(|row| row.try_get("", "account_id").map_err(|error| unread(&error))).collect()
}

async fn number(db: &Db, sql: &str) -> Result<i64, Finding> {
    let row = db.reader().query_one_raw(db.statement(sql, [])).await.map_err(|error| unread(&error))?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).map_err(|error| unread(&error))
}

fn failed(error: &Error) -> Finding {
    match error {
        Error::Internal(internal) => {
            Finding::fail(format!("the ledger could not be checked: {}", internal.chain()), REMEDY)
        }
        other => Finding::fail(format!("the ledger could not be checked: {other}"), REMEDY),
    }
}

fn judge(reports: &[Report], clean: &str) -> Finding {
    let violations: usize = reports.iter().map(|report| report.violations_count).sum();
    if violations == 0 {
        return Finding::ok(clean);
    }
    let mut codes: Vec<&str> =
        reports.iter().flat_map(|report| &report.violations).map(|violation| violation.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    Finding::fail(
        format!("violations: {violations}, of {}", codes.join(", ")),
        format!("stop writing, keep the database as it is, and run: {REMEDY}"),
    )
}
