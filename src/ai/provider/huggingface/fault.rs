//! Which failure an error of the router's, or of a provider's behind it, is. The words are read to decide, and then
//! forgotten.

use serde_json::Value;

use crate::ai::provider::FailureCode::{
    GenerationFailed, InvalidParameters, PromptTooLong, ProviderRefused, ServiceUnavailable, Unauthorized, UnknownError,
};
use crate::ai::provider::http::{Refusal, fault};
use crate::ai::provider::{FailureClass, FailureCode, ProviderFailure};

/// What an error answer says: `{"error"}` as text or list, with `estimated_time` while a model loads; or fal's
/// `{"detail"}` as text or list of `{"msg", "type"}`.
#[derive(Default)]
struct ErrorInfo {
    /// All its words, in lower case.
    words: String,
    /// fal's own name for it.
    kind: String,
    /// Seconds until a model is loaded.
    wait: Option<String>,
}

impl ErrorInfo {
    fn read(body: &Value) -> Self {
        let mut info = Self::default();
        for part in ["error", "message", "detail"].iter().filter_map(|name| body.get(*name)) {
            let parts = part.as_array().map_or_else(|| std::slice::from_ref(part), Vec::as_slice);
            for part in parts {
                let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
                let words = part.as_str().unwrap_or_else(|| text("msg"));
                info.words = format!("{} {}", info.words, words.to_lowercase());
                if info.kind.is_empty() {
                    text("type").clone_into(&mut info.kind);
                }
            }
        }
        info.wait = body.get("estimated_time").filter(|time| time.is_number()).map(Value::to_string);
        info
    }

    /// The code that fal's name or the words stand for, where the request itself was refused.
    fn named(&self) -> Option<FailureCode> {
        let says = |words: &str| self.words.contains(words);
        match self.kind.as_str() {
            "content_policy_violation" => return Some(ProviderRefused),
            "sequence_too_long" | "string_too_long" => return Some(PromptTooLong),
            "generation_timeout" | "downstream_service_error" | "downstream_service_unavailable" => {
                return Some(ServiceUnavailable);
            }
            "no_media_generated" => return Some(GenerationFailed),
            _ => {}
        }
        if says("nsfw") || says("content policy") || says("safety") {
            Some(ProviderRefused)
        } else if says("not supported by provider") || says("not supported for task") {
            Some(Unauthorized)
        } else if says("too long") || says("maximum context length") {
            Some(PromptTooLong)
        } else {
            None
        }
    }
}

/// The failure that an answer with an error status is.
pub(super) fn explain(refusal: &Refusal) -> ProviderFailure {
    let error = ErrorInfo::read(&refusal.json());
    let status = refusal.status.as_u16();
    let code = match (status, refusal.by_status()) {
        (_, InvalidParameters) => error.named().unwrap_or(InvalidParameters),
        // The router knows no such model; a wrong address says so in no words of its own.
        (404, _) if !error.words.is_empty() => Unauthorized,
        (_, code) => code,
    };
    let failure = refusal.failure(code, &[("type", &error.kind)]);
    let is_loading = status == 503 && (error.wait.is_some() || error.words.contains("loading"));
    if is_loading {
        // A wait that is asked for is only kept by a caller who is being throttled.
        let wait = failure.retry_after.or_else(|| error.wait.as_deref().and_then(fault::seconds));
        return failure.with_class(FailureClass::Throttled).with_retry_after(wait);
    }
    if status == 410 && code == UnknownError {
        // This address of the API is given up.
        return failure.with_class(FailureClass::OperatorFault);
    }
    failure
}
