//! Which failure an error answer is. The provider's message is read to decide, and then forgotten.

use std::time::Duration;

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::ai::provider::FailureCode::{
    ContentRefused, GenerationFailed, InvalidApiKey, InvalidParameters, NetworkError, PromptTooLong,
    ProviderFundsExhausted, ProviderRefused, QuotaExceeded, RateLimited, ServiceUnavailable, TimeoutConnect,
    Unauthorized, UnknownError,
};
use crate::ai::provider::{FailureClass, FailureCode, ProviderFailure};

/// The longest wait believed; the engine's own maximum is far below.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);

/// An `error` object: `{"message", "type", "code"}`, or less.
#[derive(Default)]
pub(super) struct ErrorInfo {
    code: String,
    kind: String,
    message: String,
    status: Option<u16>,
}

impl ErrorInfo {
    /// Reads the value of an `error` field, whatever its shape.
    pub(super) fn read(error: &Value) -> Self {
        let text = |name: &str| match error.get(name) {
            Some(Value::String(text)) => text.to_lowercase(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let code = text("code");
        Self {
            status: code.parse().ok(),
            code,
            kind: text("type"),
            message: error.as_str().map_or_else(|| text("message"), str::to_lowercase),
        }
    }

    /// Reads an error body; anything unreadable tells nothing.
    pub(super) fn read_body(bytes: &[u8]) -> Self {
        serde_json::from_slice::<Value>(bytes)
            .ok()
            .and_then(|body| body.get("error").map(Self::read))
            .unwrap_or_default()
    }

    /// The code that a stable code or type of the provider names, if any does.
    fn named(&self) -> Option<FailureCode> {
        [&self.code, &self.kind].into_iter().find_map(|name| match name.as_str() {
            "insufficient_quota"
            | "billing_hard_limit_reached"
            | "billing_not_active"
            | "insufficient_balance"
            | "billing_limit_user_error" => Some(ProviderFundsExhausted),
            "rate_limit_exceeded" | "rate_limit_error" | "too_many_requests" | "tokens" | "requests" => {
                Some(RateLimited)
            }
            "quota_exceeded" => Some(QuotaExceeded),
            "invalid_api_key" | "incorrect_api_key" => Some(InvalidApiKey),
            "model_not_found"
            | "permission_denied"
            | "permission_error"
            | "organization_not_found"
            | "unsupported_country_region_territory" => Some(Unauthorized),
            "context_length_exceeded" | "string_above_max_length" | "string_too_long" => Some(PromptTooLong),
            "content_policy_violation" | "moderation_blocked" | "content_filter" | "sexual_content" => {
                Some(ProviderRefused)
            }
            "content_refused" => Some(ContentRefused),
            "image_generation_failed" => Some(GenerationFailed),
            "server_error"
            | "internal_error"
            | "internal_server_error"
            | "overloaded"
            | "overloaded_error"
            | "engine_overloaded"
            | "service_unavailable" => Some(ServiceUnavailable),
            _ => None,
        })
    }

    /// Servers without codes say it in prose.
    fn in_prose(&self) -> Option<FailureCode> {
        let says = |words: &str| self.message.contains(words);
        if says("maximum context length") || says("context window") {
            Some(PromptTooLong)
        } else if says("safety system") || says("content policy") {
            Some(ProviderRefused)
        } else {
            None
        }
    }

    fn overloaded(&self) -> bool {
        [&self.code, &self.kind].into_iter().any(|name| name.contains("overloaded"))
    }

    /// What the log may say: names made of letters and underscores, or a status number. Anything else might hold a
    /// key, a prompt or markup, and is left out whole, since a filtered secret is still one.
    fn detail(&self, status: Option<u16>) -> String {
        let plain = |name: &str| -> String {
            let word = name.len() <= 48 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let number = name.len() <= 3 && name.bytes().all(|byte| byte.is_ascii_digit());
            if word || number { name.to_owned() } else { "withheld".to_owned() }
        };
        format!(
            "status {}, code {:?}, type {:?}",
            status.map_or_else(|| "none".to_owned(), |status| status.to_string()),
            plain(&self.code),
            plain(&self.kind)
        )
    }
}

/// The failure that an answer with an error status is.
pub(super) fn from_status(status: StatusCode, headers: &HeaderMap, error: &ErrorInfo) -> ProviderFailure {
    let number = status.as_u16();
    let code = match (number, error.named()) {
        // A refused key is refused whatever else the body claims.
        (401, Some(InvalidApiKey)) => InvalidApiKey,
        (401, _) => Unauthorized,
        (_, Some(code)) => code,
        (402, None) => ProviderFundsExhausted,
        (403, None) => Unauthorized,
        (413, None) => PromptTooLong,
        (429, None) => RateLimited,
        (408 | 409 | 425 | 500.., None) => ServiceUnavailable,
        (400 | 422, None) => error.in_prose().unwrap_or(InvalidParameters),
        (_, None) => UnknownError,
    };
    let failure = ProviderFailure::new(code, error.detail(Some(number))).with_retry_after(retry_after(headers));
    match (number, code) {
        (529, _) => failure.with_class(FailureClass::Throttled),
        (_, ServiceUnavailable) if error.overloaded() => failure.with_class(FailureClass::Throttled),
        // No such path, no such method, or a redirect: the base URL is wrong.
        (300..=399 | 404 | 405, UnknownError) => failure.with_class(FailureClass::OperatorFault),
        _ => failure,
    }
}

/// The failure that an `error` object inside a good answer is.
pub(super) fn from_error(error: &ErrorInfo) -> ProviderFailure {
    // Routers put the status of the provider behind them where others put a code.
    match error.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        Some(status) if status.is_client_error() || status.is_server_error() => {
            from_status(status, &HeaderMap::new(), error)
        }
        _ => {
            let code = error.named().or_else(|| error.in_prose()).unwrap_or(UnknownError);
            let failure = ProviderFailure::new(code, error.detail(None));
            if error.overloaded() { failure.with_class(FailureClass::Throttled) } else { failure }
        }
    }
}

/// The failure that a request which got no answer is. reqwest's own text is dropped: it names the URL.
pub(super) fn from_transport(error: &reqwest::Error) -> ProviderFailure {
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

/// The wait an answer asks for: `retry-after-ms`, or `Retry-After` in seconds or as a date. A date is measured from
/// the answer's own `Date`, so neither our clock nor its drift matters; without one it says nothing.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(|ms| ms.parse().ok()) {
        return Some(Duration::from_millis(ms).min(RETRY_AFTER_MAX));
    }
    let asked = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = asked.parse() {
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
