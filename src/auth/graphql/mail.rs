//! Links by mail and passwords.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::{input::secret, types::Session};
use crate::{
    auth::{
        Auth,
        model::{
            ChangePassword, ChangePasswordError, Email, LinkPurpose, Origin, Password, ResetPassword,
            ResetPasswordError, SignInError, VerifyEmail, VerifyEmailError,
        },
        token::OpaqueToken,
    },
    error::Failure,
    graphql::{
        context::{client_name, request, service, viewer},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
    },
};

/// Who gets a link to sign in with.
#[derive(InputObject)]
pub struct RequestMagicLinkInput {
    /// The e-mail address, at most 254 characters, in any case.
    pub email: String,
}

/// Who gets a link to set a password with.
#[derive(InputObject)]
pub struct RequestPasswordResetInput {
    /// The e-mail address, at most 254 characters, in any case.
    pub email: String,
}

/// The link to sign in with.
#[derive(InputObject)]
pub struct SignInWithMagicLinkInput {
    /// What follows the `#` of the link, 43 characters.
    pub token: String,
}

/// The link to set a password with, and the password.
#[derive(InputObject)]
pub struct ResetPasswordInput {
    /// What follows the `#` of the link, 43 characters.
    pub token: String,
    /// The new password: 8–128 characters with an upper-case letter, a lower-case letter and a digit.
    pub password: String,
}

/// The present password and the next one.
#[derive(InputObject)]
pub struct ChangePasswordInput {
    /// The present password.
    pub current_password: String,
    /// The next one: 8–128 characters with an upper-case letter, a lower-case letter and a digit.
    pub new_password: String,
}

/// The link that was sent at sign-up, and the password that was chosen then.
#[derive(InputObject)]
pub struct VerifyEmailInput {
    /// What follows the `#` of the link, 43 characters.
    pub token: String,
    /// The password that was chosen at sign-up: proof that whoever reads the mail is who signed up.
    pub password: String,
}

/// What `requestMagicLink` did.
#[derive(SimpleObject)]
pub struct RequestMagicLinkPayload {
    /// Whether a letter goes out if anybody has the address; the answer is the same when nobody has.
    pub is_accepted: Option<bool>,
    /// Why it was refused: `EMAIL_INVALID`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// What `requestPasswordReset` did.
#[derive(SimpleObject)]
pub struct RequestPasswordResetPayload {
    /// Whether a letter goes out if anybody has the address; the answer is the same when nobody has.
    pub is_accepted: Option<bool>,
    /// Why it was refused: `EMAIL_INVALID`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// What `signInWithMagicLink` did.
#[derive(SimpleObject)]
pub struct SignInWithMagicLinkPayload {
    /// The session; null when refused.
    pub session: Option<Session>,
    /// Why it was refused: `SIGN_IN_FAILED`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// What `resetPassword` did.
#[derive(SimpleObject)]
pub struct ResetPasswordPayload {
    /// How many sessions of the person ended, 0 or more; null when refused.
    pub sessions_ended: Option<i32>,
    /// Why it was refused: `LINK_INVALID`, `PASSWORD_TOO_WEAK`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// What `changePassword` did.
#[derive(SimpleObject)]
pub struct ChangePasswordPayload {
    /// How many other sessions of the viewer ended, 0 or more; null when refused.
    pub sessions_ended: Option<i32>,
    /// Why it was refused: `PASSWORD_WRONG`, `PASSWORD_TOO_WEAK`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// What `verifyEmail` did.
#[derive(SimpleObject)]
pub struct VerifyEmailPayload {
    /// The session of the person who now exists; null when refused.
    pub session: Option<Session>,
    /// Why it was refused: `LINK_INVALID`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// Mutations of links and passwords.
#[derive(Default)]
pub struct MailMutation;

#[Object]
impl MailMutation {
    /// Sends a link to sign in with, good once and for 15 minutes. The answer is the same, in words and time, whether or not
    /// anybody has the address. `RATE_LIMITED` after five in 15 minutes about one address.
    #[graphql(guard = "MutationPolicy")]
    async fn request_magic_link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: RequestMagicLinkInput,
    ) -> Result<Option<RequestMagicLinkPayload>> {
        let refused = request_link(ctx, LinkPurpose::SignIn, &input.email).await?;
        Ok(Some(RequestMagicLinkPayload {
            is_accepted: Some(refused.is_none()),
            user_errors: refused.into_iter().collect(),
        }))
    }

