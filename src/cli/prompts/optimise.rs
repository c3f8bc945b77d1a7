//! `prompts optimise`.

use std::io::Write;

use serde_json::json;
use uuid::Uuid;

use super::{Desk, print_json};
use crate::{
    cli::{CliError, Context, FAILED, OK, place::count, table},
    error::Failure,
    graphql::node::{self, NodeKind},
    prompt::{
        Optimisation, OptimisePrompts, Undone,
        model::{
            Category,
            optimise::{OptimiseReport, OptimiseStatus},
            prompt::SystemPrompt,
        },
    },
};

/// `prompts optimise`: 0 done, 1 an undo left prompts out that were edited since.
pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    if let Some(id) = context.matches.get_one::<String>("undo") {
        return undo(context, id).await;
    }
    let writes = context.matches.get_flag("apply");
    let desk = Desk::for_work(context, writes).await?;
    let named = context.matches.get_many::<String>("category");
    let categories = named.map(|words| words.filter_map(|word| Category::parse(word)).collect());
    let mut command = OptimisePrompts {
        categories,
        is_dry_run: !writes,
        report_hash: context.matches.get_one::<String>("report-hash").cloned(),
    };
    if writes && command.report_hash.is_none() {
        // Whoever names no report wants the one of this moment.
        let look = OptimisePrompts { is_dry_run: true, ..command.clone() };
        command.report_hash = Some(optimise(&desk, look).await?.report.report_hash);
    }
    let done = optimise(&desk, command).await;
    desk.db.close().await;
    let done = done?;
    if context.json() {
        print_json(&as_json(&done, !writes))?;
    } else {
        print(&done, !writes)?;
    }
    Ok(OK)
}

async fn optimise(desk: &Desk, command: OptimisePrompts) -> Result<Optimisation, CliError> {
    match desk.prompts.optimise_prompts(desk.right, command, None).await {
        Ok(done) => Ok(done),
        Err(Failure::Refused(refusal)) => Err(CliError::Refused(refusal.to_string())),
        Err(Failure::Fault(error)) => Err(error.into()),
    }
}

fn as_json(done: &Optimisation, is_dry_run: bool) -> serde_json::Value {
    let OptimiseReport { rows, totals, report_hash } = &done.report;
    let rows = rows.iter().map(|row| {
        json!({
            "category": row.category.as_str(), "key": row.key.shown(), "status": row.status.as_str(),
            "before": row.before, "after": row.after, "length_before": row.length_before,
            "length_after": row.length_after, "saved": row.saved, "removed_clauses": row.removed,
        })
    });
    json!({
        "dry_run": is_dry_run, "rows": rows.collect::<Vec<_>>(), "report_hash": report_hash,
        "totals": {
            "examined": totals.examined, "changed": totals.changed, "length_before": totals.length_before,
            "length_after": totals.length_after, "saved": totals.saved,
            "average_per_changed": totals.average_per_changed(),
            "average_per_examined": totals.average_per_examined(),
        },
        "optimisation": done.run.as_ref().map(|run| run.id),
    })
}

fn print(done: &Optimisation, is_dry_run: bool) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    let shown = |status: OptimiseStatus| matches!(status, OptimiseStatus::Changed | OptimiseStatus::RefusedEmpty);
    let rows: Vec<Vec<String>> = done
        .report
        .rows
        .iter()
        .filter(|row| shown(row.status))
        .map(|row| {
            vec![
                row.status.as_str().to_owned(),
                row.category.as_str().to_owned(),
                row.key.shown().unwrap_or("-").to_owned(),
                row.length_before.to_string(),
                row.length_after.to_string(),
                row.saved.to_string(),
                row.removed.join(" | "),
            ]
        })
        .collect();
    let head = ["STATUS", "CATEGORY", "KEY", "BEFORE", "AFTER", "SAVED", "REMOVED"];
    table::print(&mut out, &head, &rows)?;
    let totals = &done.report.totals;
    writeln!(
        out,
        "{} examined, {} changed, {} characters saved of {}",
        totals.examined, totals.changed, totals.saved, totals.length_before
    )?;
    match (&done.run, is_dry_run) {
        (Some(run), _) => writeln!(out, "Applied. To undo it: inkledger prompts optimise --undo {}", run.id)?,
        (None, true) => {
            writeln!(out, "Nothing was written. To apply it: --apply --report-hash {}", done.report.report_hash)?;
        }
        (None, false) => writeln!(out, "There was nothing to change.")?,
    }
    Ok(())
}

async fn undo(context: &Context, text: &str) -> Result<u8, CliError> {
    let id = text
        .parse::<Uuid>()
        .ok()
        .or_else(|| node::decode(NodeKind::PromptOptimisation, &text.to_owned().into(), &[]).ok())
        .ok_or_else(|| CliError::Usage(format!("--undo is `{text}`, but must be the id of an optimisation")))?;
    let desk = Desk::to_write(context).await?;
    let done = desk.prompts.undo_optimisation(desk.right, id, None).await;
    desk.db.close().await;
    let Undone { restored, skipped, .. } = match done {
        Ok(done) => done,
        Err(Failure::Refused(refusal)) => return Err(CliError::Refused(refusal.to_string())),
        Err(Failure::Fault(error)) => return Err(error.into()),
    };
    let names = |prompts: &[SystemPrompt]| -> Vec<String> {
        prompts.iter().map(|prompt| format!("{}/{}", prompt.category, prompt.key.as_str())).collect()
    };
    if context.json() {
        print_json(&json!({"restored": names(&restored), "skipped": names(&skipped)}))?;
    } else {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{} restored.", count(restored.len(), "prompt"))?;
        for name in names(&skipped) {
            writeln!(out, "left alone, edited since: {}", table::plain(&name))?;
        }
    }
    Ok(if skipped.is_empty() { OK } else { FAILED })
}
