//! Changing keywords, and making, changing and deleting clusters.

use async_graphql::{Context, ID, MaybeUndefined, Object, Result};
use uuid::Uuid;

use super::{
    input::{
        ArchiveKeywordsInput, ArchiveKeywordsPayload, CreateClusterInput, CreateClusterPayload, DeleteClusterInput,
        DeleteClusterPayload, FinalizeClusterInput, FinalizeClusterPayload, ImportKeywordsInput, ImportKeywordsPayload,
        KeywordFileInput, KeywordImportOutcome, KeywordImportRow, RestoreKeywordsInput, RestoreKeywordsPayload,
        UpdateClusterInput, UpdateClusterPayload, UpdateKeywordInput, UpdateKeywordPayload,
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
            import::{ImportError, RowFault},
        },
        service::{ImportKeywords, ImportKeywordsError, RowOutcome},
    },
    site::graphql::{Sector, edited_site, editor_of},
    storage::{
        Uploads,
        upload::{ReadUploadError, UploadPurpose},
    },
};

/// The code of a fault of a keyword.
pub(crate) fn fault_code(fault: KeywordFault) -> UserErrorCode {
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
        ClusterError::HasContentTasks(_) => (UserErrorCode::ClusterHasContentTasks, "clusterId"),
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

/// The id of the request under way.
pub(crate) fn request_id(ctx: &Context<'_>) -> Result<Option<String>, Error> {
    Ok(Some(request(ctx)?.request_id.to_string()))
}

fn keyword_ids(ids: &[ID]) -> Result<Vec<Uuid>, Error> {
    ids.iter().map(|id| node::decode(NodeKind::Keyword, id, &["input", "keywordIds"])).collect()
}

fn import_error(refusal: &ImportKeywordsError) -> UserError {
    let (code, field) = match refusal {
        ImportKeywordsError::TooManyKeywords { .. } => (UserErrorCode::TooManyKeywords, "siteId"),
        ImportKeywordsError::File(fault) => {
            let code = match fault {
                ImportError::FileTooLarge { .. } => UserErrorCode::FileTooLarge,
                ImportError::NotText => UserErrorCode::FileNotText,
                ImportError::NoRows => UserErrorCode::FileEmpty,
                ImportError::HeaderMissing => UserErrorCode::HeaderMissing,
                ImportError::ColumnTwice { .. } => UserErrorCode::ColumnTwice,
                ImportError::TooManyRows => UserErrorCode::TooManyRows,
            };
            (code, "file")
        }
    };
    UserError::new(code, refusal.to_string(), &["input", field])
}

/// The bytes of a file, or why an upload cannot be read.
async fn bytes_of(ctx: &Context<'_>, file: KeywordFileInput) -> Result<Result<Vec<u8>, UserError>> {
    let id = match file {
        KeywordFileInput::Content(text) => return Ok(Ok(text.into_bytes())),
        KeywordFileInput::UploadId(id) => node::decode(NodeKind::Upload, &id, &["input", "file", "uploadId"])?,
    };
    let user = request(ctx)?.viewer.signed_in()?.who().user_id;
    match service::<Uploads>(ctx)?.read(id, user, UploadPurpose::KeywordImport).await {
        Ok(bytes) => Ok(Ok(bytes.to_vec())),
        Err(Failure::Refused(refusal)) => {
            let code = match refusal {
                ReadUploadError::NotFound => UserErrorCode::NotFound,
                ReadUploadError::NotReceived => UserErrorCode::UploadNotReceived,
            };
            Ok(Err(UserError::new(code, refusal.to_string(), &["input", "file", "uploadId"])))
        }
        Err(Failure::Fault(error)) => Err(error.into()),
    }
}

fn import_row((line, outcome): (u64, RowOutcome)) -> KeywordImportRow {
    let fault = match outcome {
        RowOutcome::Refused(fault) => Some(fault),
        RowOutcome::Added | RowOutcome::Present => None,
    };
    KeywordImportRow {
        line: i32::try_from(line).unwrap_or(i32::MAX),
        outcome: match outcome {
            RowOutcome::Added => KeywordImportOutcome::Added,
            RowOutcome::Present => KeywordImportOutcome::Present,
            RowOutcome::Refused(_) => KeywordImportOutcome::Refused,
        },
        code: fault.map(RowFault::code),
        field: fault.map(RowFault::field),
        message: fault.map(|fault| fault.to_string()),
    }
}

/// A sector of the site, if one is named; the refusal when it is none of it.
pub(crate) async fn sector_in(
    ctx: &Context<'_>,
    site: Uuid,
    id: Option<&ID>,
) -> Result<Result<Option<Uuid>, UserError>> {
    let Some(id) = id else { return Ok(Ok(None)) };
    let id = node::decode(NodeKind::Sector, id, &["input", "sectorId"])?;
    match Sector::load(ctx, id).await? {
        Some(sector) if sector.0.site_id == site => Ok(Ok(Some(id))),
        _ => Ok(Err(cluster_error(&ClusterError::SectorNotFound))),
    }
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
    /// Adds a file's keywords to a site, row by row. Those that are there already stay as they are, so that importing a file
    /// again adds what was missing.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn import_keywords(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file, and where its keywords go.")] input: ImportKeywordsInput,
    ) -> Result<Option<ImportKeywordsPayload>> {
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let refused = |error| ImportKeywordsPayload {
            added: None,
            present: None,
            refused: None,
            rows: None,
            user_errors: vec![error],
        };
        let sector_id = match sector_in(ctx, site.id, input.sector_id.as_ref()).await? {
            Ok(sector) => sector,
            Err(error) => return Ok(Some(refused(error))),
        };
        let file = match bytes_of(ctx, input.file).await? {
            Ok(file) => file,
            Err(error) => return Ok(Some(refused(error))),
        };
        let import = ImportKeywords { site_id: site.id, sector_id, file, is_dry_run: input.dry_run };
        let rows = match service::<Keywords>(ctx)?.import_keywords(right, import, request_id(ctx)?).await {
            Ok(rows) => rows,
            Err(Failure::Refused(refusal)) => return Ok(Some(refused(import_error(&refusal)))),
            Err(Failure::Fault(error)) => return Err(error.into()),
        };
        let rows: Vec<KeywordImportRow> = rows.into_iter().map(import_row).collect();
        let count = |outcome| {
            let count = rows.iter().filter(|row| row.outcome == outcome).count();
            Some(i32::try_from(count).unwrap_or(i32::MAX))
        };
        Ok(Some(ImportKeywordsPayload {
            added: count(KeywordImportOutcome::Added),
            present: count(KeywordImportOutcome::Present),
            refused: count(KeywordImportOutcome::Refused),
            rows: Some(rows),
            user_errors: Vec::new(),
        }))
    }

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
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let ids = keyword_ids(&input.keyword_ids)?;
        let done = service::<Keywords>(ctx)?.archive_keywords(right, (site.id, ids), request_id(ctx)?).await;
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
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let ids = keyword_ids(&input.keyword_ids)?;
        let done = service::<Keywords>(ctx)?.restore_keywords(right, (site.id, ids), request_id(ctx)?).await;
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
        let sector_id = match sector_in(ctx, site.id, input.sector_id.as_ref()).await? {
            Ok(sector) => sector,
            Err(error) => return Ok(Some(CreateClusterPayload { cluster: None, user_errors: vec![error] })),
        };
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
