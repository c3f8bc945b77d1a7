//! What every text adapter owes, whatever its protocol: the same tests for Anthropic, Gemini and Ollama.

use std::time::Duration;

use inkledger::ai::provider::anthropic::Anthropic;
use inkledger::ai::provider::gemini::Gemini;
use inkledger::ai::provider::http::HttpOptions;
use inkledger::ai::provider::ollama::Ollama;
use inkledger::ai::provider::{
    Access, Call, FailureClass, FailureCode, Finish, ProviderFailure, SettingKind, SettingSpec, Settings, TextProvider,
    TextRequest, Timeouts, TokenUsage,
};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{API_KEY, PROMPT, access, assert_harmless, at, http, patient};
use crate::support::fake_provider::{FakeProvider, Peer, Piece, Reply, listen};
use crate::support::fake_text::{ANTHROPIC, VOICES, Voice};

pub const SHORT: Duration = Duration::from_millis(200);
pub const LONG: Duration = Duration::from_secs(30);

/// The adapter of this name.
pub fn adapter(name: &str) -> Box<dyn TextProvider> {
    adapter_on(name, &HttpOptions::default())
}

/// The adapter of this name, which hardly waits for a connection.
pub fn impatient(name: &str) -> Box<dyn TextProvider> {
    adapter_on(name, &HttpOptions { connect_timeout: SHORT, ..HttpOptions::default() })
}

fn adapter_on(name: &str, options: &HttpOptions) -> Box<dyn TextProvider> {
    let http = http(options);
    match name {
        "anthropic" => Box::new(Anthropic::new(http)),
        "gemini" => Box::new(Gemini::new(http)),
        "ollama" => Box::new(Ollama::new(http)),
        other => panic!("no adapter {other}"),
    }
}

/// A request that all of them take.
pub fn request() -> TextRequest {
    TextRequest { seed: None, ..super::text_request() }
}

async fn write(voice: &Voice, call: &Call) -> Result<inkledger::ai::provider::TextResult, ProviderFailure> {
    adapter(voice.provider).generate_text(&request(), call, None).await
}

async fn failure(voice: &Voice, call: &Call) -> ProviderFailure {
    let failure = write(voice, call).await.unwrap_err();
    let shown = format!("{failure} {failure:?}");
    assert!(!shown.contains(API_KEY) && !shown.contains(PROMPT), "{shown}");
    failure
}

async fn failure_of(voice: &Voice, reply: Reply) -> ProviderFailure {
    let fake = FakeProvider::with([reply]).await;
    let failure = failure(voice, &at(&fake.base_url())).await;
    assert_harmless(&failure);
    failure
}

fn call(base_url: &str, first_byte: Duration, chunk: Duration, total: Duration) -> Call {
    Call::new(Timeouts { first_byte, chunk, total }).with_access(access(base_url))
}

/// What a voice says before anything is complete.
fn beginning(voice: &Voice) -> Vec<Piece> {
    let mut pieces = (voice.pieces)("A beginning", voice.done);
    pieces.truncate(pieces.len() - voice.tail - usize::from(voice.provider == ANTHROPIC.provider));
    pieces
}

#[tokio::test]
async fn a_stream_gives_the_text_its_pieces_and_the_usage() {
    for voice in VOICES {
        let fake = FakeProvider::with([voice.says("Paper cranes over the water.")]).await;
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let result = adapter(voice.provider).generate_text(&request(), &at(&fake.base_url()), Some(sender)).await;
        let result = result.unwrap();
        assert_eq!(result.text, "Paper cranes over the water.", "{}", voice.provider);
        assert_eq!(result.usage, Some(TokenUsage { input: 12, output: 34 }), "{}", voice.provider);
        assert_eq!(result.finish, Finish::Stop);
        let mut pieces = Vec::new();
        while let Some(piece) = receiver.recv().await {
            pieces.push(piece);
        }
        assert_eq!(pieces, ["Paper ", "cranes ", "over ", "the ", "water."], "{}", voice.provider);
        assert_eq!(fake.received().len(), 1);
    }
}

#[tokio::test]
async fn a_stream_reads_the_same_however_its_bytes_are_cut() {
    let text = "Ärger über 日本 🎨 und mehr";
    for voice in VOICES {
        let bytes: Vec<u8> = (voice.pieces)(text, voice.done)
            .into_iter()
            .flat_map(|piece| if let Piece::Bytes(bytes) = piece { bytes } else { Vec::new() })
            .collect();
        for size in [1, 2, 3, 7, 64] {
            let pieces = bytes.chunks(size).map(|piece| Piece::Bytes(piece.to_vec())).collect();
            let fake = FakeProvider::with([voice.stream(pieces)]).await;
            let result = write(&voice, &at(&fake.base_url())).await.unwrap();
            assert_eq!(result.text, text, "{} in pieces of {size}", voice.provider);
        }
    }
}

