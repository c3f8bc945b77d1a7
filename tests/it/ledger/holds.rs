//! `Account.creditHolds` through the API.

use std::collections::BTreeSet;

use inkledger::{
    db::Engine,
    graphql::node::{NodeKind, encode},
    ids::Ids as _,
    ledger::model::{GrantSource, Operation},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::desk::{Desk, all_in_pages, ask, source};
use crate::support::server::Server;

const SEEN: &str = "id state amount settled shortfall refunded expiresAt createdAt openedBy { sequence kind } \
                    closedBy { sequence kind } lots { amount grant { kind amount } } lotsTotal task { id status } \
                    automationRun { id } user { username }";

#[rstest]
#[tokio::test]
async fn a_hold_tells_its_work_its_grants_and_its_end(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let person = server.sign_up("reader").await;
    let desk = Desk::open(&server, &person).await;
    desk.grant(GrantSource::Promo(source("spring-for-reader")), 3, Some(3600)).await;
    desk.grant(GrantSource::Purchase(source("payment-1")), 100, None).await;
    let task = server.drawing(&person, 1, "a-single-drawing").await;
    server.ended(&person, &task).await;
    let released = desk.hold(&[2], None).await;
    desk.submit(Operation::Release(released)).await;
    desk.hold(&[6], None).await;
    let seen = ask(&server, &person, &format!("creditHolds {{ totalCount nodes {{ {SEEN} }} }}")).await;
    let nodes = seen["creditHolds"]["nodes"].as_array().unwrap();
    assert_eq!(seen["creditHolds"]["totalCount"], 3);
    let (open, released, settled) = (&nodes[0], &nodes[1], &nodes[2]);
    assert_eq!((&open["state"], &open["closedBy"], &open["task"]), (&json!("HELD"), &Value::Null, &Value::Null));
    assert_eq!((&released["state"], &released["closedBy"]["kind"]), (&json!("RELEASED"), &json!("RELEASE")));
    assert_eq!((&settled["state"], &settled["closedBy"]["kind"]), (&json!("SETTLED"), &json!("SETTLE")));
    assert_eq!(settled["openedBy"], json!({"sequence": 3, "kind": "HOLD"}));
    assert_eq!(settled["task"], json!({"id": task, "status": "SUCCESS"}));
    assert_eq!(settled["user"], json!({"username": "reader"}));
    assert_eq!(settled["settled"], settled["amount"], "an image costs its quote");
    for node in nodes {
        let drawn: i64 = node["lots"].as_array().unwrap().iter().map(|lot| lot["amount"].as_i64().unwrap()).sum();
        assert_eq!(node["amount"], drawn, "all of it came from lots: {node}");
        assert_eq!(node["lotsTotal"].as_i64().unwrap(), i64::try_from(node["lots"].as_array().unwrap().len()).unwrap());
    }
    let kinds: Vec<&Value> = settled["lots"].as_array().unwrap().iter().map(|lot| &lot["grant"]["kind"]).collect();
    assert_eq!(kinds.first(), Some(&&json!("PROMO")), "in burn order");
    let query = format!("{{ node(id: {}) {{ ... on CreditHold {{ state }} }} }}", settled["id"]);
    assert_eq!(server.data(Some(&person.token), &query, json!({})).await["node"], json!({"state": "SETTLED"}));
    let other = server.sign_up("other").await;
    assert_eq!(server.data(Some(&other.token), &query, json!({})).await["node"], Value::Null);
    desk.ledger.close().await;
    server.stop().await;
}

// G40: one transaction opens many holds, and a page may end among them.
#[rstest]
#[tokio::test]
async fn holds_are_filtered_and_paged(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let person = server.sign_up("reader").await;
    let desk = Desk::open(&server, &person).await;
    desk.grant(GrantSource::Admin, 100, None).await;
    let run = desk.ids.uuid();
    let mut together = desk.hold(&[1, 2, 3, 4, 5], Some(run)).await;
    let alone = desk.hold(&[6], None).await;
    desk.submit(Operation::Release(vec![together[0], together[1]])).await;
    desk.submit(Operation::Settle { hold: together[2], actual: 3 }).await;
    let ids = async |filter: &str| -> Vec<String> {
        let found = all_in_pages(&server, &person, "creditHolds", filter, "id").await;
        found.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
    };
    let id = |hold: uuid::Uuid| encode(NodeKind::CreditHold, hold).to_string();
    let (released, settled): (BTreeSet<String>, String) =
        (together[..2].iter().map(|hold| id(*hold)).collect(), id(together[2]));
    together.sort_unstable_by(|one, other| other.cmp(one));
    let mut expected = vec![id(alone[0])];
    expected.extend(together.iter().map(|hold| id(*hold)));
    assert_eq!(ids("").await, expected, "newest first, each once");
    assert_eq!(ids(", filter: {states: [RELEASED]}").await.into_iter().collect::<BTreeSet<_>>(), released);
    assert_eq!(ids(", filter: {states: [SETTLED]}").await, [settled]);
    assert_eq!(ids(", filter: {states: [HELD, SETTLED]}").await.len(), 4);
    assert_eq!(ids(", filter: {states: [EXPIRED]}").await, Vec::<String>::new());
    let of_run = encode(NodeKind::AutomationRun, run);
    assert_eq!(ids(&format!(", filter: {{runId: \"{}\"}}", of_run.as_str())).await, expected[1..]);
    let wrong = format!(
        "query($a: ID!) {{ account(id: $a) {{ creditHolds(filter: {{runId: \"{}\"}}) {{ totalCount }} }} }}",
        id(alone[0])
    );
    let answer = server.call(Some(&person.token), &wrong, json!({"a": person.account})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
    desk.ledger.close().await;
    server.stop().await;
}
