use std::time::Duration;

use inkledger::ai::provider::http::HttpOptions;
use inkledger::ai::provider::openai::OpenAi;
use inkledger::ai::provider::{
    Access, Call, FailureClass, FailureCode, ImageProvider, ProviderFailure, TextProvider, Timeouts, TokenUsage,
};
use secrecy::SecretString;
use serde_json::json;

use super::{access, adapter, assert_harmless, at, http, image_request, patient, settings, text_request};
use crate::support::fake_openai::{chat, delta, error};
use crate::support::fake_provider::{FakeProvider, Peer, Piece, Reply, listen};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(30);

async fn both(base_url: &str, call: &Call) -> [ProviderFailure; 2] {
    let adapter = OpenAi::new(http(&HttpOptions { connect_timeout: SHORT, ..HttpOptions::default() }));
    let call = call.clone().with_access(access(base_url));
    let text = adapter.generate_text(&text_request(), &call, None).await.unwrap_err();
    let image = adapter.generate_image(&image_request(), &call).await.unwrap_err();
    [text, image]
}

fn call(first_byte: Duration, chunk: Duration, total: Duration) -> Call {
    Call::new(Timeouts { first_byte, chunk, total })
}

#[tokio::test]
async fn a_refused_connection_is_a_network_error_and_certainly_unsent() {
    // Port 1 needs privileges to listen on, and nobody does.
    for failure in both("http://127.0.0.1:1/v1", &patient()).await {
        assert_eq!((failure.code, failure.class), (FailureCode::NetworkError, FailureClass::Transient));
        assert!(!failure.sent);
    }
}

#[tokio::test]
async fn a_tls_handshake_that_stalls_is_a_connect_time_out_and_certainly_unsent() {
    let mute = listen(Peer::Mute).await;
    for failure in both(&format!("https://{mute}/v1"), &patient()).await {
        assert_eq!(failure.code, FailureCode::TimeoutConnect, "{failure:?}");
        assert!(!failure.sent);
    }
}

#[tokio::test]
async fn a_peer_that_breaks_the_connection_is_a_network_error() {
    let half_a_head = Peer::Says("HTTP/1.1 200 OK\r\ncontent-ty");
    let short_body = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let gibberish = Peer::Says("SSH-2.0-OpenSSH_9.6\r\n\r\n");
    for peer in [Peer::Closes, Peer::Resets, half_a_head, Peer::Says(short_body), gibberish] {
        let address = listen(peer).await;
        for failure in both(&format!("http://{address}/v1"), &patient()).await {
            assert_eq!(failure.code, FailureCode::NetworkError, "{failure:?}");
            assert!(failure.sent, "the request had left: {failure:?}");
            assert_harmless(&failure);
        }
    }
}

