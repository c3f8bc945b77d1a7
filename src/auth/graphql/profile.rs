//! One's own profile and sessions in the API.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use uuid::Uuid;

use super::{
    input::secret,
    mutation::{origin, sign_up_error},
    types::User,
};
use crate::{
    auth::{
        Auth,
        model::{self, CloseViewer, CloseViewerError, UpdateViewer},
    },
    connection,
    error::{Error, Failure},
    graphql::{
        context::{request, service, viewer},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        patch::kept,
        scalars::DateTime,
    },
};

/// A session that goes on: one sign-in on one device. Seen by its person alone. Addresses are not kept.
#[derive(Debug, Clone)]
pub struct UserSession(pub model::LiveSession);

impl UserSession {
    /// The viewer's session that goes on. Refuses: `Unauthenticated`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        Ok(service::<Auth>(ctx)?.own_session(viewer(ctx)?.signed_in()?, id).await?.map(Self))
    }
}

/// A session that goes on: one sign-in on one device. Seen by its person alone. Addresses are not kept.
#[Object]
impl UserSession {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::UserSession, self.0.id)
    }

    /// What the client called itself at sign-in, by `X-Client-Name` or `User-Agent`: at most 100 characters. Null when it said
    /// nothing.
    async fn client(&self) -> Option<&str> {
        self.0.client.as_deref()
    }

    /// Whether it is the session of this request.
    async fn is_current(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(viewer(ctx)?.user().is_some_and(|who| who.session_id == self.0.id))
    }

    /// When it began.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When its tokens were last refreshed, or when it began: not every request is noted.
    async fn last_used_at(&self) -> DateTime {
        DateTime(self.0.last_used_at)
    }

    /// When it ends if it is not refreshed before.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at)
    }
}

connection!(UserSessionConnection, UserSessionEdge, UserSession, "sessions", |session: &UserSession| session.0.id);

/// What changes about oneself; what is omitted stays.
#[derive(InputObject)]
pub struct UpdateViewerInput {
    /// The name to sign in with: 3–20 characters of A–Z, a–z, 0–9, `_` and `-`, unique in any case; it cannot be cleared.
    pub username: MaybeUndefined<String>,
}

/// What `updateViewer` did.
#[derive(SimpleObject)]
pub struct UpdateViewerPayload {
    /// The viewer; null when refused.
    pub user: Option<User>,
    /// Why it was refused: `USERNAME_INVALID`, `USERNAME_TAKEN`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// The proof that it is the person who wants to be deleted.
#[derive(InputObject)]
pub struct CloseViewerInput {
    /// The password.
    pub password: String,
}

/// What `closeViewer` did.
#[derive(SimpleObject)]
pub struct CloseViewerPayload {
    /// The person as they were until now; null when refused.
    pub user: Option<User>,
    /// Why it was refused: `PASSWORD_WRONG`, `LAST_HERO`, `LAST_OWNER`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// Mutations of one's own profile.
#[derive(Default)]
pub struct ProfileMutation;

#[Object]
impl ProfileMutation {
    /// Changes the viewer's own profile.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn update_viewer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateViewerInput,
    ) -> Result<Option<UpdateViewerPayload>> {
        let request = request(ctx)?;
        let right = request.viewer.signed_in()?;
        let username = kept(input.username, "username")?;
        let done = match UpdateViewer::new(username.as_deref()) {
            Ok(edit) => service::<Auth>(ctx)?.update_viewer(right, edit, Some(request.request_id.to_string())).await,
            Err(refused) => Err(Failure::Refused(refused)),
        };
        match done {
            Ok(user) => Ok(Some(UpdateViewerPayload { user: Some(User(user)), user_errors: Vec::new() })),
            Err(Failure::Refused(refused)) => {
                Ok(Some(UpdateViewerPayload { user: None, user_errors: vec![sign_up_error(refused)] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Deletes the viewer: personal data goes, sessions end, and the personal account and every one that nobody else is in
    /// take no new work. The ledger keeps its rows, which name nobody. There is no way back. `RATE_LIMITED` after five wrong
    /// passwords in 15 minutes.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn close_viewer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof that it is you.")] input: CloseViewerInput,
    ) -> Result<Option<CloseViewerPayload>> {
        let (request, command) = (request(ctx)?, CloseViewer { password: secret(input.password) });
        let (right, request_id) = (request.viewer.signed_in()?, Some(request.request_id.to_string()));
        match service::<Auth>(ctx)?.close_viewer(right, command, &origin(ctx)?, request_id).await {
            Ok(user) => Ok(Some(CloseViewerPayload { user: Some(User(user)), user_errors: Vec::new() })),
            Err(Failure::Refused(refused)) => {
                let (code, path): (_, &[&str]) = match refused {
                    CloseViewerError::PasswordWrong => (UserErrorCode::PasswordWrong, &["input", "password"]),
                    CloseViewerError::LastHero => (UserErrorCode::LastHero, &[]),
                    CloseViewerError::LastOwner => (UserErrorCode::LastOwner, &[]),
                };
                let error = UserError::new(code, refused.to_string(), path);
                Ok(Some(CloseViewerPayload { user: None, user_errors: vec![error] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}
