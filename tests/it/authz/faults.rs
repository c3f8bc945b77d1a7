//! Faults of ours under every field: constant text, a code, a request id, and nothing of what lies beneath. G48–G50

use std::collections::BTreeSet;

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{
    matrix::root_fields,
    world::{Caller, World},
};
use crate::support::{
    graphql_client::send,
    server::{Home, Server},
};

/// What no message may hold: SQL, tables, paths, Rust, or a provider's words.
const FORBIDDEN: [&str; 17] = [
    "select ",
    "insert ",
    "update ",
    "relation",
    "sqlx",
    "sea_orm",
    "sqlite",
    "postgres",
    "src/",
    "/tmp",
    ".rs",
    "panick",
    "unwrap",
    "rusqlite",
    "does not exist",
    "constraint",
    "::",
];

fn check_errors(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(check_error).collect()
}

fn check_error(error: &Value) -> String {
    let (message, extensions) = (error["message"].as_str().unwrap(), &error["extensions"]);
    let lower = message.to_lowercase();
    for word in FORBIDDEN {
        assert!(!lower.contains(word), "{error}");
    }
    assert!(extensions["requestId"].as_str().is_some_and(|id| !id.is_empty()), "{error}");
    assert!(extensions["timestamp"].is_string(), "{error}");
    let code = extensions["code"].as_str().unwrap_or_else(|| panic!("no code: {error}")).to_owned();
    if code == "INTERNAL" {
        assert!(!lower.is_empty() && message.len() < 200);
    }
    code
}

/// Into how many tests, which run beside each other, the tables are dealt.
const PARTS: usize = 4;

// G50: each table gone, each root field asked: more than 500 injections in each part.
#[rstest]
#[tokio::test]
async fn a_missing_table_is_told_as_internal_and_nothing_more(#[values(0, 1, 2, 3)] part: usize) {
    let mut world = World::open(Engine::Postgres).await;
    let tables: Vec<String> = world.rows().await.into_keys().collect();
    let (mut injected, mut codes) = (0, BTreeSet::new());
    let mut messages = BTreeSet::new();
    for table in tables.iter().skip(part).step_by(PARTS) {
        world.server.execute(&format!("ALTER TABLE {table} RENAME TO is_gone")).await;
        for (root, field) in root_fields() {
            // These would end the session that asks.
            if root == "Subscription" || field.starts_with("signOut") {
                continue;
            }
            let (query, variables) = world.document(root, &field);
            let answer = world.ask(Caller::Owner, &query, variables).await;
            for (at, code) in check_errors(&answer).into_iter().enumerate() {
                if code == "INTERNAL" {
                    messages.insert(answer["errors"][at]["message"].as_str().unwrap().to_owned());
                }
                codes.insert(code);
            }
            assert!(!answer.to_string().contains("is_gone"), "{answer}");
            injected += 1;
        }
        world.server.execute(&format!("ALTER TABLE is_gone RENAME TO {table}")).await;
    }
    assert!(injected >= 500, "{injected}");
    assert!(codes.contains("INTERNAL"), "{codes:?}");
    assert_eq!(messages.len(), 1, "the text is constant: {messages:?}");
}

#[tokio::test]
async fn a_closed_database_is_told_in_our_words() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let server = Server::open(engine).await;
        let user = server.sign_up("reader").await;
        server.db.close().await;
        let answer = server.call(Some(&user.token), "{ viewer { id } aiModels { id } }", json!({})).await;
        let codes = check_errors(&answer);
        assert!(!codes.is_empty(), "{answer}");
        assert!(codes.iter().all(|code| code == "INTERNAL" || code == "DEPENDENCY_UNAVAILABLE"), "{answer}");
    }
}

// G49: the field is null, its siblings are there, and the status is 200.
#[tokio::test]
async fn a_fault_of_one_field_spares_its_siblings() {
    let server = Server::open(Engine::Sqlite).await;
    let user = server.sign_up("reader").await;
    server.execute("DROP TABLE notification_read").await;
    let query = "{ viewer { username } notifications { nodes { id isRead } } aiModels { name } }";
    let reply = send(server.request(Some(&user.token), query, json!({}))).await;
    let answer = reply.json();
    assert_eq!(reply.status, 200);
    assert_eq!(check_errors(&answer), ["INTERNAL"], "{answer}");
    assert_eq!(answer["data"]["notifications"], Value::Null);
    assert_eq!(answer["data"]["viewer"]["username"], "reader");
    assert!(!answer["data"]["aiModels"].as_array().unwrap().is_empty());
}

