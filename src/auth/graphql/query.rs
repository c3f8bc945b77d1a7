//! Who asks, people and tenants.

use async_graphql::{Context, ID, InputObject, Object, Result};
use uuid::Uuid;

use super::types::{Account, AccountConnection, PlatformRole, User, UserConnection};
use crate::{
    auth::{Auth, model},
    graphql::{
        context::{service, viewer},
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        page::ConnectionArgs,
    },
    page::PageArgs,
    viewer::{Feature, Level, Viewer},
};

/// Which people. Omitted fields do not filter; deleted people are never listed.
#[derive(Debug, Default, InputObject)]
pub struct UserFilter {
    /// A part of the username or e-mail address, in any case, at most 100 characters.
    pub search: Option<String>,
    /// Only those of this role.
    pub role: Option<PlatformRole>,
}

impl From<UserFilter> for model::UserFilter {
    fn from(filter: UserFilter) -> Self {
        Self { search: filter.search, role: filter.role.map(Into::into) }
    }
}

/// Queries about people and tenants.
#[derive(Default)]
pub struct AuthQuery;

#[Object]
impl AuthQuery {
    /// Who asks; null when anonymous.
    #[graphql(guard = "QueryPolicy")]
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let viewer = viewer(ctx)?;
        match viewer {
            Viewer::User(who) => Ok(User::find(ctx, who.user_id).await?),
            Viewer::Anonymous(_) | Viewer::System => Ok(None),
        }
    }

    /// A person. `NOT_FOUND` when there is none, or they were deleted.
    #[graphql(guard = "QueryPolicy", visible = "visible::users_view")]
    async fn user(&self, ctx: &Context<'_>, #[graphql(desc = "Whose global id.")] id: ID) -> Result<Option<User>> {
        let right = viewer(ctx)?.may(Feature::UsersView, Level::Read)?;
        let id = node::decode(NodeKind::User, &id, &["id"])?;
        Ok(Some(User(service::<Auth>(ctx)?.user(right, id).await?)))
    }

    /// People, newest first.
    #[graphql(guard = "QueryPolicy", visible = "visible::users_view")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<UserFilter>,
    ) -> Result<Option<UserConnection>> {
        let right = viewer(ctx)?.may(Feature::UsersView, Level::Read)?;
        let args: PageArgs<Uuid> = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let filter = filter.unwrap_or_default().into();
        let page = service::<Auth>(ctx)?.list_users(right, &filter, &args).await?;
        Ok(Some(page.map(User).into()))
    }

    /// An account. `NOT_FOUND` when there is none, or it is another tenant's.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn account(&self, ctx: &Context<'_>, #[graphql(desc = "Its global id.")] id: ID) -> Result<Option<Account>> {
        let id = node::decode(NodeKind::Account, &id, &["id"])?;
        Ok(Some(Account(service::<Auth>(ctx)?.account(viewer(ctx)?, id).await?)))
    }

    /// All accounts, newest first. One's own are at `User.accounts`.
    #[graphql(guard = "QueryPolicy", visible = "visible::users_view")]
    async fn accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<AccountConnection>> {
        let right = viewer(ctx)?.may(Feature::UsersView, Level::Read)?;
        let args: PageArgs<Uuid> = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let page = service::<Auth>(ctx)?.list_accounts(right, &args).await?;
        Ok(Some(page.map(Account).into()))
    }
}
