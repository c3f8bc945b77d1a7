//! Content tasks to articles, articles to image prompts and images, and articles improved.

use std::time::Duration;

use inkledger::{
    ai::provider::{FailureCode, sandbox::Step},
    db::Engine,
};
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::{Stage, refusal};
use crate::support::content::content;

const IMAGES: &str = "state version approvedSource approvalBlockedBy slot { at source } \
                      images { id kind position state prompt errorCode image { url } }";

fn states(content: &Value) -> Vec<&str> {
    content["images"].as_array().unwrap().iter().map(|image| image["state"].as_str().unwrap()).collect()
}

// REQ-B-2, REQ-B-13, REQ-B-49: from a content task to an article in review, each step by its own command.
#[rstest]
#[tokio::test]
async fn a_content_task_becomes_an_illustrated_article_in_review(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, 200).await;
    let tasks = stage.content_tasks(&["A tent for all", "A tent for all!"], 120).await;
    let written = stage.made("generateContent", "contentTaskIds", &tasks, "write-01").await;
    assert_eq!((&written["status"], &written["itemsDelivered"]), (&json!("SUCCESS"), &json!(2)), "{written}");
    let message = format!("Generated 2 articles using {} credits", written["creditsUsed"]);
    assert_eq!(stage.told().await[0], message);
    let articles = written["products"].as_array().unwrap();
    let slugs: Vec<&str> = articles.iter().map(|article| article["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs[1], format!("{}-2", slugs[0]));
    // Never at first save: an article waits for its images.
    assert!(articles.iter().all(|article| article["state"] == "DRAFT" && article["words"].as_i64().unwrap() >= 60));
    let query = "query($s: ID!) { contentTasks(siteId: $s) { nodes { state } } }";
    let listed = stage.ask(query, json!({"s": stage.site})).await;
    assert_eq!(listed["nodes"], json!([{"state": "COMPLETED"}, {"state": "COMPLETED"}]));

    let ids = Stage::products(&written);
    let prompts = stage.made("generateImagePrompts", "contentIds", &ids[..1], "prompts-01").await;
    let places = prompts["products"].as_array().unwrap();
    let kinds: Vec<_> = places.iter().map(|place| (&place["kind"], &place["position"], &place["state"])).collect();
    let (featured, inside, pending) = (json!("FEATURED"), json!("IN_ARTICLE"), json!("PENDING"));
    let (first, second) = (json!(0), json!(1));
    assert_eq!(kinds, [(&featured, &first, &pending), (&inside, &first, &pending), (&inside, &second, &pending)]);
    assert_eq!(stage.told().await[0], format!("Generated 3 image prompts using {} credits", prompts["creditsUsed"]));
    let again = stage.command("generateImagePrompts", "contentIds", &ids[..1], "prompts-02").await;
    assert_eq!(refusal(&again), ("WRONG_STATE".to_owned(), json!(["input", "contentIds", "0"])));

    let drawn = stage.drawn(&Stage::products(&prompts), "draw-0001").await;
    assert_eq!((&drawn["status"], &drawn["itemsDelivered"]), (&json!("SUCCESS"), &json!(3)), "{drawn}");
    let content = stage.content(&ids[0], IMAGES).await;
    assert_eq!((&content["state"], states(&content)), (&json!("REVIEW"), vec!["GENERATED"; 3]), "{content}");
    assert!(content["images"][0]["image"]["url"].is_string());
    let input = json!({"accountId": stage.owner.account, "contentImageIds": Stage::products(&prompts), "idempotencyKey": "draw-0002"});
    let twice = stage.act("generateImages", "task { id }", input).await;
    assert_eq!(refusal(&twice).0, "WRONG_STATE");
    stage.check().await;
}

// REQ-B-49, REQ-B-51: the site approves and schedules by itself when the last image has settled.
#[rstest]
#[tokio::test]
async fn a_site_that_approves_by_itself_does_so_when_the_last_image_settles(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, 400).await;
    let input = json!({"siteId": stage.site, "expectedVersion": 1, "autoApprove": true, "autoSchedule": true});
    let done = stage.act("updateSite", "site { id }", input).await;
    assert_eq!(done["userErrors"], json!([]), "{done}");
    let ids = stage.articles(&["A first tent", "A second tent", "A third tent"], "write-01").await;
    let prompts = stage.made("generateImagePrompts", "contentIds", &ids, "prompts-01").await;
    let places = Stage::products(&prompts);
    let drawn = stage.drawn(&places[..8], "draw-0001").await;
    assert_eq!(drawn["status"], "SUCCESS", "{drawn}");
    // An image inside the third one is missing still.
    assert_eq!(stage.content(&ids[2], IMAGES).await["state"], "DRAFT");
    // It fails: that does not block, and is listed.
    stage.server.script.push(Step::fail(FailureCode::ProviderRefused));
    let failed = stage.drawn(&places[8..], "draw-0002").await;
    assert_eq!((&failed["status"], &failed["creditsUsed"]), (&json!("ERROR"), &json!(0)), "{failed}");
    let mut slots = Vec::new();
    for id in &ids {
        let content = stage.content(id, IMAGES).await;
        assert_eq!((&content["state"], &content["approvedSource"]), (&json!("SCHEDULED"), &json!("AUTO")), "{content}");
        slots.push(content["slot"]["at"].as_str().unwrap().to_owned());
    }
    slots.sort();
    slots.dedup();
    assert_eq!(slots.len(), 3);
    assert_eq!(states(&stage.content(&ids[2], IMAGES).await), ["GENERATED", "GENERATED", "FAILED"]);
    stage.check().await;
}

