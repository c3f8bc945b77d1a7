//! Prompts as a file: what is in it, how it is read and written, what importing it would do,
//! and how two environments differ.

mod environment;
mod fault;
mod field;
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
pub use fault::{FileWarning, ItemFault, TransferError};
pub use plan::{
    ExistingPrompt, ImportMode, ImportOutcome, ImportPlan, ImportReason, ImportRow, ImportStatus, plan_import,
};
pub use read::{ParsedFile, ParsedItem, TransferLimits, parse_file};
pub use report::{ImportReport, ReportedReason, ReportedRow};
pub use write::{Export, export, export_environment, export_file_name};

use super::{Category, key::PromptKey, metadata::Metadata};

/// The version that exports state.
pub const FORMAT_VERSION: &str = "1.0";
/// The greatest version number of a prompt: what a server can hold.
pub const VERSION_MAX: i32 = i32::MAX;
/// The most prompts of one category that a server holds, so that an export of a category has no more than an import takes.
pub const CATEGORY_MAX: usize = 1_000;

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
