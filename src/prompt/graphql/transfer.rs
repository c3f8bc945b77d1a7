//! Prompts as a file: out, and in.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject, Result, SimpleObject};

use super::{managing, refusal::file_error, types::PromptCategory};
use crate::{
    error::Failure,
    graphql::{
        context::service,
        error::UserError,
        guard::{MutationPolicy, QueryPolicy, visible},
    },
    prompt::{
        ImportSystemPrompts, PromptFile, Surroundings,
        model::{
            Category,
            transfer::{ImportReport, ImportStatus, ReportedReason, ReportedRow},
        },
    },
};

/// A file of prompts: exactly one.
#[derive(Debug, OneofObject)]
pub enum SystemPromptFileInput {
    /// Its text, within the size of a request.
    Content(String),
    /// The id of an upload by `createUpload`, at most 5 MiB. It is still there after a dry run.
    UploadId(ID),
}

impl From<SystemPromptFileInput> for PromptFile {
    fn from(file: SystemPromptFileInput) -> Self {
        match file {
            SystemPromptFileInput::Content(text) => Self::Bytes(text.into_bytes()),
            SystemPromptFileInput::UploadId(id) => Self::Upload(id.0),
        }
    }
}

/// What happens when a prompt of the file cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::prompt::model::transfer::ImportMode")]
pub enum PromptImportMode {
    /// Then nothing is applied.
    Atomic,
    /// The others are applied.
    PerItem,
}

