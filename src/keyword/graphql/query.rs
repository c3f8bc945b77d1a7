//! Queries about keywords and clusters.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result};
use uuid::Uuid;

use super::types::{Cluster, ClusterConnection, ClusterState, Keyword, KeywordConnection, KeywordState};
use crate::{
    error::Error,
    graphql::{
        context::service,
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        page::ConnectionArgs,
    },
    keyword::{Keywords, model},
    site::graphql::Site,
};

/// The most characters of a search.
const SEARCH_CHARS_MAX: usize = 100;

/// Which keywords. What is omitted does not count.
#[derive(Debug, InputObject)]
pub struct KeywordFilter {
    /// Only in this state.
    state: Option<KeywordState>,
    /// Only of this sector; null is those without one.
    sector_id: MaybeUndefined<ID>,
    /// Only of this cluster.
    cluster_id: Option<ID>,
    /// Only those that hold this text, in any case, at most 100 characters.
    search: Option<String>,
}

/// Which clusters. What is omitted does not count.
#[derive(Debug, InputObject)]
pub struct ClusterFilter {
    /// Only in this state.
    state: Option<ClusterState>,
    /// Only of this sector; null is those without one.
    sector_id: MaybeUndefined<ID>,
    /// Only those whose name holds this text, in any case, at most 100 characters.
    search: Option<String>,
}

/// A search as it came. Refuses: `BadUserInput` for more than 100 characters.
pub(crate) fn searched(search: Option<String>) -> Result<Option<String>, Error> {
    if search.as_ref().is_some_and(|text| text.chars().count() > SEARCH_CHARS_MAX) {
        let message = format!("`search` has at most {SEARCH_CHARS_MAX} characters; shorten it.");
        return Err(Error::bad_input(message, &["filter", "search"]));
    }
    Ok(search)
}

/// A filter by sector; `Some(None)` is those without one. Refuses: `BadUserInput`.
pub(crate) fn sector(id: &MaybeUndefined<ID>) -> Result<Option<Option<Uuid>>, Error> {
    Ok(match id {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(id) => Some(Some(node::decode(NodeKind::Sector, id, &["filter", "sectorId"])?)),
    })
}

/// A site that the viewer may see. Refuses: `Unauthenticated`, `BadUserInput`, `NotFound`.
pub(crate) async fn seen_site(ctx: &Context<'_>, id: &ID) -> Result<Uuid, Error> {
    let id = node::decode(NodeKind::Site, id, &["siteId"])?;
    Ok(Site::find(ctx, id).await?.ok_or(Error::NotFound)?.0.id)
}

/// Queries about keywords and clusters.
#[derive(Default)]
pub struct KeywordQuery;

#[Object]
impl KeywordQuery {
    /// A site's keywords, newest first.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn keywords(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which site.")] site_id: ID,
        #[graphql(desc = "Which ones.")] filter: Option<KeywordFilter>,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<KeywordConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let site = seen_site(ctx, &site_id).await?;
        let filter = match filter {
            Some(filter) => model::KeywordFilter {
                state: filter.state.map(Into::into),
                sector: sector(&filter.sector_id)?,
                cluster: filter
                    .cluster_id
                    .map(|id| node::decode(NodeKind::Cluster, &id, &["filter", "clusterId"]))
                    .transpose()?,
                search: searched(filter.search)?,
            },
            None => model::KeywordFilter::default(),
        };
        Ok(Some(service::<Keywords>(ctx)?.list_keywords(site, &filter, &args).await?.map(Keyword).into()))
    }

    /// A site's clusters, newest first.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn clusters(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which site.")] site_id: ID,
        #[graphql(desc = "Which ones.")] filter: Option<ClusterFilter>,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<ClusterConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let site = seen_site(ctx, &site_id).await?;
        let filter = match filter {
            Some(filter) => model::ClusterFilter {
                state: filter.state.map(Into::into),
                sector: sector(&filter.sector_id)?,
                search: searched(filter.search)?,
            },
            None => model::ClusterFilter::default(),
        };
        Ok(Some(service::<Keywords>(ctx)?.list_clusters(site, &filter, &args).await?.map(Cluster).into()))
    }
}
