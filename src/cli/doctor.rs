//! `inkledger doctor`.

use std::{io::Write, sync::Arc};

use serde_json::json;

use super::{CliError, Context, FAILED, OK, UNUSABLE, complain, place, table::plain};
use crate::{
    clock::{Clock, SystemClock},
    config::redact,
    doctor::{
        Check, Finding, Report, Scene, Status, examine,
        records::{RecordsReport, audit_records},
        work::audit_work,
    },
    ids::SystemIds,
};

pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    let found = if context.matches.get_flag("records") {
        records(context).await
    } else if context.matches.get_flag("work") {
        work(context).await
    } else {
        return examination(context).await;
    };
    match found {
        Err(CliError::Output(error)) => Err(error.into()),
        Err(error) => {
            complain(&redact(&context.resolved, &error.in_full()));
            Ok(UNUSABLE)
        }
        found => found,
    }
}

/// `doctor --records`: 0 all as it should be, 1 a query or check fails, 2 could not look.
async fn records(context: &Context) -> Result<u8, CliError> {
    let require_data = context.matches.get_flag("require-data");
    let db = place::open_to_read(&context.config()?).await?;
    let report = audit_records(&db).await?;
    let passes = report.passes(require_data);
    let verdict = match (passes, report.passes(false)) {
        (true, _) => "The records agree.",
        (false, true) => "A query is empty, and --require-data asks for rows: run a task, then this again.",
        (false, false) => "The records do not agree. Keep the database as it is, and report the rows above.",
    };
    say(context, &report, passes, verdict)
}

/// `doctor --work`: 0 every invariant holds, 1 one is broken, 2 could not look.
async fn work(context: &Context) -> Result<u8, CliError> {
    let db = place::open_to_read(&context.config()?).await?;
    let report = audit_work(&db).await?;
    let passes = report.passes(false);
    let verdict = if passes {
        "Every invariant of durable work holds."
    } else {
        "An invariant is broken. Keep the database as it is, and report the rows above."
    };
    say(context, &report, passes, verdict)
}

fn say(context: &Context, report: &RecordsReport, passes: bool, verdict: &str) -> Result<u8, CliError> {
    let mut out = std::io::stdout().lock();
    if context.json() {
        writeln!(out, "{:#}", records_as_json(report, passes))?;
    } else {
        for line in report.lines() {
            writeln!(out, "{}", plain(&line))?;
        }
        writeln!(out, "\n{verdict}")?;
    }
    Ok(if passes { OK } else { FAILED })
}

fn records_as_json(report: &RecordsReport, passes: bool) -> serde_json::Value {
    let findings: Vec<_> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "query": finding.query, "title": finding.title, "verdict": finding.verdict.to_string(),
                "differences": finding.differences,
            })
        })
        .collect();
    json!({ "passes": passes, "findings": findings })
}

async fn examination(context: &Context) -> Result<u8, CliError> {
    let report = match context.config() {
        Ok(config) => {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let ids = Arc::new(SystemIds::new(Arc::clone(&clock)));
            examine(&Scene::new(config, clock, ids)).await
        }
        Err(error) => {
            let text = redact(&context.resolved, &error.to_string());
            let finding = Finding::fail(text, "mend that setting; `inkledger config` shows all of them");
            Report { checks: vec![Check { id: "configuration", finding, took_ms: 0 }], took_ms: 0 }
        }
    };
    let mut out = std::io::stdout().lock();
    if context.json() {
        writeln!(out, "{:#}", as_json(&report))?;
    } else {
        print(&mut out, &report)?;
    }
    Ok(match report.status() {
        Status::Fail => UNUSABLE,
        Status::Warn => FAILED,
        Status::Ok | Status::Skipped => OK,
    })
}

fn as_json(report: &Report) -> serde_json::Value {
    let checks: Vec<_> = report
        .checks
        .iter()
        .map(|check| {
            json!({
                "id": check.id, "status": check.finding.status.as_str(), "finding": check.finding.text,
                "remedy": check.finding.remedy, "took_ms": check.took_ms,
            })
        })
        .collect();
    json!({ "status": report.status().as_str(), "took_ms": report.took_ms, "checks": checks })
}

fn print(out: &mut impl Write, report: &Report) -> std::io::Result<()> {
    let width = report.checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
    for check in &report.checks {
        let finding = &check.finding;
        writeln!(
            out,
            "{:<7}  {:<width$}  {:>5} ms  {}",
            finding.status.as_str(),
            check.id,
            check.took_ms,
            plain(&finding.text)
        )?;
        if let Some(remedy) = &finding.remedy {
            writeln!(out, "{:>indent$}  {}", "do:", plain(remedy), indent = width + 19)?;
        }
    }
    let count = |status: Status| report.checks.iter().filter(|check| check.finding.status == status).count();
    writeln!(
        out,
        "\n{} OK, {} WARN, {} FAIL, {} SKIPPED in {} ms",
        count(Status::Ok),
        count(Status::Warn),
        count(Status::Fail),
        count(Status::Skipped),
        report.took_ms
    )
}
