//! Clients that go away at every step, and come back.

use std::time::Duration;

use inkledger::{ai::provider::sandbox::Step, db::Engine};
use rstest::rstest;
use serde_json::{Value, json};

use super::{balance_query, figures, progress_query, watch_balance};
use crate::support::{
    builders::{draw_query, draw_variables, next_event},
    server::Server,
    ws_client::Ws,
};

/// Writes of a dropped request go on; the key finds their answer. G32, G37
#[rstest]
#[tokio::test]
async fn a_request_dropped_at_any_moment_is_done_once_or_not_at_all(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 1000).await;
    // From before the first byte leaves until after the answer.
    for at in 0..12_u64 {
        let request = server.request(Some(&user.token), &draw_query(), draw_variables(1, &format!("dropped-{at}")));
        let _ = tokio::time::timeout(Duration::from_micros(at * at * 300), request.send()).await;
    }
    let mut tasks = Vec::new();
    for at in 0..12_u64 {
        tasks.push(server.drawing(&user, 1, &format!("dropped-{at}")).await);
    }
    for task in &tasks {
        assert_eq!(server.ended(&user, task).await["status"], "SUCCESS");
    }
    tasks.sort();
    tasks.dedup();
    assert_eq!(tasks.len(), 12);
    assert_eq!(server.number("SELECT COUNT(*) FROM ai_task").await, 12);
    assert_eq!(server.balance(&user).await, (988, 0));
    server.check_ledger().await;
}

// G44: without gap or repeat, however often the socket breaks.
#[rstest]
#[tokio::test]
async fn a_socket_that_breaks_after_every_event_resumes_without_gap_or_repeat(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 10).await;
    server.script.rule(|_| Some(Step::Delay(Duration::from_millis(20))));
    let mut first = watch_balance(&server, &user, None).await;
    let snapshot = next_event(&mut first, "balance").await;
    drop(first);
    let task = server.drawing(&user, 3, "watched-in-pieces").await;
    let mut cursor = snapshot["cursor"].as_str().unwrap().to_owned();
    let mut seen = vec![figures(&snapshot)];
    while seen.last().unwrap().1 < 5 {
        let mut ws = Ws::ready(server.address(), Some(&user.token)).await;
        ws.subscribe("balance", &balance_query(&user, Some(&cursor))).await;
        let event = next_event(&mut ws, "balance").await;
        assert_eq!(event["kind"], "TRANSACTION", "no snapshot after a cursor");
        cursor = event["cursor"].as_str().unwrap().to_owned();
        seen.push(figures(&event));
    }
    assert_eq!(seen.iter().map(|event| event.1).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(seen.last().unwrap().2, 7);
    resume_progress(&server, &user.token, &task).await;
    server.ended(&user, &task).await;
}

/// The task's events, each on a socket of its own, from the first to the last.
async fn resume_progress(server: &Server, token: &str, task: &str) {
    let mut cursor: Option<String> = None;
    let mut sequences = Vec::new();
    loop {
        let mut ws = Ws::ready(server.address(), Some(token)).await;
        ws.subscribe("progress", &progress_query(task, cursor.as_deref())).await;
        let event = next_event(&mut ws, "progress").await;
        sequences.push(event["sequence"].as_i64().unwrap());
        let ended =
            event["kind"] == "FINISHED" || (event["kind"] == "SNAPSHOT" && event["task"]["status"] == "SUCCESS");
        if ended {
            break;
        }
        cursor = Some(event["cursor"].as_str().unwrap().to_owned());
    }
    for pair in sequences.windows(2) {
        assert_eq!(pair[1], pair[0] + 1, "{sequences:?}");
    }
}

// G44: all data is reachable by query, so whoever watched nothing misses nothing.
#[rstest]
#[tokio::test]
async fn a_client_that_left_finds_everything_by_query(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 10).await;
    let mut ws = watch_balance(&server, &user, None).await;
    next_event(&mut ws, "balance").await;
    let task = server.drawing(&user, 2, "left-alone").await;
    // Cut off without a close frame.
    drop(ws);
    assert_eq!(server.ended(&user, &task).await["status"], "SUCCESS");
    let query = "query($id: ID!) { account(id: $id) { balance { available held sequence } \
                 creditTransactions { nodes { kind sequence amount } totalCount } } }";
    let account = server.payload(&user, query, json!({"id": user.account})).await;
    assert_eq!(account["balance"], json!({"available": 8, "held": 0, "sequence": 4}));
    let kinds: Vec<&Value> =
        account["creditTransactions"]["nodes"].as_array().unwrap().iter().map(|node| &node["kind"]).collect();
    assert_eq!(kinds, ["SETTLE", "SETTLE", "HOLD", "GRANT"]);
    assert_eq!(account["creditTransactions"]["totalCount"], 4);
}

// G44
#[rstest]
#[tokio::test]
async fn a_foreign_or_broken_cursor_is_refused(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let (user, other) = (server.sign_up("reader").await, server.sign_up("other").await);
    server.give(&hero, &user, 10).await;
    server.give(&hero, &other, 10).await;
    let mut ws = watch_balance(&server, &other, None).await;
    let foreign = next_event(&mut ws, "balance").await["cursor"].as_str().unwrap().to_owned();
    for cursor in [foreign.as_str(), "garbage", ""] {
        let mut ws = watch_balance(&server, &user, Some(cursor)).await;
        let refused = ws.receive().await;
        assert!(refused.to_string().contains("BAD_USER_INPUT"), "{cursor:?}: {refused}");
    }
}
