//! Which failure a `google.rpc.Status` is. The message is read to decide, and then forgotten.

use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::ai::provider::FailureCode::{
    InvalidApiKey, InvalidParameters, PromptTooLong, ProviderFundsExhausted, QuotaExceeded, RateLimited,
    ServiceUnavailable, Unauthorized, UnknownError,
};
use crate::ai::provider::http::{Refusal, fault};
use crate::ai::provider::{FailureClass, FailureCode, ProviderFailure};

/// An `error` object: `{"code", "message", "status", "details": [{"@type", …}]}`, or less.
#[derive(Default)]
struct ErrorInfo {
    number: Option<u16>,
    status: String,
    message: String,
    /// Of `google.rpc.ErrorInfo`.
    reason: String,
    /// Of `google.rpc.RetryInfo`.
    retry_after: Option<Duration>,
    /// By `google.rpc.QuotaFailure`: a day must pass.
    is_daily: bool,
}

impl ErrorInfo {
    fn read(error: &Value) -> Self {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let mut info =
            Self { number, status: text("status"), message: text("message").to_lowercase(), ..Self::default() };
        for detail in error.get("details").and_then(Value::as_array).into_iter().flatten() {
            let kind = detail.get("@type").and_then(Value::as_str).unwrap_or_default();
            match kind.rsplit('.').next().unwrap_or_default() {
                "ErrorInfo" => {
                    info.reason = detail.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned();
                }
                "RetryInfo" => {
                    let delay = detail.get("retryDelay").and_then(Value::as_str).unwrap_or_default();
                    info.retry_after = delay.strip_suffix('s').and_then(fault::seconds);
                }
                "QuotaFailure" => {
                    let violations = detail.get("violations").and_then(Value::as_array).into_iter().flatten();
                    info.is_daily = violations
                        .filter_map(|violation| violation.get("quotaId").and_then(Value::as_str))
                        .any(|quota| quota.contains("PerDay"));
                }
                _ => {}
            }
        }
        info
    }

    /// The code that reason and status stand for, if they are known ones.
    fn named(&self) -> Option<FailureCode> {
        let says = |words: &str| self.message.contains(words);
        match self.reason.as_str() {
            "API_KEY_EXPIRED" | "API_KEY_INVALID" => return Some(InvalidApiKey),
            "BILLING_DISABLED" => return Some(ProviderFundsExhausted),
            _ => {}
        }
        Some(match self.status.as_str() {
            "INVALID_ARGUMENT" if says("api key not valid") || says("api key expired") => InvalidApiKey,
            "INVALID_ARGUMENT" if says("maximum number of tokens") || says("token count") => PromptTooLong,
            "INVALID_ARGUMENT" | "OUT_OF_RANGE" | "UNIMPLEMENTED" => InvalidParameters,
            // The country is not served, or not without billing.
            "FAILED_PRECONDITION" if says("billing") => ProviderFundsExhausted,
            "FAILED_PRECONDITION" | "PERMISSION_DENIED" | "NOT_FOUND" => Unauthorized,
            "UNAUTHENTICATED" => InvalidApiKey,
            "RESOURCE_EXHAUSTED" if says("prepayment") || says("credits are depleted") => ProviderFundsExhausted,
            "RESOURCE_EXHAUSTED" if self.is_daily => QuotaExceeded,
            "RESOURCE_EXHAUSTED" => RateLimited,
            "ABORTED" | "CANCELLED" | "DATA_LOSS" | "DEADLINE_EXCEEDED" | "INTERNAL" | "UNAVAILABLE" | "UNKNOWN" => {
                ServiceUnavailable
            }
            _ => return None,
        })
    }

    fn names(&self) -> [(&str, &str); 2] {
        [("status", &self.status), ("reason", &self.reason)]
    }

    fn finish(&self, failure: ProviderFailure) -> ProviderFailure {
        let wait = failure.retry_after.or(self.retry_after);
        let is_overloaded = failure.code == ServiceUnavailable && self.message.contains("overloaded");
        // A wait that is asked for is only kept by a caller who is being throttled.
        let failure = if is_overloaded || (failure.code == ServiceUnavailable && wait.is_some()) {
            failure.with_class(FailureClass::Throttled)
        } else {
            failure
        };
        failure.with_retry_after(wait)
    }
}

/// The failure that an answer with an error status is.
pub(super) fn explain(refusal: &Refusal) -> ProviderFailure {
    let body = refusal.json();
    // Methods that stream JSON put their one error into a list.
    let body = body.get(0).unwrap_or(&body);
    from_status(refusal, &body.get("error").map(ErrorInfo::read).unwrap_or_default())
}

fn from_status(refusal: &Refusal, error: &ErrorInfo) -> ProviderFailure {
    let code = error.named().unwrap_or_else(|| refusal.by_status());
    error.finish(refusal.failure(code, &error.names()))
}

/// The failure that an `error` object inside a good answer is.
pub(super) fn from_error(error: &Value) -> ProviderFailure {
    let error = ErrorInfo::read(error);
    let status = error.number.and_then(|number| StatusCode::from_u16(number).ok());
    match status.filter(|status| status.is_client_error() || status.is_server_error()) {
        Some(status) => from_status(&Refusal { status, headers: HeaderMap::new(), body: Bytes::new() }, &error),
        None => {
            let code = error.named().unwrap_or(UnknownError);
            error.finish(ProviderFailure::new(code, fault::detail(None, &error.names())))
        }
    }
}
