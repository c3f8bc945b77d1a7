//! What OpenAI's server answers.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::fake_provider::{Piece, Reply};

/// A complete text with usage, whole or as a stream, as asked for.
pub fn chat(text: &str) -> Reply {
    chat_ending(text, Some((12, 34)), Some("stop"))
}

/// Writes `text` word by word: as a stream if asked for one, else whole.
pub fn chat_ending(text: &str, usage: Option<(i64, i64)>, finish: Option<&'static str>) -> Reply {
    let text = text.to_owned();
    let reply = Reply::By(Arc::new(move |received| {
        if received.json()["stream"] == json!(true) {
            Reply::pieces("text/event-stream; charset=utf-8", chunks(&text, usage, finish))
        } else {
            whole(&text, usage, finish)
        }
    }));
    reply.billed(usage.unwrap_or_default(), 0)
}

/// An image in base64.
pub fn image(bytes: &[u8], usage: Option<Value>) -> Reply {
    let answer = json!({ "created": 1, "data": [{ "b64_json": BASE64.encode(bytes) }], "usage": usage });
    Reply::json(&answer).billed((0, 0), 1)
}

/// An image behind this URL.
pub fn image_at(url: impl Into<String>) -> Reply {
    Reply::json(&json!({ "created": 1, "data": [{ "url": url.into() }] })).billed((0, 0), 1)
}

/// An error in the usual envelope.
pub fn error(status: u16, code: &str) -> Reply {
    Reply::status(status, &json!({ "error": { "message": "words of the provider", "type": "error", "code": code } }))
}

fn tokens(usage: Option<(i64, i64)>) -> Value {
    usage.map_or(Value::Null, |(input, output)| {
        json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output })
    })
}

fn whole(text: &str, usage: Option<(i64, i64)>, finish: Option<&str>) -> Reply {
    let message = json!({ "role": "assistant", "content": text, "refusal": null });
    let choices = json!([{ "index": 0, "message": message, "finish_reason": finish, "logprobs": null }]);
    let body = json!({ "id": "chatcmpl-7", "object": "chat.completion", "choices": choices, "usage": tokens(usage) });
    Reply::json(&body).with_header("x-request-id", "req_fake_7")
}

/// The chunks of a stream: a role, the text word by word, the finish reason, the usage, the end mark.
pub fn chunks(text: &str, usage: Option<(i64, i64)>, finish: Option<&str>) -> Vec<Piece> {
    let mut pieces = vec![Piece::text(": welcome\n\n"), delta(&json!({ "role": "assistant", "content": "" }), None)];
    pieces.extend(text.split_inclusive(' ').map(|word| delta(&json!({ "content": word }), None)));
    if finish.is_some() {
        pieces.push(delta(&json!({}), finish));
    }
    if usage.is_some() {
        pieces.push(Piece::event(&json!({ "id": "chatcmpl-7", "choices": [], "usage": tokens(usage) })));
    }
    pieces.push(Piece::text("data: [DONE]\n\n"));
    pieces
}

/// One chunk of a stream.
pub fn delta(delta: &Value, finish: Option<&str>) -> Piece {
    let choices = json!([{ "index": 0, "delta": delta, "finish_reason": finish, "logprobs": null }]);
    Piece::event(&json!({ "id": "chatcmpl-7", "object": "chat.completion.chunk", "choices": choices, "usage": null }))
}
