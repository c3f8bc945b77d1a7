//! `prompts diff` and `prompts stats`.

use std::io::Write;

use serde_json::json;

use super::{Desk, print_json, read_file};
use crate::{
    cli::{CliError, Context, OK, table},
    error::Failure,
    prompt::{
        Compared, PromptFile, PromptStatistics, Side, Surroundings, compare, deadline,
        model::{
            diff::ChangeKind,
            transfer::{Difference, FieldDiff, TransferLimits, parse_file},
        },
    },
};

fn side(name: &str) -> Result<Side, CliError> {
    let refused = |why: String| CliError::Refused(format!("{name}: {why}"));
    let file = parse_file(&read_file(name)?, &TransferLimits::default()).map_err(|error| refused(error.to_string()))?;
    Side::of_file(file).map_err(|error| refused(error.to_string()))
}

/// `prompts diff`: 0 same, 1 different, 2 could not compare.
pub(super) async fn diff(context: &Context) -> Result<u8, CliError> {
    let text = |name: &str| context.matches.get_one::<String>(name).cloned();
    let left = text("file").unwrap_or_default();
    let compared = match text("other") {
        Some(right) => compare(side(&left)?, side(&right)?),
        None => {
            let file = PromptFile::Bytes(read_file(&left)?);
            let desk = Desk::to_read(context).await?;
            match desk.prompts.diff_environment(desk.right, file, &desk.surroundings).await {
                Ok(compared) => compared,
                Err(Failure::Refused(refusal)) => return Err(CliError::Refused(refusal.to_string())),
                Err(Failure::Fault(error)) => return Err(error.into()),
            }
        }
    };
    if context.json() {
        print_json(&diff_as_json(&compared))?;
    } else {
        print_diff(&compared)?;
    }
    Ok(compared.diff.exit_code())
}

fn diff_as_json(compared: &Compared) -> serde_json::Value {
    let field = |field: &FieldDiff| {
        let changes = field.changes(deadline());
        let changes = changes.iter().map(|change| json!({"kind": change.kind.as_str(), "text": change.text}));
        json!({
            "field": field.field, "left": field.left, "right": field.right, "changes": changes.collect::<Vec<_>>(),
        })
    };
    let rows = compared.diff.rows.iter().map(|row| {
        let fields: Vec<_> = match &row.difference {
            Difference::Differs(fields) => fields.iter().map(field).collect(),
            _ => Vec::new(),
        };
        json!({
            "section": row.section.as_str(), "name": row.name, "difference": row.difference.as_str(),
            "fields": fields,
        })
    });
    json!({
        "same": compared.diff.is_same(), "rows": rows.collect::<Vec<_>>(),
        "sections": compared.sections.iter().map(|section| section.as_str()).collect::<Vec<_>>(),
    })
}

fn print_diff(compared: &Compared) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    let (mut same, mut other) = (0_usize, 0_usize);
    for row in &compared.diff.rows {
        if row.difference == Difference::Same {
            same += 1;
            continue;
        }
        other += 1;
        let name = table::plain(&row.name);
        writeln!(out, "{:<10}  {}  {name}", row.difference.as_str(), row.section.as_str())?;
        let Difference::Differs(fields) = &row.difference else { continue };
        for field in fields {
            writeln!(out, "    {}", field.field)?;
            for change in field.changes(deadline()).iter().filter(|change| change.kind != ChangeKind::Same) {
                let sign = if change.kind == ChangeKind::Removed { '-' } else { '+' };
                writeln!(out, "      {sign} {}", table::plain(&change.text))?;
            }
        }
    }
    let sections: Vec<&str> = compared.sections.iter().map(|section| section.as_str()).collect();
    writeln!(out, "{same} the same, {other} not; compared: {}", sections.join(", "))?;
    Ok(())
}

/// `prompts stats`.
pub(super) async fn stats(context: &Context) -> Result<u8, CliError> {
    let desk = Desk::to_read(context).await?;
    let limits = desk.surroundings.limits().await?;
    let statistics = desk.prompts.prompt_statistics(desk.right, limits).await?;
    if context.json() {
        print_json(&stats_as_json(&statistics))?;
    } else {
        print_stats(&statistics)?;
    }
    Ok(OK)
}

fn stats_as_json(statistics: &PromptStatistics) -> serde_json::Value {
    let categories = statistics.categories.iter().map(|figures| {
        json!({
            "category": figures.category.as_str(), "count": figures.count, "length_total": figures.length_total,
            "length_min": figures.length_min, "length_average": figures.length_average,
            "length_max": figures.length_max,
        })
    });
    let prompts = statistics.reviews.iter().map(|review| {
        let warnings = review.findings.warnings.iter();
        let warnings = warnings.map(|warning| json!({"code": warning.code(), "message": warning.message()}));
        json!({
            "category": review.findings.category.as_str(), "key": review.findings.key.shown(),
            "length": review.findings.length, "warnings": warnings.collect::<Vec<_>>(),
        })
    });
    let warnings: serde_json::Map<_, _> =
        statistics.counts().into_iter().map(|(code, number)| (code.to_owned(), number.into())).collect();
    json!({
        "count": statistics.reviews.len(), "categories": categories.collect::<Vec<_>>(), "warnings": warnings,
        "prompts": prompts.collect::<Vec<_>>(),
    })
}

fn print_stats(statistics: &PromptStatistics) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    let shown = |number: Option<usize>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let rows: Vec<Vec<String>> = statistics
        .categories
        .iter()
        .map(|figures| {
            vec![
                figures.category.as_str().to_owned(),
                figures.count.to_string(),
                figures.length_total.to_string(),
                shown(figures.length_min),
                figures.length_average.map_or_else(|| "-".to_owned(), |average| format!("{average:.1}")),
                shown(figures.length_max),
            ]
        })
        .collect();
    table::print(&mut out, &["CATEGORY", "PROMPTS", "TOTAL", "MIN", "AVERAGE", "MAX"], &rows)?;
    let mut warnings = Vec::new();
    for review in &statistics.reviews {
        for warning in &review.findings.warnings {
            warnings.push(vec![
                review.findings.category.as_str().to_owned(),
                review.findings.key.shown().unwrap_or("-").to_owned(),
                warning.code().to_owned(),
                warning.message(),
            ]);
        }
    }
    if warnings.is_empty() {
        writeln!(out, "\nNo warnings.")?;
        return Ok(());
    }
    writeln!(out)?;
    table::print(&mut out, &["CATEGORY", "KEY", "WARNING", "WHAT TO DO"], &warnings)?;
    Ok(())
}
