//! Writes prompts as a file: the same prompts are the same bytes but for the time.

use chrono::{DateTime, Utc};

use super::{
    EnvironmentPart, FORMAT_VERSION, TransferPrompt,
    json::{Json, new_line, write_text},
};

/// A written file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its name.
    pub file_name: String,
    /// Its text.
    pub text: String,
    /// How many prompts are in it.
    pub total_prompts: usize,
    /// How many disabled ones were left out.
    pub left_out: usize,
}

/// The name of a file written at `at`.
pub fn export_file_name(at: DateTime<Utc>) -> String {
    format!("system-prompts-export-{}.json", at.format("%Y-%m-%d"))
}

/// Writes `prompts`, sorted by category and key; the disabled ones only if `include_inactive`.
pub fn export(prompts: Vec<TransferPrompt>, include_inactive: bool, at: DateTime<Utc>) -> Export {
    export_environment(prompts, include_inactive, at, &[])
}

/// As [`export`], with flags and provider settings after the prompts. An import passes over them.
pub fn export_environment(
    mut prompts: Vec<TransferPrompt>,
    include_inactive: bool,
    at: DateTime<Utc>,
    parts: &[EnvironmentPart],
) -> Export {
    let all = prompts.len();
    prompts.retain(|prompt| prompt.is_active || include_inactive);
    prompts.sort_by(|left, right| {
        let key = |prompt: &TransferPrompt| (prompt.category.as_str(), prompt.key.as_str().to_owned());
        key(left).cmp(&key(right))
    });
    let mut out = String::from("{");
    field(&mut out, 1, "version", true);
    write_text(&mut out, FORMAT_VERSION);
    field(&mut out, 1, "exportedAt", false);
    write_text(&mut out, &at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    field(&mut out, 1, "totalPrompts", false);
    out.push_str(&prompts.len().to_string());
    field(&mut out, 1, "prompts", false);
    out.push('[');
    for (index, prompt) in prompts.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        new_line(&mut out, Some(2));
        write_prompt(&mut out, prompt);
    }
    if !prompts.is_empty() {
        new_line(&mut out, Some(1));
    }
    out.push(']');
    for part in parts {
        field(&mut out, 1, part.section.file_field(), false);
        Json::Object(part.values.clone()).write_pretty(&mut out, 1);
    }
    out.push_str("\n}\n");
    Export { file_name: export_file_name(at), text: out, total_prompts: prompts.len(), left_out: all - prompts.len() }
}

fn write_prompt(out: &mut String, prompt: &TransferPrompt) {
    out.push('{');
    field(out, 3, "category", true);
    write_text(out, prompt.category.as_str());
    field(out, 3, "subcategory", false);
    optional(out, prompt.key.shown());
    field(out, 3, "name", false);
    write_text(out, &prompt.name);
    field(out, 3, "description", false);
    optional(out, prompt.description.as_deref());
    field(out, 3, "content", false);
    write_text(out, &prompt.content);
    field(out, 3, "version", false);
    out.push_str(&prompt.version.to_string());
    field(out, 3, "isActive", false);
    out.push_str(if prompt.is_active { "true" } else { "false" });
    field(out, 3, "metadata", false);
    prompt.metadata.write_pretty(out, 3);
    new_line(out, Some(2));
    out.push('}');
}

fn field(out: &mut String, level: usize, name: &str, first: bool) {
    out.push_str(if first { "" } else { "," });
    new_line(out, Some(level));
    write_text(out, name);
    out.push_str(": ");
}

fn optional(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => write_text(out, text),
        None => out.push_str("null"),
    }
}