// G48: every code that exists here, produced through the whole server. SHUTTING_DOWN has its test in `http`, and so has
// DOCUMENT_NOT_TRUSTED, which needs other settings.
#[tokio::test]
async fn every_code_is_produced_by_something() {
    let server = Server::open(Engine::Sqlite).await;
    let user = server.sign_up("reader").await;
    let hero = server.hero().await;
    let ask = async |token: Option<&str>, query: &str| {
        check_errors(&server.call(token, query, json!({})).await).into_iter().next().unwrap_or_default()
    };
    let token = Some(user.token.as_str());
    let dear = "{ viewer { accounts(first: 100) { nodes { creditTransactions(first: 100) { nodes { id } } } } } }";
    let nested = format!("{{ {}id{} }}", "node(id: \"x\") { ".repeat(40), " }".repeat(40));
    assert_eq!(ask(None, "{").await, "GRAPHQL_PARSE_FAILED");
    assert_eq!(ask(None, "{ nope }").await, "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(ask(None, &nested).await, "DOCUMENT_LIMIT_EXCEEDED");
    assert_eq!(ask(None, "{ __schema { queryType { name } } }").await, "INTROSPECTION_DISABLED");
    assert_eq!(ask(None, "{ aiModels { id } }").await, "UNAUTHENTICATED");
    assert_eq!(ask(token, "{ users { totalCount } }").await, "FORBIDDEN");
    assert_eq!(ask(token, "{ node(id: \"garbage\") { id } }").await, "BAD_USER_INPUT");
    assert_eq!(ask(token, &format!("{{ account(id: \"{}\") {{ id }} }}", hero.account)).await, "NOT_FOUND");
    assert_eq!(ask(token, dear).await, "COST_LIMIT_EXCEEDED");
    let add = |amount: i32| {
        format!(
            "mutation {{ addCredits(input: {{target: {{userId: \"{}\"}}, amount: {amount}, idempotencyKey: \"same-key\"}}) \
             {{ added }} }}",
            user.user
        )
    };
    assert_eq!(ask(Some(&hero.token), &add(1)).await, "");
    assert_eq!(ask(Some(&hero.token), &add(2)).await, "IDEMPOTENCY_KEY_REUSED");
    let wrong = "mutation { signIn(input: {identity: \"reader\", password: \"wrong\"}) { userErrors { code } } }";
    for _ in 0..5 {
        assert_eq!(ask(None, wrong).await, "");
    }
    assert_eq!(ask(None, wrong).await, "RATE_LIMITED");
    let hash = json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0".repeat(64)}}}).to_string();
    assert_eq!(check_errors(&send(server.client.post(hash)).await.json()), ["PERSISTED_QUERY_NOT_FOUND"]);
    let door = &server.client;
    let long = format!("/graphql?query={}", "x".repeat(9_000));
    for (request, status, code) in [
        (door.post("{}"), 400, "BAD_REQUEST"),
        (door.request("PUT", "/graphql"), 405, "METHOD_NOT_ALLOWED"),
        (door.query("{ viewer { id } }").header("accept", "text/plain"), 406, "NOT_ACCEPTABLE"),
        (door.post("x".repeat(2 << 20)), 413, "PAYLOAD_TOO_LARGE"),
        (door.request("GET", &long), 414, "URI_TOO_LONG"),
        (
            door.request("POST", "/graphql").header("content-type", "text/plain").body("{}"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
    ] {
        let reply = send(request).await;
        assert_eq!((reply.status, check_errors(&reply.json())), (status, vec![code.to_owned()]), "{}", reply.text);
    }
}

// G32: the database is made to wait, so the deadline must come first.
#[tokio::test]
async fn work_that_takes_too_long_is_told_as_a_timeout() {
    let home = Home::open(Engine::Postgres).await;
    let server = home.start_with(|_, seams| seams.limits.user.execution_ms = 300).await;
    let user = server.sign_up("reader").await;
    let mut other = PgConnection::connect(&home.url().unwrap()).await.unwrap();
    other.execute("BEGIN").await.unwrap();
    other.execute("LOCK TABLE ai_task IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let answer = server.call(Some(&user.token), "{ aiTasks { nodes { id } totalCount } }", json!({})).await;
    assert_eq!(check_errors(&answer), ["TIMEOUT"], "{answer}");
    other.execute("ROLLBACK").await.unwrap();
    let answer = server.call(Some(&user.token), "{ viewer { username } }", json!({})).await;
    assert_eq!(answer["data"]["viewer"]["username"], "reader");
}
