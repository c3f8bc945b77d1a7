//! Server-sent events and multipart (G21), byte by byte.

use std::time::Duration;

use inkledger::{
    clock::{Clock as _, SECOND, SystemClock},
    http::SessionEnd,
    viewer::PlatformRole::User,
};
use serde_json::{Value, json};

use crate::support::{
    cost::without_cost,
    graphql_client::{Client, send},
    http_server::{Setup, server, token},
};

const EVENTS: &str = "text/event-stream";
const MULTIPART: &str = r#"multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json"#;

/// The JSON of each `payload` part and the bare ones, from a multipart body that must be well-formed.
fn parts(text: &str) -> Vec<Value> {
    let body = text.strip_prefix("\r\n--graphql\r\n").unwrap_or_else(|| panic!("{text:?}"));
    let body = body.strip_suffix("\r\n--graphql--\r\n").unwrap_or_else(|| panic!("{text:?}"));
    let part = |part: &str| {
        let (head, json) = part.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{part:?}"));
        assert_eq!(head, "Content-Type: application/json; charset=utf-8");
        let mut part: Value = serde_json::from_str(json).unwrap();
        if let Some(payload) = part.get_mut("payload") {
            *payload = without_cost(payload.take());
        }
        part
    };
    body.split("\r\n--graphql\r\n").map(part).collect()
}

// G21
#[tokio::test]
async fn events_of_a_subscription_come_as_next_and_end_with_complete() {
    let server = server().await;
    let client = Client::new(server.address);
    let stream = client.stream("subscription { ticks(count: 2) }", EVENTS, None).await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.headers["content-type"], "text/event-stream; charset=utf-8");
    assert!(stream.headers["x-accel-buffering"] == "no" && stream.headers["cache-control"] == "no-store");
    let expected = "event: next\ndata: {\"data\":{\"ticks\":1}}\n\nevent: next\ndata: {\"data\":{\"ticks\":2}}\n\nevent: complete\ndata:\n\n";
    assert_eq!(stream.end().await, expected);
}

// G21
#[tokio::test]
async fn queries_and_mutations_may_be_asked_for_as_events_too() {
    let server = server().await;
    let client = Client::new(server.address);
    for query in ["{ hello }", "mutation { bump }"] {
        let text = client.stream(query, EVENTS, None).await.end().await;
        assert!(text.starts_with("event: next\ndata: {\"data\":{"), "{text}");
        assert!(text.ends_with("\n\nevent: complete\ndata:\n\n"), "{text}");
        assert_eq!(text.matches("event: ").count(), 2);
    }
    let parts = parts(&client.stream("{ hello }", MULTIPART, None).await.end().await);
    assert_eq!(parts, [json!({"payload": {"data": {"hello": "hello"}}})]);
}

// G21
#[tokio::test]
async fn faults_of_the_document_are_events_and_faults_of_the_body_keep_their_status() {
    let server = server().await;
    let client = Client::new(server.address);
    for (query, code) in [("{", "GRAPHQL_PARSE_FAILED"), ("{ nothing }", "GRAPHQL_VALIDATION_FAILED")] {
        let stream = client.stream(query, EVENTS, None).await;
        assert_eq!(stream.status, 200);
        let text = stream.end().await;
        assert!(text.starts_with("event: next\ndata: {\"errors\":[") && text.contains(code), "{text}");
        assert!(text.ends_with("\n\nevent: complete\ndata:\n\n"), "{text}");
        let stream = client.stream(query, MULTIPART, None).await;
        assert_eq!(stream.status, 200);
        let parts = parts(&stream.end().await);
        assert_eq!(parts[0]["payload"]["errors"][0]["extensions"]["code"], code);
        assert!(parts.len() == 1 && parts[0]["payload"].get("data").is_none());
    }
    for accept in [EVENTS, MULTIPART] {
        for (body, status) in [("{", 400), ("[]", 400), ("{}", 400)] {
            assert_eq!(send(client.post(body).header("accept", accept)).await.status, status);
        }
        let request = client.request("POST", "/graphql").header("accept", accept).body("{}");
        assert_eq!(send(request).await.status, 415);
        assert_eq!(send(client.post(" ".repeat(70_000)).header("accept", accept)).await.status, 413);
    }
}

