use std::time::Duration;

use inkledger::ai::provider::{FailureClass, FailureCode, ProviderFailure, TextRequest, TokenUsage};
use serde_json::{Value, json};

use super::text_protocols::{adapter, request};
use super::{API_KEY, assert_harmless, at, settings};
use crate::support::fake_provider::{FakeProvider, Piece, Reply};
use crate::support::fake_text::{
    ANTHROPIC, anthropic_end, anthropic_error, anthropic_event, anthropic_start, anthropic_text,
};

async fn write(reply: Reply, request: &TextRequest) -> Result<inkledger::ai::provider::TextResult, ProviderFailure> {
    let fake = FakeProvider::with([reply]).await;
    adapter("anthropic").generate_text(request, &at(&fake.base_url()), None).await
}

async fn failure(reply: Reply) -> ProviderFailure {
    let failure = write(reply, &request()).await.unwrap_err();
    assert_harmless(&failure);
    failure
}

#[tokio::test]
async fn the_request_is_on_the_wire_byte_for_byte() {
    let fake = FakeProvider::with([ANTHROPIC.says("x"), ANTHROPIC.says("x"), ANTHROPIC.says("x")]).await;
    let (adapter, call) = (adapter("anthropic"), at(&fake.base_url()));
    let plain = request();
    let tuned = TextRequest {
        system: None,
        settings: settings(json!({
            "temperature": 0.5, "top_k": 40, "top_p": 0.9, "service_tier": "standard_only", "inference_geo": "us",
            "effort": "low", "thinking": "enabled", "thinking_budget_tokens": 2048,
        })),
        ..request()
    };
    let adaptive =
        TextRequest { system: Some(String::new()), settings: settings(json!({ "thinking": "adaptive" })), ..request() };
    for request in [&plain, &tuned, &adaptive] {
        adapter.generate_text(request, &call, None).await.unwrap();
    }

    let received = fake.received();
    assert_eq!(
        received[0].text(),
        r#"{"model":"gpt-test","max_tokens":200,"system":"Be brief.","messages":[{"role":"user","content":"canary prompt about lanterns"}],"stream":true}"#
    );
    assert_eq!(
        received[1].text(),
        r#"{"model":"gpt-test","max_tokens":200,"messages":[{"role":"user","content":"canary prompt about lanterns"}],"stream":true,"thinking":{"type":"enabled","budget_tokens":2048},"output_config":{"effort":"low"},"inference_geo":"us","service_tier":"standard_only","temperature":0.5,"top_k":40,"top_p":0.9}"#
    );
    assert_eq!(
        received[2].text(),
        r#"{"model":"gpt-test","max_tokens":200,"messages":[{"role":"user","content":"canary prompt about lanterns"}],"stream":true,"thinking":{"type":"adaptive"}}"#
    );
    for request in &received {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/messages"));
        assert_eq!(request.header("x-api-key"), Some(API_KEY));
        assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("accept"), Some("text/event-stream"));
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test]
async fn a_seed_is_refused_rather_than_left_out() {
    let fake = FakeProvider::with([ANTHROPIC.says("x")]).await;
    let seeded = TextRequest { seed: Some(7), ..request() };
    let failure = adapter("anthropic").generate_text(&seeded, &at(&fake.base_url()), None).await.unwrap_err();
    assert_eq!((failure.code, failure.sent), (FailureCode::InvalidParameters, false));
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn how_the_model_ended_decides() {
    use FailureCode::{ContentRefused, OutputTruncated, UnknownError};
    for (reason, code) in [
        ("max_tokens", OutputTruncated),
        ("model_context_window_exceeded", OutputTruncated),
        ("refusal", ContentRefused),
        ("tool_use", UnknownError),
        ("pause_turn", UnknownError),
    ] {
        for reply in [ANTHROPIC.ends("Some", reason), Reply::json(&(ANTHROPIC.whole)("Some", reason))] {
            let failure = failure(reply).await;
            assert_eq!(failure.code, code, "{reason}");
            assert_eq!(failure.usage, Some(TokenUsage { input: 12, output: 34 }), "{reason}");
            assert_eq!(failure.provider_ref.as_deref(), Some("msg_7"));
        }
    }
    for reason in ["end_turn", "stop_sequence", "a_new_one"] {
        assert_eq!(write(ANTHROPIC.ends("Some", reason), &request()).await.unwrap().text, "Some");
    }
}

#[tokio::test]
async fn thinking_is_no_text_and_new_events_are_passed_over() {
    let delta = |delta: Value| anthropic_event(&json!({ "type": "content_block_delta", "index": 0, "delta": delta }));
    let usage = json!({ "input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100,
        "output_tokens": 2, "service_tier": "standard" });
    let pieces = vec![
        anthropic_start(&usage),
        delta(json!({ "type": "thinking_delta", "thinking": "hm" })),
        delta(json!({ "type": "signature_delta", "signature": "c2ln" })),
        anthropic_event(&json!({ "type": "a_new_one", "field": [1] })),
        anthropic_text("Mine."),
        anthropic_end("end_turn", 9),
        anthropic_event(&json!({ "type": "message_stop" })),
        anthropic_text(" Too late."),
    ];
    let reply = ANTHROPIC.stream(pieces).with_header("request-id", "req_7");
    let result = write(reply, &request()).await.unwrap();
    assert_eq!((result.text.as_str(), result.provider_ref.as_deref()), ("Mine.", Some("req_7")));
    assert_eq!(result.usage, Some(TokenUsage { input: 123, output: 9 }), "what the cache held was read too");
}

#[tokio::test]
async fn the_end_is_enough_even_if_the_end_mark_is_lost() {
    // Time to read what came: a break throws away what was not read yet.
    let pause = Piece::Pause(Duration::from_millis(300));
    let pieces = vec![anthropic_text("Mine."), anthropic_end("end_turn", 9), pause, Piece::Break];
    let result = write(ANTHROPIC.stream(pieces), &request()).await.unwrap();
    assert_eq!((result.text.as_str(), result.usage), ("Mine.", None), "half a report is no report");
}

#[tokio::test]
async fn every_error_answer_has_one_code_and_class() {
    use FailureClass::{OperatorFault, Permanent, Throttled, Transient};
    use FailureCode as C;
    let of = |kind, message| anthropic_error(kind, message);
    for (status, body, code, class) in [
        (400, of("invalid_request_error", "temperature: range"), C::InvalidParameters, Permanent),
        (400, of("invalid_request_error", "prompt is too long: 210000 tokens > 200000"), C::PromptTooLong, Permanent),
        (
            400,
            of("invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000"),
            C::PromptTooLong,
            Permanent,
        ),
        (
            400,
            of("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
            C::ProviderFundsExhausted,
            OperatorFault,
        ),
        (
            400,
            of("invalid_request_error", "You have reached your specified API usage limits."),
            C::ProviderFundsExhausted,
            OperatorFault,
        ),
        (400, of("invalid_request_error", "Output blocked by content filtering policy"), C::ProviderRefused, Permanent),
        (401, of("authentication_error", "invalid x-api-key"), C::InvalidApiKey, OperatorFault),
        (402, of("billing_error", ""), C::ProviderFundsExhausted, OperatorFault),
        (403, of("permission_error", ""), C::Unauthorized, OperatorFault),
        (404, of("not_found_error", "model: claude-none"), C::Unauthorized, OperatorFault),
        (404, json!("404 page not found"), C::UnknownError, OperatorFault),
        (413, of("request_too_large", ""), C::PromptTooLong, Permanent),
        (429, of("rate_limit_error", ""), C::RateLimited, Throttled),
        (500, of("api_error", ""), C::ServiceUnavailable, Transient),
        (504, of("timeout_error", ""), C::ServiceUnavailable, Transient),
        (529, of("overloaded_error", "Overloaded"), C::ServiceUnavailable, Throttled),
        (529, json!(null), C::ServiceUnavailable, Throttled),
        (503, json!("<html>"), C::ServiceUnavailable, Transient),
        (400, of("a_new_error", ""), C::InvalidParameters, Permanent),
    ] {
        let reply = Reply::status(status, &body).with_header("request-id", "req_7").with_header("retry-after", "7");
        let failure = failure(reply).await;
        assert_eq!((failure.code, failure.class), (code, class), "{status} {body}: {failure:?}");
        assert_eq!(failure.provider_ref.as_deref(), Some("req_7"));
        assert_eq!(failure.retry_after, Some(std::time::Duration::from_secs(7)));
        assert!(failure.sent && failure.detail.contains(&status.to_string()), "{failure:?}");
    }
}

#[tokio::test]
async fn an_error_event_is_typed_and_keeps_what_was_seen() {
    for (kind, code, class) in [
        ("overloaded_error", FailureCode::ServiceUnavailable, FailureClass::Throttled),
        ("api_error", FailureCode::ServiceUnavailable, FailureClass::Transient),
        ("rate_limit_error", FailureCode::RateLimited, FailureClass::Throttled),
        ("a_new_error", FailureCode::UnknownError, FailureClass::Unknown),
    ] {
        let pieces = vec![
            anthropic_start(&json!({ "input_tokens": 12, "output_tokens": 1 })),
            anthropic_text("A beginning"),
            anthropic_event(&anthropic_error(kind, "words of the provider")),
        ];
        let failure = failure(ANTHROPIC.stream(pieces)).await;
        assert_eq!((failure.code, failure.class), (code, class), "{kind}");
        assert_eq!(failure.usage, Some(TokenUsage { input: 12, output: 1 }));
        assert_eq!(failure.provider_ref.as_deref(), Some("msg_7"));
    }
    let whole = Reply::json(&anthropic_error("overloaded_error", "words of the provider"));
    assert_eq!(failure(whole).await.class, FailureClass::Throttled);
}