    /// Signs in by a link from `requestMagicLink`, which it uses up. Where the address was not proven before, all other sessions,
    /// keys and the password of the user end: set a new one by `requestPasswordReset`. `RATE_LIMITED` after fifty wrong links in 15
    /// minutes from one address.
    #[graphql(guard = "MutationPolicy")]
    async fn sign_in_with_magic_link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which link.")] input: SignInWithMagicLinkInput,
    ) -> Result<Option<SignInWithMagicLinkPayload>> {
        let token = OpaqueToken::parse(&secret(input.token));
        match service::<Auth>(ctx)?.sign_in_with_link(token, &origin(ctx)?).await {
            Ok(session) => {
                Ok(Some(SignInWithMagicLinkPayload { session: Some(session.into()), user_errors: Vec::new() }))
            }
            Err(Failure::Refused(SignInError)) => {
                let message = "The link is unknown, used or over. Ask for a new one.";
                let error = UserError::new(UserErrorCode::SignInFailed, message.to_owned(), &["input", "token"]);
                Ok(Some(SignInWithMagicLinkPayload { session: None, user_errors: vec![error] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Sends a link to set a new password with, good once and for 30 minutes. The answer is the same, in words and time,
    /// whether or not anybody has the address. `RATE_LIMITED` after five in 15 minutes about one address.
    #[graphql(guard = "MutationPolicy")]
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: RequestPasswordResetInput,
    ) -> Result<Option<RequestPasswordResetPayload>> {
        let refused = request_link(ctx, LinkPurpose::ResetPassword, &input.email).await?;
        Ok(Some(RequestPasswordResetPayload {
            is_accepted: Some(refused.is_none()),
            user_errors: refused.into_iter().collect(),
        }))
    }

    /// Sets a password by a link from `requestPasswordReset`, which it uses up, and ends every session of the person. Sign in
    /// with the new password afterwards. `RATE_LIMITED` after fifty wrong links in 15 minutes from one address.
    #[graphql(guard = "MutationPolicy")]
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which link, and the password.")] input: ResetPasswordInput,
    ) -> Result<Option<ResetPasswordPayload>> {
        let request_id = Some(request(ctx)?.request_id.to_string());
        let done = match Password::new(secret(input.password)) {
            Err(_) => Err(Failure::Refused(ResetPasswordError::PasswordTooWeak)),
            Ok(password) => {
                let command = ResetPassword { token: secret(input.token), password };
                service::<Auth>(ctx)?.reset_password(command, &origin(ctx)?, request_id).await
            }
        };
        match done {
            Ok(ended) => Ok(Some(ResetPasswordPayload { sessions_ended: Some(count(ended)), user_errors: Vec::new() })),
            Err(Failure::Refused(refusal)) => {
                let (code, field) = match refusal {
                    ResetPasswordError::LinkInvalid(_) => (UserErrorCode::LinkInvalid, "token"),
                    ResetPasswordError::PasswordTooWeak => (UserErrorCode::PasswordTooWeak, "password"),
                };
                let error = UserError::new(code, refusal.to_string(), &["input", field]);
                Ok(Some(ResetPasswordPayload { sessions_ended: None, user_errors: vec![error] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Changes the viewer's password and ends all their other sessions. `RATE_LIMITED` after five wrong ones in 15 minutes.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The present password and the next one.")] input: ChangePasswordInput,
    ) -> Result<Option<ChangePasswordPayload>> {
        let right = viewer(ctx)?.signed_in()?;
        let request_id = Some(request(ctx)?.request_id.to_string());
        let done = match Password::new(secret(input.new_password)) {
            Err(_) => Err(Failure::Refused(ChangePasswordError::PasswordTooWeak)),
            Ok(next) => {
                let command = ChangePassword { current: secret(input.current_password), next };
                service::<Auth>(ctx)?.change_password(right, command, &origin(ctx)?, request_id).await
            }
        };
        match done {
            Ok(ended) => {
                Ok(Some(ChangePasswordPayload { sessions_ended: Some(count(ended)), user_errors: Vec::new() }))
            }
            Err(Failure::Refused(refusal)) => {
                let (code, field) = match refusal {
                    ChangePasswordError::PasswordWrong => (UserErrorCode::PasswordWrong, "currentPassword"),
                    ChangePasswordError::PasswordTooWeak => (UserErrorCode::PasswordTooWeak, "newPassword"),
                };
                let error = UserError::new(code, refusal.to_string(), &["input", field]);
                Ok(Some(ChangePasswordPayload { sessions_ended: None, user_errors: vec![error] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    /// Finishes signing up where addresses must be proven (`SignUpPayload.isVerificationSent`): makes the person with account
    /// and sign-up credits, and signs them in. `RATE_LIMITED` after five wrong tries of one link in 15 minutes.
    #[graphql(guard = "MutationPolicy")]
    async fn verify_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which link, and the password chosen at sign-up.")] input: VerifyEmailInput,
    ) -> Result<Option<VerifyEmailPayload>> {
        let command = VerifyEmail { token: secret(input.token), password: secret(input.password) };
        match service::<Auth>(ctx)?.verify_email(command, &origin(ctx)?).await {
            Ok(session) => Ok(Some(VerifyEmailPayload { session: Some(session.into()), user_errors: Vec::new() })),
            Err(Failure::Refused(refusal @ VerifyEmailError)) => {
                let error = UserError::new(UserErrorCode::LinkInvalid, refusal.to_string(), &["input"]);
                Ok(Some(VerifyEmailPayload { session: None, user_errors: vec![error] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}

fn origin(ctx: &Context<'_>) -> Result<Origin> {
    Ok(Origin::new(&request(ctx)?.address.to_string()).with_client(client_name(ctx)))
}

fn count(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Asks for a link; answers why not.
async fn request_link(ctx: &Context<'_>, purpose: LinkPurpose, email: &str) -> Result<Option<UserError>> {
    match Email::new(email) {
        Ok(email) => {
            service::<Auth>(ctx)?.request_link(purpose, &email, &origin(ctx)?).await?;
            Ok(None)
        }
        Err(invalid) => Ok(Some(UserError::new(UserErrorCode::EmailInvalid, invalid.to_string(), &["input", "email"]))),
    }
}
