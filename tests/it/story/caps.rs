//! `setCreditCap`: an owner limits what is spent, and work above the cap is refused before it begins.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::server::Server;

const SET: &str = "mutation($i: SetCreditCapInput!) { setCreditCap(input: $i) { \
                   account { creditCaps { scope period limit held spent room member { id } } } userErrors { code path } } }";
const DRAW: &str = "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } userErrors { code message path \
                    capExceeded { scope period cap used required resetsAt } insufficientCredits { short } } } }";
const TASKS: &str = "{ aiTasks { nodes { status error { code message } } } }";

#[rstest]
#[tokio::test]
async fn work_above_a_cap_is_refused_on_record_and_a_repeat_gets_the_same_answer(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 1_000).await;
    let task = server.drawing(&user, 1, "the-first-drawing").await;
    server.ended(&user, &task).await;
    let me = json!(user.user);
    let input = |member: Value, period: &str, limit: Value| json!({"i": {"accountId": user.account, "memberId": member, "period": period, "limit": limit}});
    server.payload(&user, SET, input(json!(null), "MONTH", json!(800))).await;
    let set = server.payload(&user, SET, input(me.clone(), "ALWAYS", json!(0))).await;
    let of_all = json!({"scope": "ACCOUNT", "period": "MONTH", "limit": 800, "held": 0, "spent": 0, "room": 800, "member": null});
    let of_one = json!({"scope": "MEMBER", "period": "ALWAYS", "limit": 0, "held": 0, "spent": 0, "room": 0, "member": {"id": me}});
    assert_eq!(set, json!({"account": {"creditCaps": [of_all, of_one]}, "userErrors": []}));
    let draw = json!({"i": {"accountId": user.account, "prompt": "a ship", "count": 1, "idempotencyKey": "the-second-drawing"}});
    let refused = server.payload(&user, DRAW, draw.clone()).await;
    let error = &refused["userErrors"][0];
    let required = error["capExceeded"]["required"].clone();
    assert_eq!(
        (&error["code"], &error["capExceeded"], &error["insufficientCredits"]),
        (
            &json!("CAP_EXCEEDED"),
            &json!({"scope": "MEMBER", "period": "ALWAYS", "cap": 0, "used": 0, "required": required, "resetsAt": null}),
            &json!(null)
        ),
        "{refused}"
    );
    // The cap is gone, and the key still has its first answer.
    server.payload(&user, SET, input(me, "ALWAYS", json!(null))).await;
    assert_eq!(server.payload(&user, DRAW, draw).await, refused);
    let tasks = server.payload(&user, TASKS, json!({})).await;
    let message = format!("The member's credit cap of 0 is reached. Used: 0, Required: {required}");
    let record = json!({"status": "ERROR", "error": {"code": "CAP_EXCEEDED", "message": message}});
    assert!(tasks["nodes"].as_array().unwrap().contains(&record), "{tasks}");
    let told = server.payload(&user, "{ notifications { nodes { severity message } } }", json!({})).await;
    assert!(told["nodes"].as_array().unwrap().contains(&json!({"severity": "ERROR", "message": message})), "{told}");
    let task = server.drawing(&user, 1, "the-third-drawing").await;
    server.ended(&user, &task).await;
    assert_eq!(server.number("SELECT spent FROM credit_cap WHERE scope = 'account'").await, required.as_i64().unwrap());
    server.check_ledger().await;
}

#[rstest]
#[tokio::test]
async fn caps_are_judged_and_owners_alone_set_them(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let (user, other) = (server.sign_up("reader").await, server.sign_up("stranger").await);
    let stranger = json!(other.user);
    for (member, limit, code, field) in [
        (json!(null), json!(-1), "AMOUNT_NEGATIVE", "limit"),
        (json!(null), json!(1.5), "AMOUNT_NOT_WHOLE", "limit"),
        (json!(null), json!("1e30"), "AMOUNT_NOT_WHOLE", "limit"),
        (json!(null), json!(9_007_199_254_740_991_i64), "AMOUNT_TOO_LARGE", "limit"),
        (stranger, json!(5), "NOT_FOUND", "memberId"),
    ] {
        let input = json!({"i": {"accountId": user.account, "memberId": member, "period": "DAY", "limit": limit}});
        let answer = server.payload(&user, SET, input).await;
        let error = json!({"code": code, "path": ["input", field]});
        assert_eq!(answer, json!({"account": null, "userErrors": [error]}), "{limit}");
    }
    for viewer in [&other, &hero] {
        let input = json!({"i": {"accountId": user.account, "period": "DAY", "limit": 5}});
        let answer = server.call(Some(&viewer.token), SET, input).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND", "{answer}");
    }
    assert_eq!(server.number("SELECT COUNT(*) FROM credit_cap").await, 0);
}
