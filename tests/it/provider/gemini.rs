use std::time::Duration;

use inkledger::ai::provider::{FailureClass, FailureCode, ProviderFailure, TextRequest, TokenUsage};
use serde_json::{Value, json};

use super::text_protocols::{adapter, request};
use super::{API_KEY, assert_harmless, at, settings};
use crate::support::fake_provider::{FakeProvider, Piece, Reply};
use crate::support::fake_text::{GEMINI, gemini_chunk, google_error};

async fn write(reply: Reply, request: &TextRequest) -> Result<inkledger::ai::provider::TextResult, ProviderFailure> {
    let fake = FakeProvider::with([reply]).await;
    adapter("gemini").generate_text(request, &at(&fake.base_url()), None).await
}

async fn failure(reply: Reply) -> ProviderFailure {
    let failure = write(reply, &request()).await.unwrap_err();
    assert_harmless(&failure);
    failure
}

#[tokio::test]
async fn the_request_is_on_the_wire_byte_for_byte() {
    let fake = FakeProvider::with([GEMINI.says("x"), GEMINI.says("x"), GEMINI.says("x")]).await;
    let (adapter, call) = (adapter("gemini"), at(&fake.base_url()));
    let plain = TextRequest { seed: Some(7), ..request() };
    let tuned = TextRequest {
        model: "models/gemini-test".into(),
        system: None,
        seed: Some(u32::MAX),
        settings: settings(json!({
            "temperature": 0.5, "top_k": 40, "top_p": 0.9, "presence_penalty": 0.25, "frequency_penalty": -0.25,
            "thinking_budget": 128, "thinking_level": "low", "response_mime_type": "application/json",
        })),
        ..request()
    };
    let guarded = TextRequest {
        system: Some(String::new()),
        settings: settings(json!({ "safety_threshold": "BLOCK_ONLY_HIGH" })),
        ..request()
    };
    for request in [&plain, &tuned, &guarded] {
        adapter.generate_text(request, &call, None).await.unwrap();
    }

    let received = fake.received();
    assert_eq!(
        received[0].text(),
        r#"{"system_instruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"canary prompt about lanterns"}]}],"generationConfig":{"maxOutputTokens":200,"seed":7}}"#
    );
    assert_eq!(
        received[1].text(),
        r#"{"contents":[{"role":"user","parts":[{"text":"canary prompt about lanterns"}]}],"generationConfig":{"frequencyPenalty":-0.25,"maxOutputTokens":200,"presencePenalty":0.25,"responseMimeType":"application/json","seed":2147483647,"temperature":0.5,"thinkingConfig":{"thinkingBudget":128,"thinkingLevel":"low"},"topK":40,"topP":0.9}}"#
    );
    assert_eq!(
        received[2].text(),
        r#"{"contents":[{"role":"user","parts":[{"text":"canary prompt about lanterns"}]}],"generationConfig":{"maxOutputTokens":200},"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_ONLY_HIGH"},{"category":"HARM_CATEGORY_HATE_SPEECH","threshold":"BLOCK_ONLY_HIGH"},{"category":"HARM_CATEGORY_SEXUALLY_EXPLICIT","threshold":"BLOCK_ONLY_HIGH"},{"category":"HARM_CATEGORY_DANGEROUS_CONTENT","threshold":"BLOCK_ONLY_HIGH"}]}"#
    );
    assert_eq!(received[0].path, "/v1/models/gpt-test:streamGenerateContent");
    assert_eq!(received[1].path, "/v1/models/gemini-test:streamGenerateContent");
    for request in &received {
        assert_eq!((request.method.as_str(), request.query.as_str()), ("POST", "alt=sse"));
        assert_eq!(request.header("x-goog-api-key"), Some(API_KEY));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test]
async fn how_the_model_ended_decides() {
    use FailureCode::{ContentRefused, OutputTruncated, UnknownError};
    for (reason, code) in [
        ("MAX_TOKENS", OutputTruncated),
        ("SAFETY", ContentRefused),
        ("RECITATION", ContentRefused),
        ("LANGUAGE", ContentRefused),
        ("BLOCKLIST", ContentRefused),
        ("PROHIBITED_CONTENT", ContentRefused),
        ("SPII", ContentRefused),
        ("OTHER", UnknownError),
        ("MALFORMED_FUNCTION_CALL", UnknownError),
    ] {
        for reply in [GEMINI.ends("Some", reason), Reply::json(&(GEMINI.whole)("Some", reason))] {
            let failure = failure(reply).await;
            assert_eq!(failure.code, code, "{reason}");
            assert_eq!(failure.usage, Some(TokenUsage { input: 12, output: 34 }), "{reason}");
            assert_eq!(failure.provider_ref.as_deref(), Some("resp-7"));
        }
    }
    assert_eq!(write(GEMINI.ends("Some", "STOP"), &request()).await.unwrap().text, "Some");
}

#[tokio::test]
async fn a_blocked_prompt_is_the_providers_refusal() {
    for reason in ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT"] {
        let blocked = json!({ "promptFeedback": { "blockReason": reason },
            "usageMetadata": { "promptTokenCount": 12, "totalTokenCount": 12 }, "responseId": "resp-7" });
        for reply in [GEMINI.stream(vec![Piece::event(&blocked)]), Reply::json(&blocked)] {
            let failure = failure(reply).await;
            assert_eq!((failure.code, failure.class), (FailureCode::ProviderRefused, FailureClass::Permanent));
            assert_eq!(failure.usage, Some(TokenUsage { input: 12, output: 0 }));
            assert_eq!(failure.provider_ref.as_deref(), Some("resp-7"));
        }
    }
}

