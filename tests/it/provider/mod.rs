//! The providers: each fault a provider can commit ends in exactly one typed failure.

mod openai_error;
mod openai_image;
mod openai_network;
mod openai_text;
mod sandbox;

use std::time::Duration;

use inkledger::ai::provider::openai::{OpenAi, OpenAiSettings};
use inkledger::ai::provider::{
    Call, FailureCode, ImageProvider, ImageRequest, ImageResult, ProviderFailure, TextProvider, TextRequest,
    TextResult, Timeouts,
};
use secrecy::SecretString;

use crate::support::fake_openai::{FakeOpenAi, Reply};
use crate::support::install_crypto;

/// Never to be seen in an error, a log line or a request to another host.
const API_KEY: &str = "sk-canary-0123456789";
const PROMPT: &str = "canary prompt about lanterns";

fn settings(base_url: &str) -> OpenAiSettings {
    OpenAiSettings::new(base_url, SecretString::from(API_KEY))
}

fn adapter(settings: &OpenAiSettings) -> OpenAi {
    install_crypto();
    OpenAi::new(settings).unwrap()
}

fn text_request() -> TextRequest {
    TextRequest {
        model: "gpt-test".into(),
        system: Some("Be brief.".into()),
        prompt: PROMPT.into(),
        max_output_tokens: 200,
        seed: Some(7),
        request_key: "attempt-1".into(),
    }
}

fn image_request() -> ImageRequest {
    ImageRequest {
        model: "draw-test".into(),
        prompt: PROMPT.into(),
        width: 64,
        height: 48,
        seed: None,
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

async fn text_from(fake: &FakeOpenAi) -> Result<TextResult, ProviderFailure> {
    adapter(&settings(&fake.base_url())).generate_text(&text_request(), &patient(), None).await
}

async fn image_from(fake: &FakeOpenAi) -> Result<ImageResult, ProviderFailure> {
    adapter(&settings(&fake.base_url())).generate_image(&image_request(), &patient()).await
}

/// The failure of one text call answered by `reply`.
async fn text_failure(reply: Reply) -> ProviderFailure {
    let failure = text_from(&FakeOpenAi::with([reply]).await).await.unwrap_err();
    assert_harmless(&failure);
    failure
}

/// The failure of one image call answered by `reply`.
async fn image_failure(reply: Reply) -> ProviderFailure {
    let failure = image_from(&FakeOpenAi::with([reply]).await).await.unwrap_err();
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
