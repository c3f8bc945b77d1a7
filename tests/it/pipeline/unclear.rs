//! Images of content of which nobody knows whether the provider drew them, and content that has its places already.

use std::time::Duration;

use inkledger::{
    ai::provider::sandbox::{CallKind, Step},
    db::Engine,
};
use rstest::rstest;
use serde_json::json;

use super::stage::{Stage, refusal};
use crate::support::content::{content, place};

const IMAGES: &str = "state images { state errorCode } failedImages { id }";

/// Takes the job from whoever has it, in the middle of its call, as a process that dies does.
async fn lose_the_answer(stage: &Stage, attempt: i64) {
    let sent = format!("SELECT COUNT(*) FROM ai_attempt WHERE state = 'sent' AND attempt_no = {attempt}");
    while stage.server.number(&sent).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stage.server.execute("UPDATE job_quota SET running = 0").await;
    let lose = "UPDATE job SET state = 'ready', boot_id = NULL, lease_until = NULL, fence = fence + 1, ready_at = 0 \
                WHERE state = 'running' AND subject_kind = 'ai_task'";
    stage.server.execute(lose).await;
}

#[rstest]
#[tokio::test]
async fn an_image_of_an_unknown_outcome_is_uncertain_and_can_be_drawn_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, 200).await;
    let ids = stage.articles(&["A tent"], "write-01").await;
    let places = Stage::products(&stage.made("generateImagePrompts", "contentIds", &ids, "prompts-01").await);
    stage.drawn(&places[1..], "draw-0001").await;
    let (before, _) = stage.server.balance(&stage.owner).await;
    stage.server.script.rule(|call| (call.kind == CallKind::Image).then_some(Step::Hang { billed: true }));
    let input =
        json!({"accountId": stage.owner.account, "contentImageIds": places[..1], "idempotencyKey": "draw-0002"});
    let drawing = stage.act("generateImages", "task { id }", input).await;
    for attempt in 1..=3 {
        lose_the_answer(&stage, attempt).await;
    }
    let lost = stage.finished(drawing["task"]["id"].as_str().unwrap()).await;
    assert_eq!((&lost["status"], &lost["error"]["code"]), (&json!("ERROR"), &json!("OUTCOME_UNKNOWN")), "{lost}");
    assert_eq!(stage.server.balance(&stage.owner).await, (before, 0));
    // It is not settled: the article neither goes on without it nor counts it as failed.
    let seen = stage.content(&ids[0], IMAGES).await;
    assert_eq!((&seen["state"], &seen["failedImages"]), (&json!("DRAFT"), &json!([])), "{seen}");
    assert_eq!(seen["images"][0], json!({"state": "UNCERTAIN", "errorCode": "OUTCOME_UNKNOWN"}));
    stage.server.script.clear();
    let drawn = stage.drawn(&places[..1], "draw-0003").await;
    assert_eq!(drawn["status"], "SUCCESS", "{drawn}");
    let seen = stage.content(&ids[0], IMAGES).await;
    assert_eq!((&seen["state"], &seen["images"][0]["errorCode"]), (&json!("REVIEW"), &json!(null)), "{seen}");
    // Two commands that go through, and one that does not: the unclear place went back before it was taken up again.
    let changes = |from: &str, to: &str| {
        format!(
            "SELECT COUNT(*) FROM audit_entry WHERE action = 'content_image.change' AND before = '{from}' AND after = '{to}'"
        )
    };
    for (from, to, count) in [
        ("PENDING", "GENERATING", 4),
        ("GENERATING", "UNCERTAIN", 1),
        ("UNCERTAIN", "PENDING", 1),
        ("GENERATING", "GENERATED", 3),
    ] {
        assert_eq!(stage.server.number(&changes(from, to)).await, count, "{from} {to}");
    }
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn content_that_has_places_is_refused_at_the_door(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, 20).await;
    let [bare, placed] = [
        content(&stage.server.db, &stage.site, "DRAFT", &[]).await,
        content(&stage.server.db, &stage.site, "DRAFT", &[]).await,
    ];
    place(&stage.server.db, &placed, "IN_ARTICLE", 0, "PENDING").await;
    let (before, _) = stage.server.balance(&stage.owner).await;
    let refused = stage.command("generateImagePrompts", "contentIds", &[bare.clone(), placed], "prompts-01").await;
    assert_eq!(refusal(&refused), ("WRONG_STATE".to_owned(), json!(["input", "contentIds", "1"])), "{refused}");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM ai_task").await, 0);
    assert_eq!(stage.server.balance(&stage.owner).await, (before, 0));
    let made = stage.made("generateImagePrompts", "contentIds", &[bare], "prompts-02").await;
    assert_eq!(made["status"], "SUCCESS", "{made}");
}
