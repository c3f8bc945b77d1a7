//! `setLowBalanceThresholds`: an owner says when credits are low, and the members are told.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{builders::Person, server::Server};

const SET: &str = "mutation($i: SetLowBalanceThresholdsInput!) { setLowBalanceThresholds(input: $i) { \
                   account { lowBalanceThresholds { level isArmed } } userErrors { code path } } }";

fn input(of: &Person, levels: &Value) -> Value {
    json!({"i": {"accountId": of.account, "levels": levels}})
}

async fn low(server: &Server, person: &Person) -> Vec<Value> {
    let query = "{ notifications { nodes { kind severity title message } } }";
    let found = server.payload(person, query, json!({})).await;
    found["nodes"].as_array().unwrap().iter().filter(|one| one["kind"] == "credits_low").cloned().collect()
}

#[rstest]
#[tokio::test]
async fn members_are_told_when_work_takes_credits_below_a_level(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 100).await;
    let set = server.payload(&user, SET, input(&user, &json!([100, 500]))).await;
    let levels = json!([{"level": 500, "isArmed": false}, {"level": 100, "isArmed": true}]);
    assert_eq!(set, json!({"account": {"lowBalanceThresholds": levels}, "userErrors": []}));
    assert_eq!(low(&server, &user).await, Vec::<Value>::new());
    for key in ["the-first-one", "the-second-one"] {
        let task = server.drawing(&user, 1, key).await;
        server.ended(&user, &task).await;
    }
    let told = low(&server, &user).await;
    assert_eq!(told.len(), 1, "once: {told:?}");
    assert_eq!((&told[0]["severity"], &told[0]["title"]), (&json!("WARNING"), &json!("Credits are running low")));
    assert!(told[0]["message"].as_str().unwrap().contains("fewer than the level of 100"), "{told:?}");
    server.check_ledger().await;
}

#[rstest]
#[tokio::test]
async fn levels_are_judged_one_by_one_and_owners_alone_set_them(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let (user, other) = (server.sign_up("reader").await, server.sign_up("stranger").await);
    let eleven: Vec<i64> = (1..=11).collect();
    for (levels, code, path) in [
        (json!([5, 0]), "AMOUNT_ZERO", json!(["input", "levels", "1"])),
        (json!([-1]), "AMOUNT_NEGATIVE", json!(["input", "levels", "0"])),
        (json!([2, 1.5]), "AMOUNT_NOT_WHOLE", json!(["input", "levels", "1"])),
        (json!([9_007_199_254_740_992_i64]), "AMOUNT_TOO_LARGE", json!(["input", "levels", "0"])),
        (json!([7, 8, 7]), "NAMED_TWICE", json!(["input", "levels", "2"])),
        (json!(eleven), "COUNT_OUT_OF_RANGE", json!(["input", "levels"])),
    ] {
        let answer = server.payload(&user, SET, input(&user, &levels)).await;
        assert_eq!(answer, json!({"account": null, "userErrors": [{"code": code, "path": path}]}), "{levels}");
    }
    for stranger in [&other, &hero] {
        let answer = server.call(Some(&stranger.token), SET, input(&user, &json!([5]))).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND", "{answer}");
    }
    assert_eq!(server.number("SELECT COUNT(*) FROM credit_threshold").await, 0);
}
