use std::time::Duration;

use inkledger::ai::provider::{FailureClass, FailureCode, Finish, TextProvider, TokenUsage};
use serde_json::json;

use super::{API_KEY, adapter, at, settings, text_failure, text_from, text_request};
use crate::support::fake_openai::{chat, chat_ending, chunks, delta};
use crate::support::fake_provider::{Billed, FakeProvider, Piece, Reply};

#[tokio::test]
async fn a_stream_gives_the_text_its_pieces_the_usage_and_a_reference() {
    let fake = FakeProvider::with([chat("Paper cranes over the water.")]).await;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let result = adapter().generate_text(&text_request(), &at(&fake.base_url()), Some(sender)).await.unwrap();

    assert_eq!(result.text, "Paper cranes over the water.");
    assert_eq!(result.usage, Some(TokenUsage { input: 12, output: 34 }));
    assert_eq!(result.provider_ref.as_deref(), Some("chatcmpl-7"));
    assert_eq!(result.finish, Finish::Stop);
    let mut pieces = Vec::new();
    while let Some(piece) = receiver.recv().await {
        pieces.push(piece);
    }
    assert_eq!(pieces, ["Paper ", "cranes ", "over ", "the ", "water."]);
    let billed = Billed { request_key: "attempt-1".into(), model: "gpt-test".into(), tokens: (12, 34), images: 0 };
    assert_eq!(fake.billed(), [billed]);
}

