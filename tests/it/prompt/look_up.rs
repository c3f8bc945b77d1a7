//! Look-ups: which text counts now, in every process; none is not the same as unreadable. REQ-A-18, REQ-A-19

use std::sync::Arc;

use inkledger::{
    clock::SystemClock,
    db::Engine,
    ids::SystemIds,
    prompt::{LookUp, Prompts, PromptsParts, Purpose, model::Category},
};
use rstest::rstest;
use serde_json::json;

use super::stage::Stage;

async fn text(prompts: &Prompts, category: Category, key: &str) -> Option<String> {
    match prompts.look_up(category, Some(key), None, Purpose::Work).await.unwrap() {
        LookUp::Found(found) => Some(found.version.body.content.clone()),
        LookUp::None => None,
    }
}

// REQ-A-19: an edit through one process is what another looks up at once, for an event type and a style.
#[tokio::test]
async fn an_edit_counts_at_once_in_every_process() {
    let stage = Stage::open(Engine::Postgres).await;
    let other = stage.server.home.look().await;
    let clock = Arc::new(SystemClock);
    let there =
        Prompts::new(PromptsParts { db: other.clone(), clock: clock.clone(), ids: Arc::new(SystemIds::new(clock)) });
    let here = stage.registry();
    for (category, word, key) in
        [(Category::EventType, "EVENT_TYPE", "MEETUP"), (Category::StylePreset, "STYLE_PRESET", "Origami")]
    {
        let mut prompt = stage.create(word, key, "text 0").await;
        for edit in 1..=20 {
            // Both have the former text in memory.
            let former = format!("text {}", edit - 1);
            assert_eq!(text(&there, category, key).await.as_ref(), Some(&former));
            let content = format!("text {edit}");
            prompt = stage.rewrite(&prompt, &content).await;
            let (one, two) = tokio::join!(text(&here, category, key), text(&there, category, key));
            assert_eq!((one.as_deref(), two.as_deref()), (Some(content.as_str()), Some(content.as_str())));
        }
        // Going back counts at once too, and so does disabling.
        let first = stage.read(&prompt, "versions(last: 1) { nodes { id } }").await;
        let back = json!({"versionId": first["versions"]["nodes"][0]["id"], "expectedVersion": 21});
        let prompt = stage.done("activateSystemPromptVersion", back).await;
        assert_eq!(text(&there, category, key).await.as_deref(), Some("text 0"));
        let which = json!({"promptId": prompt["id"], "expectedVersion": 1});
        stage.done("disableSystemPrompt", which.clone()).await;
        assert_eq!(text(&there, category, key).await, None);
        stage.done("enableSystemPrompt", which).await;
        assert_eq!(text(&there, category, key).await.as_deref(), Some("text 0"));
    }
    other.close().await;
}

// REQ-A-18: None is an answer; a store that fails is none.
#[rstest]
#[tokio::test]
async fn a_store_that_fails_is_told_apart_from_a_prompt_that_is_not_there(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let prompts = stage.registry();
    stage.create("STYLE_PRESET", "Origami", "folded paper").await;
    assert_eq!(text(&prompts, Category::StylePreset, " ORIGAMI ").await.as_deref(), Some("folded paper"));
    assert_eq!(text(&prompts, Category::StylePreset, "Nowhere").await, None);
    assert_eq!(text(&prompts, Category::EventType, "Origami").await, None);
    stage.server.execute("ALTER TABLE system_prompt RENAME TO is_gone").await;
    for key in ["Origami", "Nowhere"] {
        let found = prompts.look_up(Category::StylePreset, Some(key), None, Purpose::Work).await;
        assert!(found.is_err(), "a remembered body must not hide a failing store: {found:?}");
        let message = found.unwrap_err().to_string();
        assert!(!message.contains("system_prompt") && !message.contains("is_gone"), "{message}");
    }
    stage.server.execute("ALTER TABLE is_gone RENAME TO system_prompt").await;
    assert_eq!(text(&prompts, Category::StylePreset, "Origami").await.as_deref(), Some("folded paper"));
}

// Many at one moment, in the order asked for.
#[tokio::test]
async fn many_are_looked_up_at_one_moment() {
    let stage = Stage::open(Engine::Sqlite).await;
    stage.create("STYLE_PRESET", "Origami", "folded paper").await;
    stage.create("EVENT_TYPE", "MEETUP", "people in a room").await;
    let wanted = [
        (Category::EventType, Some("meetup")),
        (Category::StylePreset, Some("Nowhere")),
        (Category::SystemDefault, None),
        (Category::StylePreset, Some("ORIGAMI")),
    ];
    let found = stage.registry().look_up_many(&wanted, None, Purpose::Preview).await.unwrap();
    let texts: Vec<Option<String>> = found
        .iter()
        .map(|found| match found {
            LookUp::Found(found) => Some(found.version.body.content.clone()),
            LookUp::None => None,
        })
        .collect();
    assert_eq!(texts, [Some("people in a room".to_owned()), None, None, Some("folded paper".to_owned())]);
}
