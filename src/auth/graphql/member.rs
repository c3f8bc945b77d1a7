//! Members of accounts in the API.

use async_graphql::{
    Context, Enum, ID, InputObject, Object, OneofObject, Result, SimpleObject, dataloader::DataLoader,
};
use uuid::Uuid;

use super::{
    loader::MemberOf,
    types::{Account, User, person},
};
use crate::{
    auth::{
        Auth,
        model::{self, MemberError},
    },
    connection,
    error::{Error, Failure},
    graphql::{
        context::{request, service, viewer},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        scalars::DateTime,
    },
    viewer::{Feature, Level},
};

/// What a member may do in an account. Each may do what the ones before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::auth::model::MemberRole")]
pub enum MemberRole {
    /// Looks.
    Viewer,
    /// Makes and changes.
    Editor,
    /// Runs the account: its members, caps and settings.
    Owner,
}

/// A person's place in an account. Seen by those who see the account.
#[derive(Debug, Clone)]
pub struct AccountMember(pub model::Member);

impl AccountMember {
    /// The member, for a caller that holds the account.
    pub async fn load(ctx: &Context<'_>, account: Uuid, user: Uuid) -> Result<Option<Self>, Error> {
        Ok(service::<DataLoader<Auth>>(ctx)?.load_one(MemberOf(account, user)).await?.map(Self))
    }

    /// The member, if the viewer may see the account. Refuses: `Unauthenticated`, `NotFound`.
    pub async fn find(ctx: &Context<'_>, account: Uuid, user: Uuid) -> Result<Option<Self>, Error> {
        service::<Auth>(ctx)?.require_sight(viewer(ctx)?, account).await?;
        Self::load(ctx, account, user).await
    }
}

/// A person's place in an account. Seen by those who see the account.
#[Object]
impl AccountMember {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode_member(self.0.account_id, self.0.user_id)
    }

    /// The name of the person, 3–20 characters.
    async fn username(&self) -> &str {
        &self.0.username
    }

    /// The e-mail address of the person; null to those who are neither OWNER of the account, nor the person, nor look at
    /// people.
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        let viewer = viewer(ctx)?;
        let Some(who) = viewer.user() else { return Ok(None) };
        if who.user_id == self.0.user_id || viewer.can(Feature::UsersView, Level::Read) {
            return Ok(Some(&self.0.email));
        }
        let own = Self::load(ctx, self.0.account_id, who.user_id).await?;
        let is_owner = own.is_some_and(|own| own.0.role >= model::MemberRole::Owner);
        Ok(is_owner.then_some(self.0.email.as_str()))
    }

    /// What they may do there.
    async fn role(&self) -> MemberRole {
        self.0.role.into()
    }

    /// Since when.
    async fn joined_at(&self) -> DateTime {
        DateTime(self.0.joined_at)
    }

    /// The person; null to those who are neither them nor look at people.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, Some(self.0.user_id)).await?)
    }
}

connection!(AccountMemberConnection, AccountMemberEdge, AccountMember, "members", |member: &AccountMember| (
    member.0.joined_at,
    member.0.user_id
));

/// Whose role changes to what.
#[derive(InputObject)]
pub struct ChangeMemberRoleInput {
    /// Which member; the viewer must be an OWNER of the account.
    pub member_id: ID,
    /// To what. Ownership passes on by making another member OWNER, who, or the viewer, then gives up the viewer's.
    pub role: MemberRole,
}

