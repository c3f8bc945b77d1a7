//! Runs over a site.

use std::time::Duration;

use inkledger::{ai::provider::sandbox::Step, db::Engine};
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::Stage;
use crate::support::{dump::dump, server::Home};

const AI_STAGES: [&str; 5] = ["CLUSTER", "IDEAS", "CONTENT", "IMAGE_PROMPTS", "IMAGES"];

async fn start(stage: &Stage, key: &str) -> Value {
    let input = json!({"siteId": stage.site, "idempotencyKey": key});
    stage.act("startAutomationRun", "run { id state }", input).await
}

/// Switches off what needs a model, and every wait.
async fn only_local(stage: &Stage) {
    let off: Vec<Value> = AI_STAGES.iter().map(|name| json!({"stage": name, "isEnabled": false})).collect();
    let input = json!({
        "siteId": stage.site, "expectedVersion": 0, "stages": off, "itemDelaySeconds": 0, "stageDelaySeconds": 0
    });
    let done = stage.act("updateAutomationConfig", "config { version }", input).await;
    assert_eq!(done, json!({"config": {"version": 1}, "userErrors": []}));
}

/// The run once it has ended.
async fn ended(stage: &Stage, run: &Value) -> Value {
    let query = "query($id: ID!) { automationRun(id: $id) { state creditsUsed \
                 stages { stage status total succeeded failed skipped } } }";
    let waiting = async {
        loop {
            let found = stage.ask(query, json!({"id": run})).await;
            if ["COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED"].contains(&found["state"].as_str().unwrap()) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("the run did not end")
}

fn counts<'a>(run: &'a Value, stage: &str) -> (&'a str, i64, i64, i64) {
    let found = run["stages"].as_array().unwrap().iter().find(|one| one["stage"] == stage).unwrap();
    let number = |name: &str| found[name].as_i64().unwrap();
    (found["status"].as_str().unwrap(), number("total"), number("succeeded"), number("skipped"))
}

#[rstest]
#[tokio::test]
async fn a_run_queues_ideas_and_approves_what_is_in_review(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, 200).await;
    let input = json!({"siteId": stage.site, "expectedVersion": 1, "autoApprove": true, "autoSchedule": true});
    assert_eq!(stage.act("updateSite", "site { id }", input).await["userErrors"], json!([]));
    let keywords = stage.keywords(&["tea pot", "tea cup"]).await;
    let clusters = stage.made("clusterKeywords", "keywordIds", &keywords, "cluster-1").await;
    let ideas = stage.made("generateIdeas", "clusterIds", &Stage::products(&clusters), "ideas-01").await;
    let waiting = ideas["products"].as_array().unwrap().len();
    let article = stage.articles(&["A first cup"], "write-01").await.remove(0);
    let input = json!({"contentId": article, "expectedVersion": 1});
    let submitted = stage.act("submitContent", "content { state }", input).await;
    assert_eq!(submitted["content"]["state"], "REVIEW", "{submitted}");
    only_local(&stage).await;
    let started = start(&stage, "first-run").await;
    assert_eq!(started["userErrors"], json!([]), "{started}");
    let run = ended(&stage, &started["run"]["id"]).await;
    assert_eq!((&run["state"], &run["creditsUsed"]), (&json!("COMPLETED"), &json!(0)), "{run}");
    let queued = i64::try_from(waiting).unwrap();
    assert_eq!(counts(&run, "CONTENT_TASKS"), ("COMPLETED", queued, queued, 0), "{run}");
    assert_eq!(counts(&run, "REVIEW"), ("COMPLETED", 1, 1, 0), "{run}");
    assert_eq!(counts(&run, "CLUSTER").0, "SKIPPED");
    let query = "query($s: ID!) { contentTasks(siteId: $s, filter: {state: QUEUED}) { totalCount } }";
    assert_eq!(stage.ask(query, json!({"s": stage.site})).await["totalCount"], waiting);
    assert_eq!(stage.content(&article, "state").await, json!({"state": "SCHEDULED"}));
    // What is done is not done again.
    let again = start(&stage, "second-run").await;
    let run = ended(&stage, &again["run"]["id"]).await;
    assert_eq!((counts(&run, "CONTENT_TASKS").0, counts(&run, "REVIEW").0), ("SKIPPED", "SKIPPED"), "{run}");
    stage.check().await;
}

