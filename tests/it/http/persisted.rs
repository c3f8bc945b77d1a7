//! Documents by their hash over every transport: automatic persisted queries and trusted documents.

use inkledger::{graphql::gate::Trust, viewer::PlatformRole};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::support::{
    graphql_client::{Client, send},
    http_server::{Setup, fresh, server},
    ws_client::Ws,
};

const TEXT: &str = "query Greet { hello }";

fn sha256(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

fn extensions(hash: &str) -> Value {
    json!({"persistedQuery": {"version": 1, "sha256Hash": hash}})
}

fn by_hash(text: Option<&str>, hash: &str) -> String {
    json!({"query": text, "extensions": extensions(hash)}).to_string()
}

fn expected() -> Value {
    json!({"data": {"hello": "hello"}})
}

// G22: as Apollo's and urql's clients do it: the hash, then hash and text, then the hash for ever.
#[tokio::test]
async fn a_client_sends_a_text_once_and_its_hash_from_then_on() {
    let server = server().await;
    let client = Client::new(server.address);
    let user = fresh(PlatformRole::User);
    let hash = sha256(TEXT);
    for accept in ["application/json", "application/graphql-response+json"] {
        let unknown = send(client.post(by_hash(None, &hash)).bearer_auth(&user).header("accept", accept)).await;
        assert_eq!((unknown.status, unknown.code().as_str()), (200, "PERSISTED_QUERY_NOT_FOUND"), "{}", unknown.text);
        assert_eq!(unknown.json()["errors"][0]["message"], "PersistedQueryNotFound");
        assert!(unknown.json().get("data").is_none());
    }
    // Without a session a text runs, and is not kept.
    assert_eq!(send(client.post(by_hash(Some(TEXT), &hash))).await.json(), expected());
    assert_eq!(send(client.post(by_hash(None, &hash))).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(send(client.post(by_hash(Some(TEXT), &hash)).bearer_auth(&user)).await.json(), expected());

    assert_eq!(send(client.post(by_hash(None, &hash))).await.json(), expected());
    let address = [("extensions", extensions(&hash).to_string())];
    let get = client.get(&[("extensions", &address[0].1), ("operationName", "Greet")]);
    assert_eq!(send(get).await.json(), expected());
    let events = send(client.post(by_hash(None, &hash)).header("accept", "text/event-stream")).await;
    assert!(events.text.starts_with("event: next\ndata: {\"data\":{\"hello\":\"hello\"}"), "{}", events.text);
    let parts = send(client.post(by_hash(None, &hash)).header("accept", "multipart/mixed")).await;
    assert!(parts.text.contains(r#"{"payload":{"data":{"hello":"hello"}"#), "{}", parts.text);
    let mut ws = Ws::ready(server.address, None).await;
    ws.send(json!({"type": "subscribe", "id": "1", "payload": {"extensions": extensions(&hash)}})).await;
    assert_eq!(ws.expect("next", "1").await, expected());
    assert_eq!(ws.receive().await["type"], "complete");
    ws.send(json!({"type": "subscribe", "id": "2", "payload": {"extensions": extensions(&sha256("x"))}})).await;
    assert_eq!(ws.expect("error", "2").await[0]["extensions"]["code"], "PERSISTED_QUERY_NOT_FOUND");
}

// G22: a text can be put in by GET and by socket too, with the session's own token.
#[tokio::test]
async fn a_text_is_kept_whatever_transport_brings_it() {
    let server = server().await;
    let client = Client::new(server.address);
    let user = fresh(PlatformRole::User);
    let texts = ["{ a: hello }", "{ b: hello }", "subscription { ticks(count: 1) }"];
    let given = extensions(&sha256(texts[0])).to_string();
    assert_eq!(send(client.get(&[("query", texts[0]), ("extensions", &given)]).bearer_auth(&user)).await.status, 200);
    let mut ws = Ws::ready(server.address, Some(&user)).await;
    for text in &texts[1..] {
        let payload = json!({"query": text, "extensions": extensions(&sha256(text))});
        ws.send(json!({"type": "subscribe", "id": text, "payload": payload})).await;
        ws.expect("next", text).await;
        assert_eq!(ws.receive().await["type"], "complete");
    }
    assert_eq!(server.state.gate.persisted().0, 3);
    for text in &texts[..2] {
        assert_eq!(send(client.post(by_hash(None, &sha256(text)))).await.status, 200);
    }
}

// G22
#[tokio::test]
async fn a_hash_that_is_not_the_texts_own_is_a_bad_request() {
    let server = server().await;
    let client = Client::new(server.address);
    let wrong = client.post(by_hash(Some(TEXT), &sha256("{ a: hello }"))).bearer_auth(fresh(PlatformRole::User));
    for (accept, content_type) in [
        ("application/json", "application/json; charset=utf-8"),
        ("application/graphql-response+json", "application/graphql-response+json; charset=utf-8"),
        ("text/event-stream", "application/json; charset=utf-8"),
    ] {
        let reply = send(wrong.try_clone().unwrap().header("accept", accept)).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "BAD_REQUEST"), "{}", reply.text);
        assert_eq!(reply.header("content-type"), content_type);
    }
    let version = json!({"persistedQuery": {"version": 2, "sha256Hash": sha256(TEXT)}});
    let reply = send(client.post(json!({"query": TEXT, "extensions": version}).to_string())).await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "BAD_REQUEST"), "{}", reply.text);
    assert_eq!(server.state.gate.persisted(), (0, 0));
}

