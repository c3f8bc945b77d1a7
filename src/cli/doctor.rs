//! `inkledger doctor`.

use std::{io::Write, sync::Arc};

use serde_json::json;

use super::{CliError, Context, FAILED, OK, UNUSABLE, table::plain};
use crate::{
    clock::{Clock, SystemClock},
    config::redact,
    doctor::{Check, Finding, Report, Scene, Status, examine},
    ids::SystemIds,
};

pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    let mut report = match context.config() {
        Ok(config) => {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let ids = Arc::new(SystemIds::new(Arc::clone(&clock)));
            examine(&Scene::new(config, context.resolved.clone(), clock, ids)).await
        }
        Err(error) => {
            let finding = Finding::fail(error.to_string(), "mend that setting; `inkledger config` shows all of them");
            Report { checks: vec![Check { id: "configuration", finding, took_ms: 0 }], took_ms: 0 }
        }
    };
    for check in &mut report.checks {
        check.finding = check.finding.rewritten(|text| redact(&context.resolved, text));
    }
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
