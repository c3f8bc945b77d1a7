//! What mutations of keywords and clusters are told, and what they answer.

use async_graphql::{ID, InputObject, MaybeUndefined, SimpleObject};

use super::types::{Cluster, ContentType, Intent, Keyword};
use crate::graphql::{
    error::UserError,
    scalars::SafeInt,
};

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
    /// Why it was refused: `CLUSTER_HAS_IDEAS`, `ILLEGAL_TRANSITION`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}
