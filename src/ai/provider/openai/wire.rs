//! What goes over the wire: request bodies, and lenient readers of answers, because many servers speak this protocol
//! almost. Unknown fields are ignored; a missing required one is the caller's failure to report.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::OutputLimitField;
use crate::ai::provider::{ImageRequest, TextRequest, TokenUsage};

/// Reads an answer that must be a JSON object: a derived reader would take an array for one with nothing in it.
pub(super) fn read<T: serde::de::DeserializeOwned>(json: &[u8]) -> Option<T> {
    let object = json.trim_ascii_start().starts_with(b"{");
    object.then(|| serde_json::from_slice(json).ok()).flatten()
}

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
    pub(super) fn new(request: &'a TextRequest, stream: bool, limit: OutputLimitField) -> Self {
        let system = request.system.as_deref().map(|content| Message { role: "system", content });
        let user = Message { role: "user", content: &request.prompt };
        let tokens = Some(request.max_output_tokens);
        let (max_completion_tokens, max_tokens) = match limit {
            OutputLimitField::MaxCompletionTokens => (tokens, None),
            OutputLimitField::MaxTokens => (None, tokens),
        };
        Self {
            model: &request.model,
            messages: system.into_iter().chain([user]).collect(),
            max_completion_tokens,
            max_tokens,
            seed: request.seed,
            stream,
            stream_options: stream.then_some(StreamOptions { include_usage: true }),
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
}

impl<'a> ImageBody<'a> {
    pub(super) fn new(request: &'a ImageRequest) -> Self {
        Self {
            model: &request.model,
            prompt: &request.prompt,
            n: 1,
            size: format!("{}x{}", request.width, request.height),
            seed: request.seed,
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
    #[serde(default)]
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
    #[serde(default)]
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
    #[serde(default)]
    prompt_tokens: Option<i64>,
    #[serde(default)]
    completion_tokens: Option<i64>,
    #[serde(default)]
    input_tokens: Option<i64>,
    #[serde(default)]
    output_tokens: Option<i64>,
    #[serde(default)]
    cost: Option<serde_json::Number>,
}

impl Usage {
    /// The tokens, unless one is missing or negative: half a report is no report.
    pub(super) fn tokens(&self) -> Option<TokenUsage> {
        let input = self.prompt_tokens.or(self.input_tokens);
        let output = self.completion_tokens.or(self.output_tokens);
        match (input, output) {
            (Some(input), Some(output)) if input >= 0 && output >= 0 => Some(TokenUsage { input, output }),
            _ => None,
        }
    }

    /// The cost in nano-dollars, half up; `None` when absent, negative or beyond range.
    pub(super) fn cost_nanousd(&self) -> Option<i64> {
        nanousd(&self.cost.as_ref()?.to_string())
    }
}

/// Reads dollars such as `0.0412` or `1.5e-7` into nano-dollars, half up, in integers: serde_json prints the shortest
/// decimal that reads back as the same number, which is what the provider wrote.
fn nanousd(dollars: &str) -> Option<i64> {
    let (mantissa, exponent) = match dollars.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (dollars, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    if digits < 0 {
        return None;
    }
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?.checked_add(9)?;
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    let value =
        if shift >= 0 { digits.checked_mul(power?)? } else { power.map_or(0, |power| (digits + power / 2) / power) };
    i64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reported_cost_becomes_nano_dollars_half_up() {
        for (dollars, expected) in [
            ("0", Some(0)),
            ("0.0412", Some(41_200_000)),
            ("1", Some(1_000_000_000)),
            ("1.5e-9", Some(2)),
            ("1.4e-9", Some(1)),
            ("4e-10", Some(0)),
            ("1e-60", Some(0)),
            ("-0.01", None),
            ("1e30", None),
            ("12e", None),
        ] {
            assert_eq!(nanousd(dollars), expected, "{dollars}");
        }
        let usage: Usage = serde_json::from_str(r#"{"cost":0.040000001}"#).unwrap();
        assert_eq!(usage.cost_nanousd(), Some(40_000_001));
    }

    #[test]
    fn half_a_usage_report_is_none() {
        for (json, expected) in [
            (r#"{"prompt_tokens":3,"completion_tokens":5}"#, Some((3, 5))),
            (r#"{"input_tokens":3,"output_tokens":5}"#, Some((3, 5))),
            (r#"{"prompt_tokens":3}"#, None),
            (r#"{"prompt_tokens":-3,"completion_tokens":5}"#, None),
        ] {
            let usage: Usage = serde_json::from_str(json).unwrap();
            assert_eq!(usage.tokens().map(|t| (t.input, t.output)), expected, "{json}");
        }
    }
}
