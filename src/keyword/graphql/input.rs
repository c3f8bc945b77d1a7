//! What mutations of keywords and clusters are told, and what they answer.

use async_graphql::{Enum, ID, InputObject, MaybeUndefined, OneofObject, SimpleObject};

use super::types::{Cluster, ContentType, Intent, Keyword};
use crate::graphql::{error::UserError, scalars::SafeInt};

/// What changes about a keyword; what is omitted stays, and null clears.
#[derive(InputObject)]
pub struct UpdateKeywordInput {
    /// Which keyword; the viewer must be an EDITOR or OWNER of its account.
    pub keyword_id: ID,
    /// Searches a month, 0 or more.
    pub volume: MaybeUndefined<SafeInt>,
    /// What a click costs advertisers, in US dollars with up to nine decimals, such as 1.25.
    pub cpc: MaybeUndefined<String>,
    /// How hard it is to be found for it, 0–100.
    pub difficulty: MaybeUndefined<i32>,
    /// What people want who search for it.
    pub intent: MaybeUndefined<Intent>,
    /// The cluster of its sector that it is put into; null takes it out of its cluster.
    pub cluster_id: MaybeUndefined<ID>,
}

/// What `updateKeyword` did.
#[derive(SimpleObject)]
pub struct UpdateKeywordPayload {
    /// The keyword; null when refused.
    pub keyword: Option<Keyword>,
    /// Why it was refused: `VOLUME_INVALID`, `CPC_INVALID`, `CPC_TOO_FINE`, `DIFFICULTY_INVALID`, `CLUSTER_NOT_FOUND`,
    /// `ILLEGAL_TRANSITION`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// Keywords that are put away.
#[derive(InputObject)]
pub struct ArchiveKeywordsInput {
    /// Of which site; the viewer must be an EDITOR or OWNER of its account.
    pub site_id: ID,
    /// Which, 1–500. All of them or none.
    pub keyword_ids: Vec<ID>,
}

/// What `archiveKeywords` did.
#[derive(SimpleObject)]
pub struct ArchiveKeywordsPayload {
    /// The keywords; null when refused.
    pub keywords: Option<Vec<Keyword>>,
    /// Why it was refused: `NOT_FOUND`, `COUNT_OUT_OF_RANGE`, `ILLEGAL_TRANSITION`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// Keywords that are taken back.
#[derive(InputObject)]
pub struct RestoreKeywordsInput {
    /// Of which site; the viewer must be an EDITOR or OWNER of its account.
    pub site_id: ID,
    /// Which, 1–500. All of them or none.
    pub keyword_ids: Vec<ID>,
}

/// What `restoreKeywords` did.
#[derive(SimpleObject)]
pub struct RestoreKeywordsPayload {
    /// The keywords; null when refused.
    pub keywords: Option<Vec<Keyword>>,
    /// Why it was refused: `NOT_FOUND`, `COUNT_OUT_OF_RANGE`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// A new cluster.
#[derive(InputObject)]
pub struct CreateClusterInput {
    /// For which site; the viewer must be an EDITOR or OWNER of its account.
    pub site_id: ID,
    /// In which sector of it; none when omitted.
    pub sector_id: Option<ID>,
    /// Its name, 1–200 characters, unique in its sector.
    pub name: String,
    /// What it is about, 1–2,000 characters.
    pub description: Option<String>,
    /// What kind of content serves it.
    #[graphql(name = "type", default_with = "ContentType::Blog")]
    pub cluster_type: ContentType,
    /// What people want who search for its keywords.
    pub intent: Option<Intent>,
}

/// What `createCluster` did.
#[derive(SimpleObject)]
pub struct CreateClusterPayload {
    /// The cluster; null when refused.
    pub cluster: Option<Cluster>,
    /// Why it was refused: `NAME_INVALID`, `NAME_TAKEN`, `DESCRIPTION_INVALID`, `SECTOR_NOT_FOUND`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// What changes about a cluster; what is omitted stays.
#[derive(InputObject)]
pub struct UpdateClusterInput {
    /// Which cluster; the viewer must be an EDITOR or OWNER of its account.
    pub cluster_id: ID,
    /// Its name, 1–200 characters; it cannot be cleared.
    pub name: MaybeUndefined<String>,
    /// What it is about, 1–2,000 characters; null takes it away.
    pub description: MaybeUndefined<String>,
    /// What kind of content serves it; it cannot be cleared.
    #[graphql(name = "type")]
    pub cluster_type: MaybeUndefined<ContentType>,
    /// What people want who search for its keywords; null takes it away.
    pub intent: MaybeUndefined<Intent>,
}

/// What `updateCluster` did.
#[derive(SimpleObject)]
pub struct UpdateClusterPayload {
    /// The cluster; null when refused.
    pub cluster: Option<Cluster>,
    /// Why it was refused: `NAME_INVALID`, `NAME_TAKEN`, `DESCRIPTION_INVALID`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// A cluster that nothing more is planned for.
#[derive(InputObject)]
pub struct FinalizeClusterInput {
    /// Which cluster; the viewer must be an EDITOR or OWNER of its account.
    pub cluster_id: ID,
}

/// What `finalizeCluster` did.
#[derive(SimpleObject)]
pub struct FinalizeClusterPayload {
    /// The cluster; null when refused.
    pub cluster: Option<Cluster>,
    /// Why it was refused: `ILLEGAL_TRANSITION`, for a cluster without ideas. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// A cluster that goes.
#[derive(InputObject)]
pub struct DeleteClusterInput {
    /// Which cluster; the viewer must be an EDITOR or OWNER of its account.
    pub cluster_id: ID,
}

/// What `deleteCluster` did.
#[derive(SimpleObject)]
pub struct DeleteClusterPayload {
    /// The cluster as it was; null when refused.
    pub cluster: Option<Cluster>,
    /// How many keywords are `ORPHANED` now; null when refused.
    pub orphaned_keywords: Option<SafeInt>,
    /// Why it was refused: `CLUSTER_HAS_IDEAS`, `CLUSTER_HAS_CONTENT_TASKS`, `ILLEGAL_TRANSITION`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// A file of keywords: exactly one.
#[derive(OneofObject)]
pub enum KeywordFileInput {
    /// The file itself, as far as a request may be as long; else send it to the address of `createUpload`.
    Content(String),
    /// An upload of the viewer's that was made for `KEYWORD_IMPORT`.
    UploadId(ID),
}

/// A file of keywords and where they go.
#[derive(InputObject)]
pub struct ImportKeywordsInput {
    /// For which site; the viewer must be an EDITOR or OWNER of its account.
    pub site_id: ID,
    /// In which sector of it; none when omitted.
    pub sector_id: Option<ID>,
    /// The file: CSV with commas, semicolons or tabs, at most 2 MiB and 10,000 rows. Its first row names the columns, in any
    /// order and case: keyword (or text), country, volume, cpc, difficulty, intent.
    pub file: KeywordFileInput,
    /// Whether nothing is written.
    #[graphql(default = false)]
    pub dry_run: bool,
}

/// What became of a row of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum KeywordImportOutcome {
    /// A keyword was added, or would be.
    Added,
    /// The keyword is there already and stays as it is.
    Present,
    /// The row is no good.
    Refused,
}

/// What became of a row of a file.
#[derive(SimpleObject)]
pub struct KeywordImportRow {
    /// The line it begins in, from 1.
    pub line: i32,
    /// What became of it.
    pub outcome: KeywordImportOutcome,
    /// Why it was refused, a code such as `COUNTRY_UNKNOWN`; null unless it was.
    pub code: Option<&'static str>,
    /// The column at fault; null unless it was refused.
    pub field: Option<&'static str>,
    /// What to do about it; null unless it was refused.
    pub message: Option<String>,
}

/// What `importKeywords` did.
#[derive(SimpleObject)]
pub struct ImportKeywordsPayload {
    /// How many keywords were added, or would be; null when the file was refused whole.
    pub added: Option<i32>,
    /// How many were there already; null when the file was refused whole.
    pub present: Option<i32>,
    /// How many rows were refused; null when the file was refused whole.
    pub refused: Option<i32>,
    /// Each row in order; null when the file was refused whole.
    pub rows: Option<Vec<KeywordImportRow>>,
    /// Why the file was refused whole: `FILE_TOO_LARGE`, `FILE_NOT_TEXT`, `FILE_EMPTY`, `HEADER_MISSING`, `COLUMN_TWICE`,
    /// `TOO_MANY_ROWS`, `TOO_MANY_KEYWORDS`, `SECTOR_NOT_FOUND`, `NOT_FOUND`, `UPLOAD_NOT_RECEIVED`. Empty when it was not.
    pub user_errors: Vec<UserError>,
}
