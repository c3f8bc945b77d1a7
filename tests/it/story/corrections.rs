//! `refundCredits` and `revokeCredits`: what administrators give back and take back, and what they cannot.

use inkledger::{
    db::Engine,
    graphql::node::{self, NodeKind},
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{builders::Person, server::Server};

const REFUND: &str = "mutation($i: RefundCreditsInput!) { refundCredits(input: $i) { refunded balanceAfter account { id } \
                      grant { kind amount available expiresAt } transaction { sequence kind amount } \
                      userErrors { code path } } }";

const REVOKE: &str = "mutation($i: RevokeCreditsInput!) { revokeCredits(input: $i) { revoked heldLeft spentLeft balanceAfter \
                      account { id } grant { available revoked } transaction { sequence kind amount } \
                      userErrors { code path } } }";

/// The person's credit transactions, newest first.
async fn transactions(server: &Server, person: &Person) -> Vec<Value> {
    let query = "query($id: ID!) { account(id: $id) { creditTransactions { nodes { id kind amount } } } }";
    let account = server.payload(person, query, json!({"id": person.account})).await;
    account["creditTransactions"]["nodes"].as_array().unwrap().clone()
}

async fn of_kind(server: &Server, person: &Person, kind: &str) -> String {
    let all = transactions(server, person).await;
    let found = all.iter().find(|transaction| transaction["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {all:?}"))["id"].as_str().unwrap().to_owned()
}

async fn grants(server: &Server, person: &Person) -> Vec<Value> {
    let query = "query($id: ID!) { account(id: $id) { creditGrants { nodes { id kind available } } } }";
    let account = server.payload(person, query, json!({"id": person.account})).await;
    account["creditGrants"]["nodes"].as_array().unwrap().clone()
}

/// Lets a picture cost five credits.
async fn make_dear(server: &Server, hero: &Person) {
    let models = server.payload(hero, "{ aiModels { id kind } }", json!({})).await;
    for model in models.as_array().unwrap().iter().filter(|model| model["kind"] == "IMAGE") {
        let query = "mutation($i: AddPriceVersionInput!) { addPriceVersion(input: $i) { userErrors { code } } }";
        let input = json!({"modelId": model["id"], "price": {"image": {"creditsPerImage": 5}}});
        let done = server.payload(hero, query, json!({"i": input})).await;
        assert_eq!(done["userErrors"], json!([]));
    }
}

fn refused(code: &str, path: &Value) -> Value {
    json!([{"code": code, "path": path}])
}

#[rstest]
#[tokio::test]
async fn a_charge_is_given_back_in_parts_and_never_beyond_itself(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 100).await;
    make_dear(&server, &hero).await;
    let task = server.drawing(&user, 1, "one-picture").await;
    let spent = server.ended(&user, &task).await["creditsUsed"].as_i64().unwrap();
    assert_eq!(spent, 5);
    let charge = of_kind(&server, &user, "SETTLE").await;
    let ask = |amount: Value, key: &str| json!({"i": {"transactionId": charge, "amount": amount, "reason": "a smudge", "idempotencyKey": key}});
    let first = server.payload(&hero, REFUND, ask(json!(1), "one-back")).await;
    assert_eq!((&first["refunded"], &first["balanceAfter"]), (&json!(1), &json!(101 - spent)), "{first}");
    assert_eq!(first["account"]["id"], user.account);
    assert_eq!(first["grant"], json!({"kind": "REFUND", "amount": 1, "available": 1, "expiresAt": null}));
    assert_eq!((&first["transaction"]["kind"], &first["transaction"]["amount"]), (&json!("REFUND"), &json!(1)));
    let again = server.payload(&hero, REFUND, ask(json!(1), "one-back")).await;
    assert_eq!(again, first, "a repeat answers as the first did");
    let reused = server.call(Some(&hero.token), REFUND, ask(json!(2), "one-back")).await;
    assert_eq!(reused["errors"][0]["extensions"]["code"], "IDEMPOTENCY_KEY_REUSED");
    let much = server.payload(&hero, REFUND, ask(json!(spent), "too-much-back")).await;
    assert_eq!(much["userErrors"], refused("REFUND_EXCEEDS", &json!(["input", "amount"])));
    // Without an amount all that is left.
    let rest = server.payload(&hero, REFUND, ask(Value::Null, "the-rest-back")).await;
    assert_eq!((&rest["refunded"], &rest["balanceAfter"]), (&json!(spent - 1), &json!(100)), "{rest}");
    let nothing = server.payload(&hero, REFUND, ask(Value::Null, "once-more-back")).await;
    assert_eq!(nothing["userErrors"], refused("REFUND_EXCEEDS", &json!(["input", "amount"])));
    for (amount, code) in [(json!(0), "AMOUNT_ZERO"), (json!(-1), "AMOUNT_NEGATIVE"), (json!(0.5), "AMOUNT_NOT_WHOLE")]
    {
        let answer = server.payload(&hero, REFUND, ask(amount, "a-wrong-amount")).await;
        assert_eq!(answer["userErrors"], refused(code, &json!(["input", "amount"])));
    }
    let kept: i64 =
        server.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'credits.refund' AND after = '1'").await;
    assert_eq!(kept, 1, "the audit log has the amount");
    assert_eq!(server.number("SELECT COUNT(*) FROM credit_note WHERE body = 'a smudge'").await, 2);
    assert_eq!(server.balance(&user).await, (100, 0));
    server.check_ledger().await;
}

