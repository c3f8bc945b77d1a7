//! A provider over a real port that speaks OpenAI's protocol and does the work of a whole run: it answers as the sandbox
//! would, after a while, and keeps what it received.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures_util::FutureExt as _;
use inkledger::ai::provider::{Call, Settings, TextProvider, TextRequest, Timeouts, sandbox::Sandbox};
use serde_json::{Value, json};

use super::{
    fake_openai::chunks,
    fake_provider::{FakeProvider, Piece, Received, Reply},
};

/// The running server; each answer takes `wait`.
pub async fn start(wait: Duration) -> FakeProvider {
    let fake = FakeProvider::start().await;
    let by = |answer: fn(&Received) -> Vec<Piece>, content_type: &'static str| {
        Reply::By(Arc::new(move |received| {
            let pause = std::iter::once(Piece::Pause(wait));
            Reply::pieces(content_type, pause.chain(answer(received)).collect())
        }))
    };
    fake.serve("/v1/chat/completions", by(text, "text/event-stream; charset=utf-8"));
    fake.serve("/v1/images/generations", by(image, "application/json"));
    fake
}

/// The settings of a server that knows it as OpenAI, beside its address.
pub fn settings(base_url: &str) -> [(&'static str, &str); 2] {
    [("ai.openai.base_url", base_url), ("ai.openai.api_key", "sk-test")]
}

fn said(body: &Value, role: &str) -> Option<String> {
    let messages = body["messages"].as_array().unwrap();
    let message = messages.iter().find(|message| message["role"] == role)?;
    Some(message["content"].as_str().unwrap().to_owned())
}

fn text(received: &Received) -> Vec<Piece> {
    let body = received.json();
    let request = TextRequest {
        model: body["model"].as_str().unwrap().to_owned(),
        system: said(&body, "system"),
        prompt: said(&body, "user").unwrap(),
        max_output_tokens: u32::try_from(body["max_completion_tokens"].as_u64().unwrap()).unwrap(),
        seed: None,
        settings: Settings::new(),
        request_key: "fake".to_owned(),
    };
    let (sandbox, call) = (Sandbox::default(), Call::new(Timeouts::text()));
    let written = sandbox.generate_text(&request, &call, None).now_or_never().unwrap().unwrap();
    let usage = written.usage.map(|usage| (usage.input, usage.output));
    chunks(&written.text, usage, Some("stop"))
}

fn image(received: &Received) -> Vec<Piece> {
    let body = received.json();
    let (width, height) = body["size"].as_str().unwrap().split_once('x').unwrap();
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(width.parse().unwrap(), height.parse().unwrap())
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    let data = json!([{"b64_json": BASE64.encode(bytes.into_inner())}]);
    vec![Piece::text(json!({"created": 1, "data": data}).to_string())]
}