/// What importing a prompt comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::prompt::model::transfer::ImportStatus")]
pub enum PromptImportStatus {
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

/// How an import ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::prompt::model::transfer::ImportOutcome")]
pub enum PromptImportOutcome {
    /// No row is a conflict or invalid.
    Success,
    /// Some rows are, and others were applied.
    Partial,
    /// Some rows are, and nothing was applied.
    Failed,
}

/// Why a row is no good, or what is odd about a file.
#[derive(Debug, Clone, SimpleObject)]
pub struct PromptImportReason {
    /// Of a row: `DUPLICATE_KEY`, `KEY_REQUIRED`, `KEY_TOO_LONG`, `KEY_INVALID`, `NOT_AN_OBJECT`, `FIELD_REQUIRED`,
    /// `FIELD_INVALID`, `FIELD_TOO_LONG`, `UNKNOWN_CATEGORY`, `METADATA_INVALID`, `METADATA_TOO_LARGE`, `CATEGORY_FULL`,
    /// `VERSIONS_EXHAUSTED`. Of a file: `WRONG_TOTAL`, `UNKNOWN_FIELD`.
    pub code: String,
    /// What is wrong, which limit holds and what to do, in English.
    pub message: String,
}

impl From<ReportedReason> for PromptImportReason {
    fn from(reason: ReportedReason) -> Self {
        Self { code: reason.code, message: reason.message }
    }
}

/// What the plan says of one prompt of the file.
#[derive(Debug, Clone, SimpleObject)]
pub struct PromptImportRow {
    /// Its place in the file, from 0.
    pub index: i32,
    /// Its category as it stands there, cut at 100 characters; null when there is none.
    pub category: Option<String>,
    /// Its key as it stands there, cut at 100 characters; null for the empty key.
    pub key: Option<String>,
    /// What it comes to.
    pub status: PromptImportStatus,
    /// Why it is no good; null for a good row.
    pub reason: Option<PromptImportReason>,
    /// The number of the version it gets; null unless one is written.
    pub version: Option<i32>,
}

/// A number of things as the API counts them.
pub(super) fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl From<ReportedRow> for PromptImportRow {
    fn from(row: ReportedRow) -> Self {
        Self {
            index: count(row.index),
            category: row.category,
            key: row.key,
            status: row.status.into(),
            reason: row.reason.map(Into::into),
            version: row.version,
        }
    }
}

/// How many rows come to what.
#[derive(Debug, Clone, SimpleObject)]
pub struct PromptImportCounts {
    /// New prompts.
    pub created: i32,
    /// New versions of stored prompts.
    pub updated: i32,
    /// Prompts that are the same.
    pub unchanged: i32,
    /// Rows that mean the same prompt as another row.
    pub conflict: i32,
    /// Rows that will not do.
    pub invalid: i32,
}

/// A file of prompts to import.
#[derive(Debug, InputObject)]
pub struct ImportSystemPromptsInput {
    /// The file: an export, or a bare array of prompts. At most 5 MiB and 1,000 prompts, nested at most 32 deep, the
    /// metadata of a prompt 16. A category holds at most 1,000 prompts, so an export of one never has more.
    pub file: SystemPromptFileInput,
    /// Whether nothing is written and only the plan is answered.
    #[graphql(default = true)]
    pub dry_run: bool,
    /// What happens when a prompt cannot be applied.
    #[graphql(default_with = "PromptImportMode::Atomic")]
    pub mode: PromptImportMode,
    /// The `planHash` of the dry run; the plan is applied only if it is still the same.
    pub plan_hash: Option<String>,
    /// Makes an apply happen once: 8–128 visible ASCII characters. A repeat answers as the first did; another input under
    /// the same key is `IDEMPOTENCY_KEY_REUSED`.
    pub idempotency_key: Option<ID>,
}

/// What `importSystemPrompts` did, or would do.
#[derive(Default, SimpleObject)]
pub struct ImportSystemPromptsPayload {
    /// True only without conflict and invalid rows; null when the file was refused whole.
    pub success: Option<bool>,
    /// How it ended; null when the file was refused whole.
    pub outcome: Option<PromptImportOutcome>,
    /// Whether nothing was to be written; null when the file was refused whole.
    pub dry_run: Option<bool>,
    /// Whether prompts were written; null when the file was refused whole.
    pub applied: Option<bool>,
    /// How many prompts were written; null when the file was refused whole.
    pub applied_count: Option<i32>,
    /// Guards the apply: it differs as soon as the file, the mode or a stored prompt it means does. Null when the file was
    /// refused whole.
    pub plan_hash: Option<String>,
    /// How many rows come to what; null when the file was refused whole.
    pub counts: Option<PromptImportCounts>,
    /// The plan: one row per prompt of the file, in its order, at most 1,000. Null when the file was refused whole.
    pub rows: Option<Vec<PromptImportRow>>,
    /// What is odd about the file, at most 22; null when the file was refused whole.
    pub warnings: Option<Vec<PromptImportReason>>,
    /// Why the file was refused whole: `FILE_TOO_LARGE`, `TOO_MANY_PROMPTS`, `SYNTAX_ERROR`, `DUPLICATE_JSON_KEY`,
    /// `TOO_DEEP`, `NOT_AN_EXPORT`, `UNSUPPORTED_VERSION`, `UPLOAD_NOT_FOUND`, `PLAN_STALE`. Empty when it was read.
    pub user_errors: Vec<UserError>,
}

impl From<ImportReport> for ImportSystemPromptsPayload {
    fn from(report: ImportReport) -> Self {
        let of = |status| count(report.count(status));
        let counts = PromptImportCounts {
            created: of(ImportStatus::Created),
            updated: of(ImportStatus::Updated),
            unchanged: of(ImportStatus::Unchanged),
            conflict: of(ImportStatus::Conflict),
            invalid: of(ImportStatus::Invalid),
        };
        Self {
            success: Some(report.is_success),
            outcome: Some(report.outcome.into()),
            dry_run: Some(report.is_dry_run),
            applied: Some(report.applied > 0),
            applied_count: Some(count(report.applied)),
            plan_hash: Some(report.plan_hash),
            counts: Some(counts),
            rows: Some(report.rows.into_iter().map(Into::into).collect()),
            warnings: Some(report.warnings.into_iter().map(Into::into).collect()),
            user_errors: Vec::new(),
        }
    }
}

/// A written file.
#[derive(Debug, Clone, SimpleObject)]
pub struct SystemPromptExport {
    /// What to call it, such as `system-prompts-export-2026-01-31.json`.
    pub file_name: String,
    /// Its text: JSON in UTF-8, indented by two blanks, with a final line break.
    pub content: String,
    /// How many prompts are in it.
    pub total_prompts: i32,
    /// How many disabled ones were left out.
    pub left_out: i32,
}

/// Files of prompts.
#[derive(Default)]
pub struct PromptTransferQuery;

#[Object]
impl PromptTransferQuery {
    /// Every enabled prompt as a file, sorted by category and key, without ids and times. An import takes 1,000 prompts at
    /// once; of more, export one category after the other.
    #[graphql(guard = "QueryPolicy", visible = "visible::system_prompts_manage")]
    async fn export_system_prompts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only prompts of these categories, 1–6; null is all of them.")] categories: Option<
            Vec<PromptCategory>,
        >,
        #[graphql(desc = "Whether the disabled prompts are in it too.", default = false)] include_inactive: bool,
        #[graphql(
            desc = "Whether flags and provider settings follow the prompts, for `diffSystemPrompts`; never a secret.",
            default = false
        )]
        include_environment: bool,
    ) -> Result<Option<SystemPromptExport>> {
        let (right, prompts, _) = managing(ctx)?;
        let parts =
            if include_environment { service::<Arc<dyn Surroundings>>(ctx)?.environment().await? } else { Vec::new() };
        let categories: Option<Vec<Category>> = categories.map(|list| list.into_iter().map(Into::into).collect());
        let which = (categories.as_deref(), include_inactive);
        let file = prompts.export_system_prompts(right, which, &parts).await?;
        Ok(Some(SystemPromptExport {
            file_name: file.file_name,
            content: file.text,
            total_prompts: count(file.total_prompts),
            left_out: count(file.left_out),
        }))
    }
}

/// Imports.
#[derive(Default)]
pub struct PromptTransferMutation;

#[Object]
impl PromptTransferMutation {
    /// Imports a file of prompts, or says what that would do. Prompts match by category and key in any case; a repeated
    /// import leaves all of them unchanged. An apply is one transaction.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_prompts_manage")]
    async fn import_system_prompts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file, and how it is imported.")] input: ImportSystemPromptsInput,
    ) -> Result<Option<ImportSystemPromptsPayload>> {
        let (right, prompts, request_id) = managing(ctx)?;
        let command = ImportSystemPrompts {
            file: input.file.into(),
            mode: input.mode.into(),
            is_dry_run: input.dry_run,
            plan_hash: input.plan_hash,
            idempotency_key: input.idempotency_key.map(|key| key.0),
        };
        let surroundings = service::<Arc<dyn Surroundings>>(ctx)?;
        match prompts.import_system_prompts(right, command, surroundings.as_ref(), request_id).await {
            Ok(report) => Ok(Some(report.into())),
            Err(Failure::Refused(refusal)) => Ok(Some(ImportSystemPromptsPayload {
                user_errors: vec![file_error(refusal)],
                ..ImportSystemPromptsPayload::default()
            })),
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}
