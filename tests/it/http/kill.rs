//! The kill documents over every transport (G33): a small refusal at once, and the server lives.

use std::time::{Duration, Instant};

use inkledger::viewer::PlatformRole;
use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::support::{
    graphql_client::{Client, Reply, send},
    http_server::{Server, fresh, server},
    kill::{KillDocument, kill_bodies, kill_documents},
    ws_client::Ws,
};

/// Debug builds on a busy machine are slower than the release that must answer within 100 ms; the same bound for
/// release builds is asserted on the Gate itself.
const PATIENCE: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 100 });

/// Bytes that an answer to a refused document may take, its framing included.
const ANSWER_MAX: usize = 4_096 + 200;

fn body(document: &KillDocument) -> String {
    json!({"query": document.query, "variables": document.variables}).to_string()
}

fn assert_refused(document: &str, reply: &Reply, took: Duration) {
    assert!(
        reply.text.contains(r#""errors":[{"#) || reply.text.contains("\"code\""),
        "{document}: {:.300}",
        reply.text
    );
    assert!(!reply.text.contains("\"data\""), "{document}: {:.300}", reply.text);
    assert!(reply.text.len() <= ANSWER_MAX, "{document}: {} bytes", reply.text.len());
    assert!(took <= PATIENCE, "{document}: {took:?}");
}

async fn lives(server: &Server) {
    let reply = send(Client::new(server.address).query("{ hello }")).await;
    assert_eq!(reply.json(), json!({"data": {"hello": "hello"}}));
}

// G30, G33
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_documents_by_post_get_events_and_multipart_are_refused_and_the_server_lives() {
    let server = server().await;
    let client = Client::new(server.address);
    for document in kill_documents() {
        for accept in ["application/json", "text/event-stream", "multipart/mixed"] {
            let request = client.post(body(&document)).header("accept", accept);
            let start = Instant::now();
            let reply = send(request).await;
            assert_refused(&document.name, &reply, start.elapsed());
        }
        if document.query.len() < 5_000 {
            let request = client.get(&[("query", &document.query), ("variables", &document.variables.to_string())]);
            let start = Instant::now();
            let reply = send(request).await;
            assert_refused(&document.name, &reply, start.elapsed());
        }
    }
    for (name, body) in kill_bodies() {
        let start = Instant::now();
        let reply = send(client.post(body)).await;
        assert_eq!(reply.status, 400, "{name}");
        assert_refused(&name, &reply, start.elapsed());
    }
    lives(&server).await;
}

// G22, G33: with its hash, for a user who may have texts kept; none of them is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_documents_as_persisted_queries_are_refused_and_not_kept() {
    let server = server().await;
    let client = Client::new(server.address);
    let user = fresh(PlatformRole::User);
    for document in kill_documents() {
        let hash = hex::encode(digest(&SHA256, document.query.as_bytes()));
        let extensions = json!({"persistedQuery": {"version": 1, "sha256Hash": hash}});
        let body = json!({"query": document.query, "variables": document.variables, "extensions": extensions});
        let start = Instant::now();
        let reply = send(client.post(body.to_string()).bearer_auth(&user)).await;
        assert_refused(&document.name, &reply, start.elapsed());
        let reply = send(client.post(json!({"extensions": extensions}).to_string()).bearer_auth(&user)).await;
        assert_eq!(reply.code(), "PERSISTED_QUERY_NOT_FOUND", "{}", document.name);
    }
    assert_eq!(server.state.gate.persisted(), (0, 0));
    lives(&server).await;
}

// G33
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_documents_by_socket_are_refused_and_the_server_lives() {
    let server = server().await;
    let mut ws = Ws::ready(server.address, None).await;
    // A socket takes 20 messages a second.
    let pace = Duration::from_millis(51);
    for document in kill_documents() {
        let message = json!({"type": "subscribe", "id": "k", "payload": {"query": document.query, "variables": document.variables}});
        let message = message.to_string();
        let is_too_long = message.len() > 64 * 1024;
        let start = Instant::now();
        ws.send_text(message).await;
        if is_too_long {
            assert_eq!(ws.closed().await.0, 1009, "{}", document.name);
            ws = Ws::ready(server.address, None).await;
        } else {
            let errors = ws.expect("error", "k").await.to_string();
            assert!(errors.len() <= ANSWER_MAX, "{}: {} bytes", document.name, errors.len());
        }
        assert!(start.elapsed() <= PATIENCE, "{}: {:?}", document.name, start.elapsed());
        tokio::time::sleep(pace).await;
    }
    for (name, body) in kill_bodies() {
        let mut ws = Ws::ready(server.address, None).await;
        ws.send_text(format!(r#"{{"type":"subscribe","id":"k","payload":{body}}}"#)).await;
        assert_eq!(ws.closed().await.0, 4400, "{name}");
    }
    lives(&server).await;
}
