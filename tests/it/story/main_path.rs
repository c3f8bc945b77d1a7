//! Credits are given, an AI task spends them, every client sees it live.

use inkledger::{
    db::Engine,
    storage::{ObjectKey, UrlSigner},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::{balance_until, figures, progress_query, watch_balance};
use crate::support::{
    builders::{Person, next_event},
    graphql_client::send,
    server::Server,
    ws_client::Ws,
};

// G44, G51, REQ-B-13
#[rstest]
#[tokio::test]
async fn credits_are_given_and_an_ai_task_spends_them_and_every_client_sees_it_live(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    let mut balance = watch_balance(&server, &user, None).await;
    assert_eq!(figures(&next_event(&mut balance, "balance").await), ("SNAPSHOT".to_owned(), 0, 0, 0));
    server.give(&hero, &user, 100).await;
    assert_eq!(figures(&next_event(&mut balance, "balance").await), ("GRANT".to_owned(), 1, 100, 0));

    let task = server.drawing(&user, 3, "draw-three").await;
    let progress = progress_of(&server, &user, &task).await;
    let seen: Vec<_> = balance_until(&mut balance, 5).await.iter().map(figures).collect();
    let settled = |sequence, available, held| ("SETTLE".to_owned(), sequence, available, held);
    let expected = [("HOLD".to_owned(), 2, 97, 3), settled(3, 97, 2), settled(4, 97, 1), settled(5, 97, 0)];
    assert_eq!(seen, expected);
    check_progress(&progress);
    check_records(&server, &user, &task).await;
    check_files(&server, &server.task(&user, &task).await).await;
    assert_eq!(server.script.billing().iter().map(|line| line.images).sum::<u32>(), 3);
    server.check_ledger().await;
    server.check_records().await;
    server.stop().await;
}

async fn progress_of(server: &Server, user: &Person, task: &str) -> Vec<Value> {
    let mut ws = Ws::ready(server.address(), Some(&user.token)).await;
    ws.subscribe("progress", &progress_query(task, None)).await;
    let mut events = Vec::new();
    while events.last().is_none_or(|event: &Value| event["kind"] != "FINISHED" && event["task"]["status"] != "SUCCESS")
    {
        events.push(next_event(&mut ws, "progress").await);
    }
    while events.last().unwrap()["kind"] != "FINISHED" && events.last().unwrap()["kind"] != "SNAPSHOT" {
        events.push(next_event(&mut ws, "progress").await);
    }
    events
}

/// G44: a snapshot at n, then n + 1 … without gap; percent never falls.
fn check_progress(events: &[Value]) {
    assert_eq!(events[0]["kind"], "SNAPSHOT");
    let sequences: Vec<i64> = events.iter().map(|event| event["sequence"].as_i64().unwrap()).collect();
    for pair in sequences.windows(2) {
        assert_eq!(pair[1], pair[0] + 1, "{sequences:?}");
    }
    let percents: Vec<i64> = events.iter().filter_map(|event| event["percent"].as_i64()).collect();
    assert!(percents.is_sorted(), "{percents:?}");
    let last = events.last().unwrap();
    assert!(last["kind"] == "FINISHED" || last["task"]["status"] == "SUCCESS", "{last}");
}

/// Usage, notification, task and ledger agree to the credit.
async fn check_records(server: &Server, user: &Person, task: &str) {
    let shown = server.task(user, task).await;
    assert_eq!(
        (&shown["status"], &shown["creditsUsed"], &shown["percent"]),
        (&json!("SUCCESS"), &json!(3), &json!(100))
    );
    for (sql, expected) in [
        ("SELECT COUNT(*) FROM credit_usage", 3),
        ("SELECT CAST(SUM(credits) AS bigint) FROM credit_usage", 3),
        ("SELECT COUNT(*) FROM notification", 1),
        ("SELECT credits_used FROM ai_task", 3),
        ("SELECT COUNT(*) FROM credit_transaction WHERE kind = 'settle'", 3),
        ("SELECT COUNT(*) FROM credit_hold WHERE state = 'settled'", 3),
        ("SELECT COUNT(*) FROM image", 3),
        ("SELECT COUNT(*) FROM ai_attempt WHERE state = 'settled'", 3),
    ] {
        assert_eq!(server.number(sql).await, expected, "{sql}");
    }
    assert_eq!(server.balance(user).await, (97, 0));
    let query = "{ notifications { nodes { kind severity title message isRead task { id } } } }";
    let notes = server.payload(user, query, json!({})).await;
    let note = &notes["nodes"][0];
    assert_eq!(note["task"]["id"], task);
    assert_eq!(note["kind"], "ai_image_success");
    assert_eq!(note["severity"], "SUCCESS");
    assert!(note["message"].as_str().unwrap().contains('3'), "{note}");
}

/// Images open for whoever has the address, until it ends; nothing else opens them.
async fn check_files(server: &Server, task: &Value) {
    for item in task["items"].as_array().unwrap() {
        let image = &item["image"];
        let url = image["url"].as_str().unwrap();
        let answer = server.client.http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "image/png");
        let bytes = answer.bytes().await.unwrap();
        let decoded = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png).unwrap();
        assert_eq!(json!([decoded.width(), decoded.height()]), json!([image["width"], image["height"]]));
    }
    let url = task["items"][0]["image"]["url"].as_str().unwrap();
    let path = url.strip_prefix(&server.client.base).unwrap();
    let (file, query) = path.split_once('?').unwrap();
    let key = UrlSigner::new(&server.home.url_key())
        .verify(file, query, inkledger::clock::Clock::now(&inkledger::clock::SystemClock))
        .unwrap();
    let expired = UrlSigner::new(&server.home.url_key()).sign(&key, 1_000_000, 60);
    let forged = UrlSigner::new(&[9; 32]).sign(&key, 1_000_000, 60);
    let last = path.chars().last().unwrap();
    let altered = format!("{}{}", &path[..path.len() - 1], if last == 'A' { 'B' } else { 'A' });
    for refused in [expired, forged, altered, file.to_owned(), sibling(&key, &server.home.url_key(), query)] {
        let answer = send(server.client.request("GET", &refused)).await;
        assert!([403, 404].contains(&answer.status), "{} {refused}", answer.status);
        assert!(!answer.text.contains("PNG"));
    }
}

/// Another object's path with this object's signature.
fn sibling(key: &ObjectKey, secret: &[u8; 32], query: &str) -> String {
    let signed = UrlSigner::new(secret).sign(key, 1_000_000, 60);
    let path = signed.split('?').next().unwrap();
    format!("{}?{query}", path.replace(".png", ".webp"))
}
