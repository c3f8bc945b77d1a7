//! The balance at a moment that is over.

use inkledger::{
    db::Engine,
    ledger::{PastBalance, model::Operation},
};
use rstest::rstest;
use serde_json::json;

use super::{
    desk::{Desk, ask},
    support::{SECOND, command, funded, grant, hold, open},
};
use crate::support::{
    database::{START, TestDb},
    server::Server,
};

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn a_moment_shows_the_last_transaction_not_after_it(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    // Two at the same instant, then one every ten seconds.
    let held = ledger.submit(command(account, "first-hold", hold(&test, 30))).await.unwrap().holds[0];
    for number in 1..=20_i64 {
        test.clock.advance(10 * SECOND);
        ledger.submit(command(account, &format!("grant-number-{number}"), grant(number))).await.unwrap();
    }
    test.clock.advance(10 * SECOND);
    ledger.submit(command(account, "the-settle", Operation::Settle { hold: held, actual: 10 })).await.unwrap();
    let at = async |moment: i64| {
        let PastBalance { balance, sequence, as_of } = ledger.balance_at(account, moment).await.unwrap().unwrap();
        (sequence, balance.available, balance.held, as_of)
    };
    assert_eq!(at(START - 1).await, (0, 0, 0, START - 1), "zeros before the first");
    assert_eq!(at(0).await, (0, 0, 0, 0));
    assert_eq!(at(START).await, (2, 70, 30, START), "the last of those at one instant");
    for number in 1..=20_i64 {
        let (moment, given) = (START + number * 10 * SECOND, number * (number + 1) / 2);
        assert_eq!(at(moment).await, (number + 2, 70 + given, 30, moment));
        assert_eq!(at(moment + 10 * SECOND - 1).await.0, number + 2, "until the next one");
        assert_eq!(at(moment - 1).await.0, number + 1);
    }
    let last = START + 210 * SECOND;
    assert_eq!(at(last).await, (23, 300, 0, last));
    assert_eq!(at(i64::MAX).await, (23, 300, 0, last), "a moment to come shows the present");
    let nobody = uuid::Uuid::from_u128(404);
    assert_eq!(ledger.balance_at(nobody, last).await.unwrap(), None);
    ledger.close().await;
}

#[rstest]
#[tokio::test]
async fn members_ask_for_the_balance_of_any_moment(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let person = server.sign_up("reader").await;
    server.give(&hero, &person, 50).await;
    let desk = Desk::open(&server, &person).await;
    desk.hold(&[20], None).await;
    desk.hold(&[5], None).await;
    let listed = "creditTransactions { nodes { sequence availableAfter heldAfter createdAt } } \
                  balance { available held sequence asOf }";
    let seen = ask(&server, &person, listed).await;
    let nodes = seen["creditTransactions"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3);
    let at = async |moment: &str| {
        let selection = format!("balanceAt(at: \"{moment}\") {{ available held sequence asOf }}");
        ask(&server, &person, &selection).await["balanceAt"].take()
    };
    for node in nodes {
        let moment = node["createdAt"].as_str().unwrap();
        let newest = nodes.iter().find(|other| other["createdAt"] == node["createdAt"]).unwrap();
        let expected = json!({
            "available": newest["availableAfter"], "held": newest["heldAfter"], "sequence": newest["sequence"],
            "asOf": moment,
        });
        assert_eq!(at(moment).await, expected);
    }
    let zeros = json!({"available": 0, "held": 0, "sequence": 0, "asOf": "2020-01-01T00:00:00.000000Z"});
    assert_eq!(at("2020-01-01T00:00:00.000000Z").await, zeros);
    assert_eq!(at("9000-01-01T00:00:00.000000Z").await, seen["balance"], "the present");
    desk.ledger.close().await;
    server.stop().await;
}
