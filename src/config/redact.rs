//! Takes secrets out of texts that others made, such as a driver's message, before anyone reads them.

use super::sources::Resolved;

const STAND_IN: &str = "(hidden)";

/// A shorter piece would blot out innocent words, and is no secret.
const BYTES_MIN: usize = 3;

/// `text` without the values of secret settings, and without the passwords in their URLs.
pub fn redact(resolved: &Resolved, text: &str) -> String {
    let mut text = text.to_owned();
    for value in resolved.iter().filter(|value| value.setting.secret) {
        let password = password_of(&value.text);
        for secret in [Some(value.text.as_str()), password].into_iter().flatten() {
            if secret.len() >= BYTES_MIN {
                text = text.replace(secret, STAND_IN);
            }
        }
    }
    text
}

/// The password of a URL, or the token that stands in the place of name and password.
fn password_of(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let (credentials, _) = rest.rsplit_once('@')?;
    match credentials.split_once(':') {
        Some((_, password)) => Some(password),
        // A name alone: a database's user is no secret, and may be a word of our own messages; a token of NATS is one.
        None => (!scheme.starts_with("postgres")).then_some(credentials),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SETTINGS, Source, Value};

    #[test]
    fn a_secret_and_the_password_in_it_are_taken_out() {
        let setting = SETTINGS.iter().find(|setting| setting.key == "database.url").unwrap();
        let url = "postgres://ink:hu@sh@db.example/ink";
        let resolved = vec![Value { setting, text: url.to_owned(), source: Source::Flag, former: None }];
        assert_eq!(redact(&resolved, &format!("cannot reach {url}")), "cannot reach (hidden)");
        assert_eq!(redact(&resolved, "no entry for hu@sh at db.example"), "no entry for (hidden) at db.example");
    }

    #[test]
    fn a_user_without_a_password_is_no_secret_but_a_token_is() {
        assert_eq!(password_of("postgres://inkledger@localhost/x"), None);
        assert_eq!(password_of("nats://token@localhost"), Some("token"));
    }
}
