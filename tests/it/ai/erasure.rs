//! What a deleted person wrote, and what was written for them, goes with them; the records stay.

use std::time::Duration;

use inkledger::{ai::provider::sandbox::Step, db::Engine};
use rstest::rstest;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    dump::dump,
    server::{Home, Server},
};

/// Stands in every prompt, and so in every text of the sandbox.
const CANARY: &str = "canary-7f31";

async fn write(server: &Server, person: &Person, key: &str, prompts: Value) -> String {
    let query = "mutation($i: GenerateTextInput!) { generateText(input: $i) { task { id } userErrors { code } } }";
    let input = json!({"prompts": prompts, "idempotencyKey": key});
    let payload = server.payload(person, query, json!({"i": input})).await;
    payload["task"]["id"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()
}

async fn sent(server: &Server, calls: usize) {
    let waiting = async {
        while server.script.billing().len() < calls {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("no call left");
}

// Section 1.8: deleting a person erases what they asked and were written, and ends what is under way; rows stay.
#[rstest]
#[tokio::test]
async fn a_deleted_person_takes_prompts_and_texts_with_them(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let home = Home::open(engine).await;
    let server = home.start_with(|_, seams| seams.ai.cancel_grace = Duration::from_secs(6)).await;
    let hero = server.hero().await;
    let owner = server.sign_up("owner").await;
    server.give(&hero, &owner, 100).await;
    let asked = |no: u32| format!("{CANARY} tells of its life, part {no}");
    let done = write(&server, &owner, "erase-done-1", json!([asked(1), asked(2)])).await;
    assert_eq!(server.ended(&owner, &done).await["status"], "SUCCESS");
    let draw = "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } userErrors { code } } }";
    let event = json!({"eventType": "BBQ", "text": CANARY, "customStyle": CANARY, "details": {"venue": CANARY}});
    let input = json!({"event": event, "idempotencyKey": "erase-draw-1"});
    let drawn = server.payload(&owner, draw, json!({"i": input})).await;
    server.ended(&owner, drawn["task"]["id"].as_str().unwrap()).await;
    // One that would never answer, and one that answers within the grace that a cancelled request has.
    let calls = server.script.billing().len();
    server.script.push(Step::Delay(Duration::from_secs(3600)));
    write(&server, &owner, "erase-slow-1", json!([asked(3), asked(4)])).await;
    sent(&server, calls + 1).await;
    server.script.push(Step::Delay(Duration::from_millis(3000)));
    write(&server, &owner, "erase-late-1", json!([asked(5), asked(6)])).await;
    sent(&server, calls + 2).await;
    assert!(dump(&server).await.contains(CANARY));

    let delete = "mutation($i: DeleteUserInput!) { deleteUser(input: $i) { userErrors { code } } }";
    let deleted = server.payload(&hero, delete, json!({"i": {"userId": owner.user}})).await;
    assert_eq!(deleted["userErrors"], json!([]), "{deleted}");
    let words = format!("SELECT COUNT(*) FROM ai_task WHERE payload LIKE '%{CANARY}%'");
    assert_eq!(server.number(&words).await, 0, "at once");
    assert_eq!(server.number("SELECT COUNT(*) FROM ai_task WHERE finished_at IS NULL AND desired = 'run'").await, 0);
    let left = "SELECT COUNT(*) FROM ai_task t JOIN ai_task_item i ON i.ai_task_id = t.id \
                WHERE t.finished_at IS NULL OR i.text IS NOT NULL";
    let ended = async {
        while server.number(left).await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ended).await.expect("work or words stayed");
    assert!(!dump(&server).await.contains(CANARY));
    assert_eq!(server.script.billing().len(), calls + 2, "nothing else was sent");
    // The three records stay, and no credit is held.
    assert_eq!(server.number("SELECT COUNT(*) FROM ai_task").await, 4);
    assert_eq!(server.number("SELECT COUNT(*) FROM credit_hold WHERE state = 'held'").await, 0);
    assert!(server.number("SELECT COUNT(*) FROM credit_usage").await >= 3);
    assert_eq!(server.number("SELECT COUNT(*) FROM ai_task WHERE status = 'CANCELLED'").await, 2);
    let rows = server.db.reader().query_all_raw(server.db.statement("SELECT payload FROM ai_task", [])).await.unwrap();
    for row in rows {
        let payload: Value = serde_json::from_str(&row.try_get::<String>("", "payload").unwrap()).unwrap();
        assert_eq!((&payload["is_erased"], &payload["prompt"]), (&json!(true), &json!("")), "{payload}");
        assert!(payload["model"].as_str().unwrap().starts_with("Sandbox"), "{payload}");
    }
    server.check_ledger().await;
    server.check_records().await;
}

// What was erased before there was anything to erase words with goes with the next sweep.
#[rstest]
#[tokio::test]
async fn words_that_an_earlier_version_left_are_swept(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let (gone, here) = (server.sign_up("gone").await, server.sign_up("here").await);
    for (person, key) in [(&gone, "sweep-gone-1"), (&here, "sweep-here-1")] {
        server.give(&hero, person, 10).await;
        let task = write(&server, person, key, json!([format!("{CANARY} of {}", person.name)])).await;
        assert_eq!(server.ended(person, &task).await["status"], "SUCCESS");
    }
    server.execute("UPDATE app_user SET deleted_at = 1 WHERE username = 'gone'").await;
    let words = "SELECT COUNT(*) FROM ai_task t JOIN ai_task_item i ON i.ai_task_id = t.id \
                 WHERE i.text IS NOT NULL OR t.payload LIKE '%canary-7f31%'";
    let swept = async {
        while server.number(words).await > 1 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), swept).await.expect("the words stayed");
    assert_eq!(server.number("SELECT COUNT(*) FROM ai_task WHERE payload LIKE '%of here%'").await, 1);
}