#[tokio::test]
async fn thoughts_and_other_candidates_are_no_text() {
    let parts = json!([{ "text": "hm", "thought": true }, { "text": "Mine." }, { "thoughtSignature": "c2ln" }]);
    let mut chunk = gemini_chunk(None, Some("STOP"));
    chunk["candidates"][0]["content"]["parts"] = parts;
    let other = json!({ "index": 1, "content": { "parts": [{ "text": "another" }] }, "finishReason": "SAFETY" });
    chunk["candidates"].as_array_mut().unwrap().push(other);
    let result = write(GEMINI.stream(vec![Piece::event(&chunk)]), &request()).await.unwrap();
    assert_eq!(result.text, "Mine.");
}

fn info(reason: &str) -> Value {
    json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com" }])
}

#[tokio::test]
async fn every_error_answer_has_one_code_and_class() {
    use FailureClass::{OperatorFault, Permanent, Throttled, Transient};
    use FailureCode as C;
    let of = |code, status, message| google_error(code, status, message, &json!([]));
    let why = |code, status, reason| google_error(code, status, "words of the provider", &info(reason));
    for (status, body, code, class) in [
        (400, of(400, "INVALID_ARGUMENT", "Invalid value at 'contents'"), C::InvalidParameters, Permanent),
        (400, of(400, "OUT_OF_RANGE", ""), C::InvalidParameters, Permanent),
        (400, of(400, "INVALID_ARGUMENT", "API key not valid. Please pass one."), C::InvalidApiKey, OperatorFault),
        (400, why(400, "INVALID_ARGUMENT", "API_KEY_INVALID"), C::InvalidApiKey, OperatorFault),
        (
            400,
            of(400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed"),
            C::PromptTooLong,
            Permanent,
        ),
        (400, of(400, "FAILED_PRECONDITION", "User location is not supported"), C::Unauthorized, OperatorFault),
        (400, of(400, "FAILED_PRECONDITION", "Please enable billing"), C::ProviderFundsExhausted, OperatorFault),
        (401, of(401, "UNAUTHENTICATED", ""), C::InvalidApiKey, OperatorFault),
        (403, of(403, "PERMISSION_DENIED", ""), C::Unauthorized, OperatorFault),
        (403, why(403, "PERMISSION_DENIED", "BILLING_DISABLED"), C::ProviderFundsExhausted, OperatorFault),
        (403, why(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), C::Unauthorized, OperatorFault),
        (404, of(404, "NOT_FOUND", "models/none is not found"), C::Unauthorized, OperatorFault),
        (404, json!("<html>"), C::UnknownError, OperatorFault),
        (409, of(409, "ABORTED", ""), C::ServiceUnavailable, Transient),
        (429, of(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted"), C::RateLimited, Throttled),
        (
            429,
            of(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
            C::ProviderFundsExhausted,
            OperatorFault,
        ),
        (499, of(499, "CANCELLED", ""), C::ServiceUnavailable, Transient),
        (500, of(500, "INTERNAL", ""), C::ServiceUnavailable, Transient),
        (501, of(501, "UNIMPLEMENTED", ""), C::InvalidParameters, Permanent),
        (503, of(503, "UNAVAILABLE", "The service is currently unavailable."), C::ServiceUnavailable, Transient),
        (503, of(503, "UNAVAILABLE", "The model is overloaded."), C::ServiceUnavailable, Throttled),
        (504, of(504, "DEADLINE_EXCEEDED", ""), C::ServiceUnavailable, Transient),
        (502, json!(null), C::ServiceUnavailable, Transient),
    ] {
        let failure = failure(Reply::status(status, &body)).await;
        assert_eq!((failure.code, failure.class), (code, class), "{status} {body}: {failure:?}");
        assert!(failure.sent && failure.detail.contains(&status.to_string()), "{failure:?}");
        // Some methods put the one error into a list.
        let listed = self::failure(Reply::status(status, &json!([body]))).await;
        assert_eq!((listed.code, listed.class), (code, class), "{status} [{body}]: {listed:?}");
    }
}

#[tokio::test]
async fn a_used_up_quota_says_how_long_and_whether_for_today() {
    let details = |delay: &str, quota: &str| {
        json!([
            { "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{ "quotaId": quota }] },
            { "@type": "type.googleapis.com/google.rpc.Help", "links": [] },
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay },
        ])
    };
    for (delay, quota, code, wait) in [
        ("37s", "GenerateRequestsPerMinutePerProjectPerModel", FailureCode::RateLimited, Some(37_000)),
        ("1.5s", "GenerateRequestsPerDayPerProjectPerModel-FreeTier", FailureCode::QuotaExceeded, Some(1500)),
        ("soon", "", FailureCode::RateLimited, None),
        ("-3s", "", FailureCode::RateLimited, None),
    ] {
        let body = google_error(429, "RESOURCE_EXHAUSTED", "", &details(delay, quota));
        let failure = failure(Reply::status(429, &body)).await;
        assert_eq!((failure.code, failure.class), (code, FailureClass::Throttled));
        assert_eq!(failure.retry_after, wait.map(Duration::from_millis), "{delay}");
        let reply = Reply::status(429, &body).with_header("retry-after", "5");
        assert_eq!(self::failure(reply).await.retry_after, Some(Duration::from_secs(5)), "the header wins");
    }
}

#[tokio::test]
async fn an_error_inside_a_stream_is_typed_and_keeps_what_was_seen() {
    for (error, code, class) in [
        (
            google_error(503, "UNAVAILABLE", "The model is overloaded.", &json!([])),
            FailureCode::ServiceUnavailable,
            FailureClass::Throttled,
        ),
        (google_error(500, "INTERNAL", "", &json!([])), FailureCode::ServiceUnavailable, FailureClass::Transient),
        (json!({ "error": { "status": "RESOURCE_EXHAUSTED" } }), FailureCode::RateLimited, FailureClass::Throttled),
        (json!({ "error": "words of the provider" }), FailureCode::UnknownError, FailureClass::Unknown),
    ] {
        let pieces = vec![Piece::event(&gemini_chunk(Some("A beginning"), None)), Piece::event(&error)];
        let failure = failure(GEMINI.stream(pieces)).await;
        assert_eq!((failure.code, failure.class), (code, class), "{error}");
        assert_eq!(failure.usage, Some(TokenUsage { input: 12, output: 34 }));
    }
}
