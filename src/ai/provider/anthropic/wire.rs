//! What goes over the wire: the request's body, and lenient readers of what comes back. Unknown fields and kinds are
//! ignored, as the reference asks.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::settings::FIELDS;
use crate::ai::provider::http::{count, picked, report, tokens};
use crate::ai::provider::{TextRequest, TokenUsage};

/// Body of `POST {base}/messages`. Field order is part of the tests.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'a str>,
    messages: [Message<'a>; 1],
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct Thinking<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_tokens: Option<i64>,
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    effort: &'a str,
}

impl<'a> Body<'a> {
    pub(super) fn new(request: &'a TextRequest) -> Self {
        let word = |name: &str| request.settings.get(name).and_then(Value::as_str);
        let budget_tokens = request.settings.get("thinking_budget_tokens").and_then(Value::as_i64);
        let kind = word("thinking").or_else(|| budget_tokens.map(|_| "enabled"));
        Self {
            model: &request.model,
            max_tokens: request.max_output_tokens,
            // An empty one is refused.
            system: request.system.as_deref().filter(|text| !text.is_empty()),
            messages: [Message { role: "user", content: &request.prompt }],
            stream: true,
            thinking: kind.map(|kind| Thinking { kind, budget_tokens }),
            output_config: word("effort").map(|effort| OutputConfig { effort }),
            settings: picked(&request.settings, FIELDS),
        }
    }
}

/// One event of a stream, or a whole message: the fields of both.
#[derive(Deserialize)]
pub(super) struct Event {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    /// Of `message_start`.
    #[serde(default)]
    pub(super) message: Option<Answer>,
    /// Of `content_block_start`.
    #[serde(default)]
    pub(super) content_block: Option<Block>,
    /// Of `content_block_delta` and `message_delta`.
    #[serde(default)]
    pub(super) delta: Option<Delta>,
    /// Of `message_delta`; counted from the beginning, not from the last event.
    #[serde(default, deserialize_with = "report")]
    pub(super) usage: Option<Usage>,
    /// Of `error`.
    #[serde(default)]
    pub(super) error: Option<Value>,
}

/// A message, or its beginning.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) content: Vec<Block>,
    #[serde(default)]
    pub(super) stop_reason: Option<String>,
    #[serde(default, deserialize_with = "report")]
    pub(super) usage: Option<Usage>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

/// A piece of content; thinking has no `text`.
#[derive(Deserialize)]
pub(super) struct Block {
    #[serde(default)]
    pub(super) text: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Delta {
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) stop_reason: Option<String>,
}

/// Tokens, as far as an event tells them. `input_tokens` leaves out what was written to or read from a cache.
#[derive(Deserialize, Clone, Copy, Default)]
pub(super) struct Usage {
    #[serde(default, deserialize_with = "count")]
    input_tokens: Option<i64>,
    #[serde(default, deserialize_with = "count")]
    cache_creation_input_tokens: Option<i64>,
    #[serde(default, deserialize_with = "count")]
    cache_read_input_tokens: Option<i64>,
    #[serde(default, deserialize_with = "count")]
    output_tokens: Option<i64>,
}

impl Usage {
    /// What is known after `later`.
    pub(super) fn then(self, later: Self) -> Self {
        Self {
            input_tokens: later.input_tokens.or(self.input_tokens),
            cache_creation_input_tokens: later.cache_creation_input_tokens.or(self.cache_creation_input_tokens),
            cache_read_input_tokens: later.cache_read_input_tokens.or(self.cache_read_input_tokens),
            output_tokens: later.output_tokens.or(self.output_tokens),
        }
    }

    /// The tokens, unless a part is missing, negative or no whole number: half a report is no report.
    pub(super) fn tokens(&self) -> Option<TokenUsage> {
        let written = self.cache_creation_input_tokens.unwrap_or_default();
        let read = self.cache_read_input_tokens.unwrap_or_default();
        tokens([self.input_tokens?, written, read], [self.output_tokens?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_were_read_too_and_half_a_report_is_none() {
        for (json, expected) in [
            (r#"{"input_tokens":3,"output_tokens":5}"#, Some((3, 5))),
            (
                r#"{"input_tokens":3,"cache_creation_input_tokens":10,"cache_read_input_tokens":100,"output_tokens":5}"#,
                Some((113, 5)),
            ),
            (r#"{"input_tokens":3,"cache_read_input_tokens":null,"output_tokens":0}"#, Some((3, 0))),
            (r#"{"input_tokens":3}"#, None),
            (r#"{"output_tokens":3}"#, None),
            (r#"{"input_tokens":-3,"output_tokens":5}"#, None),
            (r#"{"input_tokens":1.5,"output_tokens":5}"#, None),
            (r#"{"input_tokens":3,"cache_read_input_tokens":1e300,"output_tokens":5}"#, None),
            (r#"{"input_tokens":3,"cache_read_input_tokens":-1,"output_tokens":5}"#, None),
            (r#"{"input_tokens":9223372036854775807,"cache_read_input_tokens":1,"output_tokens":5}"#, None),
        ] {
            let usage: Usage = serde_json::from_str(json).unwrap();
            assert_eq!(usage.tokens().map(|t| (t.input, t.output)), expected, "{json}");
        }
    }
}
