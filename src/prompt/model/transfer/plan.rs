//! What importing a file would do, row by row, with a hash that guards the apply.

use std::collections::HashMap;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CATEGORY_MAX, ItemFault, ParsedFile, TransferPrompt, VERSION_MAX};
use crate::prompt::model::{Category, PromptKey, metadata::Metadata};

/// A stored prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingPrompt {
    /// Which it is.
    pub id: Uuid,
    /// Its category.
    pub category: Category,
    /// Its key.
    pub key: PromptKey,
    /// The label of its active version.
    pub name: String,
    /// The description of its active version.
    pub description: Option<String>,
    /// The text of its active version.
    pub content: String,
    /// The metadata of its active version.
    pub metadata: Metadata,
    /// False when it is disabled.
    pub is_active: bool,
    /// Its active version.
    pub version_id: Uuid,
    /// The greatest number of its versions, active or not.
    pub version_latest: i32,
}

/// What happens when a row cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ImportMode {
    /// Then nothing is.
    #[default]
    Atomic,
    /// The others are.
    PerItem,
}

impl ImportMode {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Atomic => "ATOMIC",
            Self::PerItem => "PER_ITEM",
        }
    }
}

/// What a row comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportStatus {
    /// A new prompt.
    Created,
    /// A new version of a stored prompt.
    Updated,
    /// The stored prompt is the same.
    Unchanged,
    /// Another row means the same prompt.
    Conflict,
    /// The row will not do.
    Invalid,
}

impl ImportStatus {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
        }
    }
}

/// Why a row is no good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportReason {
    /// Several rows have one category and key.
    #[error("Rows {} mean the same prompt. Keep one.", list(rows))]
    DuplicateKey {
        /// These rows, by their place from 0.
        rows: Vec<usize>,
    },
    /// The category has no room for another prompt.
    #[error(
        "{category} holds {CATEGORY_MAX} prompts, which is the most of one category. Update one of them, or use another \
         category."
    )]
    CategoryFull {
        /// Which.
        category: Category,
    },
    /// The stored prompt has the last version number there is.
    #[error("Versions are numbered 1\u{2013}{VERSION_MAX} and this prompt has the last. Use another key.")]
    VersionsExhausted,
    /// The prompt itself will not do.
    #[error(transparent)]
    Fault(#[from] ItemFault),
}

/// The first few: a file of doubles would otherwise be answered with its square.
fn list(rows: &[usize]) -> String {
    const SHOWN: usize = 10;
    let shown = rows.iter().take(SHOWN).map(usize::to_string).collect::<Vec<_>>().join(", ");
    if rows.len() > SHOWN { format!("{shown} … ({} in all)", rows.len()) } else { shown }
}

impl ImportReason {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DuplicateKey { .. } => "DUPLICATE_KEY",
            Self::CategoryFull { .. } => "CATEGORY_FULL",
            Self::VersionsExhausted => "VERSIONS_EXHAUSTED",
            Self::Fault(fault) => fault.code(),
        }
    }
}

/// What happens to one prompt of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Its place in the file, from 0.
    pub index: usize,
    /// Its category, as it stands there.
    pub category: Option<String>,
    /// Its key, as it stands there.
    pub key: Option<String>,
    /// What happens.
    pub status: ImportStatus,
    /// Why it is no good.
    pub reason: Option<ImportReason>,
    /// The number of the version it gets; of an unchanged one `None`.
    pub version: Option<i32>,
    /// The stored prompt it means.
    pub existing_id: Option<Uuid>,
    /// The prompt, unless it is invalid.
    pub prompt: Option<TransferPrompt>,
}

/// How an import ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ImportOutcome {
    /// Every row is good.
    Success,
    /// Some rows are not, and others were applied.
    Partial,
    /// Some rows are not, and nothing was applied.
    Failed,
}

impl ImportOutcome {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Partial => "PARTIAL",
            Self::Failed => "FAILED",
        }
    }
}

/// What importing a file would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportPlan {
    /// What happens when a row cannot be applied.
    pub mode: ImportMode,
    /// One row per prompt of the file, in its order.
    pub rows: Vec<ImportRow>,
    /// SHA-256 in hex over mode, rows and what is stored under their keys: differs as soon as any of these does.
    pub plan_hash: String,
}

impl ImportPlan {
    /// How many rows come to `status`.
    pub fn count(&self, status: ImportStatus) -> usize {
        self.rows.iter().filter(|row| row.status == status).count()
    }

    /// Whether no row is a conflict or invalid.
    pub fn is_clean(&self) -> bool {
        self.rows.iter().all(|row| row.reason.is_none())
    }

    /// The rows to write: created and updated ones; none if one bad row spoils all.
    pub fn rows_to_apply(&self) -> impl Iterator<Item = (&ImportRow, &TransferPrompt)> {
        let spoilt = self.mode == ImportMode::Atomic && !self.is_clean();
        let written = |row: &&ImportRow| matches!(row.status, ImportStatus::Created | ImportStatus::Updated);
        let rows = self.rows.iter().filter(move |row| !spoilt && written(row));
        rows.filter_map(|row| Some((row, row.prompt.as_ref()?)))
    }

