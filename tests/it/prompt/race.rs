//! Two at once. REQ-A-16, REQ-A-17

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::{Stage, document};

fn codes(payloads: &[Value]) -> Vec<&str> {
    let mut codes: Vec<&str> =
        payloads.iter().map(|payload| payload["userErrors"][0]["code"].as_str().unwrap_or("DONE")).collect();
    codes.sort_unstable();
    codes
}

async fn together(stage: &Stage, field: &str, inputs: Vec<Value>) -> Vec<Value> {
    let document = document(field);
    let asked = inputs.into_iter().map(|input| stage.server.payload(&stage.admin, &document, json!({"i": input})));
    futures_util::future::join_all(asked).await
}

#[rstest]
#[tokio::test]
async fn of_eight_updates_from_one_version_one_is_done_and_seven_conflict(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let mut prompt = stage.create("EVENT_TYPE", "MEETUP", "people in a room").await;
    for round in 0..5 {
        let version = prompt["version"].as_i64().unwrap();
        let edit =
            |at: i64| json!({"promptId": prompt["id"], "expectedVersion": version, "content": format!("{round} {at}")});
        let payloads = together(&stage, "updateSystemPrompt", (0..8).map(edit).collect()).await;
        let codes = codes(&payloads);
        assert_eq!(codes.iter().filter(|code| **code == "DONE").count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == "VERSION_CONFLICT").count(), 7, "{codes:?}");
        let done = payloads.iter().find(|payload| payload["prompt"].is_object()).unwrap();
        prompt = stage.read(&prompt, "id content version").await;
        assert_eq!(prompt["content"], done["prompt"]["content"]);
        assert_eq!(prompt["version"], version + 1);
    }
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM system_prompt_version").await, 6);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM system_prompt_activation").await, 6);
    assert_eq!(stage.count_audits("system_prompt.update").await, 5);
}

#[rstest]
#[tokio::test]
async fn of_two_activations_one_is_done_and_the_pointer_names_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let first = stage.create("EVENT_TYPE", "MEETUP", "one").await;
    let second = stage.rewrite(&first, "two").await;
    stage.rewrite(&second, "three").await;
    let activate = |version: &Value| json!({"versionId": version["activeVersion"]["id"], "expectedVersion": 3});
    let payloads = together(&stage, "activateSystemPromptVersion", vec![activate(&first), activate(&second)]).await;
    assert_eq!(codes(&payloads), ["DONE", "VERSION_CONFLICT"]);
    let done = payloads.iter().find(|payload| payload["prompt"].is_object()).unwrap();
    assert_eq!(stage.read(&first, "version").await["version"], done["prompt"]["version"]);
    let rows = stage.server.number("SELECT COUNT(*) FROM system_prompt_activation").await;
    assert_eq!(rows, 4);
}

#[rstest]
#[tokio::test]
async fn of_eight_who_make_a_key_one_does(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    for round in 0..3 {
        let key = |at: usize| if at.is_multiple_of(2) { format!("Key {round}") } else { format!("KEY  {round}") };
        let new =
            |at: usize| json!({"category": "STYLE_PRESET", "key": key(at), "name": "n", "content": format!("{at}")});
        let payloads = together(&stage, "createSystemPrompt", (0..8).map(new).collect()).await;
        let codes = codes(&payloads);
        assert_eq!(codes.iter().filter(|code| **code == "DONE").count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == "KEY_EXISTS").count(), 7, "{codes:?}");
    }
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM system_prompt_version").await, 3);
}
