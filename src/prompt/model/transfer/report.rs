//! What an import answers: the plan row by row, and what became of it. It is kept as it was said, so that a repeat of the
//! request is answered with the same.

use serde::{Deserialize, Serialize};

use super::{FileWarning, ImportMode, ImportOutcome, ImportPlan, ImportStatus};

/// Why a row is no good, or what is odd about a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedReason {
    /// The stable code.
    pub code: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// What the plan says of one prompt of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedRow {
    /// Its place in the file, from 0.
    pub index: usize,
    /// Its category, as it stands there.
    pub category: Option<String>,
    /// Its key, as it stands there.
    pub key: Option<String>,
    /// What it comes to.
    pub status: ImportStatus,
    /// Why it is no good; `None` for a good row.
    pub reason: Option<ReportedReason>,
    /// The number of the version it gets; `None` unless one is written.
    pub version: Option<i32>,
}

/// What an import answers. Rows state the plan, `applied` the fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// What happens when a row cannot be applied.
    pub mode: ImportMode,
    /// Whether nothing was to be written.
    pub is_dry_run: bool,
    /// How many prompts were written.
    pub applied: usize,
    /// Whether no row is a conflict or invalid.
    pub is_success: bool,
    /// How it ended.
    pub outcome: ImportOutcome,
    /// Guards the apply.
    pub plan_hash: String,
    /// One row per prompt of the file, in its order.
    pub rows: Vec<ReportedRow>,
    /// What is odd about the file.
    pub warnings: Vec<ReportedReason>,
}

impl ImportReport {
    /// What `plan` comes to after `applied` rows were written.
    pub fn new(plan: &ImportPlan, warnings: &[FileWarning], is_dry_run: bool, applied: usize) -> Self {
        let rows = plan.rows.iter().map(|row| ReportedRow {
            index: row.index,
            category: row.category.clone(),
            key: row.key.clone(),
            status: row.status,
            reason: row
                .reason
                .as_ref()
                .map(|reason| ReportedReason { code: reason.code().to_owned(), message: reason.to_string() }),
            version: row.version,
        });
        let warnings = warnings
            .iter()
            .map(|warning| ReportedReason { code: warning.code().to_owned(), message: warning.to_string() });
        Self {
            mode: plan.mode,
            is_dry_run,
            applied,
            is_success: plan.is_clean(),
            outcome: plan.outcome(applied),
            plan_hash: plan.plan_hash.clone(),
            rows: rows.collect(),
            warnings: warnings.collect(),
        }
    }

    /// How many rows come to `status`.
    pub fn count(&self, status: ImportStatus) -> usize {
        self.rows.iter().filter(|row| row.status == status).count()
    }
}