#[tokio::test]
async fn a_whole_answer_is_understood_too() {
    for voice in VOICES {
        let fake = FakeProvider::with([Reply::json(&(voice.whole)("Whole.", voice.done))]).await;
        let result = write(&voice, &at(&fake.base_url())).await.unwrap();
        assert_eq!((result.text.as_str(), result.finish), ("Whole.", Finish::Stop), "{}", voice.provider);
        assert_eq!(result.usage, Some(TokenUsage { input: 12, output: 34 }), "{}", voice.provider);
    }
}

#[tokio::test]
async fn a_stream_that_ends_before_the_model_said_so_is_a_network_error() {
    for voice in VOICES {
        let all = (voice.pieces)("Five words in a row", voice.done);
        for kept in 0..=all.len() - voice.tail {
            for is_broken in [true, false] {
                let mut pieces = all[..kept].to_vec();
                if is_broken {
                    pieces.push(Piece::Break);
                }
                let failure = failure_of(&voice, voice.stream(pieces)).await;
                assert_eq!(failure.code, FailureCode::NetworkError, "{} after {kept}: {failure:?}", voice.provider);
                assert!(failure.sent);
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_the_protocol_is_a_parse_failure() {
    for voice in VOICES {
        let line = |text: &str| match voice.media_type {
            "application/x-ndjson" => Piece::text(format!("{text}\n")),
            _ => Piece::text(format!("data: {text}\n\n")),
        };
        for reply in [
            voice.stream(vec![line("{\"candidates\": [")]),
            voice.stream(vec![line("gibberish")]),
            voice.stream(vec![line("[]")]),
            voice.stream(vec![Piece::Bytes(b"data: \xff\xfe\n\n".to_vec())]),
            voice.stream(vec![Piece::text("data: "), Piece::Bytes(vec![b'a'; 5 * 1024 * 1024])]),
            Reply::ok("application/json", "<html>"),
            Reply::ok("application/json", ""),
            Reply::ok("application/json", "{}"),
            Reply::ok("application/json", "[]"),
            Reply::ok("text/html", "<html>a login page</html>"),
            Reply::ok("image/png", "\u{89}PNG"),
            Reply::Raw { status: 200, headers: vec![], body: vec![Piece::text("{}")] },
            Reply::Raw { status: 204, headers: vec![], body: vec![] },
        ] {
            let failure = failure_of(&voice, reply).await;
            let found = (failure.code, failure.class, failure.sent);
            assert_eq!(
                found,
                (FailureCode::ParseFailed, FailureClass::Malformed, true),
                "{} {failure:?}",
                voice.provider
            );
        }
    }
}

#[tokio::test]
async fn a_runaway_answer_is_cut_off() {
    for voice in VOICES {
        let word = "on and on ".repeat(100_000);
        let pieces = (voice.pieces)(&word.replace(' ', "_"), voice.done);
        let endless = std::iter::repeat_n(pieces, 5).flat_map(|mut pieces| {
            pieces.truncate(pieces.len() - voice.tail);
            pieces
        });
        let failure = failure_of(&voice, voice.stream(endless.collect())).await;
        assert_eq!(failure.code, FailureCode::ParseFailed, "{}", voice.provider);
        assert!(failure.detail.contains("larger"), "{failure:?}");
    }
}

#[tokio::test]
async fn empty_answers_fail_with_their_usage() {
    for voice in VOICES {
        for text in ["", " \n"] {
            let failure = failure_of(&voice, voice.says(text)).await;
            assert_eq!((failure.code, failure.class), (FailureCode::EmptyOutput, FailureClass::Malformed));
            assert_eq!(failure.usage, Some(TokenUsage { input: 12, output: 34 }), "{}", voice.provider);
        }
    }
}

#[tokio::test]
async fn every_time_limit_has_a_code_of_its_own() {
    for voice in VOICES {
        let silent = FakeProvider::with([Reply::Silence]).await;
        let late = failure(&voice, &call(&silent.base_url(), SHORT, LONG, LONG)).await;
        assert_eq!((late.code, late.sent), (FailureCode::TimeoutFirstByte, true), "{}", voice.provider);

        let mut pieces = beginning(&voice);
        pieces.push(Piece::Pause(LONG));
        let stalls = FakeProvider::with([voice.stream(pieces)]).await;
        let stalled = failure(&voice, &call(&stalls.base_url(), LONG, SHORT, LONG)).await;
        assert_eq!((stalled.code, stalled.sent), (FailureCode::TimeoutChunk, true), "{}", voice.provider);

        let step = |piece: Piece| [piece, Piece::Pause(Duration::from_millis(20))];
        let endless = std::iter::repeat_n(beginning(&voice), 100).flatten().flat_map(step).collect();
        let endless = FakeProvider::with([voice.stream(endless)]).await;
        let cut = failure(&voice, &call(&endless.base_url(), LONG, LONG, Duration::from_millis(300))).await;
        assert_eq!((cut.code, cut.sent), (FailureCode::TimeoutTotal, true), "{}", voice.provider);

        let mute = listen(Peer::Mute).await;
        let call = at(&format!("https://{mute}"));
        let unreached = impatient(voice.provider).generate_text(&request(), &call, None).await.unwrap_err();
        assert_eq!((unreached.code, unreached.sent), (FailureCode::TimeoutConnect, false), "{}", voice.provider);
    }
}

#[tokio::test]
async fn a_connection_that_fails_tells_whether_the_request_had_left() {
    for voice in VOICES {
        let refused = failure(&voice, &at("http://127.0.0.1:1")).await;
        assert_eq!((refused.code, refused.sent), (FailureCode::NetworkError, false), "{}", voice.provider);
        for peer in [Peer::Closes, Peer::Resets, Peer::Says("HTTP/1.1 200 OK\r\ncontent-ty")] {
            let address = listen(peer).await;
            let broken = failure(&voice, &at(&format!("http://{address}"))).await;
            assert_eq!((broken.code, broken.sent), (FailureCode::NetworkError, true), "{}", voice.provider);
        }
    }
}

#[tokio::test]
async fn cancelling_ends_a_call_and_reports_what_was_used() {
    for voice in VOICES {
        let mut pieces = beginning(&voice);
        pieces.push(Piece::Pause(LONG));
        let fake = FakeProvider::with([voice.stream(pieces)]).await;
        let call = at(&fake.base_url());
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let (adapter, request, cancel) = (adapter(voice.provider), request(), call.cancel.clone());
        let (outcome, ()) = tokio::join!(adapter.generate_text(&request, &call, Some(sender)), async move {
            assert_eq!(receiver.recv().await.as_deref(), Some("A "));
            assert_eq!(receiver.recv().await.as_deref(), Some("beginning"));
            cancel.cancel();
        });
        let failure = outcome.unwrap_err();
        assert_eq!((failure.code, failure.sent), (FailureCode::Cancelled, true), "{}", voice.provider);
        // Ollama counts at the end only.
        let usage = match voice.provider {
            "anthropic" => Some(TokenUsage { input: 12, output: 1 }),
            "gemini" => Some(TokenUsage { input: 12, output: 34 }),
            _ => None,
        };
        assert_eq!(failure.usage, usage, "{}", voice.provider);

        let call = at(&fake.base_url());
        call.cancel.cancel();
        let failure = write(&voice, &call).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (FailureCode::Cancelled, false), "{}", voice.provider);
        assert_eq!(fake.received().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    for voice in VOICES {
        let other = FakeProvider::with([voice.says("stolen")]).await;
        let reply = Reply::status(307, &json!({})).with_header("location", other.url("/v1/elsewhere"));
        let failure = failure_of(&voice, reply).await;
        assert_eq!((failure.code, failure.class), (FailureCode::UnknownError, FailureClass::OperatorFault));
        assert!(other.received().is_empty(), "{}", voice.provider);
    }
}

#[tokio::test]
async fn without_a_usable_key_nothing_is_sent() {
    for voice in VOICES {
        let fake = FakeProvider::with([voice.says("free")]).await;
        for key in ["line\nbreak", "with blank", "ключ"] {
            let access = Access { key: Some(SecretString::from(key)), ..access(&fake.base_url()) };
            let failure = failure(&voice, &patient().with_access(access)).await;
            assert_eq!((failure.code, failure.sent), (FailureCode::InvalidApiKey, false), "{}", voice.provider);
        }
        assert!(fake.received().is_empty());
        let keyless = patient().with_access(Access { base_url: Some(fake.base_url()), key: None });
        let outcome = write(&voice, &keyless).await;
        if voice.provider == "ollama" {
            assert_eq!(outcome.unwrap().text, "free");
            assert_eq!(fake.received()[0].header("authorization"), None);
        } else {
            let failure = outcome.unwrap_err();
            assert_eq!((failure.code, failure.sent), (FailureCode::InvalidApiKey, false), "{}", voice.provider);
            assert!(fake.received().is_empty());
        }
    }
}

#[tokio::test]
async fn the_key_travels_in_one_header_and_nowhere_else() {
    for voice in VOICES {
        let fake = FakeProvider::with([voice.says("x")]).await;
        write(&voice, &at(&fake.base_url())).await.unwrap();
        let received = &fake.received()[0];
        let carriers: Vec<_> = received
            .headers
            .iter()
            .filter(|(_, value)| value.to_str().is_ok_and(|value| value.contains(API_KEY)))
            .map(|(name, _)| name.as_str())
            .collect();
        let expected = match voice.provider {
            "anthropic" => "x-api-key",
            "gemini" => "x-goog-api-key",
            _ => "authorization",
        };
        assert_eq!(carriers, [expected]);
        let rest = format!("{} {} {}", received.path, received.query, received.text());
        assert!(!rest.contains(API_KEY), "{rest}");
        assert_eq!(received.header("idempotency-key"), Some("attempt-1"));
    }
}

#[tokio::test]
async fn a_request_key_that_is_no_header_is_refused_unsent() {
    for voice in VOICES {
        let fake = FakeProvider::start().await;
        for key in [String::new(), "with space".into(), "line\nbreak".into(), "k".repeat(201)] {
            let request = TextRequest { request_key: key, ..request() };
            let outcome = adapter(voice.provider).generate_text(&request, &at(&fake.base_url()), None).await;
            let failure = outcome.unwrap_err();
            assert_eq!((failure.code, failure.sent), (FailureCode::InvalidParameters, false), "{}", voice.provider);
        }
        assert!(fake.received().is_empty());
    }
}

/// A value that fits a setting, and is no default.
pub fn sample(spec: &SettingSpec) -> Value {
    match spec.kind {
        SettingKind::Flag => json!(true),
        SettingKind::Whole { min, max } => json!((min + max) / 2),
        SettingKind::Number { min, max } => json!(min + (max - min) / 4.0),
        SettingKind::Text { .. } | SettingKind::Header { .. } => json!("sample"),
        SettingKind::Choice(words) => json!(words.last().unwrap()),
    }
}

#[tokio::test]
async fn every_declared_setting_changes_what_is_sent() {
    for voice in VOICES {
        let adapter = adapter(voice.provider);
        assert!(!adapter.text_settings().is_empty());
        let fake = FakeProvider::with([voice.says("x")]).await;
        adapter.generate_text(&request(), &at(&fake.base_url()), None).await.unwrap();
        for spec in adapter.text_settings() {
            fake.push(voice.says("x"));
            let value = sample(spec);
            let settings = Settings::from_iter([(spec.name.to_owned(), value.clone())]);
            let request = TextRequest { settings, ..request() };
            adapter.generate_text(&request, &at(&fake.base_url()), None).await.unwrap();
            let received = fake.received();
            let (plain, last) = (received.first().unwrap().text(), received.last().unwrap().text());
            let is_there = last.contains(&value.to_string()) && last != plain;
            assert!(is_there, "{} {}: {last}", voice.provider, spec.name);
        }
    }
}

// A report of tokens that makes no sense is none; the text beside it is good.
#[tokio::test]
async fn odd_figures_of_usage_do_not_cost_the_text() {
    fn replaced(value: &mut Value, odd: &Value) {
        match value {
            Value::Number(number) if number.as_i64() == Some(12) => *value = odd.clone(),
            Value::Array(items) => items.iter_mut().for_each(|item| replaced(item, odd)),
            Value::Object(fields) => fields.values_mut().for_each(|field| replaced(field, odd)),
            _ => {}
        }
    }
    for voice in VOICES {
        for odd in [json!(1.5), json!(1e300), json!(u64::MAX), json!("12"), json!([12]), json!(-12)] {
            let mut answer = (voice.whole)("A whole text.", voice.done);
            replaced(&mut answer, &odd);
            let fake = FakeProvider::with([Reply::json(&answer)]).await;
            let result = write(&voice, &at(&fake.base_url())).await;
            let result = result.unwrap_or_else(|failure| panic!("{} {odd}: {failure:?}", voice.provider));
            assert_eq!((result.text.as_str(), result.usage), ("A whole text.", None), "{} {odd}", voice.provider);
        }
    }
}

// A server that ignores the output limit is stopped, streamed or whole.
#[tokio::test]
async fn a_text_far_beyond_its_output_limit_is_no_answer() {
    let most = usize::try_from(request().max_output_tokens).unwrap() * 16;
    for voice in VOICES {
        let fits = "x".repeat(most);
        let fake = FakeProvider::with([Reply::json(&(voice.whole)(&fits, voice.done)), voice.says(&fits)]).await;
        for _ in 0..2 {
            assert_eq!(write(&voice, &at(&fake.base_url())).await.unwrap().text.len(), most, "{}", voice.provider);
        }
        let beyond = "x".repeat(most + 1);
        for reply in [Reply::json(&(voice.whole)(&beyond, voice.done)), voice.says(&beyond)] {
            let failure = failure_of(&voice, reply).await;
            assert_eq!(failure.code, FailureCode::ParseFailed, "{}", voice.provider);
            assert!(failure.detail.contains("output limit"), "{failure:?}");
        }
    }
}