#[rstest]
#[tokio::test]
async fn only_a_charge_can_be_given_back(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 100).await;
    let task = server.drawing(&user, 1, "one-picture").await;
    server.ended(&user, &task).await;
    for kind in ["GRANT", "HOLD"] {
        let transaction = of_kind(&server, &user, kind).await;
        let input = json!({"i": {"transactionId": transaction, "idempotencyKey": format!("back-of-{kind}")}});
        let answer = server.payload(&hero, REFUND, input).await;
        assert_eq!(answer["userErrors"][0]["code"], "NOT_REFUNDABLE", "{kind}: {answer}");
        assert_eq!(answer["grant"], Value::Null);
    }
    // Well-formed, and of nothing.
    let ghost = node::encode(NodeKind::CreditTransaction, uuid::Uuid::nil());
    let input = json!({"i": {"transactionId": ghost.as_str(), "idempotencyKey": "back-of-nothing"}});
    let answer = server.payload(&hero, REFUND, input).await;
    assert_eq!(answer["userErrors"], refused("NOT_FOUND", &json!(["input", "transactionId"])), "{answer}");
    let input = json!({"i": {"transactionId": user.account, "idempotencyKey": "back-of-an-account"}});
    let answer = server.call(Some(&hero.token), REFUND, input).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
    server.check_ledger().await;
}

#[rstest]
#[tokio::test]
async fn unspent_credits_of_one_grant_are_taken_back_and_the_rest_stays(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 100).await;
    let task = server.drawing(&user, 1, "one-picture").await;
    let spent = server.ended(&user, &task).await["creditsUsed"].as_i64().unwrap();
    let all = grants(&server, &user).await;
    let grant = all.iter().find(|grant| grant["kind"] == "ADMIN").unwrap()["id"].as_str().unwrap().to_owned();
    let ask = |amount: Value, key: &str| json!({"i": {"grantId": grant, "amount": amount, "idempotencyKey": key}});
    let some = server.payload(&hero, REVOKE, ask(json!(30), "thirty-taken")).await;
    assert_eq!(
        (&some["revoked"], &some["balanceAfter"], &some["heldLeft"], &some["spentLeft"]),
        (&json!(30), &json!(70 - spent), &json!(0), &json!(spent)),
        "{some}"
    );
    assert_eq!(some["grant"], json!({"available": 70 - spent, "revoked": 30}));
    let repeat = server.payload(&hero, REVOKE, ask(json!(30), "thirty-taken")).await;
    assert_eq!(repeat, some);
    // More than there is takes what there is.
    let rest = server.payload(&hero, REVOKE, ask(json!(1_000), "the-rest-taken")).await;
    assert_eq!((&rest["revoked"], &rest["balanceAfter"]), (&json!(70 - spent), &json!(0)), "{rest}");
    let nothing = server.payload(&hero, REVOKE, ask(Value::Null, "nothing-to-take")).await;
    assert_eq!(nothing["userErrors"], json!([{"code": "NOTHING_TO_REVOKE", "path": null}]));
    let kinds: Vec<Value> = transactions(&server, &user).await.iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds[..2], [json!("REVOKE"), json!("REVOKE")]);
    server.check_ledger().await;
}
