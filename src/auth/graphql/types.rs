//! Identity's objects.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject, dataloader::DataLoader};
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::{
    api_key::{ApiKey, ApiKeyConnection},
    invitation::{AccountInvitation, AccountInvitationConnection},
    loader::{ImageCountOf, PersonOf, PersonalAccountOf},
    member::{AccountMember, AccountMemberConnection, MemberRole},
    profile::{UserSession, UserSessionConnection},
};
use crate::{
    auth::{
        Auth,
        model::{self, IssuedSession},
    },
    connection,
    error::Error,
    graphql::{
        context::{service, viewer},
        node::{self, NodeKind},
        page::ConnectionArgs,
        scalars::{DateTime, SafeInt},
    },
    ledger::graphql::{
        CreditBalance, CreditCap, CreditGrantConnection, CreditGrantFilter, CreditHoldConnection, CreditHoldFilter,
        CreditTransactionConnection, CreditTransactionFilter, LowBalanceThreshold, balance, balance_at, credit_caps,
        credit_grants, credit_holds, credit_transactions, low_balance_thresholds,
    },
    page::PageArgs,
    viewer::{Feature, Level, Viewer},
};

/// A person's role on the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::viewer::PlatformRole")]
pub enum PlatformRole {
    /// A customer.
    User,
    /// Runs the business.
    Admin,
    /// Runs the installation.
    Hero,
}

/// A person. Seen by themselves and by those who look at people.
#[derive(Debug, Clone)]
pub struct User(pub model::User);

impl User {
    /// The person, if the viewer may see them: themselves, or anyone with `users:view`. Refuses: `Unauthenticated`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        let (viewer, auth) = (viewer(ctx)?, service::<Auth>(ctx)?);
        let found = match viewer {
            Viewer::User(who) if who.user_id == id => auth.own_user(viewer.signed_in()?).await,
            _ => auth.user(viewer.may(Feature::UsersView, Level::Read)?, id).await,
        };
        match found {
            Ok(user) => Ok(Some(Self(user))),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A person. Seen by themselves and by those who look at people.
#[Object]
impl User {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::User, self.0.id)
    }

    /// The name to sign in with, 3–20 characters, unique in any case.
    async fn username(&self) -> &str {
        &self.0.username
    }

    /// The e-mail address, at most 254 characters.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// Whether a link that was sent to the address was used.
    async fn is_email_verified(&self) -> bool {
        self.0.email_verified_at.is_some()
    }

    /// The role on the platform.
    async fn role(&self) -> PlatformRole {
        self.0.role.into()
    }

    /// When the person signed up.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// The account that came with signing up; credits given to the person go there.
    async fn personal_account(&self, ctx: &Context<'_>) -> Result<Option<Account>> {
        let loader = service::<DataLoader<Auth>>(ctx)?;
        Ok(loader.load_one(PersonalAccountOf(self.0.id)).await?.map(Account))
    }

    /// How many images their personal account has, without deleted ones.
    async fn image_count(&self, ctx: &Context<'_>) -> Result<Option<SafeInt>> {
        let loader = service::<DataLoader<Auth>>(ctx)?;
        Ok(Some(SafeInt(loader.load_one(ImageCountOf(self.0.id)).await?.unwrap_or(0))))
    }

    /// The accounts the person is a member of, newest first.
    async fn accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<AccountConnection>> {
        let args: PageArgs<Uuid> = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let page = service::<Auth>(ctx)?.list_accounts_of(self.0.id, &args).await?;
        Ok(Some(page.map(Account).into()))
    }

    /// The person's sessions that go on, newest first: shown to themselves, null to everybody else. `signOut` ends one.
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<UserSessionConnection>> {
        let viewer = viewer(ctx)?;
        if viewer.user().is_none_or(|who| who.user_id != self.0.id) {
            return Ok(None);
        }
        let args: PageArgs<Uuid> = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let page = service::<Auth>(ctx)?.list_own_sessions(viewer.signed_in()?, &args).await?;
        Ok(Some(page.map(UserSession).into()))
    }

    /// The person's keys for servers that were not revoked, newest first; null to everybody else.
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<ApiKeyConnection>> {
        if viewer(ctx)?.user().is_none_or(|who| who.user_id != self.0.id) {
            return Ok(None);
        }
        let args: PageArgs<Uuid> = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let page = service::<Auth>(ctx)?.list_api_keys(self.0.id, &args).await?;
        Ok(Some(page.map(ApiKey).into()))
    }
}

connection!(UserConnection, UserEdge, User, "people", |user: &User| user.0.id);