// REQ-B-24
#[rstest]
#[tokio::test]
async fn a_run_goes_from_keywords_to_approved_content(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, 1_000).await;
    let input = json!({"siteId": stage.site, "expectedVersion": 1, "autoApprove": true, "autoSchedule": true});
    assert_eq!(stage.act("updateSite", "site { id }", input).await["userErrors"], json!([]));
    stage.keywords(&["tea pot", "tea cup", "green tea"]).await;
    let input = json!({
        "siteId": stage.site, "expectedVersion": 0, "itemDelaySeconds": 0, "stageDelaySeconds": 0,
        "stages": [{"stage": "CONTENT", "cap": 1}]
    });
    let done = stage.act("updateAutomationConfig", "config { version }", input).await;
    assert_eq!(done["userErrors"], json!([]), "{done}");
    let started = start(&stage, "first-run").await;
    assert_eq!(started["userErrors"], json!([]), "{started}");
    let run = ended(&stage, &started["run"]["id"]).await;
    assert_eq!(run["state"], "COMPLETED", "{run}");
    let statuses: Vec<_> =
        run["stages"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["COMPLETED"; 7], "{run}");
    let used = stage.server.number("SELECT CAST(SUM(credits) AS bigint) FROM credit_usage").await;
    assert_eq!(run["creditsUsed"], used);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM ai_task WHERE status = 'SUCCESS'").await, 5);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM credit_hold WHERE state = 'held'").await, 0);
    stage.check().await;
}

// A person takes with them what runs were told for them, whether it has ended or is at the provider.
#[rstest]
#[tokio::test]
async fn what_runs_were_told_goes_with_a_deleted_person(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    const CANARY: &str = "canary9e21";
    let home = Home::open(engine).await;
    let server = home.start_with(|_, seams| seams.ai.cancel_grace = Duration::from_millis(200)).await;
    let hero = server.hero().await;
    let owner = server.sign_up("owner").await;
    server.give(&hero, &owner, 500).await;
    let mut stage = Stage { server, owner, site: Value::Null };
    let input = json!({"accountId": stage.owner.account, "name": CANARY, "domain": "shop.example"});
    stage.site = stage.act("createSite", "site { id }", input).await["site"]["id"].clone();
    stage.keywords(&[&format!("{CANARY} pot"), &format!("{CANARY} cup")]).await;
    let input = json!({
        "siteId": stage.site, "expectedVersion": 0, "itemDelaySeconds": 0, "stageDelaySeconds": 0,
        "stages": [{"stage": "CONTENT", "isEnabled": false}]
    });
    assert_eq!(stage.act("updateAutomationConfig", "config { version }", input).await["userErrors"], json!([]));
    let done = start(&stage, "first-run").await;
    assert_eq!(ended(&stage, &done["run"]["id"]).await["state"], "COMPLETED");
    let calls = stage.server.script.billing().len();
    stage.server.script.push(Step::Delay(Duration::from_secs(3600)));
    stage.keywords(&[&format!("{CANARY} tea"), &format!("{CANARY} jug")]).await;
    start(&stage, "second-run").await;
    let asked = async {
        while stage.server.script.billing().len() == calls {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.expect("nothing was asked");
    assert!(dump(&stage.server).await.contains(CANARY));
    let delete = "mutation($i: DeleteUserInput!) { deleteUser(input: $i) { userErrors { code } } }";
    let deleted = stage.server.payload(&hero, delete, json!({"i": {"userId": stage.owner.user}})).await;
    assert_eq!(deleted["userErrors"], json!([]), "{deleted}");
    let gone = async {
        while dump(&stage.server).await.contains(CANARY)
            || stage.server.number("SELECT COUNT(*) FROM ai_task WHERE finished_at IS NULL").await > 0
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("work or words stayed");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM credit_hold WHERE state = 'held'").await, 0);
    assert_eq!(stage.server.script.billing().len(), calls + 1, "nothing else was asked");
}
