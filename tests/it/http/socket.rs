//! WebSockets: handshake, messages, operations.

use std::time::Duration;

use inkledger::{clock::Clock as _, viewer::PlatformRole};
use serde_json::{Value, json};

use crate::support::{
    http_server::{ORIGIN, Setup, fresh, server, token},
    schema::BUMPS,
    ws_client::Ws,
};

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

// G9
#[tokio::test]
async fn sockets_open_for_programs_and_listed_origins_only() {
    let server = server().await;
    assert!(Ws::connect_with(server.address, &[PROTOCOL]).await.is_ok());
    assert!(Ws::connect_with(server.address, &[PROTOCOL, ("origin", ORIGIN)]).await.is_ok());
    for origin in ["null", "https://evil.com", "https://app.example.com.evil.com", "http://app.example.com", ""] {
        let refused = Ws::connect_with(server.address, &[PROTOCOL, ("origin", origin)]).await;
        assert_eq!(refused.err().map(|status| status.as_u16()), Some(403), "{origin}");
    }
    let both = Ws::connect_with(server.address, &[PROTOCOL, ("origin", ORIGIN), ("origin", "https://evil.com")]).await;
    assert_eq!(both.err().map(|status| status.as_u16()), Some(403));
}

// G9
#[tokio::test]
async fn without_the_protocol_the_socket_closes_4406() {
    let server = server().await;
    let mut none = Ws::connect_with(server.address, &[]).await.unwrap();
    assert_eq!(none.closed().await.0, 4406);
    // A client that offers both gets ours.
    let both = ("sec-websocket-protocol", "graphql-ws, graphql-transport-ws");
    let mut ws = Ws::connect_with(server.address, &[both]).await.unwrap();
    ws.init(None).await;
    assert_eq!(ws.receive().await["type"], "connection_ack");
}

