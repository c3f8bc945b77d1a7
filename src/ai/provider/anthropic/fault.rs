//! Which failure an error of Anthropic's is. The message is read to decide, and then forgotten.

use serde_json::Value;

use crate::ai::provider::FailureCode::{
    InvalidApiKey, InvalidParameters, PromptTooLong, ProviderFundsExhausted, ProviderRefused, RateLimited,
    ServiceUnavailable, Unauthorized, UnknownError,
};
use crate::ai::provider::http::{Refusal, fault};
use crate::ai::provider::{FailureClass, FailureCode, ProviderFailure};

/// An `error` object: `{"type", "message"}`, or less.
#[derive(Default)]
struct ErrorInfo {
    kind: String,
    message: String,
}

impl ErrorInfo {
    fn read(error: &Value) -> Self {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_lowercase();
        Self { kind: text("type"), message: text("message") }
    }

    /// The code that the type stands for, if it is a known one.
    fn named(&self) -> Option<FailureCode> {
        Some(match self.kind.as_str() {
            "authentication_error" => InvalidApiKey,
            "billing_error" => ProviderFundsExhausted,
            // A model that does not exist and one that the key may not use are told apart by nobody.
            "permission_error" | "not_found_error" => Unauthorized,
            "request_too_large" => PromptTooLong,
            "rate_limit_error" => RateLimited,
            "api_error" | "overloaded_error" | "timeout_error" => ServiceUnavailable,
            "invalid_request_error" => self.in_prose().unwrap_or(InvalidParameters),
            _ => return None,
        })
    }

    /// What only the message tells.
    fn in_prose(&self) -> Option<FailureCode> {
        let says = |words: &str| self.message.contains(words);
        if says("prompt is too long") || says("exceed context limit") || says("context window") {
            Some(PromptTooLong)
        } else if says("credit balance is too low") || says("usage limits") {
            Some(ProviderFundsExhausted)
        } else if says("content filtering policy") || says("usage policy") {
            Some(ProviderRefused)
        } else {
            None
        }
    }

    fn finish(&self, failure: ProviderFailure) -> ProviderFailure {
        if self.kind == "overloaded_error" { failure.with_class(FailureClass::Throttled) } else { failure }
    }
}

/// The failure that an answer with an error status is.
pub(super) fn explain(refusal: &Refusal) -> ProviderFailure {
    let error = refusal.json().get("error").map(ErrorInfo::read).unwrap_or_default();
    // The type says more than the status: `invalid_request_error` comes with several, and a proxy may change them.
    let code = error.named().unwrap_or_else(|| refusal.by_status());
    error.finish(refusal.failure(code, &[("type", &error.kind)]))
}

/// The failure that an `error` event is.
pub(super) fn from_error(error: &Value) -> ProviderFailure {
    let error = ErrorInfo::read(error);
    let code = error.named().unwrap_or(UnknownError);
    error.finish(ProviderFailure::new(code, fault::detail(None, &[("type", &error.kind)])))
}
