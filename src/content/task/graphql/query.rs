//! Lists of content tasks.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result};

use super::types::{ContentTask, ContentTaskConnection, ContentTaskState};
use crate::{
    content::task::{self, ContentTasks},
    graphql::{
        context::service,
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        page::ConnectionArgs,
    },
    keyword::graphql::{searched, sector_filter, seen_site},
};

/// Which content tasks. What is omitted does not count.
#[derive(Debug, InputObject)]
pub struct ContentTaskFilter {
    /// Only in this state.
    state: Option<ContentTaskState>,
    /// Only of this sector; null is those without one.
    sector_id: MaybeUndefined<ID>,
    /// Only for this cluster.
    cluster_id: Option<ID>,
    /// Only those whose title holds this text, in any case, at most 100 characters.
    search: Option<String>,
}

/// Queries about content tasks.
#[derive(Default)]
pub struct ContentTaskQuery;

#[Object]
impl ContentTaskQuery {
    /// A site's content tasks, newest first.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn content_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which site.")] site_id: ID,
        #[graphql(desc = "Which ones.")] filter: Option<ContentTaskFilter>,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<ContentTaskConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let site = seen_site(ctx, &site_id).await?;
        let filter = match filter {
            Some(filter) => task::ContentTaskFilter {
                state: filter.state.map(Into::into),
                sector: sector_filter(&filter.sector_id)?,
                cluster: filter
                    .cluster_id
                    .map(|id| node::decode(NodeKind::Cluster, &id, &["filter", "clusterId"]))
                    .transpose()?,
                search: searched(filter.search)?,
            },
            None => task::ContentTaskFilter::default(),
        };
        Ok(Some(service::<ContentTasks>(ctx)?.list_tasks(site, &filter, &args).await?.map(ContentTask).into()))
    }
}