/// The person `id`, for a field that names who did something; null to those who may not look at people.
pub async fn person(ctx: &Context<'_>, id: Option<Uuid>) -> Result<Option<User>, Error> {
    let Some(id) = id else { return Ok(None) };
    let viewer = viewer(ctx)?;
    if viewer.user().is_some_and(|who| who.user_id == id) || viewer.can(Feature::UsersView, Level::Read) {
        return Ok(service::<DataLoader<Auth>>(ctx)?.load_one(PersonOf(id)).await?.map(User));
    }
    Ok(None)
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::auth::model::AccountState")]
pub enum AccountState {
    /// In use.
    Active,
    /// Closed to new work until an administrator opens it.
    Suspended,
}

/// A tenant: it owns credits and work. Seen by its members and by those who look at people.
#[derive(Debug, Clone)]
pub struct Account(pub model::Account);

impl Account {
    /// The account, if the viewer may see it. Refuses: `Unauthenticated`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        match service::<Auth>(ctx)?.account(viewer(ctx)?, id).await {
            Ok(account) => Ok(Some(Self(account))),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A tenant: it owns credits and work. Seen by its members and by those who look at people.
#[Object]
impl Account {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::Account, self.0.id)
    }

    /// The name, 1–100 characters.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it is a person's own account, which came with signing up.
    async fn is_personal(&self) -> bool {
        self.0.personal_user_id.is_some()
    }

    /// Whether it may be used.
    async fn state(&self) -> AccountState {
        self.0.state.into()
    }

    /// The time zone its days are counted in: an IANA name, such as Europe/Berlin.
    async fn time_zone(&self) -> &str {
        &self.0.time_zone
    }

    /// The text its images are marked with, 1–80 characters; null when there is none.
    async fn watermark_text(&self) -> Option<&str> {
        self.0.watermark_text.as_deref()
    }

    /// Whether images are marked from now on. What was drawn before stays as it is.
    async fn is_watermarked(&self) -> bool {
        self.0.is_watermarked
    }

    /// Raised by every edit, 1 or more.
    async fn version(&self) -> SafeInt {
        SafeInt(self.0.version)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// What the viewer may do in it; null to those who see it without being a member.
    async fn viewer_role(&self, ctx: &Context<'_>) -> Result<Option<MemberRole>> {
        let Some(who) = viewer(ctx)?.user() else { return Ok(None) };
        Ok(AccountMember::load(ctx, self.0.id, who.user_id).await?.map(|member| member.0.role.into()))
    }

    /// Its members, the latest first.
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<AccountMemberConnection>> {
        let args: PageArgs<(i64, Uuid)> = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let page = service::<Auth>(ctx)?.list_members(self.0.id, &args).await?;
        Ok(Some(page.map(AccountMember).into()))
    }

    /// Its open invitations, newest first: shown to its owners and to those who look at people, `FORBIDDEN` to other members.
    async fn invitations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<AccountInvitationConnection>> {
        let args: PageArgs<Uuid> = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let page = service::<Auth>(ctx)?.list_invitations(viewer(ctx)?, self.0.id, &args).await?;
        Ok(Some(page.map(AccountInvitation).into()))
    }

    /// The credits it has now.
    async fn balance(&self, ctx: &Context<'_>) -> Result<Option<CreditBalance>> {
        balance(ctx, self.0.id).await
    }

    /// The levels of available credits below which its members are told, highest first, at most 10.
    async fn low_balance_thresholds(&self, ctx: &Context<'_>) -> Result<Option<Vec<LowBalanceThreshold>>> {
        Ok(Some(low_balance_thresholds(ctx, self.0.id).await?))
    }

    /// The caps on what it and its members may spend, its own first, at most one of each kind.
    async fn credit_caps(&self, ctx: &Context<'_>) -> Result<Option<Vec<CreditCap>>> {
        Ok(Some(credit_caps(ctx, self.0.id).await?))
    }

    /// The credits it had after the last transaction not after that instant: zeros before the first, the present ones for an
    /// instant to come. Null only for an account that has no credits to count.
    async fn balance_at(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The instant.")] at: DateTime,
    ) -> Result<Option<CreditBalance>> {
        balance_at(ctx, self.0.id, at).await
    }

    /// The credits it was given, grant by grant, newest first.
    async fn credit_grants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<CreditGrantFilter>,
    ) -> Result<Option<CreditGrantConnection>> {
        let args = ConnectionArgs { first, after, last, before };
        Ok(Some(credit_grants(ctx, self.0.id, args, filter).await?))
    }

    /// What was reserved for its work, newest first.
    async fn credit_holds(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<CreditHoldFilter>,
    ) -> Result<Option<CreditHoldConnection>> {
        let args = ConnectionArgs { first, after, last, before };
        Ok(Some(credit_holds(ctx, self.0.id, args, filter).await?))
    }

    /// What was done to its credits, newest first.
    async fn credit_transactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<CreditTransactionFilter>,
    ) -> Result<Option<CreditTransactionConnection>> {
        let args = ConnectionArgs { first, after, last, before };
        Ok(Some(credit_transactions(ctx, self.0.id, args, filter).await?))
    }
}

connection!(AccountConnection, AccountEdge, Account, "accounts", |account: &Account| account.0.id);

/// A session that has just begun or gone on, with its two tokens, which are told only here.
#[derive(SimpleObject)]
pub struct Session {
    /// The token to send as `Authorization: Bearer …` and in `connection_init`.
    pub access_token: String,
    /// When the access token ends; get a new pair before.
    pub access_token_expires_at: DateTime,
    /// The token to get the next pair with, by `refreshSession`, once; it ends after 30 days without use.
    pub refresh_token: String,
    /// The person who is signed in.
    pub user: User,
}

impl From<IssuedSession> for Session {
    fn from(issued: IssuedSession) -> Self {
        Self {
            access_token: issued.access_token.expose_secret().to_owned(),
            access_token_expires_at: DateTime(issued.access_token_expires_at),
            refresh_token: issued.refresh_token.expose_secret().to_owned(),
            user: User(issued.user),
        }
    }
}
