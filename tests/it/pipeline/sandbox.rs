//! A server that has nothing but the shipped models writes and improves articles of every length.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::Stage;

/// The tokens that buy a credit of the model that writes articles.
const TOKENS_PER_CREDIT: i64 = 10_000;

/// What a task that has ended is charged is what its last call used, and never more than was held.
async fn is_charged_by_tokens(stage: &Stage, task: &Value) {
    let call = stage.server.script.billing().pop().unwrap();
    assert_eq!(call.model, "sandbox-article");
    let tokens = call.tokens.input + call.tokens.output;
    assert_eq!(task["creditsUsed"], (tokens + TOKENS_PER_CREDIT - 1) / TOKENS_PER_CREDIT, "{tokens}");
    let beyond = "SELECT COUNT(*) FROM credit_hold WHERE settled > amount OR shortfall > 0 OR state <> 'settled'";
    assert_eq!(stage.server.number(beyond).await, 0);
}

// REQ-B-2
#[rstest]
#[tokio::test]
async fn a_fresh_server_writes_and_improves_articles_of_every_length(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, 100).await;
    for (words, usual) in [(None, 1_000), (Some(50), 50), (Some(10_000), 10_000)] {
        let keywords = ["family tent", "tent for four people in the mountains"];
        let mut input =
            json!({"siteId": stage.site, "title": format!("A tent of {usual} words"), "keywords": keywords});
        if let Some(words) = words {
            input["targetWords"] = json!(words);
        }
        let made = stage.act("createContentTask", "contentTask { id }", input).await;
        let tasks = [made["contentTask"]["id"].clone()];
        let written = stage.made("generateContent", "contentTaskIds", &tasks, &format!("write-{usual}")).await;
        assert_eq!(written["status"], "SUCCESS", "{usual}: {}", written["error"]);
        let length = written["products"][0]["words"].as_i64().unwrap();
        assert!((usual..=usual + usual / 5 + 50).contains(&length), "{length} words instead of {usual}");
        is_charged_by_tokens(&stage, &written).await;
        let ids = Stage::products(&written);
        let better = stage.made("optimizeContent", "contentIds", &ids, &format!("better-{usual}")).await;
        assert_eq!(better["status"], "SUCCESS", "{usual}: {}", better["error"]);
        assert_eq!(better["products"][0]["version"], 2);
        is_charged_by_tokens(&stage, &better).await;
    }
    stage.check().await;
}