// G22, G4: a hash hides no mutation.
#[tokio::test]
async fn a_mutation_by_its_hash_is_not_run_by_get() {
    let server = server().await;
    let client = Client::new(server.address);
    let text = "mutation Persisted { __typename }";
    let kept = client.post(by_hash(Some(text), &sha256(text))).bearer_auth(fresh(PlatformRole::User));
    assert_eq!(send(kept).await.json(), json!({"data": {"__typename": "Mutation"}}));
    let get = send(client.get(&[("extensions", &extensions(&sha256(text)).to_string())])).await;
    assert_eq!((get.status, get.header("allow")), (405, "POST"));
}

const TRUSTED: &str = r#"{
  "4a3e9ae1ab5a35ac1b7ba0d9a0a1d9e5": "query Hello { hello }",
  "watch": "subscription Watch { ticks(count: 1) }"
}"#;

// G23: where it is enforced, nothing else runs, on any transport; an ADMIN still may ask what they like.
#[tokio::test]
async fn only_trusted_documents_run_where_that_is_enforced() {
    let setup = Setup::with(|setup| {
        setup.trusted = Some(TRUSTED);
        setup.limits.anonymous.trust = Trust::Enforce;
        setup.limits.user.trust = Trust::Enforce;
    });
    let server = setup.start().await;
    let client = Client::new(server.address);
    let id = "4a3e9ae1ab5a35ac1b7ba0d9a0a1d9e5";
    for body in [
        json!({"documentId": id}),
        json!({"doc_id": id, "operationName": "Hello", "variables": {}}),
        json!({"extensions": extensions(id)}),
        json!({"query": "query Hello { hello }"}),
    ] {
        assert_eq!(send(client.post(body.to_string())).await.json(), expected(), "{body}");
    }
    assert_eq!(send(client.get(&[("documentId", id)])).await.json(), expected());
    let mut ws = Ws::ready(server.address, None).await;
    ws.send(json!({"type": "subscribe", "id": "1", "payload": {"documentId": "watch"}})).await;
    assert_eq!(ws.expect("next", "1").await, json!({"data": {"ticks": 1}}));
    assert_eq!(ws.receive().await["type"], "complete");

    let user = fresh(PlatformRole::User);
    for body in [
        json!({"query": TEXT}),
        json!({"documentId": "other"}),
        json!({"query": TEXT, "extensions": extensions(&sha256(TEXT))}),
    ] {
        let reply = send(
            client.post(body.to_string()).bearer_auth(&user).header("accept", "application/graphql-response+json"),
        )
        .await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "DOCUMENT_NOT_TRUSTED"), "{body}");
    }
    ws.subscribe("2", TEXT).await;
    assert_eq!(ws.expect("error", "2").await[0]["extensions"]["code"], "DOCUMENT_NOT_TRUSTED");
    let events = send(client.query(TEXT).header("accept", "text/event-stream")).await;
    assert!(events.status == 200 && events.text.contains("DOCUMENT_NOT_TRUSTED"), "{}", events.text);
    assert_eq!(send(client.query(TEXT).bearer_auth(fresh(PlatformRole::Admin))).await.json(), expected());
}
