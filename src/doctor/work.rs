//! `inkledger doctor --work`: the invariants of durable work, each a query that answers the rows that break it, in one
//! snapshot. Reads only.

use sea_orm::{ConnectionTrait, DatabaseTransaction, TryGetable};
use uuid::Uuid;

use super::records::{Finding, RecordsReport, Verdict, statements};
use crate::{
    db::{Db, statement},
    error::{Error, Failure, Never},
};

/// The file that operators know.
const FILE: &str = include_str!("../../sql/work_invariants.sql");

/// How many rows of one invariant are named.
const NAMED: usize = 20;

/// Runs every query in one snapshot. The title begins with the rule's code, such as `R1`; a broken one names its rows.
pub async fn audit_work(db: &Db) -> Result<RecordsReport, Error> {
    Ok(db.snapshot((), |tx, ()| Box::pin(audit(tx))).await?)
}

async fn audit(tx: &DatabaseTransaction) -> Result<RecordsReport, Failure<Never>> {
    let mut findings = Vec::new();
    for (title, sql) in statements(FILE) {
        let rows = tx.query_all_raw(statement(tx, sql, [])).await?;
        let mut differences = Vec::new();
        for row in rows.iter().take(NAMED) {
            let account = Option::<Uuid>::try_get(row, "", "account_id").map_err(sea_orm::DbErr::from)?;
            let id = Uuid::try_get(row, "", "ref").map_err(sea_orm::DbErr::from)?;
            let account = account.map_or_else(|| "none".to_owned(), |account| account.to_string());
            differences.push(format!("+ {id} of account {account}"));
        }
        if rows.len() > NAMED {
            differences.push(format!("… and {} more", rows.len() - NAMED));
        }
        let verdict = if rows.is_empty() { Verdict::Pass } else { Verdict::Fail };
        findings.push(Finding { query: None, title, verdict, differences });
    }
    Ok(RecordsReport { findings })
}