// G21
#[tokio::test]
async fn multipart_has_a_payload_in_each_part_and_a_closing_boundary() {
    let server = server().await;
    let client = Client::new(server.address);
    let stream = client.stream("subscription { ticks(count: 2) }", MULTIPART, None).await;
    assert_eq!(stream.headers["content-type"], r#"multipart/mixed;boundary="graphql";subscriptionSpec=1.0"#);
    let expected = [json!({"payload": {"data": {"ticks": 1}}}), json!({"payload": {"data": {"ticks": 2}}})];
    assert_eq!(parts(&stream.end().await), expected);
    // The boundary that ends a part comes with it, not with the next.
    let mut stream = client.stream("subscription { ticks(count: 2, everyMs: 300) }", MULTIPART, None).await;
    let text = stream.until("ticks\":1").await.to_owned();
    assert!(text.ends_with("}\r\n--graphql"), "{text:?}");
}

// G21
#[tokio::test]
async fn quiet_streams_have_heartbeats() {
    let server = Setup::with(|setup| setup.settings.timing.heartbeat = Duration::from_millis(50)).start().await;
    let client = Client::new(server.address);
    let mut events = client.stream("subscription { quiet }", EVENTS, None).await;
    events.until(":\n\n:\n\n").await;
    let mut multipart = client.stream("subscription { quiet }", MULTIPART, None).await;
    multipart.until("\r\n\r\n{}\r\n--graphql").await;
}

// G21
#[tokio::test]
async fn on_expiry_and_sign_out_streams_say_so_and_end() {
    let server = server().await;
    let client = Client::new(server.address);
    let query = "subscription { ticks(count: 1000000, everyMs: 20) }";
    for (accept, session) in [(EVENTS, 31), (MULTIPART, 32)] {
        let until = SystemClock.now() + SECOND;
        let text = client.stream(query, accept, Some(&token(User, 1, session, until))).await.end().await;
        assert!((0..SECOND).contains(&(SystemClock.now() - until)));
        assert!(text.contains("UNAUTHENTICATED") && text.contains("TOKEN_EXPIRED"), "{text}");
        let mut live = client.stream(query, accept, Some(&token(User, 1, session, until + 60 * SECOND))).await;
        live.until("ticks").await;
        server.judge.end(session, SessionEnd::SessionEnded);
        let text = live.end().await;
        assert!(text.contains("UNAUTHENTICATED") && text.contains("SESSION_ENDED"), "{text}");
        if accept == MULTIPART {
            let last = parts(&text).pop().unwrap();
            assert!(last["payload"].is_null() && last["errors"][0]["extensions"]["requestId"].is_string(), "{last}");
        } else {
            assert!(text.ends_with("\n\nevent: complete\ndata:\n\n"), "{text}");
        }
    }
}

// G20, G21
#[tokio::test]
async fn shutdown_ends_streams_with_a_reason() {
    let mut server =
        Setup::with(|setup| setup.settings.timing.shutdown_spread = Duration::from_millis(300)).start().await;
    let client = Client::new(server.address);
    let events = client.stream("subscription { quiet }", EVENTS, None).await;
    let multipart = client.stream("subscription { quiet }", MULTIPART, None).await;
    server.shutdown.cancel();
    assert!(events.end().await.contains("SHUTTING_DOWN"));
    assert!(parts(&multipart.end().await)[0]["errors"].to_string().contains("SHUTTING_DOWN"));
    server.task.take().unwrap().await.unwrap();
}

// G21
#[tokio::test]
async fn streams_count_as_sockets() {
    let server = server().await;
    let client = Client::new(server.address);
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(client.stream("subscription { quiet }", EVENTS, None).await);
    }
    let refused = send(client.query("subscription { quiet }").header("accept", MULTIPART)).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "RATE_LIMITED"));
    assert_eq!(refused.header("retry-after"), "5");
    assert!(refused.json()["errors"][0]["extensions"]["retryAfterMs"].is_u64());
    drop(open);
    while server.state.open_sockets() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

// G18, G21
#[tokio::test]
async fn a_stream_that_nobody_reads_is_dropped() {
    let server = Setup::with(|setup| setup.settings.timing.stall = Duration::from_millis(300)).start().await;
    let client = Client::new(server.address);
    let stream = client.stream("subscription { flood(bytes: 60000) }", EVENTS, None).await;
    assert_eq!(server.state.open_sockets(), 1);
    let dropped = async {
        while server.state.open_sockets() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), dropped).await.unwrap();
    drop(stream);
}
