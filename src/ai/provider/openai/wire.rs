//! What goes over the wire: request bodies, and lenient readers of answers, because many servers speak this protocol
//! almost. Unknown fields are ignored; a missing required one is the caller's failure to report.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::settings::{IMAGE_FIELDS, TEXT_FIELDS};
use crate::ai::provider::http::{count, picked, report, tokens};
use crate::ai::provider::{ImageRequest, TextRequest, TokenUsage, money};

/// Body of `POST {base}/chat/completions`. Field order is part of the tests.
#[derive(Serialize)]
pub(super) struct ChatBody<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl<'a> ChatBody<'a> {
    pub(super) fn new(request: &'a TextRequest, stream: bool) -> Self {
        let system = request.system.as_deref().map(|content| Message { role: "system", content });
        let user = Message { role: "user", content: &request.prompt };
        let tokens = Some(request.max_output_tokens);
        let field = request.settings.get("max_tokens_field").and_then(Value::as_str);
        let (max_completion_tokens, max_tokens) =
            if field == Some("max_tokens") { (None, tokens) } else { (tokens, None) };
        Self {
            model: &request.model,
            messages: system.into_iter().chain([user]).collect(),
            max_completion_tokens,
            max_tokens,
            seed: request.seed,
            stream,
            stream_options: stream.then_some(StreamOptions { include_usage: true }),
            settings: picked(&request.settings, TEXT_FIELDS),
        }
    }
}

/// Body of `POST {base}/images/generations`. No `response_format`: newer models refuse it, and both kinds of answer
/// are understood.
#[derive(Serialize)]
pub(super) struct ImageBody<'a> {
    model: &'a str,
    prompt: &'a str,
    n: u8,
    size: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

impl<'a> ImageBody<'a> {
    pub(super) fn new(request: &'a ImageRequest) -> Self {
        Self {
            model: &request.model,
            prompt: &request.prompt,
            n: 1,
            size: format!("{}x{}", request.width, request.height),
            seed: request.seed,
            settings: picked(&request.settings, IMAGE_FIELDS),
        }
    }
}

/// A chat answer: one chunk of a stream (`delta`) or a whole answer (`message`).
#[derive(Deserialize)]
pub(super) struct ChatAnswer {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) choices: Option<Vec<Choice>>,
    #[serde(default, deserialize_with = "report")]
    pub(super) usage: Option<Usage>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    pub(super) index: u32,
    #[serde(default)]
    pub(super) delta: Option<Content>,
    #[serde(default)]
    pub(super) message: Option<Content>,
    #[serde(default)]
    pub(super) finish_reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Content {
    #[serde(default)]
    pub(super) content: Option<String>,
    #[serde(default)]
    pub(super) refusal: Option<String>,
}

/// An image answer. `output_format` is not read: the first bytes decide.
#[derive(Deserialize)]
pub(super) struct ImageAnswer {
    #[serde(default)]
    pub(super) data: Option<Vec<ImageDatum>>,
    #[serde(default, deserialize_with = "report")]
    pub(super) usage: Option<Usage>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct ImageDatum {
    #[serde(default)]
    pub(super) b64_json: Option<String>,
    #[serde(default)]
    pub(super) url: Option<String>,
}

/// Usage as chat (`prompt_tokens`) and images (`input_tokens`) spell it, some servers both ways at once; `cost` in
/// dollars is a custom of routers.
#[derive(Deserialize)]
pub(super) struct Usage {
    #[serde(default, deserialize_with = "count")]
    prompt_tokens: Option<i64>,
    #[serde(default, deserialize_with = "count")]
    completion_tokens: Option<i64>,
    #[serde(default, deserialize_with = "count")]
    input_tokens: Option<i64>,
    #[serde(default, deserialize_with = "count")]
    output_tokens: Option<i64>,
    #[serde(default)]
    cost: Option<Box<RawValue>>,
}

impl Usage {
    /// The tokens, unless one is missing, negative or no whole number: half a report is no report.
    pub(super) fn tokens(&self) -> Option<TokenUsage> {
        tokens([self.prompt_tokens.or(self.input_tokens)?], [self.completion_tokens.or(self.output_tokens)?])
    }

    /// The cost in nano-dollars, half up; `None` when absent, negative or beyond range.
    pub(super) fn cost_nanousd(&self) -> Option<i64> {
        money::cost_nanousd(self.cost.as_deref()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_usage_report_is_none() {
        for (json, expected) in [
            (r#"{"prompt_tokens":3,"completion_tokens":5}"#, Some((3, 5))),
            (r#"{"input_tokens":3,"output_tokens":5,"cost":0.040000001}"#, Some((3, 5))),
            (r#"{"prompt_tokens":3}"#, None),
            (r#"{"prompt_tokens":-3,"completion_tokens":5}"#, None),
            (r#"{"prompt_tokens":1.5,"completion_tokens":5}"#, None),
            (r#"{"prompt_tokens":3,"completion_tokens":9223372036854775808}"#, None),
            (r#"{"prompt_tokens":"3","completion_tokens":5}"#, None),
        ] {
            let usage: Usage = serde_json::from_str(json).unwrap();
            assert_eq!(usage.tokens().map(|t| (t.input, t.output)), expected, "{json}");
            assert_eq!(usage.cost_nanousd(), json.contains("cost").then_some(40_000_001));
        }
    }
}