#[tokio::test]
async fn an_answer_that_announces_too_many_bytes_is_not_read() {
    let huge = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n{";
    let address = listen(Peer::Says(huge)).await;
    let [text, image] = both(&format!("http://{address}/v1"), &patient()).await;
    assert_eq!((text.code, image.code), (FailureCode::ParseFailed, FailureCode::CorruptImage));
}

#[tokio::test]
async fn a_tls_server_that_speaks_plain_http_is_unsent() {
    let fake = FakeProvider::start().await;
    for failure in both(&format!("https://127.0.0.1:{}/v1", fake.port()), &patient()).await {
        assert_eq!((failure.code, failure.sent), (FailureCode::NetworkError, false), "{failure:?}");
    }
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn silence_before_the_first_byte_has_its_own_time_out() {
    let fake = FakeProvider::with([Reply::Silence, Reply::Silence]).await;
    for failure in both(&fake.base_url(), &call(SHORT, LONG, LONG)).await {
        assert_eq!((failure.code, failure.sent), (FailureCode::TimeoutFirstByte, true), "{failure:?}");
    }
    // A head alone is no first byte of an answer.
    for kind in ["text/event-stream", "application/json"] {
        let reply = Reply::pieces(kind, vec![Piece::Pause(LONG), Piece::text("late")]);
        let fake = FakeProvider::with([reply.clone(), reply]).await;
        let failures = both(&fake.base_url(), &call(SHORT, LONG, LONG)).await;
        let reached: Vec<_> = failures.iter().map(|failure| failure.code).collect();
        let image = if kind == "application/json" { FailureCode::TimeoutFirstByte } else { FailureCode::ParseFailed };
        assert_eq!(reached, [FailureCode::TimeoutFirstByte, image]);
    }
}

#[tokio::test]
async fn an_answer_that_stalls_has_its_own_time_out() {
    let stalled = |kind: &str, start: Piece| Reply::pieces(kind, vec![start, Piece::Pause(LONG), Piece::text("late")]);
    let stream = stalled("text/event-stream", delta(&json!({ "content": "A beginning" }), None));
    let image = stalled("application/json", Piece::text("{\"data\":"));
    let fake = FakeProvider::with([stream, image]).await;
    let [text, image] = both(&fake.base_url(), &call(LONG, SHORT, LONG)).await;
    assert_eq!((text.code, text.sent), (FailureCode::TimeoutChunk, true));
    assert_eq!(text.provider_ref.as_deref(), Some("chatcmpl-7"));
    assert_eq!((image.code, image.sent), (FailureCode::TimeoutChunk, true));
}

#[tokio::test]
async fn the_whole_time_ends_a_stream_that_never_stalls_and_never_ends() {
    let word = delta(&json!({ "content": "on and " }), None);
    let endless = (0..400).flat_map(|_| [word.clone(), Piece::Pause(Duration::from_millis(20))]).collect();
    let slow = (0..400).flat_map(|_| [Piece::text(" "), Piece::Pause(Duration::from_millis(20))]).collect();
    let fake = FakeProvider::with([Reply::stream(endless), Reply::pieces("application/json", slow)]).await;
    for failure in both(&fake.base_url(), &call(LONG, LONG, Duration::from_millis(300))).await {
        assert_eq!((failure.code, failure.sent), (FailureCode::TimeoutTotal, true), "{failure:?}");
    }
}

#[tokio::test]
async fn a_stalled_error_body_still_fails_by_its_status() {
    let reply = Reply::Raw {
        status: 401,
        headers: vec![("content-type", "application/json".into())],
        body: vec![Piece::text("{"), Piece::Pause(LONG)],
    };
    let fake = FakeProvider::with([reply.clone(), reply]).await;
    for failure in both(&fake.base_url(), &call(LONG, SHORT, LONG)).await {
        assert_eq!(failure.code, FailureCode::Unauthorized);
    }
}

#[tokio::test]
async fn cancelling_ends_a_running_call_and_reports_what_was_used() {
    let pieces = vec![
        Piece::event(&json!({ "id": "chatcmpl-7", "usage": { "prompt_tokens": 9, "completion_tokens": 4 } })),
        delta(&json!({ "content": "A beginning" }), None),
        Piece::Pause(LONG),
    ];
    let fake = FakeProvider::with([Reply::stream(pieces)]).await;
    let call = at(&fake.base_url());
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let cancel = call.cancel.clone();
    let adapter = adapter();
    let request = text_request();
    let (outcome, ()) = tokio::join!(adapter.generate_text(&request, &call, Some(sender)), async move {
        assert_eq!(receiver.recv().await.as_deref(), Some("A beginning"));
        cancel.cancel();
    });
    let failure = outcome.unwrap_err();
    assert_eq!((failure.code, failure.class, failure.sent), (FailureCode::Cancelled, FailureClass::Cancelled, true));
    assert_eq!(failure.usage, Some(TokenUsage { input: 9, output: 4 }));
    assert_eq!(failure.provider_ref.as_deref(), Some("chatcmpl-7"));
}

#[tokio::test]
async fn a_call_cancelled_before_it_begins_sends_nothing() {
    let fake = FakeProvider::with([chat("x")]).await;
    let call = patient();
    call.cancel.cancel();
    for failure in both(&fake.base_url(), &call).await {
        assert_eq!((failure.code, failure.sent), (FailureCode::Cancelled, false));
    }
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let other = FakeProvider::with([chat("stolen")]).await;
    for status in [301, 302, 307, 308] {
        let reply = Reply::status(status, &json!({})).with_header("location", other.url("/v1/chat/completions"));
        let fake = FakeProvider::with([reply.clone(), reply]).await;
        for failure in both(&fake.base_url(), &patient()).await {
            assert_eq!((failure.code, failure.class), (FailureCode::UnknownError, FailureClass::OperatorFault));
        }
    }
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn one_call_is_one_request_even_over_a_pooled_connection_that_died() {
    let fake = FakeProvider::with([chat("one"), error(503, ""), chat("two")]).await;
    let (adapter, call) = (adapter(), at(&fake.base_url()));
    adapter.generate_text(&text_request(), &call, None).await.unwrap();
    adapter.generate_text(&text_request(), &call, None).await.unwrap_err();
    adapter.generate_text(&text_request(), &call, None).await.unwrap();
    assert_eq!((fake.received().len(), fake.billed().len()), (3, 2));
}

#[tokio::test]
async fn a_request_key_that_is_no_header_is_refused_unsent() {
    let fake = FakeProvider::start().await;
    let (adapter, call) = (adapter(), at(&fake.base_url()));
    for key in [String::new(), "with space".into(), "line\nbreak".into(), "ключ".into(), "k".repeat(201)] {
        let mut request = text_request();
        request.request_key = key;
        let failure = adapter.generate_text(&request, &call, None).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (FailureCode::InvalidParameters, false));
    }
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn access_that_cannot_work_is_refused_unsent_as_the_operators_fault() {
    let adapter = adapter();
    let refused = async |access: Access| {
        let call = patient().with_access(access);
        let failure = adapter.generate_text(&text_request(), &call, None).await.unwrap_err();
        assert_eq!((failure.class, failure.sent), (FailureClass::OperatorFault, false), "{failure:?}");
        failure.code
    };
    for base in
        ["", "api.example.com", "ftp://h/v1", "http://u:p@h/v1", "https://h/v1?a=1", "https://h/v1#a", "file:///v1"]
    {
        assert_eq!(refused(access(base)).await, FailureCode::UnknownError, "{base}");
    }
    for key in ["line\nbreak", "with blank", "ключ"] {
        let key = Some(SecretString::from(key));
        assert_eq!(refused(Access { key, ..access("http://127.0.0.1:1/v1") }).await, FailureCode::InvalidApiKey);
    }
    // At OpenAI itself nothing goes without a key.
    assert_eq!(refused(Access::default()).await, FailureCode::InvalidApiKey);
    let empty = Some(SecretString::from(""));
    assert_eq!(refused(Access { base_url: None, key: empty }).await, FailureCode::InvalidApiKey);
    assert!(!format!("{:?}", access("https://h/v1")).contains(super::API_KEY));
}

#[tokio::test]
async fn another_server_may_need_no_key() {
    let fake = FakeProvider::with([chat("Open.")]).await;
    let call = patient().with_access(Access { base_url: Some(fake.base_url()), key: None });
    adapter().generate_text(&text_request(), &call, None).await.unwrap();
    assert_eq!(fake.received()[0].header("authorization"), None);
}

#[tokio::test]
async fn an_organisation_that_is_no_header_is_refused_unsent() {
    let fake = FakeProvider::start().await;
    let mut request = text_request();
    request.settings = settings(json!({ "organization": "with blank" }));
    let failure = adapter().generate_text(&request, &at(&fake.base_url()), None).await.unwrap_err();
    assert_eq!((failure.code, failure.sent), (FailureCode::InvalidParameters, false));
    assert!(fake.received().is_empty());
}
