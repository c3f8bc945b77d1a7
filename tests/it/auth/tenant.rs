//! Accounts through the API: made, suspended, reactivated, and closed with their people.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::{PASSWORD, Person},
    members::join,
    server::Server,
};

async fn state(server: &Server, person: &Person, account: &str) -> Value {
    let query = "query($a: ID!) { account(id: $a) { name state viewerRole } }";
    server.call(Some(&person.token), query, json!({ "a": account })).await["data"]["account"].take()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_owns_at_most_ten_accounts_beside_their_own(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let (ada, hero) = (server.sign_up("Ada").await, server.hero().await);
    for name in [" ", &"x".repeat(101), "two\nlines"] {
        assert_eq!(server.refusal(&ada, "createAccount", json!({ "name": name })).await, "NAME_INVALID");
    }
    let tries: Vec<_> = (0..20)
        .map(|number| {
            let (api, ada) = (server.api.clone(), ada.clone());
            tokio::spawn(async move {
                api.refusal(&ada, "createAccount", json!({"name": format!("Studio {number}")})).await
            })
        })
        .collect();
    let mut made = 0;
    for one in tries {
        match one.await.unwrap().as_str() {
            "" => made += 1,
            code => assert_eq!(code, "TOO_MANY_ACCOUNTS"),
        }
    }
    assert_eq!(made, 10);
    assert_eq!(server.number("SELECT COUNT(*) FROM account WHERE personal_user_id IS NULL").await, 10);
    assert_eq!(server.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'account.create'").await, 10);
    let query =
        "{ viewer { accounts(first: 1) { totalCount nodes { id isPersonal viewerRole balance { available } } } } }";
    let found = server.data(Some(&ada.token), query, json!({})).await["viewer"]["accounts"].take();
    assert_eq!(found["totalCount"], 11);
    let account = &found["nodes"][0];
    assert_eq!((&account["isPersonal"], &account["viewerRole"]), (&json!(false), &json!("OWNER")));
    assert_eq!(account["balance"]["available"], 0);
    let give = json!({"target": {"accountId": account["id"]}, "amount": 7, "idempotencyKey": "give-key"});
    assert_eq!(server.refusal(&hero, "addCredits", give).await, "");
    server.check_ledger().await;
}

#[rstest]
#[tokio::test]
async fn a_suspended_account_takes_credits_and_no_work(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let (ada, hero) = (server.sign_up("Ada").await, server.hero().await);
    let admin = server.admin(&hero, "Helper").await;
    server.give(&hero, &ada, 50).await;
    let before = server.drawing(&ada, 1, "before-key").await;
    let of = |reason: &str| json!({"accountId": ada.account, "reason": reason});
    for field in ["suspendAccount", "reactivateAccount"] {
        assert_eq!(server.refusal(&ada, field, of("mine")).await, "FORBIDDEN");
        assert_eq!(server.refusal(&admin, field, of("  ")).await, "REASON_MISSING");
        assert_eq!(server.refusal(&admin, field, of(&"x".repeat(501))).await, "REASON_TOO_LONG");
        let unknown = inkledger::graphql::node::encode(inkledger::graphql::node::NodeKind::Account, uuid::Uuid::nil());
        let unknown = json!({"accountId": unknown.to_string(), "reason": "x"});
        assert_eq!(server.refusal(&admin, field, unknown).await, "NOT_FOUND");
    }
    assert_eq!(server.refusal(&admin, "suspendAccount", of("unpaid")).await, "");
    assert_eq!(server.refusal(&admin, "suspendAccount", of("again")).await, "", "it is so already");
    assert_eq!(state(&server, &ada, &ada.account).await["state"], "SUSPENDED");

    let text = json!({"prompt": "a tale", "idempotencyKey": "text-key-1"});
    assert_eq!(server.refusal(&ada, "generateText", text.clone()).await, "ACCOUNT_SUSPENDED");
    assert_eq!(server.draw(&ada, 1, "after-key").await["userErrors"][0]["code"], "ACCOUNT_SUSPENDED");
    let query = "{ quoteAiTask(input: { function: GENERATE_TEXT, prompt: \"more\" }) { userErrors { code } } }";
    let quote = server.data(Some(&ada.token), query, json!({})).await;
    assert_eq!(quote["quoteAiTask"]["userErrors"][0]["code"], "ACCOUNT_SUSPENDED");
    // What was accepted before is answered by its key, and ends.
    assert_eq!(server.drawing(&ada, 1, "before-key").await, before);
    assert_eq!(server.ended(&ada, &before).await["status"], "SUCCESS");
    let tasks = server.number("SELECT COUNT(*) FROM ai_task").await;
    assert_eq!(tasks, 1, "a refused command leaves nothing");
    server.give(&hero, &ada, 5).await;

    assert_eq!(server.refusal(&admin, "reactivateAccount", of("paid")).await, "");
    assert_eq!(server.refusal(&ada, "generateText", text).await, "");
    let trail = "SELECT COUNT(*) FROM audit_entry WHERE actor_kind = 'admin' AND account_id IS NOT NULL AND \
                 ((action = 'account.suspend' AND before = 'ACTIVE' AND after LIKE '%unpaid%') OR \
                 (action = 'account.reactivate' AND before = 'SUSPENDED' AND after LIKE '%\"paid\"%'))";
    assert_eq!(server.number(trail).await, 2);
    server.check_ledger().await;
}

#[rstest]
#[tokio::test]
async fn accounts_of_a_deleted_person_pass_on_or_close(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let (ada, bob, eve) = (server.sign_up("Ada").await, server.sign_up("Bob").await, server.sign_up("Eve").await);
    let (shared, alone) = (server.account(&ada, "Shared").await, server.account(&ada, "Alone").await);
    join(&server, &shared, &eve, "VIEWER").await;
    join(&server, &shared, &bob, "EDITOR").await;
    join(&server, &ada.account, &eve, "OWNER").await;
    assert_eq!(server.refusal(&hero, "deleteUser", json!({"userId": ada.user})).await, "");
    assert_eq!(
        state(&server, &bob, &shared).await,
        json!({"name": "Shared", "state": "ACTIVE", "viewerRole": "OWNER"})
    );
    assert_eq!(state(&server, &eve, &ada.account).await, Value::Null, "a closed account has no members");
    let closed = json!({"name": "deleted", "state": "SUSPENDED", "viewerRole": null});
    for account in [&alone, &ada.account] {
        assert_eq!(state(&server, &hero, account).await, closed);
        let input = json!({"accountId": account, "reason": "come back"});
        assert_eq!(server.refusal(&hero, "reactivateAccount", input).await, "ACCOUNT_CLOSED");
        let give = json!({"target": {"accountId": account}, "amount": 1, "idempotencyKey": "closed-key"});
        assert_eq!(server.refusal(&hero, "addCredits", give).await, "ACCOUNT_CLOSED");
    }
    assert_eq!(server.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'member.inherit'").await, 1);
    server.check_ledger().await;
}

#[rstest]
#[tokio::test]
async fn a_person_closes_their_own_account_with_their_password(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    let (ada, bob, hero) = (server.sign_up("Ada").await, server.sign_up("Bob").await, server.hero().await);
    let close = json!({ "password": PASSWORD });
    assert_eq!(server.refusal(&ada, "closeViewer", json!({"password": "Wrong-passw0rd"})).await, "PASSWORD_WRONG");
    assert_eq!(server.refusal(&hero, "closeViewer", close.clone()).await, "LAST_HERO");
    let shared = server.account(&ada, "Shared").await;
    join(&server, &shared, &bob, "EDITOR").await;
    assert_eq!(server.refusal(&ada, "closeViewer", close.clone()).await, "LAST_OWNER");
    assert_eq!(server.change_role(&ada, &shared, &bob, "OWNER").await, "");
    let answer = server.mutate(&ada, "closeViewer", "user { username }", close.clone()).await;
    assert_eq!(answer["data"]["closeViewer"], json!({"user": {"username": "Ada"}, "userErrors": []}));
    assert_eq!(server.refusal(&ada, "closeViewer", close).await, "UNAUTHENTICATED");
    assert_eq!(server.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'user.close'").await, 1);
    let left = "SELECT COUNT(*) FROM app_user WHERE email_key LIKE '%ada@%' OR username_key = 'ada'";
    assert_eq!(server.number(left).await, 0);
    assert_eq!(server.sign_up("Ada").await.name, "Ada", "the name is free again");

    // Of those who try out passwords, five are told.
    let codes = futures_util::future::join_all(
        (0..8).map(|_| server.refusal(&bob, "closeViewer", json!({"password": "Wrong-passw0rd"}))),
    );
    let codes = codes.await;
    assert_eq!(codes.iter().filter(|code| *code == "PASSWORD_WRONG").count(), 5, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| *code == "RATE_LIMITED").count(), 3, "{codes:?}");
}