// REQ-B-50
#[rstest]
#[tokio::test]
async fn a_failed_featured_image_blocks_automatic_approval(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, 200).await;
    let input = json!({"siteId": stage.site, "expectedVersion": 1, "autoApprove": true});
    stage.act("updateSite", "site { id }", input).await;
    let ids = stage.articles(&["A tent"], "write-01").await;
    let prompts = stage.made("generateImagePrompts", "contentIds", &ids, "prompts-01").await;
    stage.server.script.push(Step::fail(FailureCode::ProviderRefused));
    let drawn = stage.drawn(&Stage::products(&prompts), "draw-0001").await;
    assert_eq!((&drawn["status"], &drawn["itemsFailed"]), (&json!("PARTIAL"), &json!(1)), "{drawn}");
    let content = stage.content(&ids[0], IMAGES).await;
    let told = (&content["state"], &content["approvalBlockedBy"], states(&content));
    assert_eq!(told, (&json!("REVIEW"), &json!("FEATURED_IMAGE"), vec!["FAILED", "GENERATED", "GENERATED"]));
    assert_eq!(content["images"][0]["errorCode"], "PROVIDER_REFUSED");
    stage.check().await;
}

// REQ-B-14: what fails three times is not taken up a fourth, and nothing of it is charged.
#[rstest]
#[tokio::test]
async fn a_content_task_that_fails_may_be_retried_three_times(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, 200).await;
    let tasks = stage.content_tasks(&["A tent for all"], 1_000).await;
    for round in 0..4 {
        let short = json!({"title": "Tents", "html": "<p>Far too short.</p>"}).to_string();
        stage.answers(&[&short, "<p>No JSON at all</p>"]);
        let written = stage.made("generateContent", "contentTaskIds", &tasks, &format!("write-0{round}")).await;
        assert_eq!((&written["status"], &written["error"]["code"]), (&json!("ERROR"), &json!("PARSE_FAILED")));
        let retried =
            stage.act("retryContentTask", "contentTask { state tries }", json!({"contentTaskId": tasks[0]})).await;
        if round < 3 {
            assert_eq!(retried["contentTask"], json!({"state": "QUEUED", "tries": round + 1}), "{retried}");
        } else {
            assert_eq!(refusal(&retried).0, "TRIES_EXHAUSTED");
        }
    }
    assert_eq!(stage.server.balance(&stage.owner).await, (200, 0));
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM content").await, 0);
    stage.check().await;
}

