//! `inkledger ledger verify`: the invariants I1–I18, every hash recomputed, and the anchors compared. Reads only, and is safe
//! beside a running server: each statement sees one snapshot, and journal rows never change.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    clock::{Clock, Micros},
    db::{Db, Engine, engine_of, statement},
    error::{Error, Failure, Internal, Never},
};

use super::{
    model::{Entry, Transaction, chain_hash},
    proof::{
        PublicKeys,
        check::{AnchorsReport, check_file},
    },
    store::{ENTRY_COLUMNS, TRANSACTION_COLUMNS, entry_from, transaction_from},
};

const INVARIANTS: &str = include_str!("../../sql/invariants.sql");

/// Rows read at once while hashes are recomputed.
const PAGE: i64 = 1000;

/// Violations listed in a report; all are counted.
const LISTED_MAX: usize = 1000;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// `I1` to `I18`, `HASH`, or `ANCHOR`: an anchored transaction is not in the journal, or is another one.
    pub code: String,
    /// Whose rows.
    pub account: Option<Uuid>,
    /// Which transaction.
    pub sequence: Option<i64>,
    /// Which other row.
    pub reference: Option<Uuid>,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Invariants checked.
    pub rules: u64,
    /// Accounts in scope.
    pub accounts: i64,
    /// Transactions whose hash was recomputed.
    pub transactions: i64,
    /// Entries in them.
    pub entries: i64,
    /// How many violations there are.
    pub violations_count: usize,
    /// The first thousand of them.
    pub violations: Vec<Violation>,
    /// The rules that each account breaks, of all of them.
    #[serde(skip)]
    pub broken: BTreeMap<Uuid, BTreeSet<String>>,
    /// What the file of anchors came to; `None` when none was given.
    pub anchors: Option<AnchorsReport>,
    /// How long it took, microseconds.
    pub took: Micros,
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many of so many invariants are checked.
    Rules(u64, u64),
    /// So many of so many transactions have their hash recomputed.
    Hashes(i64, i64),
    /// So many of so many lines of anchors are compared.
    Anchors(usize, usize),
}

/// What is verified.
pub struct Checks<'a> {
    /// One account alone, or all.
    pub account: Option<Uuid>,
    /// A file of anchors, and the public keys that signed it.
    pub anchors: Option<(&'a Path, &'a PublicKeys)>,
    /// Hears how far it is.
    pub watch: &'a (dyn Fn(Progress) + Sync),
}

