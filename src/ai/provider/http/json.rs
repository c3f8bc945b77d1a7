//! JSON and base64 on the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::IMAGE_BYTES_MAX;
use crate::ai::provider::{FailureCode, ProviderFailure, Settings};

/// Reads an answer that must be a JSON object: a derived reader would take an array for one with nothing in it.
///
/// # Errors
/// `PARSE_FAILED`.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, ProviderFailure> {
    let object = json.trim_ascii_start().starts_with(b"{");
    object
        .then(|| serde_json::from_slice(json).ok())
        .flatten()
        .ok_or_else(|| ProviderFailure::new(FailureCode::ParseFailed, "the answer is not the JSON expected"))
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
