//! Which failure an error answer of fal is. Models answer with a list of typed errors under `detail`; the platform
//! answers with an `error_type`, which is also a header, or with prose alone.

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::ai::provider::FailureCode::{
    GenerationFailed, InvalidParameters, PromptTooLong, ProviderFundsExhausted, ProviderRefused, RateLimited,
    ServiceUnavailable, Unauthorized, UnknownError,
};
use crate::ai::provider::http::{Refusal, fault};
use crate::ai::provider::{FailureClass, FailureCode, ProviderFailure};

/// The failure that an answer with an error status is.
pub(super) fn explain(refusal: &Refusal) -> ProviderFailure {
    let body = refusal.json();
    let error = ModelError::read(&body);
    let kind = header(&refusal.headers, "x-fal-error-type").or_else(|| body.get("error_type")?.as_str());
    let status = refusal.status.as_u16();
    let named = error.named().or_else(|| kind.and_then(platform));
    let code = match (status, named) {
        // A refused key is refused whatever else the body claims.
        (401, _) => refusal.by_status(),
        (403, _) if is_out_of_money(&body) => ProviderFundsExhausted,
        (_, Some(code)) => code,
        // No such model, or not for this key.
        (404, None) => Unauthorized,
        // The largest thing we ever send is a file.
        (413, None) => InvalidParameters,
        // Nobody but us could have withdrawn it.
        (499, None) => GenerationFailed,
        (_, None) => refusal.by_status(),
    };
    let failure = refusal.failure(code, &[("type", &error.kind), ("error_type", kind.unwrap_or_default())]);
    told_to_retry(failure, header(&refusal.headers, "x-fal-retryable"))
}

/// The failure that an error type in a status is.
pub(super) fn from_error_type(kind: &str) -> ProviderFailure {
    let code = platform(kind).or_else(|| model(kind)).unwrap_or(GenerationFailed);
    ProviderFailure::new(code, fault::detail(None, &[("error_type", kind)]))
}

/// The first of a model's errors: `{"loc", "msg", "type"}`, or less.
#[derive(Default)]
struct ModelError {
    kind: String,
    concerns_prompt: bool,
}

impl ModelError {
    fn read(body: &Value) -> Self {
        let Some(first) = body.get("detail").and_then(Value::as_array).and_then(|errors| errors.first()) else {
            return Self::default();
        };
        let place = first.get("loc").and_then(Value::as_array);
        Self {
            kind: first.get("type").and_then(Value::as_str).unwrap_or_default().to_owned(),
            concerns_prompt: place.is_some_and(|place| place.iter().any(|part| part.as_str() == Some("prompt"))),
        }
    }

    fn named(&self) -> Option<FailureCode> {
        match self.kind.as_str() {
            "" => None,
            "sequence_too_long" | "string_too_long" if self.concerns_prompt => Some(PromptTooLong),
            kind => model(kind),
        }
    }
}

/// What models say.
fn model(kind: &str) -> Option<FailureCode> {
    match kind {
        "content_policy_violation" => Some(ProviderRefused),
        "no_media_generated" | "downstream_service_error" => Some(GenerationFailed),
        "internal_server_error" | "generation_timeout" | "downstream_service_unavailable" => Some(ServiceUnavailable),
        "face_detection_error"
        | "feature_not_supported"
        | "file_download_error"
        | "file_too_large"
        | "greater_than"
        | "greater_than_equal"
        | "image_load_error"
        | "image_too_large"
        | "image_too_small"
        | "less_than"
        | "less_than_equal"
        | "missing"
        | "multiple_of"
        | "one_of"
        | "sequence_too_long"
        | "sequence_too_short"
        | "string_too_long"
        | "string_too_short"
        | "unsupported_image_format"
        | "value_error" => Some(InvalidParameters),
        _ => None,
    }
}

/// What the platform says.
fn platform(kind: &str) -> Option<FailureCode> {
    match kind {
        "request_timeout"
        | "startup_timeout"
        | "runner_scheduling_failure"
        | "runner_connection_timeout"
        | "runner_disconnected"
        | "runner_connection_refused"
        | "runner_connection_error"
        | "runner_incomplete_response"
        | "runner_server_error"
        | "internal_error" => Some(ServiceUnavailable),
        "client_disconnected" | "client_cancelled" => Some(GenerationFailed),
        "bad_request" => Some(InvalidParameters),
        "rate_limited" | "too_many_requests" => Some(RateLimited),
        _ => None,
    }
}

/// A locked account is told in prose: "User is locked. Reason: Exhausted balance."
fn is_out_of_money(body: &Value) -> bool {
    let prose = body.get("detail").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    ["exhausted balance", "top up", "top_up"].iter().any(|words| prose.contains(words))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// fal knows better than its codes whether the very same request may succeed.
fn told_to_retry(failure: ProviderFailure, retryable: Option<&str>) -> ProviderFailure {
    match (retryable, failure.code) {
        (Some("true"), GenerationFailed | UnknownError) => failure.with_class(FailureClass::Transient),
        (Some("false"), ServiceUnavailable) => failure.with_class(FailureClass::Unknown),
        _ => failure,
    }
}
