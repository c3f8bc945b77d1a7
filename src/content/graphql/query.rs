//! Queries about content.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result};

use super::{
    content::{Content, ContentConnection},
    state::ContentState,
};
use crate::{
    content::{Contents, model},
    error::Error,
    graphql::{
        context::service,
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        page::ConnectionArgs,
    },
    keyword::graphql::{ContentType, searched, sector_filter, seen_site},
};

/// Which content. What is omitted does not count.
#[derive(Debug, InputObject)]
pub struct ContentFilter {
    /// Only in this state.
    state: Option<ContentState>,
    /// Only of this sector; null is content without one.
    sector_id: MaybeUndefined<ID>,
    /// Only for this cluster.
    cluster_id: Option<ID>,
    /// Only of this kind.
    #[graphql(name = "type")]
    content_type: Option<ContentType>,
    /// Only with a title that holds this text, in any case, at most 100 characters.
    search: Option<String>,
}

/// Queries about content.
#[derive(Default)]
pub struct ContentQuery;

#[Object]
impl ContentQuery {
    /// An article, with its versions.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn content(&self, ctx: &Context<'_>, #[graphql(desc = "Which.")] id: ID) -> Result<Option<Content>> {
        let id = node::decode(NodeKind::Content, &id, &["id"])?;
        Ok(Some(Content::find(ctx, id).await?.ok_or(Error::NotFound)?))
    }

    /// A site's content, newest first.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn contents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which site.")] site_id: ID,
        #[graphql(desc = "Which ones.")] filter: Option<ContentFilter>,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<ContentConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let site = seen_site(ctx, &site_id).await?;
        let filter = match filter {
            Some(filter) => model::ContentFilter {
                state: filter.state.map(Into::into),
                sector: sector_filter(&filter.sector_id)?,
                cluster: filter
                    .cluster_id
                    .map(|id| node::decode(NodeKind::Cluster, &id, &["filter", "clusterId"]))
                    .transpose()?,
                content_type: filter.content_type.map(Into::into),
                search: searched(filter.search)?,
            },
            None => model::ContentFilter::default(),
        };
        Ok(Some(service::<Contents>(ctx)?.list_contents(site, &filter, &args).await?.map(Content).into()))
    }
}
