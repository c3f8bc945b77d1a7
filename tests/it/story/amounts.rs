//! `addCredits`: what it refuses, and that a repeat does nothing twice.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{builders::Person, server::Server};

const ADD: &str = "mutation($i: AddCreditsInput!) { addCredits(input: $i) { added balanceAfter account { id } \
                   transaction { id sequence amount availableAfter createdAt } userErrors { code message path } } }";

fn input(target: &Person, amount: &Value, key: &str) -> Value {
    json!({"i": {"target": {"userId": target.user}, "amount": amount, "idempotencyKey": key}})
}

// G35, G36, G38: every amount is refused by kind, as a literal and as a variable.
#[rstest]
#[tokio::test]
async fn an_amount_that_cannot_be_added_gets_a_refusal_of_its_kind(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    let huge = format!("1{}", "0".repeat(30));
    let cases = [
        ("0", "AMOUNT_ZERO"),
        ("-5", "AMOUNT_NEGATIVE"),
        ("1.5", "AMOUNT_NOT_WHOLE"),
        (huge.as_str(), "AMOUNT_TOO_LARGE"),
        ("1e30", "AMOUNT_TOO_LARGE"),
        ("1000001", "AMOUNT_TOO_LARGE"),
        ("\"abc\"", "AMOUNT_NOT_WHOLE"),
    ];
    for (at, (amount, code)) in cases.into_iter().enumerate() {
        let literal = format!(
            "mutation {{ addCredits(input: {{target: {{userId: \"{}\"}}, amount: {amount}, \
             idempotencyKey: \"literal-{at}\"}}) {{ added account {{ id }} userErrors {{ code path }} }} }}",
            user.user
        );
        let expected =
            json!({"added": null, "account": null, "userErrors": [{"code": code, "path": ["input", "amount"]}]});
        assert_eq!(server.payload(&hero, &literal, json!({})).await, expected, "{amount} as a literal");
        // Sent as text: a JSON library on the way must not round the number.
        let body = format!(
            "{{\"query\": {}, \"variables\": {{\"i\": {{\"target\": {{\"userId\": \"{}\"}}, \"amount\": {amount}, \
             \"idempotencyKey\": \"variable-{at}\"}}}}}}",
            json!(ADD),
            user.user
        );
        let answer =
            crate::support::graphql_client::send(server.client.post(body).bearer_auth(&hero.token)).await.json();
        assert_eq!(answer["data"]["addCredits"]["userErrors"][0]["code"], code, "{amount} as a variable: {answer}");
        assert_eq!(answer["data"]["addCredits"]["added"], Value::Null);
    }
    // The form's default is 0.
    let query = "mutation($i: AddCreditsInput!) { addCredits(input: $i) { userErrors { code } } }";
    let left_out = json!({"i": {"target": {"userId": user.user}, "idempotencyKey": "left-out"}});
    let answer = server.payload(&hero, query, left_out).await;
    assert_eq!(answer, json!({"userErrors": [{"code": "AMOUNT_ZERO"}]}));
    assert_eq!(server.number("SELECT COUNT(*) FROM credit_transaction").await, 0);
}

// G37
#[rstest]
#[tokio::test]
async fn a_repeat_answers_as_the_first_did_and_another_request_with_its_key_is_refused(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    let send = async |input: Value| {
        let request = server.request(Some(&hero.token), ADD, input);
        crate::support::graphql_client::send(request).await
    };
    let first = send(input(&user, &json!(100), "add-one-hundred")).await;
    assert_eq!(first.json()["data"]["addCredits"]["added"], 100, "{}", first.text);
    server.give(&hero, &user, 5).await;
    let repeat = send(input(&user, &json!(100), "add-one-hundred")).await;
    assert_eq!(repeat.json()["data"].to_string(), first.json()["data"].to_string());
    let other = send(input(&user, &json!(101), "add-one-hundred")).await;
    assert_eq!(other.code(), "IDEMPOTENCY_KEY_REUSED", "{}", other.text);
    assert_eq!((other.status, &other.json()["data"]["addCredits"]), (200, &Value::Null));
    for bad in ["short", "seven-7", &"x".repeat(129), "with\u{e9}accent", "a\tb\tc\td\te"] {
        let refused = send(input(&user, &json!(1), bad)).await;
        assert_eq!(refused.code(), "BAD_USER_INPUT", "{bad:?}: {}", refused.text);
    }
    assert_eq!(server.balance(&user).await, (105, 0));
    assert_eq!(server.number("SELECT COUNT(*) FROM credit_transaction").await, 2);
    server.check_ledger().await;
}
