//! `prompts export` and `prompts import`.

use std::{io::Write, path::PathBuf};

use serde_json::json;

use super::{Desk, print_json, read_file, write_file};
use crate::{
    cli::{CliError, Context, FAILED, OK, place::count, table},
    error::Failure,
    prompt::{
        ImportSystemPrompts, PromptFile, Surroundings,
        model::{
            Category,
            transfer::{ImportMode, ImportReport, ImportStatus},
        },
    },
};

/// `prompts export`.
pub(super) async fn export(context: &Context) -> Result<u8, CliError> {
    let desk = Desk::to_read(context).await?;
    let include_inactive = context.matches.get_flag("include-inactive");
    let parts =
        if context.matches.get_flag("environment") { desk.surroundings.environment().await? } else { Vec::new() };
    let named = context.matches.get_many::<String>("category");
    let categories: Option<Vec<Category>> = named.map(|words| words.filter_map(|word| Category::parse(word)).collect());
    let which = (categories.as_deref(), include_inactive);
    let file = desk.prompts.export_system_prompts(desk.right, which, &parts).await?;
    let left_out = match file.left_out {
        0 => String::new(),
        number => format!(" {number} disabled left out; --include-inactive writes them too."),
    };
    let out = context.matches.get_one::<PathBuf>("out").filter(|out| out.as_os_str() != "-");
    let Some(out) = out else {
        std::io::stdout().lock().write_all(file.text.as_bytes())?;
        if !left_out.is_empty() {
            writeln!(std::io::stderr(), "inkledger:{left_out}")?;
        }
        return Ok(OK);
    };
    let path = write_file(out, &file.file_name, &file.text)?;
    if context.json() {
        print_json(&json!({
            "path": path.display().to_string(), "total_prompts": file.total_prompts, "left_out": file.left_out,
        }))?;
    } else {
        let number = count(file.total_prompts, "prompt");
        writeln!(std::io::stdout().lock(), "{number} written to {}.{left_out}", path.display())?;
    }
    Ok(OK)
}

/// `prompts import`: 0 every row is good, 1 some are not, 2 the file is no good or could not be imported.
pub(super) async fn import(context: &Context) -> Result<u8, CliError> {
    let text = |name: &str| context.matches.get_one::<String>(name).cloned();
    let is_dry_run = !context.matches.get_flag("apply");
    let bytes = read_file(&text("file").unwrap_or_default())?;
    let desk = Desk::for_work(context, !is_dry_run).await?;
    let per_item = text("mode").is_some_and(|mode| mode.eq_ignore_ascii_case("PER_ITEM"));
    let command = ImportSystemPrompts {
        file: PromptFile::Bytes(bytes),
        mode: if per_item { ImportMode::PerItem } else { ImportMode::Atomic },
        is_dry_run,
        plan_hash: text("plan-hash"),
        idempotency_key: None,
    };
    let done = desk.prompts.import_system_prompts(desk.right, command, &desk.surroundings, None).await;
    desk.db.close().await;
    let report = match done {
        Ok(report) => report,
        Err(Failure::Refused(refusal)) => return Err(CliError::Refused(refusal.to_string())),
        Err(Failure::Fault(error)) => return Err(error.into()),
    };
    if context.json() {
        print_json(&as_json(&report))?;
    } else {
        print(&report)?;
    }
    Ok(if report.is_success { OK } else { FAILED })
}

fn as_json(report: &ImportReport) -> serde_json::Value {
    let of = |status: ImportStatus| report.count(status);
    json!({
        "success": report.is_success, "outcome": report.outcome.as_str(), "dry_run": report.is_dry_run,
        "applied": report.applied > 0, "applied_count": report.applied, "mode": report.mode.as_str(),
        "plan_hash": report.plan_hash,
        "counts": {
            "created": of(ImportStatus::Created), "updated": of(ImportStatus::Updated),
            "unchanged": of(ImportStatus::Unchanged), "conflict": of(ImportStatus::Conflict),
            "invalid": of(ImportStatus::Invalid),
        },
        "rows": report.rows, "warnings": report.warnings,
    })
}

fn print(report: &ImportReport) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    let rows: Vec<Vec<String>> = report
        .rows
        .iter()
        .filter(|row| row.status != ImportStatus::Unchanged)
        .map(|row| {
            vec![
                row.index.to_string(),
                row.status.as_str().to_owned(),
                row.category.clone().unwrap_or_else(|| "-".to_owned()),
                row.key.clone().unwrap_or_else(|| "-".to_owned()),
                row.version.map_or_else(|| "-".to_owned(), |version| version.to_string()),
                row.reason.as_ref().map(|reason| format!("{}: {}", reason.code, reason.message)).unwrap_or_default(),
            ]
        })
        .collect();
    table::print(&mut out, &["ROW", "STATUS", "CATEGORY", "KEY", "VERSION", "REASON"], &rows)?;
    for warning in &report.warnings {
        writeln!(out, "warning {}: {}", warning.code, table::plain(&warning.message))?;
    }
    let of = |status: ImportStatus| format!("{} {}", report.count(status), status.as_str());
    let counts = [
        ImportStatus::Created,
        ImportStatus::Updated,
        ImportStatus::Unchanged,
        ImportStatus::Conflict,
        ImportStatus::Invalid,
    ];
    writeln!(out, "{}: {}", report.outcome.as_str(), counts.map(of).join(", "))?;
    if report.is_dry_run {
        writeln!(out, "Nothing was written. To apply this plan: --apply --plan-hash {}", report.plan_hash)?;
    } else {
        writeln!(out, "{} written.", count(report.applied, "prompt"))?;
    }
    Ok(())
}
