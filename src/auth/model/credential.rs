//! What a person types to be known by: checked once, here.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// The most characters of an e-mail address.
pub const EMAIL_MAX: usize = 254;
/// Characters of a username, least and most.
pub const USERNAME: (usize, usize) = (3, 20);
/// Characters of a password, least and most.
pub const PASSWORD: (usize, usize) = (8, 128);

/// A text that breaks the rules of its kind; the message is for the person who typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCredential {
    /// Not 3–20 of the allowed characters.
    #[error("A username has 3–20 characters: letters A–Z and a–z, digits, `_` and `-`.")]
    Username,
    /// Not an address.
    #[error("This is not an e-mail address of at most 254 characters, such as name@example.com.")]
    Email,
    /// Too short, too long, or too uniform.
    #[error("A password has 8–128 characters with an upper-case letter, a lower-case letter and a digit.")]
    Password,
}

/// The name a person signs in with, 3–20 of `[A-Za-z0-9_-]`, unique in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Refuses: [`InvalidCredential::Username`].
    pub fn new(text: &str) -> Result<Self, InvalidCredential> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (USERNAME.0..=USERNAME.1).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidCredential::Username)
        }
    }

    /// As typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What must be unique: lower case.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// An address that mail could be sent to, at most 254 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
}

fn is_local(local: &str) -> bool {
    const SPECIAL: &str = "()<>[]{},;:\\\"@";
    !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && !local.chars().any(|letter| letter.is_whitespace() || letter.is_control() || SPECIAL.contains(letter))
}

impl Email {
    /// Blanks around the address are dropped. Refuses: [`InvalidCredential::Email`].
    pub fn new(text: &str) -> Result<Self, InvalidCredential> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidCredential::Email)?;
        let labels = domain.split('.').count();
        if text.len() <= EMAIL_MAX && is_local(local) && labels >= 2 && domain.split('.').all(is_label) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidCredential::Email)
        }
    }

    /// As typed, without blanks around it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What must be unique: lower case.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

/// A password that a person may choose. Nothing prints it.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Refuses: [`InvalidCredential::Password`].
    pub fn new(text: SecretString) -> Result<Self, InvalidCredential> {
        let typed = text.expose_secret();
        let strong = (PASSWORD.0..=PASSWORD.1).contains(&typed.chars().count())
            && typed.chars().any(char::is_uppercase)
            && typed.chars().any(char::is_lowercase)
            && typed.chars().any(|letter| letter.is_ascii_digit());
        if strong { Ok(Self(text)) } else { Err(InvalidCredential::Password) }
    }

    /// The secret, for hashing alone.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_usernames_of_3_to_20_plain_characters() {
        for good in ["abc", "A_b-9", "x".repeat(20).as_str()] {
            assert!(Username::new(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "x".repeat(21).as_str(), "a b c", "äbc", "a@b", "abc\n", "deleted:1"] {
            assert_eq!(Username::new(bad), Err(InvalidCredential::Username), "{bad}");
        }
        assert_eq!(Username::new("MiXed").unwrap().key(), "mixed");
    }

    #[test]
    fn takes_addresses_that_mail_could_reach() {
        for good in ["a@b.co", " Name.Last+tag@Example.COM ", "ü@mañana.example"] {
            assert!(Email::new(good).is_ok(), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in
            ["", "a", "a@b", "@b.co", "a@", "a@b..co", "a b@c.de", "a@-b.co", "a\n@b.co", "a@@b.co", "<a@b.co>", &long]
        {
            assert_eq!(Email::new(bad), Err(InvalidCredential::Email), "{bad}");
        }
        assert_eq!(Email::new("Ada@Example.com").unwrap().key(), "ada@example.com");
    }

    #[test]
    fn takes_passwords_with_length_and_three_kinds_of_characters() {
        let ok = |text: &str| Password::new(text.to_owned().into()).is_ok();
        assert!(ok("Passw0rd"));
        assert!(ok(&format!("Aa1{}", "x".repeat(125))));
        for bad in ["Passw0r", "password1", "PASSWORD1", "Passwords", ""] {
            assert!(!ok(bad), "{bad}");
        }
        assert!(!ok(&format!("Aa1{}", "x".repeat(126))));
    }

    #[test]
    fn never_prints_a_password() {
        let password = Password::new("Secr3tWords".to_owned().into()).unwrap();
        assert!(!format!("{password:?}").contains("Secr3t"));
    }
}
