//! Every setting that an adapter of this house declares is found on the wire: a setting that an administrator stores and
//! nobody sends would be a lie. The adapters are those that the program itself builds.

use bytes::Bytes;
use inkledger::ai::model::ModelKind;
use inkledger::ai::provider::{Call, SettingKind, SettingSpec, Settings, TextRequest, UpscaleRequest};
use inkledger::ai::routing::Providers;
use inkledger::app::connect_providers;
use inkledger::config::{Config, resolve};
use serde_json::{Value, json};

use super::{access, image_request, patient, text_request};
use crate::support::fake_provider::{FakeProvider, Received, Reply};
use crate::support::install_crypto;

/// Values of a setting, of which at least one is not what the provider takes anyway.
fn probes(kind: SettingKind) -> Vec<Value> {
    match kind {
        SettingKind::Flag => vec![json!(true), json!(false)],
        SettingKind::Whole { min, max } => vec![json!(min), json!(max)],
        SettingKind::Number { min, max } => vec![json!(min + (max - min) / 4.0)],
        SettingKind::Text { max } | SettingKind::Header { max } => {
            vec![json!("probe".chars().take(max).collect::<String>())]
        }
        SettingKind::Choice(words) => words.iter().map(|word| json!(word)).collect(),
    }
}

struct Recorder<'a> {
    providers: &'a Providers,
    name: &'static str,
    model: &'static str,
    kind: ModelKind,
}

impl Recorder<'_> {
    /// What goes over the wire for these settings, in every request that takes them.
    async fn sent(&self, settings: &Settings) -> Vec<Received> {
        let fake = FakeProvider::with(std::iter::repeat_n(Reply::status(400, &json!({})), 4)).await;
        let call: Call = patient().with_access(access(&fake.base_url()));
        match self.kind {
            ModelKind::Text => {
                let adapter = self.providers.text(self.name).unwrap();
                // Not every protocol has seeds, and thinking must stay below the output limit.
                let request = TextRequest {
                    model: self.model.into(),
                    max_output_tokens: 8000,
                    seed: None,
                    settings: settings.clone(),
                    ..text_request()
                };
                let _ = adapter.generate_text(&request, &call, None).await;
            }
            ModelKind::Image => {
                let adapter = self.providers.image(self.name).unwrap();
                let mut request = image_request();
                (request.model, request.settings) = (self.model.into(), settings.clone());
                let _ = adapter.generate_image(&request, &call).await;
                let _ = adapter.upscale_image(&enlargement(self.model, settings), &call).await;
            }
        }
        fake.received()
    }

    async fn assert_reaches_the_wire(&self, spec: SettingSpec) {
        let plain = self.sent(&Settings::new()).await;
        let mut found = false;
        for probe in probes(spec.kind) {
            let settings = Settings::from_iter([(spec.name.to_owned(), probe.clone())]);
            let tuned = self.sent(&settings).await;
            let value = probe.as_str().map_or_else(|| probe.to_string(), str::to_owned);
            // A flag may switch on something that has a word of its own.
            let is_there = |one: &Received| {
                spec.kind == SettingKind::Flag
                    || one.text().contains(&value)
                    || one.path.contains(&value)
                    || one.headers.values().any(|header| header.to_str().is_ok_and(|header| header.contains(&value)))
            };
            let differs = |(tuned, plain): (&Received, &Received)| shown(tuned) != shown(plain) && is_there(tuned);
            found |= tuned.iter().zip(&plain).any(differs);
        }
        assert!(found, "{} declares {}, and it is not on the wire", self.name, spec.name);
    }
}

fn enlargement(model: &str, settings: &Settings) -> UpscaleRequest {
    UpscaleRequest {
        model: model.into(),
        prompt: "canary".into(),
        bytes: Bytes::from_static(b"small picture"),
        content_type: "image/png",
        width: 64,
        height: 48,
        factor: 2,
        settings: settings.clone(),
        request_key: "attempt-3".into(),
    }
}

/// A request without what differs between two servers or two connections.
fn shown(received: &Received) -> (String, Vec<(String, String)>, Bytes) {
    let mut headers: Vec<_> = received
        .headers
        .iter()
        .filter(|(name, _)| *name != "host")
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    headers.sort();
    (format!("{}?{}", received.path, received.query), headers, received.body.clone())
}

#[tokio::test]
async fn every_declared_setting_is_on_the_wire() {
    install_crypto();
    let config = Config::from_resolved(&resolve(&[], None).unwrap()).unwrap();
    let providers = connect_providers(&config).unwrap();
    let mut tried = Vec::new();
    for name in providers.names() {
        for kind in [ModelKind::Text, ModelKind::Image] {
            let Some(specs) = providers.specs(name, kind) else { continue };
            // Paths are made of the model's name, so it must look like one. Behind Hugging Face's router only a model
            // that fal serves can be asked of either.
            let model = if name == "huggingface" { "Qwen/Qwen-Image" } else { "some/model" };
            let recorder = Recorder { providers: &providers, name, model, kind };
            for spec in specs {
                recorder.assert_reaches_the_wire(*spec).await;
            }
            tried.push((name, specs.len()));
        }
    }
    let count = |name: &str| tried.iter().filter(|(tried, _)| *tried == name).map(|(_, count)| count).sum::<usize>();
    for name in ["anthropic", "fal", "gemini", "huggingface", "ideogram", "ollama", "openai", "runware"] {
        assert!(count(name) > 5, "{name}: {tried:?}");
    }
    // The sandbox has nothing to set, and sends nothing.
    assert!(tried.iter().any(|(name, count)| *name == "sandbox" && *count == 0), "{tried:?}");
}
