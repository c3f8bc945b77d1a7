//! Which failure an error of Ollama's is. It has no codes, only words and a status; the words are read to decide, and
//! then forgotten.

use serde_json::Value;

use crate::ai::provider::FailureCode::{
    InvalidParameters, PromptTooLong, RateLimited, ServiceUnavailable, Unauthorized, UnknownError,
};
use crate::ai::provider::http::{Refusal, fault};
use crate::ai::provider::{FailureClass, FailureCode, ProviderFailure};

/// The code that the words stand for, and its class where it is not the code's own.
fn in_prose(error: &Value) -> Option<(FailureCode, Option<FailureClass>)> {
    let message = error.as_str().unwrap_or_default().to_lowercase();
    let says = |words: &str| message.contains(words);
    if says("context length") || says("context size") || says("context window") {
        Some((PromptTooLong, None))
    } else if says("try pulling it first") || (says("model") && says("not found")) {
        Some((Unauthorized, None))
    } else if says("system memory") || says("out of memory") {
        // It will not fit next time either; another model may.
        Some((ServiceUnavailable, Some(FailureClass::OperatorFault)))
    } else if says("server busy") || says("maximum pending requests") || says("overloaded") {
        Some((ServiceUnavailable, Some(FailureClass::Throttled)))
    } else if says("rate limit") || says("too many concurrent") {
        Some((RateLimited, None))
    } else if says("does not support") || says("invalid option") {
        Some((InvalidParameters, None))
    } else if says("runner") || says("unexpected eof") {
        Some((ServiceUnavailable, None))
    } else {
        None
    }
}

fn of_class(failure: ProviderFailure, class: Option<FailureClass>) -> ProviderFailure {
    match class {
        Some(class) => failure.with_class(class),
        None => failure,
    }
}

/// The failure that an answer with an error status is.
pub(super) fn explain(refusal: &Refusal) -> ProviderFailure {
    let body = refusal.json();
    let prose = body.get("error").and_then(in_prose);
    let (code, class) = prose.unwrap_or_else(|| (refusal.by_status(), None));
    of_class(refusal.failure(code, &[]), class)
}

/// The failure that an `error` inside a good answer is.
pub(super) fn from_error(error: &Value) -> ProviderFailure {
    let (code, class) = in_prose(error).unwrap_or((UnknownError, None));
    of_class(ProviderFailure::new(code, fault::detail(None, &[])), class)
}
