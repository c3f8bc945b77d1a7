use std::time::Duration;

use inkledger::ai::provider::{FailureClass, FailureCode, ImageProvider, TextProvider};
use serde_json::json;

use super::{API_KEY, PROMPT, adapter, assert_harmless, at, image_request, text_failure, text_request};
use crate::support::fake_openai::error;
use crate::support::fake_provider::{FakeProvider, Piece, Reply};

#[tokio::test]
async fn every_error_answer_has_one_code_and_class() {
    use FailureClass::{OperatorFault, Permanent, Throttled, Transient, Unknown};
    use FailureCode as C;
    let fake = FakeProvider::start().await;
    let (adapter, call) = (adapter(), at(&fake.base_url()));
    for (status, code, expected, class) in [
        (400, "invalid_value", C::InvalidParameters, Permanent),
        (400, "context_length_exceeded", C::PromptTooLong, Permanent),
        (400, "string_above_max_length", C::PromptTooLong, Permanent),
        (400, "content_policy_violation", C::ProviderRefused, Permanent),
        (400, "moderation_blocked", C::ProviderRefused, Permanent),
        (400, "content_filter", C::ProviderRefused, Permanent),
        (400, "billing_hard_limit_reached", C::ProviderFundsExhausted, OperatorFault),
        (400, "image_generation_failed", C::GenerationFailed, Unknown),
        (401, "invalid_api_key", C::InvalidApiKey, OperatorFault),
        (401, "rate_limit_exceeded", C::Unauthorized, OperatorFault),
        (401, "", C::Unauthorized, OperatorFault),
        (402, "", C::ProviderFundsExhausted, OperatorFault),
        (403, "unsupported_country_region_territory", C::Unauthorized, OperatorFault),
        (403, "", C::Unauthorized, OperatorFault),
        (404, "model_not_found", C::Unauthorized, OperatorFault),
        (404, "", C::UnknownError, OperatorFault),
        (405, "", C::UnknownError, OperatorFault),
        (408, "", C::ServiceUnavailable, Transient),
        (409, "", C::ServiceUnavailable, Transient),
        (413, "", C::PromptTooLong, Permanent),
        (418, "", C::UnknownError, Unknown),
        (422, "", C::InvalidParameters, Permanent),
        (429, "", C::RateLimited, Throttled),
        (429, "rate_limit_exceeded", C::RateLimited, Throttled),
        (429, "insufficient_quota", C::ProviderFundsExhausted, OperatorFault),
        (429, "quota_exceeded", C::QuotaExceeded, Throttled),
        (500, "", C::ServiceUnavailable, Transient),
        (500, "server_error", C::ServiceUnavailable, Transient),
        (502, "", C::ServiceUnavailable, Transient),
        (503, "", C::ServiceUnavailable, Transient),
        (503, "engine_overloaded", C::ServiceUnavailable, Throttled),
        (504, "", C::ServiceUnavailable, Transient),
        (529, "", C::ServiceUnavailable, Throttled),
    ] {
        fake.push(error(status, code));
        fake.push(error(status, code));
        let text = adapter.generate_text(&text_request(), &call, None).await.unwrap_err();
        let image = adapter.generate_image(&image_request(), &call).await.unwrap_err();
        for failure in [text, image] {
            assert_harmless(&failure);
            assert_eq!((failure.code, failure.class), (expected, class), "{status} {code}: {failure:?}");
            assert!(failure.sent && failure.detail.contains(&status.to_string()), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn an_error_without_the_usual_envelope_is_told_by_its_status() {
    let message = |text: &str| json!({ "error": { "message": text, "type": "invalid_request_error", "code": null } });
    for (status, body, code) in [
        (400, message("This model's maximum context length is 8192 tokens"), FailureCode::PromptTooLong),
        (400, message("Your request was rejected by our safety system"), FailureCode::ProviderRefused),
        (400, json!({ "error": "bad" }), FailureCode::InvalidParameters),
        (400, json!({ "detail": [] }), FailureCode::InvalidParameters),
        (429, json!(null), FailureCode::RateLimited),
        (503, json!([]), FailureCode::ServiceUnavailable),
    ] {
        let failure = text_failure(Reply::status(status, &body)).await;
        assert_eq!(failure.code, code, "{status} {body}");
    }
    for body in [
        vec![],
        vec![Piece::text("<html>Bad Gateway</html>")],
        vec![Piece::Bytes(vec![b'x'; 2 * 1024 * 1024])],
        vec![Piece::text("{\"error\": {"), Piece::Pause(Duration::from_millis(5)), Piece::Break],
    ] {
        let reply = Reply::Raw { status: 502, headers: vec![("content-type", "text/html".into())], body };
        assert_eq!(text_failure(reply).await.code, FailureCode::ServiceUnavailable);
    }
}

#[tokio::test]
async fn the_wait_a_provider_asks_for_is_read_in_every_form() {
    let now = "Wed, 21 Oct 2015 07:28:00 GMT";
    for (headers, expected) in [
        (vec![("retry-after", "7")], Some(Duration::from_secs(7))),
        (vec![("retry-after", " 0 ")], Some(Duration::ZERO)),
        (vec![("retry-after-ms", "1500"), ("retry-after", "7")], Some(Duration::from_millis(1500))),
        (vec![("date", now), ("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT")], Some(Duration::from_secs(90))),
        (vec![("date", now), ("retry-after", "Wed, 21 Oct 2015 07:00:00 GMT")], Some(Duration::ZERO)),
        (vec![("retry-after", "999999999999")], Some(Duration::from_secs(86_400))),
        (vec![("retry-after", "-1")], None),
        (vec![("retry-after", "soon")], None),
        (vec![], None),
    ] {
        let reply = headers
            .iter()
            .fold(error(429, "rate_limit_exceeded"), |reply, (name, value)| reply.with_header(name, *value));
        assert_eq!(text_failure(reply).await.retry_after, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn the_providers_words_and_our_secrets_reach_no_failure() {
    let echo = format!("Incorrect API key provided: {API_KEY}. You asked: {PROMPT}");
    for (code, kind) in [("invalid_api_key", "x"), (echo.as_str(), "x"), ("x", echo.as_str()), (API_KEY, API_KEY)] {
        let body = json!({ "error": { "message": echo, "code": code, "type": kind, "param": echo } });
        let failure = text_failure(Reply::status(401, &body).with_header("x-request-id", "req_1")).await;
        assert_eq!(failure.provider_ref.as_deref(), Some("req_1"));
        assert!(!format!("{failure:?}").contains("asked:"), "{failure:?}");
    }
}
