//! What callers may spend, and the documents they may run, as the operator sets them: the whole server from its settings.

use inkledger::{
    app::{Seams, build},
    config::{Config, resolve},
    db::Engine,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{graphql_client::send, server::Home};

const FIGURES: &str = "requested actual limit remaining restorePerSecond resetAt";

/// A server whose settings differ in these.
async fn started(home: &std::sync::Arc<Home>, more: &[(&str, String)]) -> crate::support::server::Server {
    let config = config(home, more);
    home.start_with(|of_test, seams| {
        seams.limits = config.gate.limits.clone();
        of_test.gate = config.gate.clone();
    })
    .await
}

fn config(home: &Home, more: &[(&str, String)]) -> Config {
    let mut flags = home.flags();
    flags.retain(|(key, _)| more.iter().all(|(name, _)| name != key));
    flags.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    Config::from_resolved(&resolve(&flags, None).unwrap()).unwrap()
}

// G58: the field and the extension say the same, and asking is free.
#[tokio::test]
async fn the_field_tells_what_the_extension_tells() {
    let home = Home::open(Engine::Sqlite).await;
    let rates = [("rate.user_burst", "5000".to_owned()), ("rate.user_per_second", "1".to_owned())];
    let server = started(&home, &rates).await;
    let user = server.sign_up("reader").await;
    let whole = async |token: Option<&str>, query: &str| send(server.request(token, query, json!({}))).await.whole();

    let alone = whole(Some(&user.token), &format!("{{ rateLimit {{ {FIGURES} }} }}")).await;
    assert_eq!(alone["data"]["rateLimit"], alone["extensions"]["cost"]);
    assert_eq!(
        (&alone["extensions"]["cost"]["requested"], &alone["extensions"]["cost"]["actual"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(
        (&alone["data"]["rateLimit"]["limit"], &alone["data"]["rateLimit"]["remaining"]),
        (&json!(5_000), &json!(5_000))
    );

    let query = format!(
        "{{ first: rateLimit {{ ...F }} viewer {{ accounts(first: 50) {{ nodes {{ id }} }} }} rateLimit {{ left: remaining actual }} }} \
         fragment F on RateLimit {{ {FIGURES} __typename }}"
    );
    let beside = whole(Some(&user.token), &query).await;
    let mut expected = beside["extensions"]["cost"].clone();
    assert_eq!(
        (&expected["requested"], &expected["actual"], &expected["remaining"]),
        (&json!(51), &json!(2), &json!(4_998))
    );
    assert_eq!(beside["data"]["rateLimit"], json!({"left": 4_998, "actual": 2}));
    expected["__typename"] = json!("RateLimit");
    assert_eq!(beside["data"]["first"], expected);
    // Also who is not signed in may ask.
    let nobody = whole(None, &format!("{{ rateLimit {{ {FIGURES} }} }}")).await;
    assert_eq!(nobody["data"]["rateLimit"], nobody["extensions"]["cost"]);
}

// G57: as the settings say; a refused caller can still see when to come back.
#[tokio::test]
async fn the_rate_is_what_the_settings_say() {
    let home = Home::open(Engine::Sqlite).await;
    let rates = [("rate.user_burst", "25".to_owned()), ("rate.user_per_second", "1".to_owned())];
    let server = started(&home, &rates).await;
    let user = server.sign_up("reader").await;
    let token = Some(user.token.as_str());
    let page = "{ notifications(first: 20) { nodes { id } } }";
    let dear = send(server.request(token, "{ notifications(first: 26) { nodes { id } } }", json!({}))).await;
    assert_eq!(
        (dear.code().as_str(), dear.json()["errors"][0]["extensions"]["maximum"].clone()),
        ("COST_LIMIT_EXCEEDED", json!(25))
    );
    // Empty pages cost one, not 20.
    for _ in 0..3 {
        assert_eq!(send(server.request(token, page, json!({}))).await.whole()["extensions"]["cost"]["actual"], 1);
    }
    let mark = "mutation { markNotificationsRead(input: {ids: [\"x\"]}) { userErrors { code } } }";
    let mut refused = None;
    for _ in 0..4 {
        let reply = send(server.request(token, mark, json!({}))).await;
        if reply.status == 429 {
            refused = Some(reply);
        }
    }
    let refused = refused.unwrap();
    assert!(refused.code() == "RATE_LIMITED" && !refused.header("retry-after").is_empty(), "{}", refused.text);
    let asked = send(server.request(token, "{ rateLimit { remaining } }", json!({}))).await;
    assert!(asked.json()["data"]["rateLimit"]["remaining"].as_i64().unwrap() < 10, "{}", asked.text);
}

fn file(home: &Home, name: &str, documents: &Value) -> String {
    let path = home.folder().join(name);
    std::fs::write(&path, serde_json::to_vec_pretty(documents).unwrap()).unwrap();
    path.display().to_string()
}

// G23: files as relay-compiler and the client preset write them, named in the settings.
#[tokio::test]
async fn trusted_documents_come_from_the_files_that_the_settings_name() {
    let home = Home::open(Engine::Sqlite).await;
    let relay = json!({"f1e4cf4c4f0f5b5d0a3c1c0a9f4d7a11": "query Viewer {\n  viewer {\n    username\n  }\n}\n"});
    let preset = json!({"9c9a6f5fdd1d7b1b1f0c4f7a2ad5e0b8a3c6e111": "query Info { serverInfo { version } }"});
    let files = format!("{}, {}", file(&home, "relay.json", &relay), file(&home, "preset.json", &preset));
    let settings = [("documents.trusted_files", files), ("documents.anonymous", "enforce".to_owned())];
    let server = started(&home, &settings).await;
    let ask = async |body: Value| send(server.client.post(body.to_string())).await.json();
    let viewer = ask(json!({"doc_id": "f1e4cf4c4f0f5b5d0a3c1c0a9f4d7a11"})).await;
    assert_eq!(viewer, json!({"data": {"viewer": null}}));
    let info = ask(json!({"documentId": "9c9a6f5fdd1d7b1b1f0c4f7a2ad5e0b8a3c6e111"})).await;
    assert!(info["data"]["serverInfo"]["version"].is_string(), "{info}");
    let other = ask(json!({"query": "{ serverInfo { version } }"})).await;
    assert_eq!(other["errors"][0]["extensions"]["code"], "DOCUMENT_NOT_TRUSTED");
}

// G23
#[rstest]
#[case::absent(None, "No such file")]
#[case::no_json(Some("["), "one JSON object of texts by their hashes")]
#[case::outdated(
    Some(r#"{"abc": "{ removedField }"}"#),
    "the document abc cannot be trusted: Unknown field \"removedField\""
)]
#[tokio::test]
async fn a_bad_file_of_trusted_documents_refuses_the_start(#[case] text: Option<&str>, #[case] expected: &str) {
    crate::support::install_crypto();
    let home = Home::open(Engine::Sqlite).await;
    let path = home.folder().join("documents.json");
    if let Some(text) = text {
        std::fs::write(&path, text).unwrap();
    }
    let config = config(&home, &[("documents.trusted_files", path.display().to_string())]);
    let seams = Seams::system(&config);
    let refused = Box::pin(build(config, seams, "127.0.0.1:1".parse().unwrap())).await.err().unwrap().to_string();
    assert!(refused.contains("documents.trusted_files") && refused.contains("documents.json"), "{refused}");
    assert!(refused.contains(expected), "{refused}");
}

// G23
#[test]
fn enforcing_without_documents_is_refused() {
    let resolved = resolve(&[("documents.user".to_owned(), "enforce".to_owned())], None).unwrap();
    let refused = Config::from_resolved(&resolved).err().unwrap().to_string();
    assert!(refused.contains("documents.user") && refused.contains("documents.trusted_files"), "{refused}");
}
