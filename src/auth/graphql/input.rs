//! What identity's mutations take and answer.

use async_graphql::{ID, InputObject, SimpleObject};
use secrecy::SecretString;

use super::types::{PlatformRole, Session, User};
use crate::graphql::error::UserError;

/// Who signs up.
#[derive(InputObject)]
pub struct SignUpInput {
    /// The name to sign in with: 3–20 characters of A–Z, a–z, 0–9, `_` and `-`, unique in any case.
    pub username: String,
    /// The e-mail address, at most 254 characters, unique in any case.
    pub email: String,
    /// The password: 8–128 characters with an upper-case letter, a lower-case letter and a digit.
    pub password: String,
}

/// Who signs in.
#[derive(InputObject)]
pub struct SignInInput {
    /// The username or the e-mail address, in any case.
    pub identity: String,
    /// The password.
    pub password: String,
}

/// Which session goes on.
#[derive(InputObject)]
pub struct RefreshSessionInput {
    /// The refresh token that was answered last.
    pub refresh_token: String,
}

/// Which sessions of the viewer end.
#[derive(InputObject)]
pub struct SignOutInput {
    /// Whether all other sessions of the viewer end too, as by `signOutEverywhere`.
    #[graphql(default)]
    pub everywhere: bool,
    /// Which one of the viewer's sessions ends; the one of this request when omitted. Not together with `everywhere`.
    pub session_id: Option<ID>,
}

/// Which sessions of the viewer end.
#[derive(InputObject)]
pub struct SignOutEverywhereInput {
    /// Whether the session of this request goes on.
    #[graphql(default)]
    pub keep_current: bool,
}

/// The one-time link's token, and who becomes the first HERO.
#[derive(InputObject)]
pub struct ClaimHeroInput {
    /// The token of the link, 43 characters.
    pub token: String,
    /// The name to sign in with: 3–20 characters of A–Z, a–z, 0–9, `_` and `-`, unique in any case.
    pub username: String,
    /// The e-mail address, at most 254 characters, unique in any case.
    pub email: String,
    /// The password: 8–128 characters with an upper-case letter, a lower-case letter and a digit.
    pub password: String,
}

/// Whose role changes to what.
#[derive(InputObject)]
pub struct AssignRoleInput {
    /// Whose.
    pub user_id: ID,
    /// To what.
    pub role: PlatformRole,
}

/// Who is deleted.
#[derive(InputObject)]
pub struct DeleteUserInput {
    /// Who.
    pub user_id: ID,
}

macro_rules! session_payload {
    ($name:ident, $what:literal, $codes:literal) => {
        #[doc = $what]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The session; null when refused.
            pub session: Option<Session>,
            #[doc = $codes]
            pub user_errors: Vec<UserError>,
        }

        impl $name {
            /// It was done.
            pub fn done(session: impl Into<Session>) -> Self {
                Self { session: Some(session.into()), user_errors: Vec::new() }
            }

            /// It was refused.
            pub fn refused(user_errors: Vec<UserError>) -> Self {
                Self { session: None, user_errors }
            }
        }
    };
}

/// What `signUp` did.
#[derive(SimpleObject)]
pub struct SignUpPayload {
    /// The session; null when refused, and where the address must be proven first.
    pub session: Option<Session>,
    /// Whether a letter was sent whose link goes on with `verifyEmail`. It says nothing of whether the address has a user.
    pub is_verification_sent: Option<bool>,
    /// Why it was refused: `USERNAME_INVALID`, `USERNAME_TAKEN`, `EMAIL_INVALID`, `EMAIL_TAKEN`, `PASSWORD_TOO_WEAK`. Empty when
    /// it was done.
    pub user_errors: Vec<UserError>,
}
session_payload!(SignInPayload, "What `signIn` did.", "Why it was refused: `SIGN_IN_FAILED`. Empty when it was done.");
session_payload!(
    RefreshSessionPayload,
    "What `refreshSession` did.",
    "Why it was refused: `REFRESH_TOKEN_INVALID`. Empty when it was done."
);
session_payload!(
    ClaimHeroPayload,
    "What `claimHero` did.",
    "Why it was refused: `CLAIM_INVALID`, `USERNAME_INVALID`, `USERNAME_TAKEN`, `EMAIL_INVALID`, `EMAIL_TAKEN`, `PASSWORD_TOO_WEAK`. Empty when it was done."
);

/// What `signOut` did.
#[derive(SimpleObject)]
pub struct SignOutPayload {
    /// How many sessions ended, 0 or more: 0 when it had ended, or is not the viewer's.
    pub sessions_ended: Option<i32>,
    /// Always empty: signing out is never refused.
    pub user_errors: Vec<UserError>,
}

/// What `signOutEverywhere` did.
#[derive(SimpleObject)]
pub struct SignOutEverywherePayload {
    /// How many sessions ended, 0 or more.
    pub sessions_ended: Option<i32>,
    /// Always empty: signing out is never refused.
    pub user_errors: Vec<UserError>,
}

/// What `assignRole` did.
#[derive(SimpleObject)]
pub struct AssignRolePayload {
    /// The person with the new role; null when refused.
    pub user: Option<User>,
    /// Why it was refused: `NOT_FOUND`, `OWN_USER`, `LAST_HERO`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// What `deleteUser` did.
#[derive(SimpleObject)]
pub struct DeleteUserPayload {
    /// The person as they were until now; null when refused.
    pub user: Option<User>,
    /// Why it was refused: `NOT_FOUND`, `OWN_USER`, `LAST_HERO`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// A text that must not be printed from here on.
pub(super) fn secret(text: String) -> SecretString {
    text.into()
}
