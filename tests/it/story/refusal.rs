//! Work that cannot be paid, and a provider that fails.

use inkledger::{
    ai::provider::{FailureCode, sandbox::Step},
    db::Engine,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::server::Server;

// G36, REQ-B-14: typed figures, no provider call, all records, and it is the answer for its key.
#[rstest]
#[tokio::test]
async fn too_few_credits_are_refused_with_figures_and_recorded_and_no_provider_is_called(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 2).await;
    let refused = server.draw(&user, 3, "too-dear-for-me").await;
    assert_eq!(refused["task"], Value::Null);
    let error = &refused["userErrors"][0];
    assert_eq!(error["code"], "INSUFFICIENT_CREDITS");
    assert_eq!(error["insufficientCredits"], json!({"required": 3, "available": 2, "short": 1}));
    server.give(&hero, &user, 50).await;
    let again = server.draw(&user, 3, "too-dear-for-me").await;
    assert_eq!(again.to_string(), refused.to_string(), "a refusal that was recorded is the answer for its key");
    assert!(server.script.billing().is_empty());
    let tasks = server.payload(&user, "{ aiTasks { nodes { status creditsUsed error { code message } } } }", json!({}));
    let tasks = tasks.await;
    assert_eq!(tasks["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(tasks["nodes"][0]["status"], "ERROR");
    assert_eq!(tasks["nodes"][0]["creditsUsed"], 0);
    assert_eq!(tasks["nodes"][0]["error"]["code"], "INSUFFICIENT_CREDITS");
    let notes = server.payload(&user, "{ notifications { nodes { kind severity message } } }", json!({})).await;
    assert_eq!(notes["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(notes["nodes"][0]["kind"], "ai_image_failed");
    let message = notes["nodes"][0]["message"].as_str().unwrap();
    assert!(message.contains("Required: 3, Available: 2"), "{message}");
    assert_eq!(server.number("SELECT COUNT(*) FROM credit_usage").await, 0);
    assert_eq!(server.number("SELECT COUNT(*) FROM credit_hold").await, 0);
    // A new key is judged anew.
    server.drawing(&user, 3, "now-affordable").await;
    server.check_ledger().await;
    server.check_records().await;
}

// REQ-B-14: only what was delivered is charged.
#[rstest]
#[tokio::test]
async fn a_provider_that_fails_on_the_second_image_leaves_a_partial_task_and_two_charges(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 10).await;
    server.script.extend([Step::Ok, Step::fail(FailureCode::ContentRefused)]);
    let task = server.drawing(&user, 3, "one-of-three-fails").await;
    let task = server.ended(&user, &task).await;
    assert_eq!((&task["status"], &task["creditsUsed"]), (&json!("PARTIAL"), &json!(2)), "{task}");
    assert_eq!((&task["itemsDelivered"], &task["itemsFailed"]), (&json!(2), &json!(1)));
    let states: Vec<_> =
        task["items"].as_array().unwrap().iter().map(|item| (&item["state"], &item["credits"])).collect();
    let (delivered, one) = (json!("DELIVERED"), json!(1));
    assert_eq!(states, [(&delivered, &one), (&json!("FAILED"), &Value::Null), (&delivered, &one)]);
    assert!(!task.to_string().contains("scripted"), "the provider's own words stay inside");
    assert_eq!(server.balance(&user).await, (8, 0));
    assert_eq!(server.script.billing().iter().map(|line| line.images).sum::<u32>(), 2);
    assert_eq!(server.number("SELECT COUNT(*) FROM credit_usage").await, 2);
    let notes = server.payload(&user, "{ notifications { nodes { severity message } } }", json!({})).await;
    assert_eq!(notes["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(notes["nodes"][0]["severity"], "WARNING");
    server.check_ledger().await;
    server.check_records().await;
}

#[rstest]
#[tokio::test]
async fn a_provider_that_fails_always_leaves_an_error_and_charges_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 10).await;
    server.script.rule(|_| Some(Step::fail(FailureCode::ContentRefused)));
    let task = server.drawing(&user, 2, "nothing-works").await;
    let task = server.ended(&user, &task).await;
    assert_eq!((&task["status"], &task["creditsUsed"]), (&json!("ERROR"), &json!(0)), "{task}");
    assert_eq!(server.balance(&user).await, (10, 0));
    assert_eq!(server.number("SELECT COUNT(*) FROM credit_usage").await, 0);
    assert_eq!(server.number("SELECT COUNT(*) FROM notification").await, 1);
    server.check_ledger().await;
    server.check_records().await;
}
