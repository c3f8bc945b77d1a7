//! Changing keywords, and making, changing and deleting clusters.

use async_graphql::{Context, ID, MaybeUndefined, Object, Result};
use uuid::Uuid;

use super::{
    input::{
        ArchiveKeywordsInput, ArchiveKeywordsPayload, CreateClusterInput, CreateClusterPayload, DeleteClusterInput,
        DeleteClusterPayload, FinalizeClusterInput, FinalizeClusterPayload, RestoreKeywordsInput,
        RestoreKeywordsPayload, UpdateClusterInput, UpdateClusterPayload, UpdateKeywordInput, UpdateKeywordPayload,
    },
    types::{Cluster, Keyword},
};
use crate::{
    auth::MemberRight,
    error::{Error, Failure},
    graphql::{
        context::{request, service},
        error::{UserError, UserErrorCode, answer},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        patch::{clearable, kept},
        scalars::SafeInt,
    },
    keyword::{
        Keywords,
        model::{
            ClusterError, Cpc, CreateCluster, Difficulty, KeywordError, KeywordFault, UpdateCluster, UpdateKeyword,
            Volume,
        },
    },
    site::graphql::{Sector, edited_site, editor_of},
};

/// The code of a fault of a keyword.
pub(super) fn fault_code(fault: KeywordFault) -> UserErrorCode {
    match fault {
        KeywordFault::TextEmpty => UserErrorCode::KeywordEmpty,
        KeywordFault::TextTooLong { .. } => UserErrorCode::KeywordTooLong,
        KeywordFault::TextControl => UserErrorCode::KeywordInvalid,
        KeywordFault::CountryUnknown => UserErrorCode::CountryUnknown,
        KeywordFault::VolumeInvalid => UserErrorCode::VolumeInvalid,
        KeywordFault::CpcInvalid => UserErrorCode::CpcInvalid,
        KeywordFault::CpcTooFine => UserErrorCode::CpcTooFine,
        KeywordFault::DifficultyInvalid => UserErrorCode::DifficultyInvalid,
        KeywordFault::IntentUnknown => UserErrorCode::IntentUnknown,
    }
}

fn keyword_error(refusal: &KeywordError) -> UserError {
    let (code, field) = match refusal {
        KeywordError::Fault(fault) => (fault_code(*fault), fault.field()),
        KeywordError::IllegalTransition { .. } => (UserErrorCode::IllegalTransition, "clusterId"),
        KeywordError::NotFound(_) => (UserErrorCode::NotFound, "keywordIds"),
        KeywordError::CountOutOfRange => (UserErrorCode::CountOutOfRange, "keywordIds"),
        KeywordError::ClusterNotFound => (UserErrorCode::ClusterNotFound, "clusterId"),
    };
    UserError::new(code, refusal.to_string(), &["input", field])
}

fn cluster_error(refusal: &ClusterError) -> UserError {
    let (code, field) = match refusal {
        ClusterError::NameInvalid => (UserErrorCode::NameInvalid, "name"),
        ClusterError::NameTaken(_) => (UserErrorCode::NameTaken, "name"),
        ClusterError::DescriptionInvalid => (UserErrorCode::DescriptionInvalid, "description"),
        ClusterError::SectorNotFound => (UserErrorCode::SectorNotFound, "sectorId"),
        ClusterError::IllegalTransition { .. } => (UserErrorCode::IllegalTransition, "clusterId"),
        ClusterError::HasIdeas(_) => (UserErrorCode::ClusterHasIdeas, "clusterId"),
    };
    UserError::new(code, refusal.to_string(), &["input", field])
}

/// A cluster whose account the viewer is an EDITOR of.
async fn edited_cluster(ctx: &Context<'_>, id: &ID) -> Result<(Uuid, MemberRight), Error> {
    request(ctx)?.viewer.signed_in()?;
    let id = node::decode(NodeKind::Cluster, id, &["input", "clusterId"])?;
    let account = Cluster::load(ctx, id).await?.ok_or(Error::NotFound)?.0.account_id;
    Ok((id, editor_of(ctx, account).await?))
}

fn request_id(ctx: &Context<'_>) -> Result<Option<String>, Error> {
    Ok(Some(request(ctx)?.request_id.clone()))
}

fn keyword_ids(ids: &[ID]) -> Result<Vec<Uuid>, Error> {
    ids.iter().map(|id| node::decode(NodeKind::Keyword, id, &["input", "keywordIds"])).collect()
}

/// `field` checked; what is omitted stays and null clears.
fn checked<T, U>(
    field: MaybeUndefined<T>,
    check: impl FnOnce(T) -> Result<U, KeywordFault>,
) -> Result<Option<Option<U>>, KeywordFault> {
    clearable(field).map(|value| value.map(check).transpose()).transpose()
}

fn edit_of(input: UpdateKeywordInput, cluster: Option<Option<Uuid>>) -> Result<UpdateKeyword, KeywordFault> {
    Ok(UpdateKeyword {
        volume: checked(input.volume, |volume| Volume::new(volume.0))?,
        cpc: checked(input.cpc, |text| Cpc::parse(&text))?,
        difficulty: checked(input.difficulty, Difficulty::new)?,
        intent: clearable(input.intent).map(|intent| intent.map(Into::into)),
        cluster,
    })
}

/// Mutations of keywords and clusters.
#[derive(Default)]
pub struct KeywordMutation;

