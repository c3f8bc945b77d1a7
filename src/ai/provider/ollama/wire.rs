//! What goes over the wire: the request's body, and lenient readers of what comes back.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::settings::{FIELDS, OPTIONS};
use crate::ai::provider::http::{count, picked, tokens};
use crate::ai::provider::{TextRequest, TokenUsage};

/// Body of `POST {base}/api/chat`. Field order is part of the tests.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
    truncate: bool,
    options: Map<String, Value>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

impl<'a> Body<'a> {
    pub(super) fn new(request: &'a TextRequest) -> Self {
        let system = request.system.as_deref().map(|content| Message { role: "system", content });
        let user = Message { role: "user", content: &request.prompt };
        let mut options = picked(&request.settings, OPTIONS);
        options.insert("num_predict".to_owned(), json!(request.max_output_tokens));
        if let Some(seed) = request.seed {
            // The greatest number means "any" to the engine below. The same seed still asks for the same text.
            options.insert("seed".to_owned(), json!(seed & 0x7fff_ffff));
        }
        Self {
            model: &request.model,
            messages: system.into_iter().chain([user]).collect(),
            stream: true,
            truncate: false,
            options,
            settings: picked(&request.settings, FIELDS),
        }
    }
}

/// One line of a stream, or a whole answer. `message.thinking` is not read: it is no part of the text.
#[derive(Deserialize)]
pub(super) struct Line {
    #[serde(default)]
    pub(super) message: Option<Written>,
    #[serde(default)]
    pub(super) done: bool,
    #[serde(default)]
    pub(super) done_reason: Option<String>,
    #[serde(default, deserialize_with = "count")]
    prompt_eval_count: Option<i64>,
    #[serde(default, deserialize_with = "count")]
    eval_count: Option<i64>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Written {
    #[serde(default)]
    pub(super) content: Option<String>,
}

impl Line {
    /// The tokens, unless one is missing or negative: some servers leave out what they had read before.
    pub(super) fn tokens(&self) -> Option<TokenUsage> {
        tokens([self.prompt_eval_count?], [self.eval_count?])
    }
}
