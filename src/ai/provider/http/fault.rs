//! Which failure an answer with an error status, or none, is. A provider's message is read to decide, and then
//! forgotten.

use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::ai::provider::FailureCode::{
    InvalidApiKey, InvalidParameters, NetworkError, PromptTooLong, ProviderFundsExhausted, RateLimited,
    ServiceUnavailable, TimeoutConnect, Unauthorized, UnknownError,
};
use crate::ai::provider::{FailureClass, FailureCode, ProviderFailure};

/// The longest wait believed; the engine's own maximum is far below.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);

/// An answer with an error status, as far as it could be read.
pub(crate) struct Refusal {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body's beginning.
    pub(crate) body: Bytes,
}

impl Refusal {
    /// The body as JSON; anything unreadable is null.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The failure with this code; `names` are the provider's own codes, for the log.
    pub(crate) fn failure(&self, code: FailureCode, names: &[(&str, &str)]) -> ProviderFailure {
        let number = self.status.as_u16();
        let failure =
            ProviderFailure::new(code, detail(Some(number), names)).with_retry_after(retry_after(&self.headers));
        match (number, code) {
            (529, _) => failure.with_class(FailureClass::Throttled),
            // No such path, no such method, or a redirect: the base URL is wrong.
            (300..=399 | 404 | 405, UnknownError) => failure.with_class(FailureClass::OperatorFault),
            _ => failure,
        }
    }

    /// The code that the status alone stands for.
    pub(crate) fn by_status(&self) -> FailureCode {
        match self.status.as_u16() {
            401 => InvalidApiKey,
            402 => ProviderFundsExhausted,
            403 => Unauthorized,
            413 => PromptTooLong,
            429 => RateLimited,
            408 | 409 | 425 | 500.. => ServiceUnavailable,
            400 | 422 => InvalidParameters,
            _ => UnknownError,
        }
    }
}

/// What the log may say: names made of letters and underscores, or a status number. Anything else might hold a key, a
/// prompt or markup, and is left out whole, since a filtered secret is still one.
pub(crate) fn detail(status: Option<u16>, names: &[(&str, &str)]) -> String {
    let plain = |name: &str| -> String {
        let word = name.len() <= 48 && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let number = name.len() <= 3 && name.bytes().all(|byte| byte.is_ascii_digit());
        if word || number { name.to_owned() } else { "withheld".to_owned() }
    };
    let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
    names.iter().fold(format!("status {status}"), |text, (label, name)| format!("{text}, {label} {:?}", plain(name)))
}

/// The failure that a request which got no answer is. reqwest's own text is dropped: it names the URL.
pub(crate) fn from_transport(error: &reqwest::Error) -> ProviderFailure {
    if error.is_builder() {
        ProviderFailure::unsent(InvalidParameters, "the request could not be built")
    } else if error.is_connect() && error.is_timeout() {
        ProviderFailure::unsent(TimeoutConnect, "no connection in time")
    } else if error.is_connect() {
        ProviderFailure::unsent(NetworkError, "no connection")
    } else {
        ProviderFailure::new(NetworkError, "the connection broke before an answer")
    }
}

/// Seconds such as `37`, `1.5` or `20.0` as a wait; `None` for anything else. Parts below a millisecond are dropped.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: String = part.chars().chain("000".chars()).take(3).collect();
    let wait = Duration::from_secs(digits(whole)?).saturating_add(Duration::from_millis(part.parse().ok()?));
    Some(wait.min(RETRY_AFTER_MAX))
}

/// A whole number; one that is too large to be held is the largest. `None` for anything but digits.
fn digits(text: &str) -> Option<u64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The wait an answer asks for: `retry-after-ms`, or `Retry-After` in seconds or as a date. A date is measured from
/// the answer's own `Date`, so neither our clock nor its drift matters; without one it says nothing.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(digits) {
        return Some(Duration::from_millis(ms).min(RETRY_AFTER_MAX));
    }
    let asked = text(RETRY_AFTER.as_str())?;
    if let Some(seconds) = digits(asked) {
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    let until = DateTime::parse_from_rfc2822(asked).ok()?;
    let now = DateTime::parse_from_rfc2822(text(DATE.as_str())?).ok()?;
    Some((until - now).to_std().unwrap_or_default().min(RETRY_AFTER_MAX))
}

/// The media type of an answer in lower case without parameters, empty if it names none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_without_floats_and_capped() {
        for (text, expected) in [
            ("37", Some(37_000)),
            ("1.5", Some(1_500)),
            ("20.0", Some(20_000)),
            ("0.0009", Some(0)),
            ("999999999", Some(86_400_000)),
            ("18446744073709551616", Some(86_400_000)),
            ("18446744073709551615.9", Some(86_400_000)),
            ("-1", None),
            ("1.x", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(seconds(text), expected.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn a_wait_of_too_many_digits_is_the_longest_one() {
        for name in ["retry-after", "retry-after-ms"] {
            for (text, expected) in [
                ("18446744073709551616", Some(RETRY_AFTER_MAX)),
                ("99999999999999999999999999", Some(RETRY_AFTER_MAX)),
                ("-18446744073709551616", None),
                ("+7", None),
                ("", None),
            ] {
                let headers = HeaderMap::from_iter([(name.parse().unwrap(), text.parse().unwrap())]);
                assert_eq!(retry_after(&headers), expected, "{name}: {text}");
            }
        }
    }
}
