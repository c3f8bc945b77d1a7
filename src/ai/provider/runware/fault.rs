//! Which failure an error of Runware is. Its codes are names of one word each, "being standardised": known ones are
//! told by name, families by how they begin or what they contain, the rest by the status. Messages are read to tell a
//! prompt's length from its other faults, and then forgotten.

use serde_json::Value;

use crate::ai::provider::FailureCode::{
    GenerationFailed, InvalidApiKey, InvalidParameters, PromptTooLong, ProviderFundsExhausted, ProviderRefused,
    RateLimited, ServiceUnavailable, Unauthorized, UnknownError,
};
use crate::ai::provider::http::{Refusal, fault};
use crate::ai::provider::{FailureCode, ProviderFailure};

/// The failure that an answer with an error status is.
pub(super) fn explain(refusal: &Refusal) -> ProviderFailure {
    let body = refusal.json();
    let error = Error::read(body.get("errors").and_then(Value::as_array).and_then(|errors| errors.first()));
    let code = match (refusal.status.as_u16(), error.named()) {
        // What the status says of key and money is certain; what a code of ours to guess at says is not.
        (401..=403, _) => refusal.by_status(),
        (429, None | Some(InvalidParameters)) => RateLimited,
        (_, Some(code)) => code,
        (404, None) => Unauthorized,
        (413, None) => InvalidParameters,
        (_, None) => refusal.by_status(),
    };
    refusal.failure(code, &error.names())
}

/// The failure that an error inside a good answer is.
pub(super) fn from_error(error: &Value) -> ProviderFailure {
    let error = Error::read(Some(error));
    ProviderFailure::new(error.named().unwrap_or(UnknownError), fault::detail(None, &error.names()))
}

/// An error: `{"code", "message", "parameter", "taskUUID"}`, or less.
#[derive(Default)]
struct Error {
    code: String,
    parameter: String,
    message: String,
}

impl Error {
    fn read(error: Option<&Value>) -> Self {
        let text = |name: &str| error.and_then(|error| error.get(name)?.as_str()).unwrap_or_default().to_owned();
        Self { code: text("code"), parameter: text("parameter"), message: text("message").to_lowercase() }
    }

    fn names(&self) -> [(&str, &str); 2] {
        [("code", &self.code), ("parameter", &self.parameter)]
    }

    fn named(&self) -> Option<FailureCode> {
        let code = self.code.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| code.contains(word));
        if code.is_empty() {
            None
        } else if has(&["apikey", "authentication", "unauthorized"]) {
            Some(InvalidApiKey)
        } else if has(&["insufficient", "balance", "payment", "creditlimit"]) {
            Some(ProviderFundsExhausted)
        } else if has(&["nsfw", "moderat", "safety", "contentpolicy", "contentfilter", "invalidprovidercontent"]) {
            Some(ProviderRefused)
        } else if has(&["ratelimit", "toomanyrequests", "concurren", "throttl"]) {
            Some(RateLimited)
        } else if has(&["timeout", "unavailable", "overloaded", "internal", "servererror", "connection"]) {
            Some(ServiceUnavailable)
        } else if has(&["model"]) && has(&["notfound", "invalid", "unsupported", "unknown", "forbidden", "notallowed"])
        {
            Some(Unauthorized)
        } else if has(&["prompt"]) && self.speaks_of_length() {
            Some(PromptTooLong)
        } else if has(&["invalid", "missing", "unsupported", "unknown", "required", "notallowed", "conflict"]) {
            Some(InvalidParameters)
        } else if has(&["inference", "generation", "failed", "provider", "error"]) {
            Some(GenerationFailed)
        } else {
            None
        }
    }

    fn speaks_of_length(&self) -> bool {
        let of_prompt = self.parameter.is_empty() || self.parameter == "positivePrompt";
        of_prompt && ["length", "too long", "characters"].iter().any(|words| self.message.contains(words))
    }
}
