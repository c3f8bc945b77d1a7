//! `Account.creditGrants` through the API.

use inkledger::{
    db::Engine,
    ledger::model::{GrantSource, Operation},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::desk::{Desk, all_in_pages, ask, source};
use crate::support::{builders::Person, server::Server};

/// A person with four grants: bought 10, plan 20 that ends, promotion 5 that is used up, an administrator's 7.
async fn given(engine: Engine) -> (Server, Person, Desk) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let person = server.sign_up("reader").await;
    let desk = Desk::open(&server, &person).await;
    desk.grant(GrantSource::Purchase(source("=payment-1")), 10, None).await;
    desk.grant(GrantSource::Promo(source("spring-for-reader")), 5, Some(50)).await;
    // Promotions go first where there is no plan.
    let hold = desk.hold(&[5], None).await;
    desk.submit(Operation::Settle { hold: hold[0], actual: 5 }).await;
    desk.grant(GrantSource::Plan(source("subscription-1/2026-01")), 20, Some(3600)).await;
    server.give(&hero, &person, 7).await;
    (server, person, desk)
}

const SEEN: &str = "id kind amount available held spent expired revoked priority expiresAt paymentReference createdAt \
                    transaction { sequence kind amount createdAt } refundedTransaction { id }";

#[rstest]
#[tokio::test]
async fn grants_tell_what_became_of_them(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (server, person, desk) = given(engine).await;
    let seen = ask(&server, &person, &format!("creditGrants {{ totalCount nodes {{ {SEEN} }} }}")).await;
    let nodes = seen["creditGrants"]["nodes"].as_array().unwrap();
    assert_eq!(seen["creditGrants"]["totalCount"], 4);
    let short =
        |node: &Value| json!([node["kind"], node["amount"], node["available"], node["spent"], node["priority"]]);
    let short: Vec<Value> = nodes.iter().map(short).collect();
    let expected =
        json!([["ADMIN", 7, 7, 0, 60], ["PLAN", 20, 20, 0, 10], ["PROMO", 5, 0, 5, 20], ["PURCHASE", 10, 10, 0, 100]]);
    assert_eq!(json!(short), expected, "newest first");
    for (node, sequence) in nodes.iter().zip([6, 5, 2, 1]) {
        let sum: i64 =
            ["available", "held", "spent", "expired", "revoked"].iter().map(|name| node[name].as_i64().unwrap()).sum();
        assert_eq!(node["amount"], sum, "{node}");
        assert_eq!(node["transaction"]["sequence"], sequence, "{node}");
        assert_eq!((&node["transaction"]["kind"], &node["transaction"]["amount"]), (&json!("GRANT"), &node["amount"]));
        assert_eq!(node["createdAt"], node["transaction"]["createdAt"]);
        assert_eq!(node["refundedTransaction"], Value::Null);
        let is_bought = node["kind"] == "PURCHASE";
        assert_eq!(node["paymentReference"], if is_bought { json!("=payment-1") } else { Value::Null }, "{node}");
        let ends = matches!(node["kind"].as_str(), Some("PLAN" | "PROMO"));
        assert_eq!(node["expiresAt"].is_string(), ends, "never is null: {node}");
    }
    desk.ledger.close().await;
    server.stop().await;
}

// G40: pages are stable while grants are added, and filters hold.
#[rstest]
#[tokio::test]
async fn grants_are_filtered_and_paged(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (server, person, desk) = given(engine).await;
    let kinds = async |filter: &str| -> Vec<String> {
        let found = all_in_pages(&server, &person, "creditGrants", filter, "kind").await;
        found.iter().map(|node| node["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds("").await, ["ADMIN", "PLAN", "PROMO", "PURCHASE"]);
    assert_eq!(kinds(", filter: {kinds: [PURCHASE, PLAN]}").await, ["PLAN", "PURCHASE"]);
    assert_eq!(kinds(", filter: {hasAvailable: true}").await, ["ADMIN", "PLAN", "PURCHASE"]);
    assert_eq!(kinds(", filter: {hasAvailable: false}").await, ["PROMO"]);
    assert_eq!(kinds(", filter: {hasAvailable: false, kinds: [ADMIN]}").await, Vec::<String>::new());
    let counted = "creditGrants(first: 1, filter: {hasAvailable: true}) { totalCount pageInfo { endCursor } }";
    let first = ask(&server, &person, counted).await["creditGrants"].take();
    assert_eq!(first["totalCount"], 3);
    desk.grant(GrantSource::Admin, 1, None).await;
    let after = first["pageInfo"]["endCursor"].to_string();
    let next = ask(&server, &person, &format!("creditGrants(first: 1, after: {after}) {{ nodes {{ kind }} }}")).await;
    assert_eq!(next["creditGrants"]["nodes"], json!([{"kind": "PLAN"}]), "a new grant moves no page");
    desk.ledger.close().await;
    server.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_refund_names_the_charge_that_it_gives_back(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (server, person, desk) = given(engine).await;
    let id = inkledger::ids::Ids::uuid(&desk.ids);
    let written = if engine == Engine::Sqlite { format!("x'{}'", id.simple()) } else { format!("'{id}'") };
    // As the refund operation writes it; the settle is the fourth transaction.
    server
        .execute(&format!(
            "INSERT INTO credit_grant (id, account_id, kind, source_ref, priority, expires_at, granted_seq, refunds_seq, \
             amount, available, created_at) SELECT {written}, account_id, 'refund', 'the-refund', 40, \
             created_at + 2592000000000, 6, 4, 5, 5, created_at FROM credit_grant WHERE kind = 'admin'"
        ))
        .await;
    let selection =
        "creditGrants(filter: {kinds: [REFUND]}) { nodes { id kind refundedTransaction { sequence kind } } }";
    let seen = ask(&server, &person, selection).await["creditGrants"]["nodes"].take();
    assert_eq!((&seen[0]["kind"], seen.as_array().unwrap().len()), (&json!("REFUND"), 1));
    assert_eq!(seen[0]["refundedTransaction"], json!({"sequence": 4, "kind": "SETTLE"}));
    let query = format!("{{ node(id: {}) {{ ... on CreditGrant {{ kind }} }} }}", seen[0]["id"]);
    assert_eq!(server.data(Some(&person.token), &query, json!({})).await["node"], json!({"kind": "REFUND"}));
    let other = server.sign_up("other").await;
    assert_eq!(server.data(Some(&other.token), &query, json!({})).await["node"], Value::Null);
    desk.ledger.close().await;
    server.stop().await;
}
