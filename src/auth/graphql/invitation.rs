//! Invitations into accounts in the API.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use uuid::Uuid;

use super::{
    input::secret,
    member::{AccountMember, MemberRole},
    mutation::origin,
    types::Account,
};
use crate::{
    auth::{
        Auth,
        model::{self, Email, InviteError, InviteMember, LinkInvalid},
        token::OpaqueToken,
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
};

/// An open invitation into an account. Seen by its owners and by those who look at people.
#[derive(Debug, Clone)]
pub struct AccountInvitation(pub model::Invitation);

impl AccountInvitation {
    /// The invitation, if the viewer may see it. Refuses: `Unauthenticated`, `NotFound`, `Forbidden`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        let (viewer, auth) = (viewer(ctx)?, service::<Auth>(ctx)?);
        viewer.signed_in()?;
        let Some(found) = auth.invitation(id).await? else { return Ok(None) };
        auth.require_invitations(viewer, found.account_id).await?;
        Ok(Some(Self(found)))
    }
}

/// An open invitation into an account. Seen by its owners and by those who look at people.
#[Object]
impl AccountInvitation {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::AccountInvitation, self.0.id)
    }

    /// The address that it was sent to, at most 254 characters.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// What they would be.
    async fn role(&self) -> MemberRole {
        self.0.role.into()
    }

    /// Who invited them; null when they have left the account, and then it is worth nothing.
    async fn inviter(&self, ctx: &Context<'_>) -> Result<Option<AccountMember>> {
        Ok(AccountMember::load(ctx, self.0.account_id, self.0.invited_by).await?)
    }

    /// When they were invited.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it ends.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at)
    }
}

connection!(
    AccountInvitationConnection,
    AccountInvitationEdge,
    AccountInvitation,
    "invitations",
    |invitation: &AccountInvitation| invitation.0.id
);

/// Whom to invite into which account as what.
#[derive(InputObject)]
pub struct InviteMemberInput {
    /// Into which account; the viewer must be its OWNER.
    pub account_id: ID,
    /// The e-mail address, at most 254 characters.
    pub email: String,
    /// What they would be.
    pub role: MemberRole,
}

/// What `inviteMember` did.
#[derive(SimpleObject)]
pub struct InviteMemberPayload {
    /// The invitation; null when refused.
    pub invitation: Option<AccountInvitation>,
    /// Why it was refused: `EMAIL_INVALID`, `ALREADY_MEMBER`, `TOO_MANY_INVITATIONS`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// The link of an invitation.
#[derive(InputObject)]
pub struct AcceptInvitationInput {
    /// What follows the `#` of the link, 43 characters.
    pub token: String,
}

/// What `acceptInvitation` did.
#[derive(SimpleObject)]
pub struct AcceptInvitationPayload {
    /// The account that the viewer is a member of now; null when refused.
    pub account: Option<Account>,
    /// Why it was refused: `LINK_INVALID`, whatever the cause. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// Mutations of invitations.
#[derive(Default)]
pub struct InvitationMutation;

#[Object]
impl InvitationMutation {
    /// Sends an invitation into an account to an address, good once and for 7 days; an earlier one to the address ends. The
    /// answer is the same whether or not anybody has the address. `removeMember` withdraws it. For owners. `RATE_LIMITED`
    /// after 50 invitations of one account, or five to one address, in an hour.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn invite_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom, into which account, as what.")] input: InviteMemberInput,
    ) -> Result<Option<InviteMemberPayload>> {
        let (request, auth) = (request(ctx)?, service::<Auth>(ctx)?);
        let account = node::decode(NodeKind::Account, &input.account_id, &["input", "accountId"])?;
        let right = auth.require_member(&request.viewer, account, model::MemberRole::Owner).await?;
        let done = match Email::new(&input.email) {
            Ok(email) => {
                let command = InviteMember { email, role: input.role.into() };
                auth.invite_member(right, command, Some(request.request_id.to_string())).await
            }
            Err(_) => Err(Failure::Refused(InviteError::EmailInvalid)),
        };
        match done {
            Ok(invitation) => {
                let invitation = Some(AccountInvitation(invitation));
                Ok(Some(InviteMemberPayload { invitation, user_errors: Vec::new() }))
            }
            Err(Failure::Refused(refused)) => {
                let (code, path): (_, &[&str]) = match refused {
                    InviteError::EmailInvalid => (UserErrorCode::EmailInvalid, &["input", "email"]),
                    InviteError::AlreadyMember => (UserErrorCode::AlreadyMember, &["input", "email"]),
                    InviteError::TooMany => (UserErrorCode::TooManyInvitations, &[]),
                };
                let error = UserError::new(code, refused.to_string(), path);
                Ok(Some(InviteMemberPayload { invitation: None, user_errors: vec![error] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Makes the viewer a member by the link of a letter that was sent to their address. Looking at the page of the link uses
    /// nothing up. `RATE_LIMITED` after fifty wrong links in 15 minutes from one network address.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn accept_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link.")] input: AcceptInvitationInput,
    ) -> Result<Option<AcceptInvitationPayload>> {
        let request = request(ctx)?;
        let (right, request_id) = (request.viewer.signed_in()?, Some(request.request_id.to_string()));
        let token = OpaqueToken::parse(&secret(input.token));
        match service::<Auth>(ctx)?.accept_invitation(right, token, &origin(ctx)?, request_id).await {
            Ok(account) => {
                Ok(Some(AcceptInvitationPayload { account: Some(Account(account)), user_errors: Vec::new() }))
            }
            Err(Failure::Refused(refused @ LinkInvalid)) => {
                let error = UserError::new(UserErrorCode::LinkInvalid, refused.to_string(), &["input", "token"]);
                Ok(Some(AcceptInvitationPayload { account: None, user_errors: vec![error] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}
