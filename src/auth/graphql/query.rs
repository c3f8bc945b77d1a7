//! Who asks, people and tenants.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::types::{Account, AccountConnection, PlatformRole, User, UserConnection};
use crate::{
    auth::{
        Auth,
        model::{self, ListedUser, UserKey},
    },
    graphql::{
        context::{service, viewer},
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        page::{ConnectionArgs, CursorKey},
    },
    page::{Page, PageArgs},
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

/// In which order people are listed. Who is equal in it follows by the time of signing up, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::UserOrder")]
pub enum UserOrder {
    /// Who signed up last comes first.
    Newest,
    /// Who signed up first comes first.
    Oldest,
    /// The highest role first.
    RoleHighest,
    /// The lowest role first.
    RoleLowest,
    /// Whose personal account has most available credits comes first.
    CreditsMost,
    /// Whose personal account has fewest available credits comes first.
    CreditsLeast,
    /// Whose personal account has most images comes first.
    ImagesMost,
    /// Whose personal account has fewest images comes first.
    ImagesLeast,
}

impl CursorKey for UserKey {
    fn to_cursor(&self) -> String {
        let order = model::UserOrder::ALL.iter().position(|order| *order == self.order).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(format!("o{order}.{}.{}", self.value, self.id.simple()))
    }

    fn from_cursor(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut parts = std::str::from_utf8(&bytes).ok()?.strip_prefix('o')?.splitn(3, '.');
        let order = model::UserOrder::ALL.get(parts.next()?.parse::<usize>().ok()?).copied()?;
        Some(Self { order, value: parts.next()?.parse().ok()?, id: Uuid::parse_str(parts.next()?).ok()? })
    }
}

/// The page with the cursors of its order.
fn connection_of(page: Page<ListedUser>) -> UserConnection {
    let cursors: Vec<String> = page.items.iter().map(|listed| listed.key.to_cursor()).collect();
    let mut connection = UserConnection::from(page.map(|listed| User(listed.user)));
    connection.page_info.start_cursor = cursors.first().cloned();
    connection.page_info.end_cursor = cursors.last().cloned();
    for (edge, cursor) in connection.edges.iter_mut().zip(cursors) {
        edge.cursor = cursor;
    }
    connection
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

    /// People. `BAD_USER_INPUT` also for a cursor of a list in another order.
    #[expect(clippy::too_many_arguments, reason = "the four page arguments are the field's own")]
    #[graphql(guard = "QueryPolicy", visible = "visible::users_view")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<UserFilter>,
        #[graphql(desc = "In which order.", default_with = "UserOrder::Newest")] order_by: UserOrder,
    ) -> Result<Option<UserConnection>> {
        let right = viewer(ctx)?.may(Feature::UsersView, Level::Read)?;
        let args: PageArgs<UserKey> = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let filter = filter.unwrap_or_default().into();
        Ok(Some(connection_of(service::<Auth>(ctx)?.list_users(right, &filter, order_by.into(), &args).await?)))
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
