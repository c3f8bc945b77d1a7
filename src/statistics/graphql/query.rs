//! Queries about what sites come to.

use async_graphql::{Context, ID, Object, Result};

use super::types::{WorkflowPeriod, WorkflowStats};
use crate::{
    error::Error,
    graphql::{
        context::service,
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
    },
    site::graphql::Site,
    statistics::Statistics,
};

/// Queries about what sites come to.
#[derive(Default)]
pub struct StatisticsQuery;

#[Object]
impl StatisticsQuery {
    /// What a site's pipeline came to in a period that ends now.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn workflow_stats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which site.")] site_id: ID,
        #[graphql(desc = "How far back.")] period: WorkflowPeriod,
    ) -> Result<Option<WorkflowStats>> {
        let id = node::decode(NodeKind::Site, &site_id, &["siteId"])?;
        let site = Site::find(ctx, id).await?.ok_or(Error::NotFound)?;
        let by_sector = ctx.look_ahead().field("bySector").exists();
        let stats = service::<Statistics>(ctx)?.workflow_stats(&site.0, period.into(), by_sector).await?;
        Ok(Some(WorkflowStats { site, stats }))
    }
}