#[tokio::test]
async fn the_request_is_on_the_wire_byte_for_byte() {
    let fake = FakeProvider::with([chat("x"), chat("x"), chat("x")]).await;
    let (adapter, call) = (adapter(), at(&fake.base_url()));
    let mut request = text_request();
    request.settings = settings(json!({ "organization": "org-9" }));
    adapter.generate_text(&request, &call, None).await.unwrap();

    let mut plain = text_request();
    plain.system = None;
    plain.seed = None;
    plain.settings = settings(json!({ "stream": false, "max_tokens_field": "max_tokens" }));
    adapter.generate_text(&plain, &call, None).await.unwrap();

    plain.settings = settings(json!({
        "frequency_penalty": -0.5, "presence_penalty": 1, "reasoning_effort": "low", "service_tier": "flex",
        "temperature": 0.7, "top_p": 0.9, "verbosity": "low", "max_tokens_field": "max_completion_tokens",
        "stream": true,
    }));
    adapter.generate_text(&plain, &call, None).await.unwrap();

    let received = fake.received();
    assert_eq!(
        received[0].text(),
        r#"{"model":"gpt-test","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"canary prompt about lanterns"}],"max_completion_tokens":200,"seed":7,"stream":true,"stream_options":{"include_usage":true}}"#
    );
    assert_eq!(
        received[1].text(),
        r#"{"model":"gpt-test","messages":[{"role":"user","content":"canary prompt about lanterns"}],"max_tokens":200,"stream":false}"#
    );
    assert_eq!(
        received[2].text(),
        r#"{"model":"gpt-test","messages":[{"role":"user","content":"canary prompt about lanterns"}],"max_completion_tokens":200,"stream":true,"stream_options":{"include_usage":true},"frequency_penalty":-0.5,"presence_penalty":1,"reasoning_effort":"low","service_tier":"flex","temperature":0.7,"top_p":0.9,"verbosity":"low"}"#
    );
    assert_eq!(received[0].method, "POST");
    assert_eq!(received[0].path, "/v1/chat/completions");
    assert_eq!(received[0].header("authorization"), Some(format!("Bearer {API_KEY}").as_str()));
    assert_eq!(received[0].header("openai-organization"), Some("org-9"));
    assert_eq!(received[1].header("openai-organization"), None);
    for request in &received {
        assert_eq!(request.header("idempotency-key"), Some("attempt-1"));
        assert_eq!(request.header("x-client-request-id"), Some("attempt-1"));
        assert_eq!(request.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn a_whole_answer_is_understood_whether_or_not_a_stream_was_asked_for() {
    let fake = FakeProvider::with([chat("Whole."), chat("ignored")]).await;
    let mut request = text_request();
    request.settings = settings(json!({ "stream": false }));
    let result = adapter().generate_text(&request, &at(&fake.base_url()), None).await.unwrap();
    assert_eq!((result.text.as_str(), result.finish), ("Whole.", Finish::Stop));
    assert_eq!(result.usage, Some(TokenUsage { input: 12, output: 34 }));
    assert_eq!(result.provider_ref.as_deref(), Some("req_fake_7"), "the header wins over the body");

    let body = json!({ "choices": [{ "message": { "content": "Unasked." } }] }).to_string();
    let fake = FakeProvider::with([Reply::ok("application/json", body)]).await;
    let result = text_from(&fake).await.unwrap();
    assert_eq!((result.text.as_str(), result.usage, result.finish), ("Unasked.", None, Finish::Unstated));
}

#[tokio::test]
async fn a_missing_usage_report_is_none_and_not_zero() {
    let reply = chat_ending("No report.", None, Some("stop"));
    let result = text_from(&FakeProvider::with([reply]).await).await.unwrap();
    assert_eq!((result.text.as_str(), result.usage), ("No report.", None));
}

#[tokio::test]
async fn cut_refused_filtered_and_empty_answers_fail_with_their_usage() {
    use FailureCode::{ContentRefused, EmptyOutput, OutputTruncated, UnknownError};
    for stream in [true, false] {
        for (text, finish, code, class) in [
            ("Half a", "length", OutputTruncated, FailureClass::Malformed),
            ("Some", "content_filter", ContentRefused, FailureClass::Permanent),
            ("", "stop", EmptyOutput, FailureClass::Malformed),
            (" \n", "stop", EmptyOutput, FailureClass::Malformed),
            ("", "tool_calls", EmptyOutput, FailureClass::Malformed),
            ("Some", "error", UnknownError, FailureClass::Unknown),
        ] {
            let reply = chat_ending(text, Some((5, 6)), Some(finish));
            let fake = FakeProvider::with([reply]).await;
            let mut request = text_request();
            request.settings = settings(json!({ "stream": stream }));
            let failure = adapter().generate_text(&request, &at(&fake.base_url()), None).await.unwrap_err();
            assert_eq!((failure.code, failure.class), (code, class), "{finish}");
            assert_eq!(failure.usage, Some(TokenUsage { input: 5, output: 6 }), "{finish}");
            assert!(failure.sent && failure.provider_ref.is_some());
        }
    }
    let refusal = vec![delta(&json!({ "refusal": "I cannot help." }), Some("stop")), Piece::text("data: [DONE]\n\n")];
    assert_eq!(text_failure(Reply::stream(refusal)).await.code, ContentRefused);
}

#[tokio::test]
async fn a_stream_that_ends_early_is_a_network_error() {
    let all = chunks("Five words in a row", Some((1, 2)), Some("stop"));
    // Cut after each piece up to the last before the finish reason, by a break and by a clean end.
    for kept in 0..=all.len() - 4 {
        for broken in [true, false] {
            let mut pieces = all[..kept].to_vec();
            if broken {
                pieces.push(Piece::Pause(Duration::from_millis(5)));
                pieces.push(Piece::Break);
            }
            let failure = text_failure(Reply::stream(pieces)).await;
            assert_eq!(failure.code, FailureCode::NetworkError, "{kept} {broken}: {failure:?}");
            assert!(failure.sent);
        }
    }
}

#[tokio::test]
async fn a_stream_broken_after_its_finish_reason_is_complete_without_usage() {
    let all = chunks("All of it.", Some((1, 2)), Some("stop"));
    let mut pieces = all[..all.len() - 2].to_vec();
    pieces.push(Piece::Pause(Duration::from_millis(5)));
    pieces.push(Piece::Break);
    let result = text_from(&FakeProvider::with([Reply::stream(pieces)]).await).await.unwrap();
    assert_eq!((result.text.as_str(), result.usage, result.finish), ("All of it.", None, Finish::Stop));
}

#[tokio::test]
async fn a_stream_reads_the_same_however_its_bytes_are_cut() {
    let bytes: Vec<u8> = chunks("Ärger über 日本 🎨 und mehr", Some((1, 2)), Some("stop"))
        .into_iter()
        .flat_map(|piece| match piece {
            Piece::Bytes(bytes) => bytes,
            _ => Vec::new(),
        })
        .collect();
    let with_mark = ["\u{feff}".as_bytes(), &bytes].concat();
    for size in [1, 3, 7, 64, with_mark.len()] {
        let pieces = with_mark.chunks(size).map(|cut| Piece::Bytes(cut.to_vec())).collect();
        let result = text_from(&FakeProvider::with([Reply::stream(pieces)]).await).await.unwrap();
        assert_eq!(result.text, "Ärger über 日本 🎨 und mehr", "pieces of {size}");
    }
}

#[tokio::test]
async fn what_is_not_the_protocol_is_a_parse_failure() {
    let deep = format!("{{\"choices\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    for reply in [
        Reply::stream(vec![Piece::text("data: {\"choices\": [\n\n")]),
        Reply::stream(vec![Piece::text("data: gibberish\n\n")]),
        Reply::stream(vec![Piece::Bytes(b"data: \xff\xfe\n\n".to_vec())]),
        Reply::stream(vec![Piece::text("data: "), Piece::Bytes(vec![b'a'; 5 * 1024 * 1024])]),
        Reply::ok("application/json", "<html>"),
        Reply::ok("application/json", ""),
        Reply::ok("application/json", "{}"),
        Reply::ok("application/json", "{\"choices\":[]}"),
        Reply::ok("application/json", "{\"choices\":\"none\"}"),
        Reply::ok("application/json", deep),
        Reply::ok("text/html", "<html>a login page</html>"),
        Reply::Raw { status: 200, headers: vec![], body: vec![Piece::text("{}")] },
        Reply::Raw { status: 204, headers: vec![], body: vec![] },
        Reply::ok("application/json", "[]"),
    ] {
        let failure = text_failure(reply).await;
        assert_eq!((failure.code, failure.class), (FailureCode::ParseFailed, FailureClass::Malformed), "{failure:?}");
    }
}

#[tokio::test]
async fn an_error_inside_a_stream_is_typed_and_keeps_what_was_seen() {
    for (error, code, class) in [
        (
            json!({ "code": "server_error", "message": "words of the provider" }),
            FailureCode::ServiceUnavailable,
            FailureClass::Transient,
        ),
        (json!({ "code": "rate_limit_exceeded" }), FailureCode::RateLimited, FailureClass::Throttled),
        (json!({ "type": "overloaded_error" }), FailureCode::ServiceUnavailable, FailureClass::Throttled),
        (
            json!({ "code": 502, "message": "words of the provider" }),
            FailureCode::ServiceUnavailable,
            FailureClass::Transient,
        ),
        (json!({ "code": 429 }), FailureCode::RateLimited, FailureClass::Throttled),
        (json!("words of the provider"), FailureCode::UnknownError, FailureClass::Unknown),
    ] {
        let pieces = vec![
            delta(&json!({ "content": "A beginning" }), None),
            Piece::event(&json!({ "usage": { "prompt_tokens": 8, "completion_tokens": 2 }, "error": error })),
        ];
        let failure = text_failure(Reply::stream(pieces)).await;
        assert_eq!((failure.code, failure.class), (code, class), "{error}");
        assert_eq!(failure.usage, Some(TokenUsage { input: 8, output: 2 }));
        assert_eq!(failure.provider_ref.as_deref(), Some("chatcmpl-7"));
    }
}

#[tokio::test]
async fn other_choices_and_unknown_fields_are_ignored() {
    let pieces = vec![
        Piece::event(&json!({ "new": { "field": 1 }, "choices": [
            { "index": 1, "delta": { "content": "another" } },
            { "index": 0, "delta": { "content": "mine", "reasoning_content": "hm" } },
        ] })),
        Piece::text("event: ping\ndata: {}\n\n"),
        delta(&json!({}), Some("stop")),
        Piece::text("data: [DONE]\n\n"),
        Piece::text("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"too late\"}}]}\n\n"),
    ];
    let result = text_from(&FakeProvider::with([Reply::stream(pieces)]).await).await.unwrap();
    assert_eq!(result.text, "mine");
}
