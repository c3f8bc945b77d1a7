//! A notification's values.

use uuid::Uuid;

use crate::clock::Micros;

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// For the record.
    Info,
    /// It went well.
    Success,
    /// It went well in part.
    Warning,
    /// It failed.
    Error,
}

impl Severity {
    /// Every severity.
    pub const ALL: [Self; 4] = [Self::Info, Self::Success, Self::Warning, Self::Error];

    /// The word in tables and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Success => "SUCCESS",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }

    /// Reads the word. `None` when there is no such severity.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text)
    }
}

/// A message, as one member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id.
    pub id: Uuid,
    /// Whose members it is for.
    pub account_id: Uuid,
    /// Such as `ai_image_success`.
    pub kind: String,
    /// How much it matters.
    pub severity: Severity,
    /// A heading.
    pub title: String,
    /// The message in English.
    pub message: String,
    /// JSON: counts, credits, ids.
    pub metadata: String,
    /// What it is about.
    pub subject_kind: String,
    /// Which one.
    pub subject_id: Uuid,
    /// Our text of what went wrong.
    pub error: Option<String>,
    /// When this member read it.
    pub read_at: Option<Micros>,
    /// When it was written.
    pub created_at: Micros,
}

/// A message to be written together with the outcome it is about.
#[derive(Debug, Clone)]
pub struct NewNotification<T> {
    /// Its id.
    pub id: Uuid,
    /// Whose members it is for.
    pub account_id: Uuid,
    /// Such as `ai_image_success`.
    pub kind: String,
    /// How much it matters.
    pub severity: Severity,
    /// A heading.
    pub title: String,
    /// The message in English, possibly with figures that only the ledger's decision knows.
    pub message: T,
    /// JSON, likewise.
    pub metadata: T,
    /// What it is about.
    pub subject_kind: &'static str,
    /// Which one.
    pub subject_id: Uuid,
    /// Our text of what went wrong, likewise.
    pub error: Option<T>,
    /// Unique per account: a second message with the same key refuses the command that carries it.
    pub dedupe_key: String,
    /// Now.
    pub created_at: Micros,
}
