//! JSON and base64 on the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize as _, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value, value::RawValue};

use super::IMAGE_BYTES_MAX;
use crate::ai::provider::{FailureCode, ProviderFailure, Settings};

/// Reads an answer that must be a JSON object: a derived reader would take an array for one with nothing in it.
///
/// # Errors
/// `PARSE_FAILED`.
pub(crate) fn from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, ProviderFailure> {
    let object = json.trim_ascii_start().starts_with(b"{");
    object
        .then(|| serde_json::from_slice(json).ok())
        .flatten()
        .ok_or_else(|| ProviderFailure::new(FailureCode::ParseFailed, "the answer is not the JSON expected"))
}

/// What a count of tokens that is no whole number within range is read as. No counter is below zero, so a report that
/// holds it is none: an odd figure beside a good answer must not cost the answer.
const ODD_COUNT: i64 = -1;

/// A count of tokens: absent and null are none, and anything odd is a number below zero.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    Ok(raw.map(|raw| serde_json::from_str(raw.get()).unwrap_or(ODD_COUNT)))
}

/// A report of what a call used, beside its answer: one that is not of the shape expected is none.
pub(crate) fn report<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    Ok(raw.and_then(|raw| serde_json::from_str(raw.get()).ok()))
}

/// A request's body.
///
/// # Errors
/// `INVALID_PARAMETERS`, unsent.
pub(crate) fn to_json(body: &impl serde::Serialize) -> Result<Vec<u8>, ProviderFailure> {
    serde_json::to_vec(body)
        .map_err(|_| ProviderFailure::unsent(FailureCode::InvalidParameters, "the request is no JSON"))
}

/// Those of `settings` that go into one part of a request, by name.
pub(crate) fn picked(settings: &Settings, names: &[&str]) -> Map<String, Value> {
    settings
        .iter()
        .filter(|(name, _)| names.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// An image that came as text.
///
/// # Errors
/// `CORRUPT_IMAGE`.
pub(crate) fn decode_base64(text: &str) -> Result<Bytes, ProviderFailure> {
    let bytes = BASE64
        .decode(text.trim())
        .map_err(|_| ProviderFailure::new(FailureCode::CorruptImage, "the image is not base64"))?;
    if bytes.len() > IMAGE_BYTES_MAX {
        return Err(ProviderFailure::new(FailureCode::CorruptImage, "the image is larger than accepted"));
    }
    Ok(Bytes::from(bytes))
}

/// An image that came as a `data:` URL with base64 in it; `None` for any other text.
pub(crate) fn decode_data_url(url: &str) -> Option<Result<Bytes, ProviderFailure>> {
    let (kind, data) = url.strip_prefix("data:")?.split_once(',')?;
    kind.ends_with(";base64").then(|| decode_base64(data))
}

/// An image as a `data:` URL, or as bare base64 without `content_type`.
pub(crate) fn encode_base64(bytes: &[u8], content_type: Option<&str>) -> String {
    let text = BASE64.encode(bytes);
    match content_type {
        Some(content_type) => format!("data:{content_type};base64,{text}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Used {
        #[serde(default, deserialize_with = "count")]
        tokens: Option<i64>,
    }

    #[derive(Deserialize)]
    struct Answer {
        text: String,
        #[serde(default, deserialize_with = "report")]
        usage: Option<Used>,
    }

    #[test]
    fn an_odd_report_never_costs_the_answer() {
        for (usage, expected) in [
            (r#"{"tokens":3}"#, Some(Some(3))),
            (r#"{"tokens":null}"#, Some(None)),
            ("{}", Some(None)),
            (r#"{"tokens":1.5}"#, Some(Some(ODD_COUNT))),
            (r#"{"tokens":1e400}"#, Some(Some(ODD_COUNT))),
            (r#"{"tokens":9223372036854775808}"#, Some(Some(ODD_COUNT))),
            (r#"{"tokens":"12"}"#, Some(Some(ODD_COUNT))),
            (r#"{"tokens":[{"tokens":1}]}"#, Some(Some(ODD_COUNT))),
            ("null", None),
            ("7", None),
            (r#""much""#, None),
        ] {
            let answer: Answer = from_json(format!(r#"{{"text":"good","usage":{usage}}}"#).as_bytes()).unwrap();
            assert_eq!(answer.text, "good");
            assert_eq!(answer.usage.map(|used| used.tokens), expected, "{usage}");
        }
        assert!(from_json::<Answer>(br#"{"text":"good"}"#).unwrap().usage.is_none());
    }
}
