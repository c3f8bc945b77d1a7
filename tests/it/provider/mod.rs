//! The providers: each fault a provider can commit ends in exactly one typed failure.

mod anthropic;
mod fal;
mod fault_table;
mod gemini;
mod huggingface;
mod ideogram;
mod image_fault;
mod image_network;
mod image_stage;
mod ollama;
mod openai_error;
mod openai_image;
mod openai_network;
mod openai_text;
mod recording;
mod runware;
mod sandbox;
mod sandbox_answer;
mod text_protocols;

use std::time::Duration;

use inkledger::ai::model::{AspectRatio, Quality};
use inkledger::ai::provider::http::{Http, HttpOptions};
use inkledger::ai::provider::openai::OpenAi;
use inkledger::ai::provider::{
    Access, Call, FailureCode, ImageProvider, ImageRequest, ImageResult, ProviderFailure, Settings, TextProvider,
    TextRequest, TextResult, Timeouts,
};
use secrecy::SecretString;
use serde_json::Value;

use crate::support::fake_provider::{FakeProvider, Reply};
use crate::support::install_crypto;

/// Never to be seen in an error, a log line or a request to another host.
const API_KEY: &str = "sk-canary-0123456789";
const PROMPT: &str = "canary prompt about lanterns";

fn http(options: &HttpOptions) -> Http {
    install_crypto();
    Http::new(options).unwrap()
}

fn adapter() -> OpenAi {
    OpenAi::new(http(&HttpOptions::default()))
}

fn access(base_url: &str) -> Access {
    Access { base_url: Some(base_url.to_owned()), key: Some(SecretString::from(API_KEY)) }
}

/// A call to the server there, with limits that a healthy loopback never reaches.
fn at(base_url: &str) -> Call {
    patient().with_access(access(base_url))
}

fn settings(settings: Value) -> Settings {
    settings.as_object().unwrap().clone()
}

fn text_request() -> TextRequest {
    TextRequest {
        model: "gpt-test".into(),
        system: Some("Be brief.".into()),
        prompt: PROMPT.into(),
        max_output_tokens: 200,
        seed: Some(7),
        settings: Settings::new(),
        request_key: "attempt-1".into(),
    }
}

fn image_request() -> ImageRequest {
    ImageRequest {
        model: "draw-test".into(),
        prompt: PROMPT.into(),
        width: 64,
        height: 48,
        ratio: AspectRatio::parse("4:3").unwrap(),
        quality: Quality::Standard,
        seed: None,
        settings: Settings::new(),
        request_key: "attempt-2".into(),
    }
}

/// Limits that a healthy loopback never reaches.
fn patient() -> Call {
    Call::new(Timeouts {
        first_byte: Duration::from_secs(20),
        chunk: Duration::from_secs(20),
        total: Duration::from_secs(30),
    })
}

async fn text_from(fake: &FakeProvider) -> Result<TextResult, ProviderFailure> {
    adapter().generate_text(&text_request(), &at(&fake.base_url()), None).await
}

async fn image_from(fake: &FakeProvider) -> Result<ImageResult, ProviderFailure> {
    adapter().generate_image(&image_request(), &at(&fake.base_url())).await
}

/// The failure of one text call answered by `reply`.
async fn text_failure(reply: Reply) -> ProviderFailure {
    let failure = text_from(&FakeProvider::with([reply]).await).await.unwrap_err();
    assert_harmless(&failure);
    failure
}

/// The failure of one image call answered by `reply`.
async fn image_failure(reply: Reply) -> ProviderFailure {
    let failure = image_from(&FakeProvider::with([reply]).await).await.unwrap_err();
    assert_harmless(&failure);
    failure
}

/// No failure may carry the key, the prompt or the provider's words anywhere.
fn assert_harmless(failure: &ProviderFailure) {
    let shown = format!("{failure} {failure:?} {}", failure.code.text());
    for secret in [API_KEY, PROMPT, "words of the provider"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_ne!(failure.code, FailureCode::Cancelled);
}
