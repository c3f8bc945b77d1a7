//! Many spends at once on credits for six: six succeed, exactly.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use inkledger::db::Engine;
use rstest::rstest;
use serde_json::json;

use crate::support::{
    builders::{Api, Person},
    server::{Home, Server},
};

/// Requests under way at once; the others wait for a connection, as behind a proxy.
const CONNECTIONS: usize = 64;

/// Sends `count` spends of one credit, spread over `doors`, each with a key of its own; how many were accepted.
async fn spend(doors: &[Api], person: &Person, count: usize) -> usize {
    let spends = (0..count).map(|at| {
        let door = doors[at % doors.len()].clone();
        let person = person.clone();
        async move {
            let query = "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } \
                         userErrors { code insufficientCredits { required available short } } } }";
            let input = json!({"prompt": "six of them", "idempotencyKey": format!("spend-{at:05}"), "seed": 1});
            let payload = door.payload(&person, query, json!({"i": input})).await;
            if payload["task"].is_null() {
                assert_eq!(payload["userErrors"][0]["code"], "INSUFFICIENT_CREDITS", "{payload}");
                let figures = &payload["userErrors"][0]["insufficientCredits"];
                assert_eq!(figures, &json!({"required": 1, "available": 0, "short": 1}));
            }
            usize::from(!payload["task"].is_null())
        }
    });
    stream::iter(spends).buffer_unordered(CONNECTIONS).fold(0, |sum, one| async move { sum + one }).await
}

async fn check(server: &Server, person: &Person, count: i64) {
    // Conditions, not waits: each task that was accepted ends.
    let tasks = server.payload(person, "{ aiTasks(first: 100) { nodes { id status } totalCount } }", json!({})).await;
    assert_eq!(tasks["totalCount"], count);
    let wanted = "SELECT COUNT(*) FROM ai_task WHERE error_code IS NULL";
    assert_eq!(server.number(wanted).await, 6);
    let open = "SELECT COUNT(*) FROM ai_task WHERE finished_at IS NULL";
    for _ in 0..600 {
        if server.number(open).await == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert_eq!(server.number("SELECT COUNT(*) FROM ai_task WHERE status = 'SUCCESS'").await, 6);
    assert_eq!(server.number("SELECT COUNT(*) FROM credit_usage").await, 6);
    assert_eq!(server.number("SELECT COUNT(*) FROM notification").await, count);
    assert_eq!(server.balance(person).await, (0, 0));
    server.check_ledger().await;
}

// The thousand on PostgreSQL come through two servers, below.
#[rstest]
#[case::twenty_on_sqlite(Engine::Sqlite, 20)]
#[case::twenty_on_postgres(Engine::Postgres, 20)]
#[case::a_thousand_on_sqlite(Engine::Sqlite, 1_000)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_six_of_many_simultaneous_spends_succeed(#[case] engine: Engine, #[case] count: usize) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("spender").await;
    server.give(&hero, &user, 6).await;
    assert_eq!(spend(std::slice::from_ref(&server.api), &user, count).await, 6);
    check(&server, &user, i64::try_from(count).unwrap()).await;
    assert_eq!(server.script.billing().iter().filter(|line| line.images > 0).count(), 6);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_six_succeed_when_they_are_the_first_the_account_ever_spends(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Home::open(engine).await.start_with(|config, _| config.auth.signup_credits = 6).await;
    let user = server.sign_up("newcomer").await;
    assert_eq!(spend(std::slice::from_ref(&server.api), &user, 20).await, 6);
    check(&server, &user, 20).await;
    // And where nothing was ever given, nothing is ever spent.
    let server = Server::open(engine).await;
    let user = server.sign_up("penniless").await;
    assert_eq!(spend(std::slice::from_ref(&server.api), &user, 20).await, 0);
    assert_eq!(server.number("SELECT COUNT(*) FROM credit_hold").await, 0);
    server.check_ledger().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_six_of_a_thousand_succeed_through_two_servers_on_one_database() {
    let home = Home::open(Engine::Postgres).await;
    let first = home.start().await;
    let second = Arc::clone(&home).start().await;
    let hero = first.hero().await;
    let user = second.sign_up("spender").await;
    first.give(&hero, &user, 6).await;
    assert_eq!(spend(&[first.api.clone(), second.api.clone()], &user, 1_000).await, 6);
    check(&second, &user, 1_000).await;
}

#[tokio::test]
async fn exactly_six_succeed_through_two_processes_on_one_database() {
    let home = Home::open(Engine::Postgres).await;
    let mut first = home.process(&[]).await;
    let hero = {
        let token = first.claim_token().await;
        first.claim(&token, "hero").await
    };
    let second = home.process(&[]).await;
    let user = second.sign_up("spender").await;
    first.give(&hero, &user, 6).await;
    assert_eq!(spend(&[first.api.clone(), second.api.clone()], &user, 20).await, 6);
    let server = home.start().await;
    check(&server, &user, 20).await;
    first.kill().await;
    second.kill().await;
}
