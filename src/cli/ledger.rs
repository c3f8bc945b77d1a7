//! `inkledger ledger verify`.

use std::{io::Write, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use uuid::Uuid;

use super::{CliError, Context, FAILED, OK, UNUSABLE, place, table};
use crate::{
    clock::SystemClock,
    config::redact,
    graphql::node::{self, NodeKind},
    ledger::verify::{Report, verify as verify_ledger},
};

/// `ledger verify`: 0 clean, 1 violations, 2 could not check.
pub(super) async fn run_verify(context: &Context) -> Result<u8, CliError> {
    match verify(context).await {
        Err(CliError::Output(error)) => Err(error.into()),
        Err(error) => {
            super::complain(&redact(&context.resolved, &error.in_full()));
            Ok(UNUSABLE)
        }
        found => found,
    }
}

async fn verify(context: &Context) -> Result<u8, CliError> {
    let account = account(context)?;
    let db = place::open_to_read(&context.config()?).await?;
    let spinner = spinner();
    let report = verify_ledger(&db, &SystemClock, account).await;
    spinner.finish_and_clear();
    let report = report?;
    if let (Some(account), 0) = (account, report.accounts) {
        return Err(no_ledger(account));
    }
    let mut out = std::io::stdout().lock();
    if context.json() {
        writeln!(out, "{:#}", as_json(&report))?;
    } else {
        print(&mut out, &report)?;
    }
    Ok(if report.clean() { OK } else { FAILED })
}

/// What is said of an account without one.
pub(super) fn no_ledger(account: Uuid) -> CliError {
    let message = "has no ledger: it never had credits, or there is no such account. See `inkledger users list`";
    CliError::Usage(format!("{account} {message}"))
}

/// The account as a UUID, or as the id that the API shows.
pub(super) fn account(context: &Context) -> Result<Option<Uuid>, CliError> {
    let Some(text) = context.matches.get_one::<String>("account") else { return Ok(None) };
    let id = text.parse().ok().or_else(|| node::decode(NodeKind::Account, &text.clone().into(), &[]).ok());
    id.map(Some).ok_or_else(|| CliError::Usage(format!("--account is `{text}`, but must be the id of an account")))
}

/// Turns on standard error while work goes on, when that is a terminal.
fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.set_message("checking invariants and recomputing hashes");
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// How long it took, for people and scripts.
fn seconds(report: &Report) -> f64 {
    Duration::from_micros(u64::try_from(report.took).unwrap_or(0)).as_secs_f64()
}

fn as_json(report: &Report) -> serde_json::Value {
    json!({
        "clean": report.clean(), "rules": report.rules, "accounts": report.accounts,
        "transactions": report.transactions, "entries": report.entries,
        "violations_count": report.violations_count, "violations": report.violations, "seconds": seconds(report),
    })
}

fn print(out: &mut impl Write, report: &Report) -> std::io::Result<()> {
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let rows: Vec<Vec<String>> = report
        .violations
        .iter()
        .map(|violation| {
            vec![
                violation.code.clone(),
                shown(violation.account.map(|id| id.to_string())),
                shown(violation.sequence.map(|number| number.to_string())),
                shown(violation.reference.map(|id| id.to_string())),
            ]
        })
        .collect();
    table::print(out, &["RULE", "ACCOUNT", "TRANSACTION", "ROW"], &rows)?;
    if report.violations_count > rows.len() {
        writeln!(out, "… and {} more", report.violations_count - rows.len())?;
    }
    writeln!(
        out,
        "{} rules and every hash checked: {} accounts, {} transactions, {} entries, in {:.3} s",
        report.rules,
        report.accounts,
        report.transactions,
        report.entries,
        seconds(report)
    )?;
    if report.clean() {
        return writeln!(out, "No violations.");
    }
    writeln!(
        out,
        "Violations: {}. Stop writing, keep the database as it is, and report this with the rules named above.",
        report.violations_count
    )
}