    /// How the import ends after `applied` rows were written.
    pub fn outcome(&self, applied: usize) -> ImportOutcome {
        match (self.is_clean(), applied) {
            (true, _) => ImportOutcome::Success,
            (false, 0) => ImportOutcome::Failed,
            (false, _) => ImportOutcome::Partial,
        }
    }
}

/// Plans an import into `existing` prompts, disabled ones included. They match by category and folded key.
pub fn plan_import(existing: &[ExistingPrompt], file: ParsedFile, mode: ImportMode) -> ImportPlan {
    let stored: HashMap<_, _> = existing.iter().map(|prompt| ((prompt.category, &prompt.key), prompt)).collect();
    let mut sharing: HashMap<(Category, PromptKey), Vec<usize>> = HashMap::new();
    for (index, item) in file.items.iter().enumerate() {
        if let Ok(prompt) = &item.prompt {
            sharing.entry((prompt.category, prompt.key.clone())).or_default().push(index);
        }
    }
    let mut counts: HashMap<Category, usize> = HashMap::new();
    for prompt in existing {
        *counts.entry(prompt.category).or_default() += 1;
    }
    let mut hash = Hash::new(mode);
    let mut rows = Vec::with_capacity(file.items.len());
    for (index, item) in file.items.into_iter().enumerate() {
        let mut row = ImportRow {
            index,
            category: item.category,
            key: item.key,
            status: ImportStatus::Invalid,
            reason: None,
            version: None,
            existing_id: None,
            prompt: None,
        };
        match item.prompt {
            Err(fault) => row.reason = Some(fault.into()),
            Ok(prompt) => {
                let own = stored.get(&(prompt.category, &prompt.key)).copied();
                let rows = sharing.get(&(prompt.category, prompt.key.clone()));
                row.existing_id = own.map(|own| own.id);
                match compare(own, &prompt) {
                    Ok(planned) => (row.status, row.version) = planned,
                    Err(reason) => row.reason = Some(reason),
                }
                if let Some(rows) = rows.filter(|rows| rows.len() > 1) {
                    (row.status, row.version) = (ImportStatus::Conflict, None);
                    row.reason = Some(ImportReason::DuplicateKey { rows: rows.clone() });
                }
                if row.status == ImportStatus::Created {
                    let count = counts.entry(prompt.category).or_default();
                    *count += 1;
                    if *count > CATEGORY_MAX {
                        (row.status, row.version) = (ImportStatus::Invalid, None);
                        row.reason = Some(ImportReason::CategoryFull { category: prompt.category });
                    }
                }
                hash.stored(own);
                row.prompt = Some(prompt);
            }
        }
        hash.row(&row);
        rows.push(row);
    }
    ImportPlan { mode, rows, plan_hash: hash.finish() }
}

fn compare(own: Option<&ExistingPrompt>, prompt: &TransferPrompt) -> Result<(ImportStatus, Option<i32>), ImportReason> {
    let Some(own) = own else { return Ok((ImportStatus::Created, Some(prompt.version))) };
    let same = own.name == prompt.name
        && own.description == prompt.description
        && own.content == prompt.content
        && own.metadata == prompt.metadata
        && own.is_active == prompt.is_active;
    if same {
        return Ok((ImportStatus::Unchanged, None));
    }
    let next = own.version_latest.checked_add(1).ok_or(ImportReason::VersionsExhausted)?;
    Ok((ImportStatus::Updated, Some(next.max(prompt.version))))
}

/// Every part goes in with its length, so that no two different plans look alike.
struct Hash(Context);

impl Hash {
    fn new(mode: ImportMode) -> Self {
        let mut hash = Self(Context::new(&SHA256));
        hash.part(b"inkledger/import/1");
        hash.part(mode.as_str().as_bytes());
        hash
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: Option<&str>) {
        self.part(&[u8::from(text.is_some())]);
        self.part(text.unwrap_or_default().as_bytes());
    }

    /// The stored prompt is known by its active version, and by what can change without one.
    fn stored(&mut self, own: Option<&ExistingPrompt>) {
        let Some(own) = own else { return self.part(b"none") };
        self.part(own.version_id.as_bytes());
        self.part(&own.version_latest.to_be_bytes());
        self.part(&[u8::from(own.is_active)]);
    }

    fn row(&mut self, row: &ImportRow) {
        self.part(row.status.as_str().as_bytes());
        self.text(row.reason.as_ref().map(ImportReason::code));
        self.part(&row.version.unwrap_or_default().to_be_bytes());
        let Some(prompt) = &row.prompt else {
            self.text(row.category.as_deref());
            return self.text(row.key.as_deref());
        };
        self.text(Some(prompt.category.as_str()));
        self.text(Some(prompt.key.as_str()));
        self.text(Some(&prompt.name));
        self.text(prompt.description.as_deref());
        self.text(Some(&prompt.content));
        self.text(Some(prompt.metadata.as_str()));
        self.part(&[u8::from(prompt.is_active)]);
    }

    fn finish(self) -> String {
        hex::encode(self.0.finish())
    }
}
