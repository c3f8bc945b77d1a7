//! Why a provider call did not deliver: a closed set of codes, each with a class that says what may follow.
//!
//! A failure never carries a provider's own words: those may repeat a prompt, a key or a stranger's data. Users read
//! [`FailureCode::text`], operators read [`ProviderFailure::detail`], which adapters build from their own words,
//! status numbers and sanitised provider codes only.

use std::fmt;
use std::time::Duration;

use super::TokenUsage;

/// What may follow a failure; the retry rules themselves belong to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// The same request may succeed shortly: try again with full jitter.
    Transient,
    /// The provider asks for less: wait at least [`ProviderFailure::retry_after`].
    Throttled,
    /// The answer came but is unusable: one repair attempt, and the tokens used are the operator's cost.
    Malformed,
    /// The request itself is at fault: repeating it anywhere is pointless.
    Permanent,
    /// Our account with the provider is at fault: try another model, tell the administrators, never blame the user.
    OperatorFault,
    /// This model cannot, for reasons it does not give: no retry, another model may be tried.
    Unknown,
    /// Our side withdrew the call.
    Cancelled,
}

macro_rules! failure_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $class:ident, $text:literal;)+) => {
        /// The stable name of a failure, as stored with an attempt and shown in a task's error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FailureCode { $($(#[$doc])* $variant,)+ }

        impl FailureCode {
            /// Every code, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name, such as `RATE_LIMITED`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The code with this stable name, `None` for any other text.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }

            /// The class a failure with this code has unless its adapter knows better.
            #[must_use]
            pub fn class(self) -> FailureClass {
                match self { $(Self::$variant => FailureClass::$class,)+ }
            }

            /// Our own sentence for users, without a full stop, safe in a notification.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

failure_codes! {
    /// Too many requests or tokens a minute.
    RateLimited = "RATE_LIMITED", Throttled, "the AI provider is busy";
    /// A quota that refills by itself is used up.
    QuotaExceeded = "QUOTA_EXCEEDED", Throttled, "the AI provider's quota is used up for now";
    /// A 5xx answer, or an overloaded provider.
    ServiceUnavailable = "SERVICE_UNAVAILABLE", Transient, "the AI provider is unavailable";
    /// No connection, TLS included, in time.
    TimeoutConnect = "TIMEOUT_CONNECT", Transient, "the AI provider could not be reached in time";
    /// Connected, but no first byte of an answer in time.
    TimeoutFirstByte = "TIMEOUT_FIRST_BYTE", Transient, "the AI provider did not begin to answer in time";
    /// The answer began and then paused for too long.
    TimeoutChunk = "TIMEOUT_CHUNK", Transient, "the AI provider's answer stalled";
    /// The whole call took too long.
    TimeoutTotal = "TIMEOUT_TOTAL", Transient, "the AI provider took too long";
    /// Refused, reset or cut connection.
    NetworkError = "NETWORK_ERROR", Transient, "the connection to the AI provider failed";
    /// The image bytes are no image we accept.
    CorruptImage = "CORRUPT_IMAGE", Transient, "the AI provider returned a damaged image";
    /// The provider tried and failed, or answered without a result.
    GenerationFailed = "GENERATION_FAILED", Unknown, "the AI provider could not generate this";
    /// An answer that fits no rule.
    UnknownError = "UNKNOWN_ERROR", Unknown, "the AI provider failed for an unknown reason";
    /// The key is not accepted.
    InvalidApiKey = "INVALID_API_KEY", OperatorFault, "the AI provider is not set up correctly";
    /// The key is known but may not do this, or may not use this model.
    Unauthorized = "UNAUTHORIZED", OperatorFault, "the AI provider is not set up correctly";
    /// The operator's own money with the provider is used up; never the user's `INSUFFICIENT_CREDITS`.
    ProviderFundsExhausted = "PROVIDER_FUNDS_EXHAUSTED", OperatorFault, "the AI provider is not available at the moment";
    /// The provider rejects a parameter.
    InvalidParameters = "INVALID_PARAMETERS", Permanent, "the AI provider does not accept these settings";
    /// The prompt exceeds what the model can read.
    PromptTooLong = "PROMPT_TOO_LONG", Permanent, "the prompt is too long for this model";
    /// The provider's policy refuses the request.
    ProviderRefused = "PROVIDER_REFUSED", Permanent, "the AI provider's policy does not allow this request";
    /// The model, or the provider's filter, refused while answering.
    ContentRefused = "CONTENT_REFUSED", Permanent, "the model declined to write this";
    /// The answer reached the output limit and was cut.
    OutputTruncated = "OUTPUT_TRUNCATED", Malformed, "the model's answer was cut off";
    /// The answer does not speak the protocol.
    ParseFailed = "PARSE_FAILED", Malformed, "the AI provider's answer could not be read";
    /// The answer is complete and holds nothing.
    EmptyOutput = "EMPTY_OUTPUT", Malformed, "the model answered with nothing";
    /// The call was withdrawn by us.
    Cancelled = "CANCELLED", Cancelled, "the request was cancelled";
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One failed provider call. Its `Display` is the code alone, so it is safe wherever an error is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct ProviderFailure {
    /// What may follow.
    pub class: FailureClass,
    /// What happened.
    pub code: FailureCode,
    /// How long the provider asks to wait, at most one day; `None` if it does not say.
    pub retry_after: Option<Duration>,
    /// Tokens the provider reported before it failed; `None` if it reported none.
    pub usage: Option<TokenUsage>,
    /// The provider's own name for the request, for support and reconciliation.
    pub provider_ref: Option<String>,
    /// Whether bytes of the request may have left us. `false` is certain: the provider has neither worked nor billed.
    pub sent: bool,
    /// For the log only: our own words, numbers and sanitised provider codes, at most 200 bytes.
    pub detail: String,
}

impl ProviderFailure {
    /// A failure of a request that may have reached the provider, with the code's own class.
    #[must_use]
    pub fn new(code: FailureCode, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
        Self { class: code.class(), code, retry_after: None, usage: None, provider_ref: None, sent: true, detail }
    }

    /// A failure found before the first byte left.
    #[must_use]
    pub fn unsent(code: FailureCode, detail: impl Into<String>) -> Self {
        Self { sent: false, ..Self::new(code, detail) }
    }

    /// The same failure in another class than its code usually has.
    #[must_use]
    pub fn with_class(mut self, class: FailureClass) -> Self {
        self.class = class;
        self
    }

    /// The same failure with the wait the provider asks for.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }
}

const DETAIL_BYTES_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_parses_back() {
        for code in FailureCode::ALL {
            assert_eq!(FailureCode::parse(code.as_str()), Some(*code));
            assert!(!code.text().is_empty());
        }
        let names: std::collections::HashSet<_> = FailureCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), FailureCode::ALL.len());
        assert_eq!(FailureCode::parse("INSUFFICIENT_CREDITS"), None);
    }

    #[test]
    fn no_operator_fault_speaks_of_credits_money_or_keys_to_users() {
        for code in FailureCode::ALL.iter().filter(|code| code.class() == FailureClass::OperatorFault) {
            let text = code.text().to_lowercase();
            for word in ["credit", "fund", "money", "key", "quota"] {
                assert!(!text.contains(word), "{code} says {word}");
            }
        }
    }

    #[test]
    fn a_failure_displays_its_code_alone_and_cuts_long_detail() {
        let failure = ProviderFailure::new(FailureCode::ParseFailed, "é".repeat(500));
        assert_eq!(failure.to_string(), "PARSE_FAILED");
        assert_eq!(failure.detail.len(), DETAIL_BYTES_MAX);
    }
}
