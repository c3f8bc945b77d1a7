//! Keys of servers through the real door: what each scope opens, what none does, and how they end.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    server::{Home, Server},
    ws_client::Ws,
};

const CREATE: &str = "mutation($i: CreateApiKeyInput!) { createApiKey(input: $i) { key apiKey { id name hint scopes expiresAt } \
                      userErrors { code path } } }";
const REVOKE: &str =
    "mutation($i: RevokeApiKeyInput!) { revokeApiKey(input: $i) { apiKey { name } userErrors { code } } }";

async fn key(server: &Server, person: &Person, scopes: &[&str]) -> (String, String) {
    let input = json!({"name": scopes.join("+"), "scopes": scopes});
    let made = server.payload(person, CREATE, json!({"i": input})).await;
    assert_eq!(made["userErrors"], json!([]), "{made}");
    (made["key"].as_str().unwrap().to_owned(), made["apiKey"]["id"].as_str().unwrap().to_owned())
}

/// `OK`, or the code and scope of the fault.
async fn outcome(server: &Server, key: &str, query: &str, variables: Value) -> String {
    let answer = server.call(Some(key), query, variables).await;
    let Some(fault) = answer["errors"].get(0) else { return "OK".to_owned() };
    let extra = &fault["extensions"];
    let detail = extra["scope"].as_str().or(extra["feature"].as_str()).or(extra["reason"].as_str()).unwrap_or("-");
    format!("{} {detail}", extra["code"].as_str().unwrap())
}

#[rstest]
#[tokio::test]
async fn a_key_may_do_what_its_scopes_say(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Home::open(engine).await.start().await;
    let hero = server.hero().await;
    let read = "{ viewer { username apiKeys { nodes { name } } } }";
    let people = "{ users { nodes { username } } }";
    let write = "mutation($i: UpdateAccountInput!) { updateAccount(input: $i) { userErrors { code } } }";
    let writing = json!({"i": {"accountId": hero.account, "expectedVersion": 9, "name": "Other"}});
    let make = "mutation($i: GenerateTextInput!) { generateText(input: $i) { userErrors { code } } }";
    let making = json!({"i": {"accountId": hero.account, "kind": "header", "prompt": "a heron", "idempotencyKey": "a-key-of-text"}});
    let credit = "mutation($i: AddCreditsInput!) { addCredits(input: $i) { added userErrors { code } } }";
    let crediting =
        json!({"i": {"target": {"accountId": hero.account}, "amount": 5, "idempotencyKey": "a-key-of-credits"}});
    let out = "mutation { signOutEverywhere(input: {}) { sessionsEnded } }";
    let again = json!({"i": {"name": "another", "scopes": ["READ"]}});
    let expected: [(&[&str], [&str; 6]); 5] = [
        (
            &["READ"],
            [
                "OK",
                "FORBIDDEN users:view",
                "FORBIDDEN WRITE",
                "FORBIDDEN GENERATE",
                "FORBIDDEN credits:manage",
                "FORBIDDEN -",
            ],
        ),
        (
            &["WRITE"],
            [
                "FORBIDDEN READ",
                "FORBIDDEN users:view",
                "OK",
                "FORBIDDEN GENERATE",
                "FORBIDDEN credits:manage",
                "FORBIDDEN -",
            ],
        ),
        (
            &["GENERATE"],
            [
                "FORBIDDEN READ",
                "FORBIDDEN users:view",
                "FORBIDDEN WRITE",
                "ANY",
                "FORBIDDEN credits:manage",
                "FORBIDDEN -",
            ],
        ),
        (
            &["ADMINISTER"],
            ["FORBIDDEN READ", "FORBIDDEN READ", "FORBIDDEN WRITE", "FORBIDDEN GENERATE", "OK", "FORBIDDEN -"],
        ),
        (&["READ", "WRITE", "GENERATE", "ADMINISTER"], ["OK", "OK", "OK", "ANY", "OK", "FORBIDDEN -"]),
    ];
    for (scopes, expected) in expected {
        let (key, _) = key(&server, &hero, scopes).await;
        assert!(key.starts_with("ink_") && key.len() == 47, "{}", key.len());
        let documents = [
            (read, json!({})),
            (people, json!({})),
            (write, writing.clone()),
            (make, making.clone()),
            (credit, crediting.clone()),
            (out, json!({})),
        ];
        for ((query, variables), expected) in documents.into_iter().zip(expected) {
            let found = outcome(&server, &key, query, variables).await;
            if expected == "ANY" {
                assert!(
                    !found.starts_with("FORBIDDEN") && !found.starts_with("UNAUTHENTICATED"),
                    "{scopes:?} {query}: {found}"
                );
            } else {
                assert_eq!(found, expected, "{scopes:?} {query}");
            }
        }
        // A key makes no keys and ends none.
        assert_eq!(outcome(&server, &key, CREATE, again.clone()).await, "FORBIDDEN -");
        // It is no token to anybody but the one it was given to: a letter more or less is nobody.
        for wrong in [format!("{key}A"), key[..46].to_owned(), format!("ink_{}", "A".repeat(43))] {
            let found = outcome(&server, &wrong, "{ myPermissions { feature } }", json!({})).await;
            assert!(found.starts_with("UNAUTHENTICATED"), "{found}");
        }
    }
    server.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_revoked_key_is_over_at_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Home::open(engine).await.start().await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let (text, id) = key(&server, &ada, &["READ"]).await;
    let permissions = "{ myPermissions { feature } }";
    assert_eq!(outcome(&server, &text, permissions, json!({})).await, "OK");
    let input = json!({"i": {"apiKeyId": id}});
    // Nobody else sees it, finds it or ends it.
    let node = "query($id: ID!) { node(id: $id) { __typename } }";
    assert_eq!(server.data(Some(&eve.token), node, json!({"id": id})).await, json!({"node": null}));
    let refused = server.payload(&eve, REVOKE, input.clone()).await;
    assert_eq!(refused, json!({"apiKey": null, "userErrors": [{"code": "NOT_FOUND"}]}));
    assert_eq!(outcome(&server, &text, permissions, json!({})).await, "OK");
    // Signing out everywhere leaves keys alone.
    let out = "mutation { signOutEverywhere(input: {keepCurrent: true}) { sessionsEnded } }";
    assert_eq!(server.payload(&ada, out, json!({})).await, json!({"sessionsEnded": 0}));
    assert_eq!(server.data(Some(&ada.token), node, json!({"id": id})).await["node"]["__typename"], "ApiKey");

    let mut socket = Ws::ready(server.address(), Some(&text)).await;
    let revoked = server.payload(&ada, REVOKE, input.clone()).await;
    assert_eq!(revoked, json!({"apiKey": {"name": "READ"}, "userErrors": []}));
    assert_eq!(outcome(&server, &text, permissions, json!({})).await, "UNAUTHENTICATED SESSION_ENDED");
    assert_eq!(socket.closed().await, (4403, "SESSION_ENDED".to_owned()));
    let again = server.payload(&ada, REVOKE, input).await;
    assert_eq!(again["userErrors"], json!([{"code": "NOT_FOUND"}]));
    let left = server.data(Some(&ada.token), "{ viewer { apiKeys { totalCount } } }", json!({})).await;
    assert_eq!(left, json!({"viewer": {"apiKeys": {"totalCount": 0}}}));
    server.stop().await;
}

