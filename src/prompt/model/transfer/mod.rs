//! Prompts as a file: what is in it, how it is read and written, what importing it would do,
//! and how two environments differ.

mod environment;
pub mod json;
mod plan;
mod read;
mod report;
#[cfg(test)]
mod tests;
mod write;

pub use environment::{
    Difference, Entry, EnvironmentDiff, EnvironmentPart, EnvironmentRow, FieldDiff, Section, compare_environments,
    prompt_entries,
};
pub use plan::{
    ExistingPrompt, ImportMode, ImportOutcome, ImportPlan, ImportReason, ImportRow, ImportStatus, plan_import,
};
pub use read::{FileWarning, ItemFault, ParsedFile, ParsedItem, TransferError, TransferLimits, parse_file};
pub use report::{ImportReport, ReportedReason, ReportedRow};
pub use write::{Export, export, export_environment, export_file_name};

use super::{Category, key::PromptKey, metadata::Metadata};

/// The version that exports state.
pub const FORMAT_VERSION: &str = "1.0";
/// The greatest version number of a prompt in a file.
pub const VERSION_MAX: i32 = 1_000_000_000;

/// A prompt as a file holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferPrompt {
    /// Its category.
    pub category: Category,
    /// Its key; null in files for the empty key.
    pub key: PromptKey,
    /// Its label.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its text.
    pub content: String,
    /// The number of its active version, from 1.
    pub version: i32,
    /// False when it is disabled.
    pub is_active: bool,
    /// What else is kept with it.
    pub metadata: Metadata,
}
