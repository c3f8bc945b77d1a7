//! Which failure an error answer of Ideogram is. The API documents statuses and no codes; its prose is read to decide,
//! and then forgotten.

use serde_json::Value;

use crate::ai::provider::FailureCode::{
    InvalidParameters, PromptTooLong, ProviderFundsExhausted, ProviderRefused, Unauthorized,
};
use crate::ai::provider::http::Refusal;
use crate::ai::provider::{FailureCode, ProviderFailure};

/// The failure that an answer with an error status is.
pub(super) fn explain(refusal: &Refusal) -> ProviderFailure {
    let body = refusal.json();
    let prose = prose(&body);
    let code = match refusal.status.as_u16() {
        400 => told(&prose).unwrap_or(InvalidParameters),
        403 => told(&prose).filter(|code| *code == ProviderFundsExhausted).unwrap_or(Unauthorized),
        // The path names the model.
        404 => Unauthorized,
        // The largest thing we ever send is a file.
        413 => InvalidParameters,
        // Documented as a prompt that failed the safety check; a list of what is wrong with the fields is no such thing.
        422 if body.get("detail").is_some_and(Value::is_array) => InvalidParameters,
        422 => ProviderRefused,
        _ => refusal.by_status(),
    };
    refusal.failure(code, &[])
}

fn prose(body: &Value) -> String {
    let named = ["error", "message", "detail"].into_iter().find_map(|name| body.get(name)?.as_str());
    named.or_else(|| body.as_str()).unwrap_or_default().to_lowercase()
}

fn told(prose: &str) -> Option<FailureCode> {
    let says = |words: &[&str]| words.iter().any(|word| prose.contains(word));
    if says(&["safety", "moderation", "content policy"]) {
        Some(ProviderRefused)
    } else if says(&["insufficient credit", "insufficient balance", "insufficient fund", "payment", "billing"]) {
        Some(ProviderFundsExhausted)
    } else if says(&["prompt"]) && says(&["too long", "length", "exceed"]) {
        Some(PromptTooLong)
    } else {
        None
    }
}
