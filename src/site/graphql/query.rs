//! Queries about sites.

use async_graphql::{Context, ID, Object, Result};

use super::types::{Site, SiteConnection};
use crate::{
    auth::Auth,
    error::Error,
    graphql::{
        context::{service, viewer},
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        page::ConnectionArgs,
    },
    site::Sites,
};

/// Queries about sites.
#[derive(Default)]
pub struct SiteQuery;

#[Object]
impl SiteQuery {
    /// A site.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn site(&self, ctx: &Context<'_>, #[graphql(desc = "Which.")] id: ID) -> Result<Option<Site>> {
        let id = node::decode(NodeKind::Site, &id, &["id"])?;
        Ok(Some(Site::find(ctx, id).await?.ok_or(Error::NotFound)?))
    }

    /// An account's sites, newest first.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn sites(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose.")] account_id: ID,
        #[graphql(desc = "Only those in use, or only the others.")] is_active: Option<bool>,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<SiteConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let account = node::decode(NodeKind::Account, &account_id, &["accountId"])?;
        let account = service::<Auth>(ctx)?.require_sight(viewer(ctx)?, account).await?.account_id();
        Ok(Some(service::<Sites>(ctx)?.list_sites(account, is_active, &args).await?.map(Site).into()))
    }
}
