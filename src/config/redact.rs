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

/// What stands between the name and the `@` of a URL.
fn password_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (credentials, _) = rest.rsplit_once('@')?;
    Some(credentials.split_once(':').map_or(credentials, |(_, password)| password))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SETTINGS, Source, Value};

    #[test]
    fn a_secret_and_the_password_in_it_are_taken_out() {
        let setting = SETTINGS.iter().find(|setting| setting.key == "database.url").unwrap();
        let url = "postgres://ink:hu@sh@db.example/ink";
        let resolved = vec![Value { setting, text: url.to_owned(), source: Source::Flag }];
        assert_eq!(redact(&resolved, &format!("cannot reach {url}")), "cannot reach (hidden)");
        assert_eq!(redact(&resolved, "no entry for hu@sh at db.example"), "no entry for (hidden) at db.example");
    }
}