// REQ-B-25 by hand: a cancelled article waits again, and so does a cancelled image.
#[rstest]
#[tokio::test]
async fn what_is_cancelled_waits_again(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, 200).await;
    let ids = stage.articles(&["A tent"], "write-01").await;
    let prompts = stage.made("generateImagePrompts", "contentIds", &ids, "prompts-01").await;
    let places = Stage::products(&prompts);
    let tasks = stage.content_tasks(&["Another tent", "One more tent"], 120).await;
    stage.server.script.rule(|_| Some(Step::Delay(Duration::from_secs(600))));
    let writing = stage.command("generateContent", "contentTaskIds", &tasks, "write-02").await;
    let input = json!({"accountId": stage.owner.account, "contentImageIds": places, "idempotencyKey": "draw-0001"});
    let drawing = stage.act("generateImages", "task { id }", input).await;
    let busy = stage.command("generateContent", "contentTaskIds", &tasks, "write-03").await;
    assert_eq!(refusal(&busy).0, "WRONG_STATE");
    for task in [&writing["task"]["id"], &drawing["task"]["id"]] {
        let payload = stage.act("cancelAiTask", "task { status }", json!({"taskId": task})).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        let ended = stage.finished(task.as_str().unwrap()).await;
        assert_eq!(ended["status"], "CANCELLED", "{ended}");
    }
    let query = "query($s: ID!) { contentTasks(siteId: $s, filter: {state: QUEUED}) { totalCount } }";
    assert_eq!(stage.ask(query, json!({"s": stage.site})).await["totalCount"], 2);
    let content = stage.content(&ids[0], IMAGES).await;
    assert_eq!((&content["state"], states(&content)), (&json!("DRAFT"), vec!["PENDING"; 3]));
    // What waits again can be taken up again.
    stage.server.script.clear();
    let again = stage.drawn(&places, "draw-0002").await;
    assert_eq!(again["status"], "SUCCESS", "{again}");
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn an_article_is_improved_as_a_new_version_unless_somebody_edits_it_meanwhile(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, 200).await;
    let ids = stage.articles(&["A tent"], "write-01").await;
    let better = stage.made("optimizeContent", "contentIds", &ids, "better-01").await;
    assert_eq!((&better["status"], &better["products"][0]["version"]), (&json!("SUCCESS"), &json!(2)), "{better}");
    assert_eq!(stage.told().await[0], format!("Optimized 1 articles using {} credits", better["creditsUsed"]));
    let fields = "version score revisions { nodes { version cause scoreBefore score aiTask { id } } }";
    let content = stage.content(&ids[0], fields).await;
    let newest = &content["revisions"]["nodes"][0];
    assert_eq!((&newest["cause"], &newest["score"]), (&json!("OPTIMIZED"), &content["score"]), "{content}");
    assert!(newest["scoreBefore"].is_i64() && newest["aiTask"]["id"] == better["id"], "{content}");
    // An edit while the model is at work.
    let (before, _) = stage.server.balance(&stage.owner).await;
    stage.server.script.push(Step::Delay(Duration::from_millis(700)));
    let slow = stage.command("optimizeContent", "contentIds", &ids, "better-02").await;
    let edit = json!({"contentId": ids[0], "expectedVersion": 2, "title": "My own tent"});
    let edited = stage.act("updateContent", "content { version }", edit).await;
    assert_eq!(edited["content"]["version"], 3, "{edited}");
    let ended = stage.finished(slow["task"]["id"].as_str().unwrap()).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("ERROR"), &json!("TARGET_GONE")), "{ended}");
    assert_eq!(stage.server.balance(&stage.owner).await, (before, 0));
    assert_eq!(stage.content(&ids[0], "title version").await, json!({"title": "My own tent", "version": 3}));
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn content_names_the_content_task_it_was_written_for(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, 200).await;
    let tasks = stage.content_tasks(&["A tent", "Another tent"], 120).await;
    let ids = Stage::products(&stage.made("generateContent", "contentTaskIds", &tasks, "write-01").await);
    let unasked = content(&stage.server.db, &stage.site, "DRAFT", &[]).await;
    let fields = "contentTask { id title state }";
    for (id, title, task) in [(&ids[0], "A tent", &tasks[0]), (&ids[1], "Another tent", &tasks[1])] {
        let wanted = json!({"id": task, "title": title, "state": "COMPLETED"});
        assert_eq!(stage.content(id, fields).await["contentTask"], wanted);
    }
    assert_eq!(stage.content(&unasked, fields).await, json!({"contentTask": null}));
    // Nobody else gets there, neither by the content nor by its task.
    let other = stage.server.sign_up("other").await;
    let query = format!("query($id: ID!) {{ content(id: $id) {{ {fields} }} }}");
    let answer = stage.server.call(Some(&other.token), &query, json!({"id": ids[0]})).await;
    assert_eq!(
        (&answer["data"]["content"], &answer["errors"][0]["extensions"]["code"]),
        (&Value::Null, &json!("NOT_FOUND"))
    );
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let found = stage.server.payload(&other, query, json!({"ids": [ids[0], tasks[0]]})).await;
    assert_eq!(found, json!([null, null]));
}
