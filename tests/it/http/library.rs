//! What the library does out of the box and ours does not (G8), where no other test of the door shows it already.
//!
//! Elsewhere: statuses, content types, methods and bodies in `request`; framing in `flow`; close codes, pings and
//! duplicate ids in `socket` and `socket_end`; nesting, fragments, counts, variables, shape in the Gate's tests.

use serde_json::json;

use crate::support::{
    graphql_client::{Client, raw, send},
    http_server::server,
    schema::BUMPS,
    ws_client::Ws,
};

// G8: refused bodies answered in Rust `Debug` text; a syntax error quotes the line.
#[tokio::test]
async fn no_refusal_shows_rust_or_source_text() {
    let server = server().await;
    let client = Client::new(server.address);
    let secret = "tell-nobody";
    for body in [
        format!("{{\"query\": {secret}"),
        json!({"query": format!("{{ hello(a: \"{secret}\" }}")}).to_string(),
        json!({"query": "{ hello }", "variables": [secret]}).to_string(),
        json!([secret]).to_string(),
    ] {
        let reply = send(client.post(body)).await;
        for trace in [secret, "Error(", "Kind", "::", "expected", "InvalidRequest", "serde"] {
            assert!(!reply.text.contains(trace), "{trace} in {}", reply.text);
        }
    }
}

// G8: GET runs mutations.
#[tokio::test]
async fn a_mutation_by_get_does_not_run() {
    use std::sync::atomic::Ordering::SeqCst;
    let server = server().await;
    let before = BUMPS.load(SeqCst);
    let reply = send(Client::new(server.address).get(&[("query", "mutation { bump }")])).await;
    // Other tests of this process may bump; nextest gives each its own.
    assert_eq!((reply.status, BUMPS.load(SeqCst)), (405, before));
}

// G8: arrays are executed all at once; uploads without limit of number or size.
#[tokio::test]
async fn batches_and_uploads_are_refused() {
    let server = server().await;
    let client = Client::new(server.address);
    let batch = format!("[{}]", vec![r#"{"query":"mutation { bump }"}"#; 100].join(","));
    let reply = send(client.post(batch)).await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "BAD_REQUEST"));
    let form =
        "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{\"query\":\"{ hello }\"}\r\n--x--\r\n";
    let request =
        client.request("POST", "/graphql").header("content-type", "multipart/form-data; boundary=x").body(form);
    assert_eq!(send(request).await.code(), "UNSUPPORTED_MEDIA_TYPE");
}

// G8: offers legacy graphql-ws; may negotiate one protocol and speak the other.
#[tokio::test]
async fn the_legacy_protocol_is_not_spoken() {
    let server = server().await;
    // Client libraries give up on the missing protocol before they see the close frame, so this one is read raw.
    let upgrade = "GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Protocol: graphql-ws\r\n\r\n";
    let answer = raw(server.address, upgrade.as_bytes()).await;
    let (head, frames) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 101") && !head.to_lowercase().contains("sec-websocket-protocol"), "{head}");
    // 4406 in network order.
    assert!(frames.contains("\u{11}\u{36}Offer the subprotocol graphql-transport-ws."), "{frames:?}");
    let mut ws = Ws::ready(server.address, None).await;
    ws.send(json!({"type": "start", "id": "1", "payload": {"query": "{ hello }"}})).await;
    assert_eq!(ws.closed().await.0, 4400);
}

// G8: duplicate id replaces the live stream.
#[tokio::test]
async fn a_duplicate_id_does_not_replace_the_live_stream() {
    let server = server().await;
    let mut ws = Ws::ready(server.address, None).await;
    ws.subscribe("1", "subscription { quiet }").await;
    ws.subscribe("1", "{ hello }").await;
    assert_eq!(ws.closed().await.0, 4409);
}

// G8: subscriptions with two root fields are merged.
#[tokio::test]
async fn a_subscription_with_two_root_fields_is_refused() {
    let server = server().await;
    let query = "subscription { a: ticks(count: 1) b: ticks(count: 1) }";
    let reply = send(Client::new(server.address).query(query).header("accept", "text/event-stream")).await;
    assert!(reply.text.contains("GRAPHQL_VALIDATION_FAILED"), "{}", reply.text);
}

// G8: a failed field's key is left out; keys come in completion order.
#[tokio::test]
async fn answers_keep_every_key_in_the_documents_order() {
    let server = server().await;
    let query = "{ z: slow(ms: 50) a: hello failing b: hello }";
    let reply = send(Client::new(server.address).query(query)).await;
    assert!(
        reply.text.starts_with(r#"{"data":{"z":true,"a":"hello","failing":null,"b":"hello"},"errors":[{"#),
        "{}",
        reply.text
    );
}

// G8: a missing variable is noticed when its field runs, after earlier mutation fields have run.
#[tokio::test]
async fn a_missing_variable_is_noticed_before_anything_runs() {
    use std::sync::atomic::Ordering::SeqCst;
    let server = server().await;
    let before = BUMPS.load(SeqCst);
    let query = "mutation($no: Boolean!) { bump again: bump @skip(if: $no) }";
    let reply = send(Client::new(server.address).query(query)).await;
    assert_eq!((reply.code().as_str(), BUMPS.load(SeqCst)), ("BAD_USER_INPUT", before));
}
