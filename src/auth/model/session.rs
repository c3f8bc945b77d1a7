//! Signing up, in, on and out: commands, answers, refusals.

use std::net::IpAddr;

use secrecy::SecretString;

use super::{Email, Password, User, Username, client_label};
use crate::{clock::Micros, viewer::SignedIn};

/// Where a request comes from, for limits on tries and for the list of sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The network address, as [`limit_address`] writes it.
    pub address: String,
    /// What the client calls itself, as [`client_label`] writes it; a session that begins is shown by it.
    pub client: Option<String>,
}

impl Origin {
    /// From the address as the transport knows it: an address is brought to the form that is limited, another text is
    /// taken as it stands.
    pub fn new(address: &str) -> Self {
        Self { address: address.parse().map_or_else(|_| address.to_owned(), limit_address), client: None }
    }

    /// The same, from a client that calls itself so.
    #[must_use]
    pub fn with_client(self, name: Option<&str>) -> Self {
        Self { client: name.and_then(client_label), ..self }
    }
}

/// The form of `address` that limits count by: IPv4 whole, of IPv6 the first 64 bits, since one line has them all.
pub fn limit_address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// A person who signs up, checked.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// The name to sign in with.
    pub username: Username,
    /// The e-mail address.
    pub email: Email,
    /// The password.
    pub password: Password,
}

impl SignUp {
    /// Checks all three texts and answers every fault at once. Refuses: `UsernameInvalid`, `EmailInvalid`,
    /// `PasswordTooWeak`.
    pub fn new(username: &str, email: &str, password: SecretString) -> Result<Self, Vec<SignUpError>> {
        match (Username::new(username), Email::new(email), Password::new(password)) {
            (Ok(username), Ok(email), Ok(password)) => Ok(Self { username, email, password }),
            (username, email, password) => Err([
                username.err().map(|_| SignUpError::UsernameInvalid),
                email.err().map(|_| SignUpError::EmailInvalid),
                password.err().map(|_| SignUpError::PasswordTooWeak),
            ]
            .into_iter()
            .flatten()
            .collect()),
        }
    }
}

/// Why nobody was signed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignUpError {
    /// Not a username.
    #[error("A username has 3–20 characters: letters A–Z and a–z, digits, `_` and `-`.")]
    UsernameInvalid,
    /// Another person has it, in any case.
    #[error("This username is taken. Choose another one.")]
    UsernameTaken,
    /// Not an address.
    #[error("This is not an e-mail address of at most 254 characters, such as name@example.com.")]
    EmailInvalid,
    /// Another person has it.
    #[error("There is a user with this e-mail address. Sign in instead.")]
    EmailTaken,
    /// Too easy to guess.
    #[error("A password has 8–128 characters with an upper-case letter, a lower-case letter and a digit.")]
    PasswordTooWeak,
}

impl SignUpError {
    /// The stable code of the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::UsernameInvalid => "USERNAME_INVALID",
            Self::UsernameTaken => "USERNAME_TAKEN",
            Self::EmailInvalid => "EMAIL_INVALID",
            Self::EmailTaken => "EMAIL_TAKEN",
            Self::PasswordTooWeak => "PASSWORD_TOO_WEAK",
        }
    }

    /// The field of the input that is at fault.
    pub fn field(self) -> &'static str {
        match self {
            Self::UsernameInvalid | Self::UsernameTaken => "username",
            Self::EmailInvalid | Self::EmailTaken => "email",
            Self::PasswordTooWeak => "password",
        }
    }

    /// The refusal behind a violated unique key. `None` when the key is not one of a person's.
    pub fn of_constraint(name: &str) -> Option<Self> {
        match name {
            "app_user_username_key_key" => Some(Self::UsernameTaken),
            "app_user_email_key_key" => Some(Self::EmailTaken),
            _ => None,
        }
    }
}

/// Credentials as typed: nothing about them is checked before they are compared.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// A username or an e-mail address, in any case.
    pub identity: String,
    /// The password.
    pub password: SecretString,
}

/// Why nobody was signed in. One answer for every cause, so that none can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The username, e-mail address or password is wrong.")]
pub struct SignInError;

impl SignInError {
    /// The stable code of the API.
    pub fn code(self) -> &'static str {
        "SIGN_IN_FAILED"
    }
}

/// Why a session did not go on. One answer for every cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The session cannot be refreshed. Sign in again.")]
pub struct RefreshSessionError;

impl RefreshSessionError {
    /// The stable code of the API.
    pub fn code(self) -> &'static str {
        "REFRESH_TOKEN_INVALID"
    }
}

/// The one-time link's token and the person who becomes the first HERO.
#[derive(Debug, Clone)]
pub struct ClaimHero {
    /// The token of the link.
    pub token: SecretString,
    /// Who they will be.
    pub person: SignUp,
}

/// Why the claim failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimHeroError {
    /// The token is unknown, over or used, or there is a HERO already.
    #[error("This link is unknown, used or over, or there is a HERO already. Restart the server for a new link.")]
    ClaimInvalid,
    /// The person cannot sign up.
    #[error(transparent)]
    SignUp(#[from] SignUpError),
}

impl ClaimHeroError {
    /// The stable code of the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::ClaimInvalid => "CLAIM_INVALID",
            Self::SignUp(error) => error.code(),
        }
    }

    /// The field of the input that is at fault.
    pub fn field(self) -> &'static str {
        match self {
            Self::ClaimInvalid => "token",
            Self::SignUp(error) => error.field(),
        }
    }
}

/// A session with its two tokens, which exist in clear only here.
#[derive(Debug, Clone)]
pub struct IssuedSession {
    /// The session's viewer.
    pub who: SignedIn,
    /// The person.
    pub user: User,
    /// The JWT to send with requests.
    pub access_token: SecretString,
    /// When the JWT ends, microseconds, whole seconds.
    pub access_token_expires_at: Micros,
    /// The token to get the next pair with, once.
    pub refresh_token: SecretString,
    /// When the refresh token ends, microseconds.
    pub refresh_token_expires_at: Micros,
}

/// Why a live connection must close although its token is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The session was ended, or its user is gone.
    SessionEnded,
    /// Role or membership changed.
    RightsChanged,
}

impl CloseReason {
    /// The word in the closing frame.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionEnded => "SESSION_ENDED",
            Self::RightsChanged => "RIGHTS_CHANGED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_tries_of_a_whole_ipv6_line_together() {
        assert_eq!(Origin::new("203.0.113.7"), Origin::new("::ffff:203.0.113.7"));
        assert_eq!(Origin::new("2001:db8:1:2::1"), Origin::new("2001:db8:1:2:ffff::9"));
        assert_ne!(Origin::new("2001:db8:1:2::1"), Origin::new("2001:db8:1:3::1"));
    }

    #[test]
    fn tells_every_fault_of_a_sign_up_at_once() {
        let faults = SignUp::new("x", "y", "z".to_owned().into()).unwrap_err();
        assert_eq!(faults, [SignUpError::UsernameInvalid, SignUpError::EmailInvalid, SignUpError::PasswordTooWeak]);
    }
}