#[rstest]
#[tokio::test]
async fn keys_are_named_few_and_hashed(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let home = Home::open(engine).await;
    let server = home.start().await;
    let ada = server.sign_up("Ada").await;
    let wrong = [
        (json!({"name": " ", "scopes": ["READ"]}), "NAME_INVALID", json!(["input", "name"])),
        (json!({"name": "x".repeat(101), "scopes": ["READ"]}), "NAME_INVALID", json!(["input", "name"])),
        (json!({"name": "x", "scopes": []}), "SCOPES_EMPTY", json!(["input", "scopes"])),
        (
            json!({"name": "x", "scopes": ["READ"], "expiresInDays": 0}),
            "EXPIRY_INVALID",
            json!(["input", "expiresInDays"]),
        ),
        (
            json!({"name": "x", "scopes": ["READ"], "expiresInDays": 3651}),
            "EXPIRY_INVALID",
            json!(["input", "expiresInDays"]),
        ),
    ];
    for (input, code, path) in wrong {
        let made = server.payload(&ada, CREATE, json!({"i": input})).await;
        assert_eq!(made["userErrors"], json!([{"code": code, "path": path}]));
    }
    let input = json!({"name": "x", "scopes": ["READ"], "expiresInDays": 1});
    let made = server.payload(&ada, CREATE, json!({"i": input})).await;
    let text = made["key"].as_str().unwrap();
    assert!(made["apiKey"]["expiresAt"].is_string() && text.starts_with(made["apiKey"]["hint"].as_str().unwrap()));
    for _ in 1..50 {
        key(&server, &ada, &["READ"]).await;
    }
    let input = json!({"name": "one too many", "scopes": ["READ"]});
    let made = server.payload(&ada, CREATE, json!({"i": input})).await;
    assert_eq!(made["userErrors"], json!([{"code": "API_KEYS_EXHAUSTED", "path": ["input"]}]));
    // Its time is over: the row's own end decides, whatever the cache of tokens knows.
    assert_eq!(outcome(&server, text, "{ myPermissions { feature } }", json!({})).await, "OK");
    use sea_orm::ConnectionTrait as _;
    let over = "UPDATE api_key SET expires_at = 1 WHERE expires_at IS NOT NULL";
    server.db.migration_connection().execute_unprepared(over).await.unwrap();
    let found = outcome(&server, text, "{ myPermissions { feature } }", json!({})).await;
    assert_eq!(found, "UNAUTHENTICATED TOKEN_EXPIRED");
    key(&server, &ada, &["READ"]).await;
    server.stop().await;
}