// G9, G11
#[tokio::test]
async fn only_text_frames_of_json_are_read() {
    use futures_util::SinkExt as _;
    use tokio_tungstenite::tungstenite::Message;
    let server = server().await;
    let mut ws = Ws::ready(server.address, None).await;
    ws.socket.send(Message::binary(r#"{"type":"ping"}"#)).await.unwrap();
    assert_eq!(ws.closed().await.0, 4400);
    for text in [
        "",
        "{",
        "[]",
        r#"{"type":"start"}"#,
        r#"{"type":"subscribe","id":"","payload":{"query":"{hello}"}}"#,
        r#"{"type":"subscribe","id":"1","payload":{}}"#,
        r#"{"type":"subscribe","payload":{"query":"{hello}"}}"#,
    ] {
        let mut ws = Ws::ready(server.address, None).await;
        ws.send_text(text.to_owned()).await;
        assert_eq!(ws.closed().await.0, 4400, "{text}");
    }
    let mut ws = Ws::ready(server.address, None).await;
    ws.subscribe(&"é".repeat(129), "{ hello }").await;
    assert_eq!(ws.closed().await.0, 4400);
    let mut ws = Ws::ready(server.address, None).await;
    ws.subscribe(&"é".repeat(128), "{ hello }").await;
    ws.expect("next", &"é".repeat(128)).await;
}

// G10
#[tokio::test]
async fn a_socket_that_does_not_say_hello_closes_4408_and_one_that_says_it_twice_4429() {
    let server = Setup::with(|setup| setup.settings.timing.init = Duration::from_millis(150)).start().await;
    let mut mute = Ws::connect(server.address).await;
    assert_eq!(mute.closed().await, (4408, "Connection initialisation timeout".to_owned()));
    let mut twice = Ws::ready(server.address, None).await;
    twice.init(None).await;
    assert_eq!(twice.closed().await.0, 4429);
    // An acknowledged socket outlives the time for its hello.
    let mut ws = Ws::ready(server.address, None).await;
    ws.is_silent_for(Duration::from_millis(400)).await;
    ws.subscribe("1", "{ hello }").await;
    ws.expect("next", "1").await;
}

// G10
#[tokio::test]
async fn identity_comes_from_the_payload_or_the_upgrade_and_a_bad_token_closes_4403() {
    let server = server().await;
    let hero = fresh(PlatformRole::Hero);
    let bearer = format!("Bearer {hero}");
    let mut by_header = Ws::connect_with(server.address, &[PROTOCOL, ("authorization", &bearer)]).await.unwrap();
    by_header.init(None).await;
    let mut by_payload = Ws::connect(server.address).await;
    by_payload.init(Some(&hero)).await;
    let cookie = ("cookie", bearer.as_str());
    let mut by_cookie = Ws::connect_with(server.address, &[PROTOCOL, cookie]).await.unwrap();
    by_cookie.init(None).await;
    for (ws, who) in [(&mut by_header, "HERO"), (&mut by_payload, "HERO"), (&mut by_cookie, "anonymous: MISSING")] {
        assert_eq!(ws.receive().await["type"], "connection_ack");
        ws.subscribe("1", "{ who }").await;
        assert_eq!(ws.expect("next", "1").await, json!({"data": {"who": who}}));
    }
    let expired = token(PlatformRole::User, 1, 1, 1);
    for (text, reason) in [
        (json!("Bearer nonsense"), "TOKEN_INVALID"),
        (json!("nonsense"), "TOKEN_INVALID"),
        (json!(7), "TOKEN_INVALID"),
        (json!(format!("Bearer {expired}")), "TOKEN_EXPIRED"),
    ] {
        let mut ws = Ws::connect(server.address).await;
        ws.send(json!({"type": "connection_init", "payload": {"authorization": text}})).await;
        assert_eq!(ws.closed().await, (4403, reason.to_owned()));
    }
}

// G11
#[tokio::test]
async fn an_operation_before_the_acknowledgement_closes_4401() {
    let server = server().await;
    let mut ws = Ws::connect(server.address).await;
    ws.subscribe("1", "{ hello }").await;
    assert_eq!(ws.closed().await, (4401, "Unauthorized".to_owned()));
}

// G12
#[tokio::test]
async fn a_live_id_closes_4409_and_a_finished_one_may_be_used_again() {
    let server = server().await;
    let mut ws = Ws::ready(server.address, None).await;
    for _ in 0..2 {
        ws.subscribe("1", "subscription { ticks(count: 1) }").await;
        assert_eq!(ws.expect("next", "1").await, json!({"data": {"ticks": 1}}));
        ws.expect("complete", "1").await;
    }
    ws.complete("1").await;
    ws.complete("never heard of").await;
    ws.subscribe("1", "subscription { quiet }").await;
    ws.complete("1").await;
    ws.subscribe("1", "subscription { quiet }").await;
    ws.is_silent_for(Duration::from_millis(100)).await;
    ws.subscribe("1", "{ hello }").await;
    assert_eq!(ws.closed().await.0, 4409);
}

// G13
#[tokio::test]
async fn a_fault_before_execution_is_one_error_and_the_socket_lives() {
    let server = server().await;
    let mut ws = Ws::ready(server.address, None).await;
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($t: String!) { echo(text: $t) }", "BAD_USER_INPUT"),
        ("subscription { a: quiet b: quiet }", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        ws.subscribe("1", query).await;
        let errors = ws.expect("error", "1").await;
        let extensions = &errors[0]["extensions"];
        assert_eq!(extensions["code"], code, "{errors}");
        assert!(extensions["requestId"].is_string() && extensions["timestamp"].is_string());
    }
    ws.subscribe("1", "{ hello }").await;
    ws.expect("next", "1").await;
    ws.expect("complete", "1").await;
}

// G13
#[tokio::test]
async fn a_query_or_mutation_is_one_next_and_complete() {
    let server = server().await;
    let mut ws = Ws::ready(server.address, None).await;
    ws.subscribe("q", "{ hello failing }").await;
    let answer = ws.expect("next", "q").await;
    assert_eq!(answer["data"], json!({"hello": "hello", "failing": null}));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND");
    ws.expect("complete", "q").await;
    let before = BUMPS.load(std::sync::atomic::Ordering::SeqCst);
    ws.subscribe("m", "mutation { bump }").await;
    assert!(ws.expect("next", "m").await["data"]["bump"].as_i64().unwrap() > i64::from(before));
    ws.expect("complete", "m").await;
    ws.is_silent_for(Duration::from_millis(100)).await;
}

// G14
#[tokio::test]
async fn a_clients_complete_stops_the_stream_and_is_not_echoed() {
    let server = server().await;
    let mut ws = Ws::ready(server.address, None).await;
    ws.subscribe("1", "subscription { ticks(count: 1000000, everyMs: 10) }").await;
    ws.expect("next", "1").await;
    ws.complete("1").await;
    // The kernel may hold one event that was on its way.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut late = 0;
    ws.subscribe("2", "{ hello }").await;
    loop {
        let message = ws.receive().await;
        if message["id"] == "2" {
            break;
        }
        assert_eq!((&message["id"], &message["type"]), (&json!("1"), &json!("next")));
        late += 1;
    }
    // Events sent before the server read `complete` count as received; after that at most one.
    assert!(late <= 3, "{late}");
}

// G15
#[tokio::test]
async fn pings_are_answered_with_their_payload_before_init_too() {
    let server = server().await;
    let mut ws = Ws::connect(server.address).await;
    ws.send(json!({"type": "ping"})).await;
    assert_eq!(ws.receive().await, json!({"type": "pong"}));
    let payload = json!({"a": [1, "é", null, {"b": 1.5}]});
    ws.send(json!({"type": "ping", "payload": payload})).await;
    assert_eq!(ws.receive().await, json!({"type": "pong", "payload": payload}));
    ws.send(json!({"type": "pong"})).await;
    ws.init(None).await;
    assert_eq!(ws.receive().await["type"], "connection_ack");
    // Not behind the events of a stream that never ends.
    ws.subscribe("1", "subscription { flood(bytes: 1000) }").await;
    ws.expect("next", "1").await;
    ws.send(json!({"type": "ping", "payload": payload})).await;
    while ws.receive().await["type"] != "pong" {}
}

#[tokio::test]
async fn operations_of_one_socket_run_side_by_side() {
    let server = server().await;
    let mut ws = Ws::ready(server.address, None).await;
    ws.subscribe("slow", "{ slow(ms: 300) }").await;
    ws.subscribe("fast", "{ hello }").await;
    ws.expect("next", "fast").await;
    ws.expect("complete", "fast").await;
    ws.expect("next", "slow").await;
}

// G20, G32
#[tokio::test]
async fn a_panic_is_the_error_of_one_operation() {
    let server = server().await;
    let mut ws = Ws::ready(server.address, None).await;
    ws.subscribe("live", "subscription { ticks(count: 1000, everyMs: 200) }").await;
    ws.subscribe("query", "{ panicking }").await;
    assert_eq!(ws.expect("error", "query").await[0]["extensions"]["code"], "INTERNAL");
    ws.subscribe("stream", "subscription { panicking }").await;
    let mut errors = Value::Null;
    while errors.is_null() {
        let mut message = ws.receive().await;
        if message["id"] == "stream" && message["type"] == "error" {
            errors = message["payload"].take();
        }
    }
    assert_eq!(errors[0]["extensions"]["code"], "INTERNAL");
    assert!(!errors.to_string().contains("on purpose"));
    while ws.receive().await["id"] != "live" {}
}

#[tokio::test]
async fn a_subscription_whose_field_fails_says_so_and_completes() {
    let server = server().await;
    let mut ws = Ws::ready(server.address, Some(&token(PlatformRole::User, 4, 4, now() + 60_000_000))).await;
    ws.subscribe("1", "subscription { failing }").await;
    let message = ws.receive().await;
    assert!(message.to_string().contains("NOT_FOUND"), "{message}");
}

fn now() -> i64 {
    inkledger::clock::SystemClock.now()
}
