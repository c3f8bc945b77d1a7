//! Which programs call, by what they say of themselves in `X-Client-Name` (G46). Their names become labels of metrics, so
//! they are cleaned, and only so many are told apart.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::HeaderMap;

/// The name of a program, if it gave one that is fit for a label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClientName(Option<Arc<str>>);

/// Characters of a name.
const NAME_MAX: usize = 48;

impl ClientName {
    /// Reads the header: 1 to 48 letters, digits, `.`, `_`, `-` and `/`.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get("x-client-name").and_then(|value| value.to_str().ok());
        let is_sane = |name: &&str| {
            (1..=NAME_MAX).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/'))
        };
        Self(given.filter(is_sane).map(Arc::from))
    }
}

/// Names that are told apart; later ones are `other`.
const NAMES_MAX: usize = 64;

/// The names that were used as labels.
#[derive(Default)]
pub(super) struct ClientNames(Mutex<HashSet<Arc<str>>>);

impl ClientNames {
    /// The label of `name`: itself, `unknown` without a name, `other` when too many came before.
    pub(super) fn label(&self, name: &ClientName) -> Arc<str> {
        let Some(name) = &name.0 else { return "unknown".into() };
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() < NAMES_MAX {
            names.insert(Arc::clone(name));
        }
        if names.contains(name) { Arc::clone(name) } else { "other".into() }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn named(name: &str) -> ClientName {
        let mut headers = HeaderMap::new();
        headers.insert("x-client-name", HeaderValue::from_bytes(name.as_bytes()).unwrap());
        ClientName::of(&headers)
    }

    // G46: what a client says of itself must not break the page of metrics, nor make it grow.
    #[test]
    fn a_name_is_fit_for_a_label_and_there_are_not_many() {
        let names = ClientNames::default();
        assert_eq!(&*names.label(&ClientName::of(&HeaderMap::new())), "unknown");
        let long = "x".repeat(NAME_MAX + 1);
        for unfit in ["", "a b", "a\"b", "a{b}", "é", &long] {
            assert_eq!(&*names.label(&named(unfit)), "unknown", "{unfit}");
        }
        assert_eq!(&*names.label(&named("console/1.2")), "console/1.2");
        for number in 0..1_000 {
            names.label(&named(&format!("client-{number}")));
        }
        assert_eq!(names.0.lock().unwrap().len(), NAMES_MAX);
        assert_eq!(&*names.label(&named("client-999")), "other");
        assert_eq!(&*names.label(&named("console/1.2")), "console/1.2");
    }
}
