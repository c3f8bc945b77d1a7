//! Links that are sent by mail: what each is for, how long it is good, and why a use of one is refused.

use secrecy::SecretString;

use super::Password;
use crate::clock::{Micros, SECOND};

/// What a link by mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Signing in without a password.
    SignIn,
    /// Setting a new password.
    ResetPassword,
}

impl LinkPurpose {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::SignIn, Self::ResetPassword];

    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::ResetPassword => "reset_password",
        }
    }

    /// How long it is good, minutes.
    pub fn minutes(self) -> i64 {
        match self {
            Self::SignIn => 15,
            Self::ResetPassword => 30,
        }
    }

    /// How long it is good, microseconds.
    pub fn lifetime(self) -> Micros {
        self.minutes() * 60 * SECOND
    }

    /// The page that it leads to.
    pub fn page(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::ResetPassword => "reset-password",
        }
    }

    /// The job that sends it.
    pub fn job(self) -> &'static str {
        match self {
            Self::SignIn => "mail.sign_in",
            Self::ResetPassword => "mail.reset_password",
        }
    }
}

/// How long somebody who signed up has to prove their address, minutes.
pub const SIGN_UP_MINUTES: i64 = 60;

/// A link that is used to set a password.
#[derive(Debug, Clone)]
pub struct ResetPassword {
    /// The token of the link.
    pub token: SecretString,
    /// The new password.
    pub password: Password,
}

/// Why a link was not used. One answer for every cause, so that none can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This link is unknown, used or over. Ask for a new one.")]
pub struct LinkInvalid;

/// Why a password was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResetPasswordError {
    /// The link is unknown, over or used.
    #[error(transparent)]
    LinkInvalid(#[from] LinkInvalid),
    /// Too easy to guess.
    #[error("A password has 8–128 characters with an upper-case letter, a lower-case letter and a digit.")]
    PasswordTooWeak,
}

/// The link that was sent to somebody who signed up, and the password they chose then.
#[derive(Debug, Clone)]
pub struct VerifyEmail {
    /// The token of the link.
    pub token: SecretString,
    /// What was typed at sign-up: proof that whoever reads the mail is who signed up.
    pub password: SecretString,
}

/// Why nobody's address was proven. One answer for every cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "The link is unknown, used or over, or this is not the password that was chosen at sign-up. Sign up again if need be."
)]
pub struct VerifyEmailError;

/// The present password and the one that takes its place.
#[derive(Debug, Clone)]
pub struct ChangePassword {
    /// The present one.
    pub current: SecretString,
    /// The next one.
    pub next: Password,
}

/// Why a password was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangePasswordError {
    /// It is not the present one.
    #[error("This is not your present password. Ask for a new one by mail if you forgot it.")]
    PasswordWrong,
    /// Too easy to guess.
    #[error("A password has 8–128 characters with an upper-case letter, a lower-case letter and a digit.")]
    PasswordTooWeak,
}
