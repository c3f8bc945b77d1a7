//! One's own profile and sessions.

use secrecy::SecretString;
use uuid::Uuid;

use super::{SignUpError, Username};
use crate::clock::Micros;

/// The most characters kept of what a client calls itself.
pub const CLIENT_CHARS_MAX: usize = 100;

/// What a client calls itself, fit to be kept and shown: on one line, without control characters, at most 100
/// characters. `None` when nothing is left.
pub fn client_label(text: &str) -> Option<String> {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let label = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let label: String = label.chars().take(CLIENT_CHARS_MAX).collect();
    let label = label.trim_end();
    (!label.is_empty()).then(|| label.to_owned())
}

/// A session that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSession {
    /// Its id.
    pub id: Uuid,
    /// What the client called itself at sign-in.
    pub client: Option<String>,
    /// When it began, microseconds.
    pub created_at: Micros,
    /// When it was last refreshed, or began, microseconds.
    pub last_used_at: Micros,
    /// When it ends if it is not refreshed, microseconds.
    pub expires_at: Micros,
}

/// What changes about oneself; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct UpdateViewer {
    /// The name to sign in with.
    pub username: Option<Username>,
}

impl UpdateViewer {
    /// Checks what was typed. Refuses: `UsernameInvalid`.
    pub fn new(username: Option<&str>) -> Result<Self, SignUpError> {
        let username = username.map(Username::new).transpose().map_err(|_| SignUpError::UsernameInvalid)?;
        Ok(Self { username })
    }
}

/// Closing one's own account: the password once more proves that it is the person.
#[derive(Debug, Clone)]
pub struct CloseViewer {
    /// The password.
    pub password: SecretString,
}

/// Why a person is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseViewerError {
    /// It is not the password.
    #[error("The password is wrong.")]
    PasswordWrong,
    /// Nobody would be left to run the installation.
    #[error("You are the last HERO. Make another one first.")]
    LastHero,
    /// Others would be left in an account without an OWNER.
    #[error("You are the last OWNER of an account that has other members. Make one of them OWNER, or remove them.")]
    LastOwner,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_short_line() {
        assert_eq!(client_label("  Ink\u{7}Console\t 2.1\r\n"), Some("Ink Console 2.1".to_owned()));
        assert_eq!(client_label(" \u{1b} \n"), None);
        assert_eq!(client_label(&"é".repeat(300)).map(|label| label.chars().count()), Some(100));
        assert_eq!(client_label(&format!("{} b", "a".repeat(99))), Some("a".repeat(99)));
    }
}