/// Why a verification came to no verdict.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The file of anchors cannot be read.
    #[error("the anchors cannot be read: {0}")]
    Anchors(std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Fault(#[from] Error),
}

impl Report {
    /// Whether nothing is wrong.
    pub fn clean(&self) -> bool {
        self.violations_count == 0 && self.anchors.as_ref().is_none_or(|anchors| anchors.faults.is_empty())
    }

    fn add(&mut self, violation: Violation) {
        self.violations_count += 1;
        if let Some(account) = violation.account {
            self.broken.entry(account).or_default().insert(violation.code.clone());
        }
        if self.violations.len() < LISTED_MAX {
            self.violations.push(violation);
        }
    }
}

/// The statements of `invariants.sql`: each ends with `;` at the end of a line and holds no other.
fn invariants() -> impl Iterator<Item = String> {
    INVARIANTS.split(";\n").filter_map(|part| {
        let lines = part.lines().filter(|line| !line.trim_start().starts_with("--"));
        let sql = lines.collect::<Vec<_>>().join("\n").trim().trim_end_matches(';').to_owned();
        (!sql.is_empty()).then_some(sql)
    })
}

/// Checks one account, or all of them, without anchors.
pub async fn verify(db: &Db, clock: &dyn Clock, account: Option<Uuid>) -> Result<Report, Error> {
    match verify_with(db, clock, &Checks { account, anchors: None, watch: &|_| {} }).await {
        Ok(report) => Ok(report),
        Err(VerifyError::Fault(error)) => Err(error),
        Err(error @ VerifyError::Anchors(_)) => Err(Internal::new("verifying the ledger", error).into()),
    }
}

/// Checks what `checks` says.
pub async fn verify_with(db: &Db, clock: &dyn Clock, checks: &Checks<'_>) -> Result<Report, VerifyError> {
    let (began, account) = (clock.now(), checks.account);
    let mut report = recomputed(db, checks).await?;
    if let Some((path, keys)) = checks.anchors {
        let watch = |done, total| (checks.watch)(Progress::Anchors(done, total));
        let (anchors, missing) = check_file(db, path, keys, account, &watch).await.map_err(VerifyError::Anchors)?;
        report.anchors = Some(anchors);
        for missing in missing {
            let (account, sequence) = (Some(missing.head.account), Some(missing.head.sequence));
            report.add(Violation { code: "ANCHOR".to_owned(), account, sequence, reference: None });
        }
    }
    report.took = clock.now() - began;
    Ok(report)
}

async fn recomputed(db: &Db, checks: &Checks<'_>) -> Result<Report, Error> {
    let account = checks.account;
    let mut report = Report::default();
    let total = u64::try_from(invariants().count()).unwrap_or(0);
    for sql in invariants() {
        (checks.watch)(Progress::Rules(report.rules, total));
        check(db, &sql, account, &mut report).await?;
        report.rules += 1;
    }
    let (condition, values) = match account {
        Some(id) => (" WHERE account_id = $1", vec![id.into()]),
        None => ("", Vec::new()),
    };
    // What is to be recomputed is known without counting the journal: an account's head says how long its chain is.
    let sql =
        format!("SELECT COUNT(*) AS n, CAST(COALESCE(SUM(seq), 0) AS bigint) AS length FROM ledger_account{condition}");
    let mut length = 0;
    if let Some(row) = db.reader().query_one_raw(db.statement(sql, values)).await? {
        report.accounts = row.try_get("", "n").map_err(Error::from)?;
        length = row.try_get("", "length").map_err(Error::from)?;
    }
    recompute(db, account, &mut report, &|done| (checks.watch)(Progress::Hashes(done, length))).await?;
    Ok(report)
}

/// A rule reads whole tables, which takes longer than a request may; and for one account of any size a plan of its own.
const PATIENCE: &str = "SET LOCAL statement_timeout = '5min'; SET LOCAL plan_cache_mode = 'force_custom_plan'";

async fn check(db: &Db, sql: &str, account: Option<Uuid>, report: &mut Report) -> Result<(), Error> {
    // A bare NULL column has no useful type on PostgreSQL; SQLite must not cast, or a blob would become a number.
    let (sequence, reference) = match db.engine() {
        Engine::Postgres => ("CAST(CAST(v.seq AS text) AS bigint)", "CAST(CAST(v.ref AS text) AS uuid)"),
        Engine::Sqlite => ("v.seq", "v.ref"),
    };
    let (own, condition, values) = match account {
        Some(id) => (own_rows(db.engine()), " WHERE v.account_id = $1", vec![id.into()]),
        None => (String::new(), "", Vec::new()),
    };
    let sql = format!(
        "{own}SELECT v.code AS code, v.account_id AS account_id, {sequence} AS sequence, {reference} AS reference \
         FROM ({sql}) v{condition}"
    );
    let found = db.snapshot(db.statement(sql, values), |tx, statement| {
        Box::pin(async move {
            if engine_of(tx) == Engine::Postgres {
                tx.execute_unprepared(PATIENCE).await?;
            }
            let rows = tx.query_all_raw(statement.clone()).await?;
            rows.iter().map(violation_from).collect::<Result<Vec<_>, DbErr>>().map_err(Failure::<Never>::from)
        })
    });
    found.await?.into_iter().for_each(|violation| report.add(violation));
    Ok(())
}

fn violation_from(row: &QueryResult) -> Result<Violation, DbErr> {
    Ok(Violation {
        code: row.try_get("", "code")?,
        account: row.try_get("", "account_id")?,
        sequence: row.try_get("", "sequence")?,
        reference: row.try_get("", "reference")?,
    })
}

/// Puts the rows of account `$1` alone in the place of the ledger's tables, so that a rule looks at nothing else. A row that points at
/// another account's points at nothing then.
fn own_rows(engine: Engine) -> String {
    let schema = match engine {
        Engine::Postgres => "",
        Engine::Sqlite => "main.",
    };
    let owned = ["ledger_account", "credit_transaction", "credit_entry", "credit_grant", "credit_hold", "credit_cap"];
    let owned = owned.map(|table| format!("{table} AS (SELECT * FROM {schema}{table} WHERE account_id = $1)"));
    let of_holds = ["credit_hold_lot", "credit_hold_cap"].map(|table| {
        format!(
            "{table} AS (SELECT * FROM {schema}{table} WHERE hold_id IN \
             (SELECT id FROM {schema}credit_hold WHERE account_id = $1))"
        )
    });
    format!("WITH {} ", owned.into_iter().chain(of_holds).collect::<Vec<_>>().join(", "))
}

/// Where the recomputation stands.
struct Place {
    account: Uuid,
    sequence: i64,
    hash: super::model::Digest,
}

async fn recompute(
    db: &Db,
    account: Option<Uuid>,
    report: &mut Report,
    watch: &(dyn Fn(i64) + Sync),
) -> Result<(), DbErr> {
    let mut place = Place { account: account.unwrap_or_default(), sequence: 0, hash: [0; 32] };
    loop {
        watch(report.transactions);
        let page = transactions_after(db, &place, account.is_some()).await?;
        let Some(last) = page.last() else { return Ok(()) };
        let upto = (last.account_id, last.sequence);
        let mut entries = entries_between(db, &place, upto).await?.into_iter().peekable();
        for row in &page {
            let mut own = Vec::new();
            while let Some((_, entry)) = entries.next_if(|(at, _)| *at <= (row.account_id, row.sequence)) {
                own.push(entry);
            }
            if row.account_id != place.account {
                place = Place { account: row.account_id, sequence: 0, hash: [0; 32] };
            }
            if row.prev_hash != place.hash || row.hash != chain_hash(row, &own) {
                report.add(Violation {
                    code: "HASH".to_owned(),
                    account: Some(row.account_id),
                    sequence: Some(row.sequence),
                    reference: Some(row.id),
                });
            }
            place.sequence = row.sequence;
            place.hash = row.hash;
            report.transactions += 1;
            report.entries += i64::try_from(own.len()).unwrap_or(0);
        }
    }
}

async fn transactions_after(db: &Db, place: &Place, one: bool) -> Result<Vec<Transaction>, DbErr> {
    let scope = if one { "account_id = $1 AND seq > $2" } else { "(account_id, seq) > ($1, $2)" };
    let sql = format!(
        "SELECT {TRANSACTION_COLUMNS} FROM credit_transaction WHERE {scope} ORDER BY account_id, seq LIMIT {PAGE}"
    );
    let values = [place.account.into(), place.sequence.into()];
    let rows = db.reader().query_all_raw(statement(db.reader(), sql, values)).await?;
    rows.iter().map(transaction_from).collect()
}

type Located = ((Uuid, i64), Entry);

async fn entries_between(db: &Db, after: &Place, upto: (Uuid, i64)) -> Result<Vec<Located>, DbErr> {
    let sql = format!(
        "SELECT account_id, {ENTRY_COLUMNS} FROM credit_entry \
         WHERE (account_id, seq) > ($1, $2) AND (account_id, seq) <= ($3, $4) ORDER BY account_id, seq, line"
    );
    let values = [after.account.into(), after.sequence.into(), upto.0.into(), upto.1.into()];
    let rows = db.reader().query_all_raw(statement(db.reader(), sql, values)).await?;
    rows.iter().map(|row| Ok(((row.try_get("", "account_id")?, row.try_get("", "seq")?), entry_from(row)?))).collect()
}
