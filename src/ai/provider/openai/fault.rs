//! Which failure an OpenAI error is. The message is read to decide, and then forgotten.

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::ai::provider::FailureCode::{
    ContentRefused, GenerationFailed, InvalidApiKey, InvalidParameters, PromptTooLong, ProviderFundsExhausted,
    ProviderRefused, QuotaExceeded, RateLimited, ServiceUnavailable, Unauthorized, UnknownError,
};
use crate::ai::provider::http::{Refusal, fault};
use crate::ai::provider::{FailureClass, FailureCode, ProviderFailure};

/// An `error` object: `{"message", "type", "code"}`, or less.
#[derive(Default)]
struct ErrorInfo {
    code: String,
    kind: String,
    message: String,
    status: Option<u16>,
}

impl ErrorInfo {
    /// Reads the value of an `error` field, whatever its shape.
    fn read(error: &Value) -> Self {
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

    /// The code that a stable code or type of the provider names, if any does.
    fn named(&self) -> Option<FailureCode> {
        [&self.code, &self.kind].into_iter().find_map(|name| match name.as_str() {
            "insufficient_quota"
            | "billing_hard_limit_reached"
            | "billing_not_active"
            | "insufficient_balance"
            | "credit_balance_exhausted"
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

    fn names(&self) -> [(&str, &str); 2] {
        [("code", &self.code), ("type", &self.kind)]
    }

    fn throttled_if_overloaded(&self, failure: ProviderFailure) -> ProviderFailure {
        if failure.code == ServiceUnavailable && self.overloaded() {
            failure.with_class(FailureClass::Throttled)
        } else {
            failure
        }
    }
}

/// The failure that an answer with an error status is.
pub(super) fn explain(refusal: &Refusal) -> ProviderFailure {
    let error = refusal.json().get("error").map(ErrorInfo::read).unwrap_or_default();
    from_status(refusal, &error)
}

fn from_status(refusal: &Refusal, error: &ErrorInfo) -> ProviderFailure {
    let code = match (refusal.status.as_u16(), error.named()) {
        // A refused key is refused whatever else the body claims.
        (401, Some(InvalidApiKey)) => InvalidApiKey,
        (401, _) => Unauthorized,
        (_, Some(code)) => code,
        (_, None) => match refusal.by_status() {
            InvalidParameters => error.in_prose().unwrap_or(InvalidParameters),
            code => code,
        },
    };
    error.throttled_if_overloaded(refusal.failure(code, &error.names()))
}

/// The failure that an `error` object inside a good answer is.
pub(super) fn from_error(error: &Value) -> ProviderFailure {
    let error = ErrorInfo::read(error);
    // Routers put the status of the provider behind them where others put a code.
    let status = error.status.and_then(|status| StatusCode::from_u16(status).ok());
    match status.filter(|status| status.is_client_error() || status.is_server_error()) {
        Some(status) => from_status(&Refusal { status, headers: HeaderMap::new(), body: Bytes::new() }, &error),
        None => {
            let code = error.named().or_else(|| error.in_prose()).unwrap_or(UnknownError);
            error.throttled_if_overloaded(ProviderFailure::new(code, fault::detail(None, &error.names())))
        }
    }
}
