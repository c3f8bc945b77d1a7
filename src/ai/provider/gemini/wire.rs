//! What goes over the wire: the request's body, and lenient readers of what comes back. Unknown fields are ignored, and
//! a number that is left out is zero, as protocol buffers have it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::settings::{GENERATION, HARMS, SAFETY, THINKING};
use crate::ai::provider::http::{count, report, tokens};
use crate::ai::provider::{Settings, TextRequest, TokenUsage};

/// Body of `POST {base}/models/{model}:streamGenerateContent`. Field order is part of the tests.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: [Content<'a>; 1],
    #[serde(rename = "generationConfig")]
    generation_config: Map<String, Value>,
    #[serde(rename = "safetySettings", skip_serializing_if = "Vec::is_empty")]
    safety_settings: Vec<Safety<'a>>,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: [Part<'a>; 1],
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct Safety<'a> {
    category: &'static str,
    threshold: &'a str,
}

impl<'a> Body<'a> {
    pub(super) fn new(request: &'a TextRequest) -> Self {
        let settings = &request.settings;
        let content = |role, text| Content { role, parts: [Part { text }] };
        let mut config = renamed(settings, GENERATION);
        config.insert("maxOutputTokens".to_owned(), json!(request.max_output_tokens));
        if let Some(seed) = request.seed {
            // A seed is a signed number of 32 bits here. The same seed still asks for the same text.
            config.insert("seed".to_owned(), json!(seed & 0x7fff_ffff));
        }
        let thinking = renamed(settings, THINKING);
        if !thinking.is_empty() {
            config.insert("thinkingConfig".to_owned(), Value::Object(thinking));
        }
        let threshold = settings.get(SAFETY).and_then(Value::as_str);
        let safety = threshold.into_iter().flat_map(|threshold| HARMS.map(|category| Safety { category, threshold }));
        Self {
            // An empty part is refused.
            system_instruction: request
                .system
                .as_deref()
                .filter(|text| !text.is_empty())
                .map(|text| content(None, text)),
            contents: [content(Some("user"), &request.prompt)],
            generation_config: config,
            safety_settings: safety.collect(),
        }
    }
}

fn renamed(settings: &Settings, names: &[(&str, &str)]) -> Map<String, Value> {
    let value = |(ours, theirs): &(&str, &str)| Some(((*theirs).to_owned(), settings.get(*ours)?.clone()));
    names.iter().filter_map(value).collect()
}

/// One chunk of a stream, or a whole answer.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(rename = "responseId", default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) candidates: Option<Vec<Candidate>>,
    #[serde(rename = "promptFeedback", default)]
    pub(super) feedback: Option<Feedback>,
    #[serde(rename = "usageMetadata", default, deserialize_with = "report")]
    pub(super) usage: Option<Usage>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Candidate {
    #[serde(default)]
    pub(super) index: u32,
    #[serde(default)]
    pub(super) content: Option<Written>,
    #[serde(rename = "finishReason", default)]
    pub(super) finish_reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Written {
    #[serde(default)]
    pub(super) parts: Option<Vec<Piece>>,
}

#[derive(Deserialize)]
pub(super) struct Piece {
    #[serde(default)]
    pub(super) text: Option<String>,
    /// A summary of thinking rather than the answer.
    #[serde(default)]
    pub(super) thought: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Feedback {
    #[serde(rename = "blockReason", default)]
    pub(super) block_reason: Option<String>,
}

/// Tokens; thinking is billed as output.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Usage {
    #[serde(default, deserialize_with = "count")]
    prompt_token_count: Option<i64>,
    #[serde(default, deserialize_with = "count")]
    tool_use_prompt_token_count: Option<i64>,
    #[serde(default, deserialize_with = "count")]
    candidates_token_count: Option<i64>,
    #[serde(default, deserialize_with = "count")]
    thoughts_token_count: Option<i64>,
}

impl Usage {
    /// The tokens, unless those read are missing or one is negative: half a report is no report.
    pub(super) fn tokens(&self) -> Option<TokenUsage> {
        tokens(
            [self.prompt_token_count?, self.tool_use_prompt_token_count.unwrap_or_default()],
            [self.candidates_token_count, self.thoughts_token_count].map(Option::unwrap_or_default),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_is_output_and_a_number_left_out_is_zero() {
        for (json, expected) in [
            (r#"{"promptTokenCount":3,"candidatesTokenCount":5,"totalTokenCount":8}"#, Some((3, 5))),
            (r#"{"promptTokenCount":3,"candidatesTokenCount":5,"thoughtsTokenCount":40}"#, Some((3, 45))),
            (r#"{"promptTokenCount":3,"thoughtsTokenCount":40}"#, Some((3, 40))),
            (r#"{"promptTokenCount":3,"toolUsePromptTokenCount":4}"#, Some((7, 0))),
            (r#"{"candidatesTokenCount":5}"#, None),
            (r#"{"promptTokenCount":-3,"candidatesTokenCount":5}"#, None),
            (r#"{"promptTokenCount":3,"candidatesTokenCount":5,"thoughtsTokenCount":-1}"#, None),
            (r#"{"promptTokenCount":9223372036854775807,"toolUsePromptTokenCount":1}"#, None),
        ] {
            let usage: Usage = serde_json::from_str(json).unwrap();
            assert_eq!(usage.tokens().map(|t| (t.input, t.output)), expected, "{json}");
        }
    }
}
