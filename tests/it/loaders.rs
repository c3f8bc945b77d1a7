//! Loaders batch across the rows of a page (G61).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use inkledger::{config::Role, db::Engine};
use rstest::rstest;
use serde_json::json;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

use crate::support::server::Server;

/// Counts the statements that the driver reports.
struct Count(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

const PAGE: &str = "query($a: ID!) { aiTasks(accountId: $a, first: 50) { nodes { id model { name } items { position image \
                    { width } } } } }";

// G61: a 50-row page with three nested objects issues at most 5 statements, beside the two that judge the caller: one reads
// the session, one the membership.
#[rstest]
#[tokio::test]
async fn a_page_of_fifty_with_three_nested_objects_takes_five_statements(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let count = Arc::new(AtomicUsize::new(0));
    // Every test has a process of its own, so this is the only subscriber.
    tracing_subscriber::registry().with(Count(count.clone())).try_init().unwrap();
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 100).await;
    for number in 0..50 {
        let task = server.drawing(&user, 1, &format!("page-of-fifty-{number}")).await;
        if number == 49 {
            // The others come before it: that may take longer than one event may be awaited.
            let is_over = async || server.task(&user, &task).await["status"] == "SUCCESS";
            for _ in 0..600 {
                if is_over().await {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert!(is_over().await, "the task did not end");
        }
    }
    // A process without workers, so that nothing else speaks to the database.
    let home = Arc::clone(&server.home);
    server.stop().await;
    let server = home.start_with(|config, _| config.role = Role::Api).await;
    let mut least = usize::MAX;
    for _ in 0..5 {
        let before = count.load(Ordering::SeqCst);
        let answer = server.data(Some(&user.token), PAGE, json!({ "a": user.account })).await;
        least = least.min(count.load(Ordering::SeqCst) - before);
        assert_eq!(answer["aiTasks"]["nodes"].as_array().unwrap().len(), 50);
    }
    assert!((3..=7).contains(&least), "{least} statements");
    server.stop().await;
}

const HOLDS: &str = "query($a: ID!, $n: Int!) { account(id: $a) { creditHolds(first: $n) { nodes { id openedBy { sequence } \
                     closedBy { sequence } lots { amount grant { kind transaction { sequence } } } task { id } \
                     user { username } } } creditGrants(first: $n) { nodes { id transaction { kind } } } } }";

const TRACE: &str = "query($g: ID!, $n: Int!) { creditTrace(of: {grantId: $g}) { steps(first: $n) { nodes { hold { id closedBy { \
                     sequence } } task { id } draws { charged grant { kind } } usage { credits } refunds { amount } } } \
                     moves(first: $n) { nodes { amount transaction { sequence } hold { state } } } lots { charged } } }";

// G61: a page of holds and grants takes no statement for each row.
#[rstest]
#[tokio::test]
async fn a_page_of_holds_takes_no_statement_for_each_row(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let count = Arc::new(AtomicUsize::new(0));
    tracing_subscriber::registry().with(Count(count.clone())).try_init().unwrap();
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    for number in 0..25 {
        server.give(&hero, &user, 40 + number).await;
    }
    for number in 0..13 {
        let task = server.drawing(&user, 4, &format!("page-of-fifty-{number}")).await;
        server.ended(&user, &task).await;
    }
    // A process without workers, so that nothing else speaks to the database.
    let home = Arc::clone(&server.home);
    server.stop().await;
    let server = home.start_with(|config, _| config.role = Role::Api).await;
    let statements = async |rows: usize| {
        let mut least = usize::MAX;
        for _ in 0..5 {
            let before = count.load(Ordering::SeqCst);
            let answer = server.data(Some(&user.token), HOLDS, json!({"a": user.account, "n": rows})).await;
            least = least.min(count.load(Ordering::SeqCst) - before);
            assert_eq!(answer["account"]["creditHolds"]["nodes"].as_array().unwrap().len(), rows);
        }
        least
    };
    let (few, many) = (statements(2).await, statements(50).await);
    assert!(few <= 14, "{few} statements");
    // A loader may be given its keys in two turns on a busy machine; a statement for each row would be dozens more.
    assert!(many <= few + 3, "{few} statements for two rows, {many} for fifty");
    let listed = "query($a: ID!) { account(id: $a) { creditGrants(last: 1) { nodes { id } } } }";
    let listed = server.data(Some(&user.token), listed, json!({"a": user.account})).await;
    let grant = listed["account"]["creditGrants"]["nodes"][0]["id"].clone();
    let statements = async |rows: usize| {
        let mut least = usize::MAX;
        for _ in 0..5 {
            let before = count.load(Ordering::SeqCst);
            let answer = server.data(Some(&user.token), TRACE, json!({"g": grant, "n": rows})).await;
            least = least.min(count.load(Ordering::SeqCst) - before);
            assert_eq!(answer["creditTrace"]["steps"]["nodes"].as_array().unwrap().len(), rows);
        }
        least
    };
    let (few, many) = (statements(2).await, statements(8).await);
    assert!(few <= 20, "{few} statements");
    assert!(many <= few + 3, "{few} statements for two steps, {many} for eight");
    server.stop().await;
}
