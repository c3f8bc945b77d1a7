//! What the servers of Anthropic, Google and Ollama answer.

use serde_json::{Value, json};

use super::fake_provider::{Piece, Reply};

/// How an answer of these protocols is put together: in pieces, and whole.
pub struct Voice {
    pub provider: &'static str,
    /// The content type of a stream.
    pub media_type: &'static str,
    /// A text word by word, with the tokens of (12, 34) where they are told, and how it ended.
    pub pieces: fn(text: &str, end: &str) -> Vec<Piece>,
    /// The same as one answer.
    pub whole: fn(text: &str, end: &str) -> Value,
    /// How a text ends that is done.
    pub done: &'static str,
    /// How many pieces from the last one on hold the end, which a text can do without or not be cut before.
    pub tail: usize,
}

impl Voice {
    /// A complete text as a stream.
    pub fn says(&self, text: &str) -> Reply {
        self.ends(text, self.done)
    }

    /// A text as a stream that ends so.
    pub fn ends(&self, text: &str, end: &str) -> Reply {
        self.stream((self.pieces)(text, end))
    }

    /// A stream of these pieces.
    pub fn stream(&self, pieces: Vec<Piece>) -> Reply {
        Reply::pieces(self.media_type, pieces)
    }
}

pub const ANTHROPIC: Voice = Voice {
    provider: "anthropic",
    media_type: "text/event-stream; charset=utf-8",
    pieces: anthropic,
    whole: |text, end| {
        json!({ "id": "msg_7", "type": "message", "role": "assistant", "content": [{ "type": "text", "text": text }],
            "stop_reason": end, "usage": { "input_tokens": 12, "output_tokens": 34 } })
    },
    done: "end_turn",
    tail: 2,
};

pub const GEMINI: Voice = Voice {
    provider: "gemini",
    media_type: "text/event-stream",
    pieces: gemini,
    whole: |text, end| gemini_chunk(Some(text), Some(end)),
    done: "STOP",
    tail: 1,
};

pub const OLLAMA: Voice = Voice {
    provider: "ollama",
    media_type: "application/x-ndjson",
    pieces: ollama,
    whole: |text, end| {
        json!({ "model": "m", "message": { "role": "assistant", "content": text }, "done": true, "done_reason": end,
            "prompt_eval_count": 12, "eval_count": 34 })
    },
    done: "stop",
    tail: 1,
};

pub const VOICES: [Voice; 3] = [ANTHROPIC, GEMINI, OLLAMA];

/// One event of Anthropic's, with its name beside it.
pub fn anthropic_event(data: &Value) -> Piece {
    Piece::text(format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default()))
}

/// The event that begins a message: what was read is known.
pub fn anthropic_start(usage: &Value) -> Piece {
    let message = json!({ "id": "msg_7", "type": "message", "role": "assistant", "content": [], "stop_reason": null,
        "usage": usage });
    anthropic_event(&json!({ "type": "message_start", "message": message }))
}

pub fn anthropic_text(text: &str) -> Piece {
    let delta = json!({ "type": "text_delta", "text": text });
    anthropic_event(&json!({ "type": "content_block_delta", "index": 0, "delta": delta }))
}

pub fn anthropic_end(reason: &str, output: i64) -> Piece {
    let delta = json!({ "stop_reason": reason, "stop_sequence": null });
    anthropic_event(&json!({ "type": "message_delta", "delta": delta, "usage": { "output_tokens": output } }))
}

fn anthropic(text: &str, end: &str) -> Vec<Piece> {
    let block = json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } });
    let mut pieces = vec![
        anthropic_start(&json!({ "input_tokens": 12, "output_tokens": 1 })),
        anthropic_event(&block),
        anthropic_event(&json!({ "type": "ping" })),
    ];
    pieces.extend(text.split_inclusive(' ').map(anthropic_text));
    pieces.push(anthropic_event(&json!({ "type": "content_block_stop", "index": 0 })));
    pieces.push(anthropic_end(end, 34));
    pieces.push(anthropic_event(&json!({ "type": "message_stop" })));
    pieces
}

/// An error of Anthropic's.
pub fn anthropic_error(kind: &str, message: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_7" })
}

/// One chunk of Gemini's; every one counts the tokens so far.
pub fn gemini_chunk(text: Option<&str>, end: Option<&str>) -> Value {
    let parts = text.map_or(json!([]), |text| json!([{ "text": text }]));
    json!({
        "candidates": [{ "content": { "parts": parts, "role": "model" }, "finishReason": end, "index": 0 }],
        "usageMetadata": { "promptTokenCount": 12, "candidatesTokenCount": 30, "thoughtsTokenCount": 4,
            "totalTokenCount": 46 },
        "modelVersion": "gemini-test", "responseId": "resp-7",
    })
}

fn gemini(text: &str, end: &str) -> Vec<Piece> {
    let chunk = |text, end| Piece::text(format!("data: {}\r\n\r\n", gemini_chunk(text, end)));
    let mut pieces: Vec<_> = text.split_inclusive(' ').map(|word| chunk(Some(word), None)).collect();
    pieces.push(chunk(None, Some(end)));
    pieces
}

/// An error of Google's.
pub fn google_error(code: u16, status: &str, message: &str, details: &Value) -> Value {
    json!({ "error": { "code": code, "message": message, "status": status, "details": details } })
}

/// One line of Ollama's.
pub fn ollama_line(text: &str) -> Piece {
    let message = json!({ "role": "assistant", "content": text });
    Piece::text(format!("{}\n", json!({ "model": "m", "message": message, "done": false })))
}

fn ollama(text: &str, end: &str) -> Vec<Piece> {
    let mut pieces: Vec<_> = text.split_inclusive(' ').map(ollama_line).collect();
    pieces.push(Piece::text(format!("{}\n", (OLLAMA.whole)("", end))));
    pieces
}
