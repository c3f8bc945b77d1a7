//! Sessions and people.

use async_graphql::{Context, Object, Result};

use super::{
    input::{
        AssignRoleInput, AssignRolePayload, ClaimHeroInput, ClaimHeroPayload, DeleteUserInput, DeleteUserPayload,
        RefreshSessionInput, RefreshSessionPayload, SignInInput, SignInPayload, SignOutEverywhereInput,
        SignOutEverywherePayload, SignOutInput, SignOutPayload, SignUpInput, SignUpPayload, secret,
    },
    types::User,
};
use crate::{
    auth::{
        Auth,
        model::{
            AssignRoleError, ClaimHero, ClaimHeroError, DeleteUserError, Origin, RefreshSessionError, SignIn,
            SignInError, SignUp, SignUpError,
        },
    },
    error::{Error, Failure},
    graphql::{
        context::{client_name, request, service, viewer},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
    },
    viewer::{Feature, Level},
};

/// Mutations of sessions and people.
#[derive(Default)]
pub struct AuthMutation;

#[Object]
impl AuthMutation {
    /// Makes a person with a personal account and the sign-up credits, and signs them in; where addresses must be proven, sends
    /// a letter first, and `verifyEmail` does the rest. `RATE_LIMITED` after too many tries from one address in an hour (the
    /// server's setting, 30 by default).
    #[graphql(guard = "MutationPolicy")]
    async fn sign_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: SignUpInput,
    ) -> Result<Option<SignUpPayload>> {
        let origin = origin(ctx)?;
        let person = SignUp::new(&input.username, &input.email, secret(input.password));
        let auth = service::<Auth>(ctx)?;
        let done = match person {
            Ok(person) if auth.verifies_sign_ups() => auth.sign_up_by_mail(person, &origin).await.map(|()| None),
            Ok(person) => auth.sign_up(person, &origin).await.map(Some),
            Err(refusals) => Err(Failure::Refused(refusals)),
        };
        match done {
            Ok(session) => Ok(Some(SignUpPayload {
                is_verification_sent: Some(session.is_none()),
                session: session.map(Into::into),
                user_errors: Vec::new(),
            })),
            Err(Failure::Refused(refusals)) => Ok(Some(SignUpPayload {
                is_verification_sent: Some(false),
                session: None,
                user_errors: refusals.into_iter().map(sign_up_error).collect(),
            })),
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Signs in. Wrong credentials get one answer, whatever the cause. `RATE_LIMITED` after five failures in 15 minutes
    /// about one identity from one address, or fifty from one address.
    #[graphql(guard = "MutationPolicy")]
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: SignInInput,
    ) -> Result<Option<SignInPayload>> {
        let origin = origin(ctx)?;
        let command = SignIn { identity: input.identity, password: secret(input.password) };
        match service::<Auth>(ctx)?.sign_in(command, &origin).await {
            Ok(session) => Ok(Some(SignInPayload::done(session))),
            Err(Failure::Refused(refusal @ SignInError)) => {
                let error = UserError::new(UserErrorCode::SignInFailed, refusal.to_string(), &["input"]);
                Ok(Some(SignInPayload::refused(vec![error])))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Answers the session's next pair of tokens. Each refresh token is good once; the one just before the current one
    /// is answered alike for 30 seconds while the current one is unused. Any other use of an old one ends the session.
    #[graphql(guard = "MutationPolicy")]
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which session.")] input: RefreshSessionInput,
    ) -> Result<Option<RefreshSessionPayload>> {
        match service::<Auth>(ctx)?.refresh_session(secret(input.refresh_token)).await {
            Ok(session) => Ok(Some(RefreshSessionPayload::done(session))),
            Err(Failure::Refused(refusal @ RefreshSessionError)) => {
                let path = &["input", "refreshToken"];
                let error = UserError::new(UserErrorCode::RefreshTokenInvalid, refusal.to_string(), path);
                Ok(Some(RefreshSessionPayload::refused(vec![error])))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Ends the session of this request, or another one of the viewer's. Its tokens end with it, and what is open by them
    /// closes within five seconds.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn sign_out(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which sessions.")] input: SignOutInput,
    ) -> Result<Option<SignOutPayload>> {
        let (right, auth) = (viewer(ctx)?.signed_in()?, service::<Auth>(ctx)?);
        let ended = match &input.session_id {
            Some(_) if input.everywhere => {
                return Err(
                    Error::bad_input("Give `sessionId` or `everywhere`, not both.", &["input", "sessionId"]).into()
                );
            }
            Some(id) => {
                let id = node::decode(NodeKind::UserSession, id, &["input", "sessionId"])?;
                u64::from(auth.end_own_session(right, id).await?)
            }
            None if input.everywhere => auth.sign_out_everywhere(right, false).await?,
            None => u64::from(auth.sign_out(right).await?),
        };
        Ok(Some(SignOutPayload { sessions_ended: Some(count(ended)), user_errors: Vec::new() }))
    }

    /// Ends all sessions of the viewer. What is open by them closes within five seconds.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn sign_out_everywhere(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which sessions.")] input: SignOutEverywhereInput,
    ) -> Result<Option<SignOutEverywherePayload>> {
        let right = viewer(ctx)?.signed_in()?;
        let ended = service::<Auth>(ctx)?.sign_out_everywhere(right, input.keep_current).await?;
        Ok(Some(SignOutEverywherePayload { sessions_ended: Some(count(ended)), user_errors: Vec::new() }))
    }

    /// Makes the first HERO by the one-time link that the server printed, and signs them in. Possible only while there is
    /// no HERO. `RATE_LIMITED` after five wrong tokens in 15 minutes from one address.
    #[graphql(guard = "MutationPolicy")]
    async fn claim_hero(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link's token, and who.")] input: ClaimHeroInput,
    ) -> Result<Option<ClaimHeroPayload>> {
        let origin = origin(ctx)?;
        let done = match SignUp::new(&input.username, &input.email, secret(input.password)) {
            Ok(person) => {
                let command = ClaimHero { token: secret(input.token), person };
                service::<Auth>(ctx)?.claim_hero(command, &origin).await
            }
            Err(refusals) => Err(Failure::Refused(refusals.into_iter().map(ClaimHeroError::SignUp).collect())),
        };
        match done {
            Ok(session) => Ok(Some(ClaimHeroPayload::done(session))),
            Err(Failure::Refused(refusals)) => {
                Ok(Some(ClaimHeroPayload::refused(refusals.into_iter().map(claim_hero_error).collect())))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Gives a person a role. It counts from their next request on, and what they have open closes within five seconds.
    #[graphql(guard = "MutationPolicy", visible = "visible::roles_assign")]
    async fn assign_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose role, and which.")] input: AssignRoleInput,
    ) -> Result<Option<AssignRolePayload>> {
        let request = request(ctx)?;
        let right = request.viewer.may(Feature::RolesAssign, Level::Hero)?;
        let target = node::decode(NodeKind::User, &input.user_id, &["input", "userId"])?;
        let request_id = Some(request.request_id.to_string());
        match service::<Auth>(ctx)?.assign_role(right, target, input.role.into(), request_id).await {
            Ok(user) => Ok(Some(AssignRolePayload { user: Some(User(user)), user_errors: Vec::new() })),
            Err(Failure::Refused(refusal)) => {
                let code = match refusal {
                    AssignRoleError::UserNotFound => UserErrorCode::NotFound,
                    AssignRoleError::OwnUser => UserErrorCode::OwnUser,
                    AssignRoleError::LastHero => UserErrorCode::LastHero,
                };
                let error = UserError::new(code, refusal.to_string(), &["input", "userId"]);
                Ok(Some(AssignRolePayload { user: None, user_errors: vec![error] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Deletes a person: their personal data goes, their sessions end and their personal account takes no new work. The
    /// ledger keeps its rows, which name nobody.
    #[graphql(guard = "MutationPolicy", visible = "visible::users_delete")]
    async fn delete_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: DeleteUserInput,
    ) -> Result<Option<DeleteUserPayload>> {
        let request = request(ctx)?;
        let right = request.viewer.may(Feature::UsersDelete, Level::Hero)?;
        let target = node::decode(NodeKind::User, &input.user_id, &["input", "userId"])?;
        match service::<Auth>(ctx)?.delete_user(right, target, Some(request.request_id.to_string())).await {
            Ok(user) => Ok(Some(DeleteUserPayload { user: Some(User(user)), user_errors: Vec::new() })),
            Err(Failure::Refused(refusal)) => {
                let code = match refusal {
                    DeleteUserError::UserNotFound => UserErrorCode::NotFound,
                    DeleteUserError::OwnUser => UserErrorCode::OwnUser,
                    DeleteUserError::LastHero => UserErrorCode::LastHero,
                };
                let error = UserError::new(code, refusal.to_string(), &["input", "userId"]);
                Ok(Some(DeleteUserPayload { user: None, user_errors: vec![error] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}

/// Where the request comes from, and what its client calls itself.
pub(super) fn origin(ctx: &Context<'_>) -> Result<Origin, Error> {
    Ok(Origin::new(&request(ctx)?.address.to_string()).with_client(client_name(ctx)))
}

fn count(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) fn sign_up_error(refusal: SignUpError) -> UserError {
    let code = match refusal {
        SignUpError::UsernameInvalid => UserErrorCode::UsernameInvalid,
        SignUpError::UsernameTaken => UserErrorCode::UsernameTaken,
        SignUpError::EmailInvalid => UserErrorCode::EmailInvalid,
        SignUpError::EmailTaken => UserErrorCode::EmailTaken,
        SignUpError::PasswordTooWeak => UserErrorCode::PasswordTooWeak,
    };
    UserError::new(code, refusal.to_string(), &["input", refusal.field()])
}

fn claim_hero_error(refusal: ClaimHeroError) -> UserError {
    match refusal {
        ClaimHeroError::ClaimInvalid => {
            UserError::new(UserErrorCode::ClaimInvalid, refusal.to_string(), &["input", refusal.field()])
        }
        ClaimHeroError::SignUp(refusal) => sign_up_error(refusal),
    }
}