/// What `changeMemberRole` did.
#[derive(SimpleObject)]
pub struct ChangeMemberRolePayload {
    /// The member with the new role; null when refused.
    pub member: Option<AccountMember>,
    /// Why it was refused: `NOT_FOUND`, `LAST_OWNER`, `PERSONAL_OWNER`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// Who goes, or whose invitation is withdrawn.
#[derive(OneofObject)]
pub enum RemoveMemberInput {
    /// Which member: the viewer themselves, or any other for an OWNER of the account.
    MemberId(ID),
    /// Which open invitation, for an OWNER of the account.
    InvitationId(ID),
}

/// What `removeMember` did.
#[derive(SimpleObject)]
pub struct RemoveMemberPayload {
    /// The account without the member; null when refused, and to whoever has left it.
    pub account: Option<Account>,
    /// Why it was refused: `NOT_FOUND`, `LAST_OWNER`, `PERSONAL_OWNER`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

fn refusal(refused: MemberError) -> UserError {
    let code = match refused {
        MemberError::NotFound => UserErrorCode::NotFound,
        MemberError::LastOwner => UserErrorCode::LastOwner,
        MemberError::PersonalOwner => UserErrorCode::PersonalOwner,
    };
    UserError::new(code, refused.to_string(), &["input", "memberId"])
}

/// Withdraws an invitation. Another tenant's is answered like none.
async fn withdraw(ctx: &Context<'_>, id: &ID) -> Result<RemoveMemberPayload, Error> {
    let (request, auth) = (request(ctx)?, service::<Auth>(ctx)?);
    let id = node::decode(NodeKind::AccountInvitation, id, &["input", "invitationId"])?;
    request.viewer.signed_in()?;
    let found = auth.invitation(id).await?.ok_or(Error::NotFound)?;
    let right = auth.require_member(&request.viewer, found.account_id, model::MemberRole::Owner).await?;
    if auth.withdraw_invitation(right, id, Some(request.request_id.to_string())).await? {
        let account = Account::find(ctx, found.account_id).await?;
        return Ok(RemoveMemberPayload { account, user_errors: Vec::new() });
    }
    let path = ["input", "invitationId"];
    let error = UserError::new(UserErrorCode::NotFound, "There is no such invitation.", &path);
    Ok(RemoveMemberPayload { account: None, user_errors: vec![error] })
}

/// Mutations of members.
#[derive(Default)]
pub struct MemberMutation;

#[Object]
impl MemberMutation {
    /// Gives a member of an account another role. It counts from their next request on, and what they have open closes
    /// within five seconds. An account keeps one OWNER at least. For owners.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn change_member_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose role, and which.")] input: ChangeMemberRoleInput,
    ) -> Result<Option<ChangeMemberRolePayload>> {
        let (request, auth) = (request(ctx)?, service::<Auth>(ctx)?);
        let (account, user) = node::decode_member(&input.member_id, &["input", "memberId"])?;
        let right = auth.require_member(&request.viewer, account, model::MemberRole::Owner).await?;
        let request_id = Some(request.request_id.to_string());
        match auth.change_member_role(right, user, input.role.into(), request_id).await {
            Ok(member) => {
                let member = Some(AccountMember(member));
                Ok(Some(ChangeMemberRolePayload { member, user_errors: Vec::new() }))
            }
            Err(Failure::Refused(refused)) => {
                Ok(Some(ChangeMemberRolePayload { member: None, user_errors: vec![refusal(refused)] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Takes a member out of an account: an OWNER any member, and anybody themselves. Their next request finds them gone,
    /// what they have open closes within five seconds, and their caps end; their work under way goes on, as the account's.
    /// An account keeps one OWNER at least. Or withdraws an invitation, whose link is worth nothing from then on.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn remove_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who goes.")] input: RemoveMemberInput,
    ) -> Result<Option<RemoveMemberPayload>> {
        let (request, auth) = (request(ctx)?, service::<Auth>(ctx)?);
        let member = match &input {
            RemoveMemberInput::MemberId(id) => id,
            RemoveMemberInput::InvitationId(id) => return Ok(Some(withdraw(ctx, id).await?)),
        };
        let (account, user) = node::decode_member(member, &["input", "memberId"])?;
        let is_own = request.viewer.user().is_some_and(|who| who.user_id == user);
        let least = if is_own { model::MemberRole::Viewer } else { model::MemberRole::Owner };
        let right = auth.require_member(&request.viewer, account, least).await?;
        match auth.remove_member(right, user, Some(request.request_id.to_string())).await {
            Ok(()) => {
                let account = Account::find(ctx, account).await?;
                Ok(Some(RemoveMemberPayload { account, user_errors: Vec::new() }))
            }
            Err(Failure::Refused(refused)) => {
                Ok(Some(RemoveMemberPayload { account: None, user_errors: vec![refusal(refused)] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}
