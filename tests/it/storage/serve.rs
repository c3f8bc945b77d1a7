//! The whole server with a bucket: images by presigned addresses, a change of the store, an outage, two processes.

use inkledger::{config::Config, db::Engine};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    graphql_client::send,
    s3_server::S3Server,
    server::{Home, Server},
};

async fn on(home: &std::sync::Arc<Home>, s3: &S3Server) -> Server {
    let storage = s3.storage();
    home.start_with(|config: &mut Config, _| config.storage = storage).await
}

/// Draws an image and answers its address.
async fn drawn(server: &Server, person: &Person, key: &str) -> String {
    let task = server.drawing(person, 1, key).await;
    let ended = server.ended(person, &task).await;
    assert_eq!(ended["status"], "SUCCESS", "{ended}");
    ended["items"][0]["image"]["url"].as_str().unwrap().to_owned()
}

async fn assert_png(url: &str) {
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (200, &"image/png".parse().unwrap()));
    assert!(answer.bytes().await.unwrap().starts_with(b"\x89PNG"), "{url}");
}

async fn urls(server: &Server, person: &Person) -> Vec<String> {
    let query = "query($a: ID!) { images(accountId: $a) { nodes { url } } }";
    let images = server.payload(person, query, json!({"a": person.account})).await;
    let nodes = images["nodes"].as_array().unwrap();
    nodes.iter().map(|image| image["url"].as_str().unwrap().to_owned()).collect()
}

// REQ-A-35
#[rstest]
#[tokio::test]
async fn a_change_of_the_store_keeps_every_image_readable(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let s3 = S3Server::start().await;
    let home = Home::open(engine).await;
    let server = home.start().await;
    let hero = server.hero().await;
    server.give(&hero, &hero, 10).await;
    let here = drawn(&server, &hero, "in-the-folder").await;
    assert!(here.starts_with(&format!("{}/files/images/", server.client.base)), "{here}");
    server.stop().await;

    let server = on(&home, &s3).await;
    let hero = server.sign_in("hero").await;
    let there = drawn(&server, &hero, "in-the-bucket").await;
    assert!(there.starts_with(&format!("http://{}/ink-images/images/", s3.address)), "{there}");
    assert!(there.contains("X-Amz-Expires=3600"), "{there}");
    assert!(server.number("SELECT COUNT(*) FROM stored_object WHERE store = 's3'").await > 0);
    let both = urls(&server, &hero).await;
    assert_eq!(both.len(), 2);
    for url in &both {
        assert_png(url).await;
    }
    server.stop().await;

    // Back to the folder, with the bucket's settings still there.
    let mut storage = s3.storage();
    storage.target = inkledger::storage::StoreName::Local;
    let server = home.start_with(|config, _| config.storage = storage).await;
    let hero = server.sign_in("hero").await;
    let last = drawn(&server, &hero, "in-the-folder-again").await;
    assert!(last.starts_with(&server.client.base), "{last}");
    let all = urls(&server, &hero).await;
    assert_eq!(all.len(), 3);
    for url in &all {
        assert_png(url).await;
    }
    server.check_ledger().await;
}

async fn readiness(server: &Server) -> (u16, Value) {
    let answer = send(server.client.request("GET", "/readyz")).await;
    (answer.status, answer.json()["degraded"].clone())
}

// REQ-A-34, REQ-A-47
#[tokio::test]
async fn an_outage_costs_nobody_anything_and_ends_by_itself() {
    let mut s3 = S3Server::start().await;
    s3.stop().await;
    let home = Home::open(Engine::Sqlite).await;
    let server = on(&home, &s3).await;
    assert_eq!(readiness(&server).await, (200, json!(["storage.s3"])), "it starts all the same, and says so");
    let hero = server.hero().await;
    server.give(&hero, &hero, 10).await;
    let task = server.drawing(&hero, 1, "while-it-is-down").await;
    let ended = server.ended(&hero, &task).await;
    assert_eq!((&ended["status"], &ended["items"][0]["errorCode"]), (&json!("ERROR"), &json!("STORAGE_UNAVAILABLE")));
    assert_eq!(server.balance(&hero).await, (10, 0), "it was not charged, and nothing is held");
    assert!(server.number("SELECT COUNT(*) FROM ai_attempt WHERE error_code = 'STORAGE_UNAVAILABLE'").await > 0);
    assert_eq!(server.number("SELECT COUNT(*) FROM image").await, 0);

    s3.restart().await;
    assert_png(&drawn(&server, &hero, "after-it").await).await;
    assert!(server.balance(&hero).await.0 < 10);
    server.check_ledger().await;
    server.check_records().await;
}

#[tokio::test]
async fn two_processes_share_images_through_the_bucket() {
    let s3 = S3Server::start().await;
    let home = Home::open(Engine::Postgres).await;
    let one = on(&home, &s3).await;
    // A machine of its own: nothing but database, bucket and signing key is shared.
    let (elsewhere, storage) = (tempfile::tempdir().unwrap(), s3.storage());
    let folder = elsewhere.path().to_owned();
    let two = home
        .start_with(|config, _| {
            config.storage = storage;
            config.data_dir = folder;
        })
        .await;
    let hero = one.hero().await;
    one.give(&hero, &hero, 10).await;
    drawn(&one, &hero, "made-by-either").await;
    let (by_one, by_two) = (urls(&one, &hero).await, urls(&two, &hero).await);
    assert_eq!((by_one.len(), by_two.len()), (1, 1));
    for url in by_one.iter().chain(&by_two) {
        assert_png(url).await;
    }
}

// What one process signs, the other one opens: the key is drawn from the signing key, which both have.
#[tokio::test]
async fn two_processes_open_each_others_addresses_of_the_folder() {
    let home = Home::open(Engine::Postgres).await;
    let (one, two) = (home.start().await, home.start().await);
    let hero = one.hero().await;
    one.give(&hero, &hero, 10).await;
    let url = drawn(&one, &hero, "in-the-folder").await;
    assert_png(&url).await;
    assert_png(&url.replace(&one.client.base, &two.client.base)).await;
}