#[Object]
impl KeywordMutation {
    /// Changes what is known of a keyword, or puts it into a cluster. Its text and country stay.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn update_keyword(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which keyword, and what changes.")] input: UpdateKeywordInput,
    ) -> Result<Option<UpdateKeywordPayload>> {
        request(ctx)?.viewer.signed_in()?;
        let id = node::decode(NodeKind::Keyword, &input.keyword_id, &["input", "keywordId"])?;
        let account = Keyword::load(ctx, id).await?.ok_or(Error::NotFound)?.0.account_id;
        let right = editor_of(ctx, account).await?;
        let cluster = clearable(input.cluster_id.clone())
            .map(|id| id.map(|id| node::decode(NodeKind::Cluster, &id, &["input", "clusterId"])).transpose())
            .transpose()?;
        let changed = match edit_of(input, cluster) {
            Ok(edit) => service::<Keywords>(ctx)?.update_keyword(right, id, edit, request_id(ctx)?).await,
            Err(fault) => Err(Failure::Refused(KeywordError::Fault(fault))),
        };
        let (keyword, user_errors) = answer(changed, keyword_error)?;
        Ok(Some(UpdateKeywordPayload { keyword: keyword.map(Keyword), user_errors }))
    }

    /// Puts keywords away: they count nowhere and are in no cluster. Those put away already stay so.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn archive_keywords(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: ArchiveKeywordsInput,
    ) -> Result<Option<ArchiveKeywordsPayload>> {
        let (_, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let ids = keyword_ids(&input.keyword_ids)?;
        let done = service::<Keywords>(ctx)?.archive_keywords(right, ids, request_id(ctx)?).await;
        let (keywords, user_errors) = answer(done, keyword_error)?;
        let keywords = keywords.map(|all| all.into_iter().map(Keyword).collect());
        Ok(Some(ArchiveKeywordsPayload { keywords, user_errors }))
    }

    /// Takes keywords back that were put away: they are new again. Others stay as they are.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn restore_keywords(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: RestoreKeywordsInput,
    ) -> Result<Option<RestoreKeywordsPayload>> {
        let (_, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let ids = keyword_ids(&input.keyword_ids)?;
        let done = service::<Keywords>(ctx)?.restore_keywords(right, ids, request_id(ctx)?).await;
        let (keywords, user_errors) = answer(done, keyword_error)?;
        let keywords = keywords.map(|all| all.into_iter().map(Keyword).collect());
        Ok(Some(RestoreKeywordsPayload { keywords, user_errors }))
    }

    /// Makes a cluster without keywords.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn create_cluster(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new cluster.")] input: CreateClusterInput,
    ) -> Result<Option<CreateClusterPayload>> {
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let sector_id = input.sector_id.map(|id| node::decode(NodeKind::Sector, &id, &["input", "sectorId"]));
        let sector_id = sector_id.transpose()?;
        if let Some(id) = sector_id
            && Sector::load(ctx, id).await?.is_none_or(|sector| sector.0.site_id != site.id)
        {
            let user_errors = vec![cluster_error(&ClusterError::SectorNotFound)];
            return Ok(Some(CreateClusterPayload { cluster: None, user_errors }));
        }
        let create = CreateCluster {
            site_id: site.id,
            sector_id,
            name: input.name,
            description: input.description,
            cluster_type: input.cluster_type.into(),
            intent: input.intent.map(Into::into),
        };
        let made = service::<Keywords>(ctx)?.create_cluster(right, &create, request_id(ctx)?).await;
        let (cluster, user_errors) = answer(made, cluster_error)?;
        Ok(Some(CreateClusterPayload { cluster: cluster.map(Cluster), user_errors }))
    }

    /// Changes a cluster.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn update_cluster(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which cluster, and what changes.")] input: UpdateClusterInput,
    ) -> Result<Option<UpdateClusterPayload>> {
        let (id, right) = edited_cluster(ctx, &input.cluster_id).await?;
        let edit = UpdateCluster {
            name: kept(input.name, "name")?,
            description: clearable(input.description),
            cluster_type: kept(input.cluster_type, "type")?.map(Into::into),
            intent: clearable(input.intent).map(|intent| intent.map(Into::into)),
        };
        let changed = service::<Keywords>(ctx)?.update_cluster(right, id, edit, request_id(ctx)?).await;
        let (cluster, user_errors) = answer(changed, cluster_error)?;
        Ok(Some(UpdateClusterPayload { cluster: cluster.map(Cluster), user_errors }))
    }

    /// Says that nothing more is planned for a cluster with ideas.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn finalize_cluster(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which cluster.")] input: FinalizeClusterInput,
    ) -> Result<Option<FinalizeClusterPayload>> {
        let (id, right) = edited_cluster(ctx, &input.cluster_id).await?;
        let done = service::<Keywords>(ctx)?.finalize_cluster(right, id, request_id(ctx)?).await;
        let (cluster, user_errors) = answer(done, cluster_error)?;
        Ok(Some(FinalizeClusterPayload { cluster: cluster.map(Cluster), user_errors }))
    }

    /// Deletes a cluster of which nothing was made. Its keywords are `ORPHANED` and may be clustered anew.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn delete_cluster(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which cluster.")] input: DeleteClusterInput,
    ) -> Result<Option<DeleteClusterPayload>> {
        let (id, right) = edited_cluster(ctx, &input.cluster_id).await?;
        let done = service::<Keywords>(ctx)?.delete_cluster(right, id, request_id(ctx)?).await;
        let (deleted, user_errors) = answer(done, cluster_error)?;
        let (cluster, orphaned) = deleted.unzip();
        Ok(Some(DeleteClusterPayload {
            cluster: cluster.map(Cluster),
            orphaned_keywords: orphaned.map(|count| SafeInt(i64::try_from(count).unwrap_or(i64::MAX))),
            user_errors,
        }))
    }
}
