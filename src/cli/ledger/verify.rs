//! `inkledger ledger verify`.

use std::{io::Write, path::PathBuf, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::{
    cli::{CliError, Context, FAILED, OK, place, table},
    clock::SystemClock,
    ledger::{
        proof::check::AnchorsReport,
        verify::{Checks, Progress, Report, VerifyError, verify_with},
    },
};

/// `ledger verify`: 0 clean, 1 violations, 2 could not check.
pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    let (account, config) = (super::account(context)?, context.config()?);
    let file = context.matches.get_one::<PathBuf>("anchors");
    let keys = file.map(|_| super::public_keys(context, &config)).transpose()?;
    let db = place::open_to_read(&config).await?;
    let bar = bar();
    let watch = |progress| show(&bar, progress);
    let anchors = file.map(PathBuf::as_path).zip(keys.as_ref());
    let report = verify_with(&db, &SystemClock, &Checks { account, anchors, watch: &watch }).await;
    bar.finish_and_clear();
    let report = match report {
        Ok(report) => report,
        Err(VerifyError::Fault(error)) => return Err(error.into()),
        Err(error @ VerifyError::Anchors(_)) => return Err(CliError::Refused(error.to_string())),
    };
    if let (Some(account), 0) = (account, report.accounts) {
        return Err(super::no_ledger(account));
    }
    let mut out = std::io::stdout().lock();
    if context.json() {
        writeln!(out, "{:#}", as_json(&report))?;
    } else {
        print(&mut out, &report)?;
    }
    Ok(if report.clean() { OK } else { FAILED })
}

/// Moves on standard error while work goes on, when that is a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {bar:30} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn show(bar: &ProgressBar, progress: Progress) {
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let count = |count: usize| u64::try_from(count).unwrap_or(0);
    let (what, done, total) = match progress {
        Progress::Rules(done, total) => ("checking invariants", done, total),
        Progress::Hashes(done, total) => ("recomputing hashes", number(done), number(total)),
        Progress::Anchors(done, total) => ("comparing anchors", count(done), count(total)),
    };
    bar.set_message(what);
    bar.set_length(total);
    bar.set_position(done);
}

/// How long it took, for people and scripts.
fn seconds(report: &Report) -> f64 {
    Duration::from_micros(u64::try_from(report.took).unwrap_or(0)).as_secs_f64()
}

fn as_json(report: &Report) -> serde_json::Value {
    json!({
        "clean": report.clean(), "rules": report.rules, "accounts": report.accounts,
        "transactions": report.transactions, "entries": report.entries,
        "violations_count": report.violations_count, "violations": report.violations, "anchors": report.anchors,
        "seconds": seconds(report),
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
    let faults = report.anchors.as_ref().map_or(Ok(0), |anchors| print_anchors(out, anchors))?;
    if report.clean() {
        return writeln!(out, "No violations. Verdict: CLEAN.");
    }
    writeln!(
        out,
        "Violations: {}. Verdict: NOT CLEAN. Stop writing, keep the database as it is, and report this with what is named \
         above.",
        report.violations_count + faults
    )
}

/// What the file of anchors came to; answers how many of its lines are wrong.
fn print_anchors(out: &mut impl Write, anchors: &AnchorsReport) -> std::io::Result<usize> {
    let AnchorsReport { lines, void, heads, lacking, faults } = anchors;
    let rows: Vec<Vec<String>> = faults.iter().map(|fault| vec![fault.line.to_string(), fault.what.clone()]).collect();
    table::print(out, &["LINE", "WHAT IS WRONG"], &rows)?;
    writeln!(out, "{lines} anchors and their signatures checked, {heads} heads looked for in the journal")?;
    if *void > 0 {
        writeln!(
            out,
            "{void} anchors are of a state that an accepted restore gave up; their heads are not looked for"
        )?;
    }
    if let Some(number) = lacking {
        writeln!(out, "The file ends before anchor {number}, which the database has: it is an older copy, or was cut")?;
    }
    Ok(faults.len())
}
