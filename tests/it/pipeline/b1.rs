//! Fixture B1: what a whole run costs, to the credit and the nano-dollar, and what becomes of it on too few credits.

use std::collections::HashMap;

use inkledger::{
    ai::{
        model::AiFunction,
        provider::{FailureCode, sandbox::Step},
    },
    db::Engine,
    doctor::records::audit_records,
};
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    provider::{Meets, answer, tokens},
    records::{queried, records, rows},
    runner::Runner,
};
use crate::automation::stage::{code, statuses};

const SUBJECTS: [&str; 4] = ["tent", "stove", "lantern", "boots"];

fn keywords() -> Vec<String> {
    SUBJECTS.iter().flat_map(|subject| (0..10).map(move |at| format!("{subject} number {at}"))).collect()
}

/// The four clusters of the forty keywords.
fn clusters() -> String {
    let all = keywords();
    let cluster = |subject: &&str| {
        let own: Vec<&String> = all.iter().filter(|keyword| keyword.starts_with(*subject)).collect();
        json!({"name": subject, "keywords": own})
    };
    json!({"clusters": SUBJECTS.iter().map(cluster).collect::<Vec<_>>()}).to_string()
}

/// A site with forty keywords, and a provider that reports the tokens of the table.
async fn fixture(engine: Engine, credits: i64) -> Runner {
    let runner = Runner::priced(engine, credits).await;
    runner.provider.rule(|request| match request.function {
        AiFunction::ClusterKeywords => answer(Some(clusters()), Some((1800, 900))),
        AiFunction::GenerateIdeas => tokens(700, 1100),
        AiFunction::GenerateContent => tokens(1200, 3000),
        AiFunction::GenerateImagePrompts => tokens(3400, 500),
        _ => Meets::Step(Step::Ok),
    });
    runner.import(&keywords(), Value::Null).await;
    runner.configure(json!({"stages": [{"stage": "CONTENT", "cap": 3}]})).await;
    runner
}

fn of_stages(run: &Value, field: &str) -> Vec<i64> {
    run["stages"].as_array().unwrap().iter().map(|stage| stage[field].as_i64().unwrap()).collect()
}

/// What stands in the table, whatever way the run took.
async fn is_as_in_the_table(runner: &Runner, run: &Value) {
    assert_eq!(run["creditsUsed"], 83, "{run}");
    assert_eq!(of_stages(run, "creditsUsed"), [3, 8, 0, 15, 12, 45, 0]);
    assert_eq!(of_stages(run, "total"), [40, 4, 12, 3, 3, 9, 3]);
    // Nobody approves by itself here: what is in review stays there.
    assert_eq!(of_stages(run, "succeeded"), [40, 4, 12, 3, 3, 9, 0]);
    assert_eq!(of_stages(run, "failed"), [0; 7]);
    let columns = ["ai_function", "credits_used", "provider_cost_nanousd", "items_total"];
    let figures = rows(&runner.server.db, &columns, "ai_task ORDER BY created_at, id").await;
    assert_eq!(
        figures,
        [
            "CLUSTER_KEYWORDS | 3 | 810000 | 1",
            "GENERATE_IDEAS | 8 | 3060000 | 4",
            "GENERATE_CONTENT | 15 | 5940000 | 3",
            "GENERATE_IMAGE_PROMPTS | 12 | 2430000 | 3",
            "GENERATE_IMAGES | 45 | 360000000 | 9",
        ]
    );
    let sum = async |column: &str| {
        runner.server.number(&format!("SELECT CAST(SUM({column}) AS bigint) FROM credit_usage")).await
    };
    assert_eq!((sum("provider_cost_nanousd").await, sum("credit_value_nanousd").await), (372_240_000, 830_000_000));
    let calls = HashMap::from([
        ("CLUSTER_KEYWORDS", 1),
        ("GENERATE_IDEAS", 4),
        ("GENERATE_CONTENT", 3),
        ("GENERATE_IMAGE_PROMPTS", 3),
        ("GENERATE_IMAGES", 9),
    ]);
    assert_eq!(runner.provider.counts(), calls);
    assert_eq!(queried(&runner.server.db, 2).await, ["generate_images | 1 | 360000"]);
    assert_eq!(queried(&runner.server.db, 3).await, ["image_generation | 9 | 45 | 450000"]);
    assert_eq!(queried(&runner.server.db, 4).await, ["ai_image_success | 1"]);
    assert_eq!(
        queried(&runner.server.db, 5).await,
        [
            "clustering | 1 | 3",
            "content_generation | 3 | 15",
            "idea_generation | 4 | 8",
            "image_generation | 9 | 45",
            "image_prompt_extraction | 3 | 12",
        ]
    );
    assert_eq!(queried(&runner.server.db, 1).await.len(), 2, "its two models");
    assert_eq!(
        runner.task_messages().await,
        [
            "Clustered 40 keywords into 4 clusters using 3 credits",
            "Generated 12 ideas using 8 credits",
            "Generated 3 articles using 15 credits",
            "Generated 9 image prompts using 12 credits",
            "Generated 9 images using 45 credits",
        ]
    );
    let tasks = runner.ai_tasks(run["id"].as_str().unwrap(), "function status phase percent error { code }").await;
    for task in &tasks {
        let told = (&task["status"], &task["phase"], &task["percent"], &task["error"]);
        assert_eq!(told, (&json!("SUCCESS"), &json!("DONE"), &json!(100), &Value::Null), "{task}");
    }
    assert_eq!(tasks.len(), 5);
    runner.check_with_data().await;
}

/// The run once it is out of credits, as in the second vector.
async fn out_of_credits(runner: &Runner) -> String {
    let run = runner.started("start-key-1").await;
    let paused = runner.reaches(&run, "PAUSED").await;
    assert_eq!(
        (&paused["pauseReason"], &paused["creditsNext"], &paused["creditsShort"], &paused["creditsToFinish"]),
        (&json!("INSUFFICIENT_CREDITS"), &json!(5), &json!(3), &json!(25)),
        "{paused}"
    );
    assert_eq!(
        (&paused["creditsStart"], &paused["creditsUsed"], &paused["creditsHeld"]),
        (&json!(60), &json!(58), &json!(0))
    );
    assert_eq!(of_stages(&paused, "creditsUsed"), [3, 8, 0, 15, 12, 20, 0]);
    assert_eq!(statuses(&paused)[4..], ["COMPLETED", "PAUSED", "PENDING"]);
    assert_eq!(runner.server.balance(&runner.owner).await, (2, 0));
    assert_eq!(
        runner.states("content_image").await,
        HashMap::from([("GENERATED".to_owned(), 4), ("PENDING".to_owned(), 5)])
    );
    let told = "Automation paused: 3 more credits needed. Required: 5, Available: 2";
    assert_eq!(runner.messages().await, [told]);
    // Its own notification comes when it ends.
    assert_eq!(runner.task_messages().await.len(), 4);
    let tasks = runner.ai_tasks(&run, "status itemsDelivered itemsFailed creditsUsed").await;
    assert_eq!(tasks[4], json!({"status": "PAUSED", "itemsDelivered": 4, "itemsFailed": 0, "creditsUsed": 20}));
    let events = runner.events().await;
    assert_eq!(events[events.len() - 2..], ["PAUSED", "DRAINED"]);
    runner.check_all().await;
    run
}

// REQ-B-7, REQ-B-22, REQ-B-24
#[rstest]
#[tokio::test]
async fn a_run_from_100_credits_ends_with_17(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let runner = fixture(engine, 100).await;
    let run = runner.started("start-key-1").await;
    let done = runner.reaches(&run, "COMPLETED").await;
    assert_eq!(runner.server.balance(&runner.owner).await, (17, 0));
    assert_eq!(
        (&done["creditsStart"], &done["creditsHeld"], &done["creditsRemaining"]),
        (&json!(100), &json!(0), &json!(17))
    );
    is_as_in_the_table(&runner, &done).await;
    assert_eq!(runner.messages().await, ["Automation completed: 71 items using 83 credits"]);
}

// REQ-B-7, REQ-B-31
#[rstest]
#[tokio::test]
async fn a_run_from_60_credits_pauses_and_goes_on_after_a_top_up(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let mut runner = fixture(engine, 60).await;
    let run = out_of_credits(&runner).await;
    let before = runner.events().await;
    let refused = runner.command("resume", &run, "resume-key-1").await;
    assert_eq!(code(&refused), "INSUFFICIENT_CREDITS");
    assert_eq!(refused["userErrors"][0]["insufficientCredits"], json!({"required": 5, "available": 2, "short": 3}));
    assert_eq!((runner.run(&run).await["state"].as_str(), runner.provider.calls().len()), (Some("PAUSED"), 15));
    assert_eq!(runner.events().await, before);
    runner.give(23).await;
    let resumed = runner.command("resume", &run, "resume-key-2").await;
    assert_eq!(
        (&resumed["run"]["state"], &resumed["run"]["creditsShort"]),
        (&json!("RUNNING"), &Value::Null),
        "{resumed}"
    );
    let done = runner.reaches(&run, "COMPLETED").await;
    assert_eq!(runner.server.balance(&runner.owner).await, (0, 0));
    is_as_in_the_table(&runner, &done).await;
    assert_eq!(runner.messages().await[1..], ["Automation completed: 71 items using 83 credits"]);
}

// REQ-B-7, REQ-B-32
#[rstest]
#[tokio::test]
async fn a_run_that_wishes_it_goes_on_by_itself_as_soon_as_the_next_image_is_covered(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let mut runner = fixture(engine, 60).await;
    runner.configure(json!({"resumesOnTopUp": true})).await;
    let run = out_of_credits(&runner).await;
    runner.give(2).await;
    // Too little for one: nothing stirs until there is more.
    runner.give(21).await;
    let done = runner.reaches(&run, "COMPLETED").await;
    assert_eq!(runner.server.balance(&runner.owner).await, (0, 0));
    is_as_in_the_table(&runner, &done).await;
    assert_eq!(runner.messages().await.len(), 2);
}

// REQ-B-16
#[rstest]
#[tokio::test]
async fn the_records_of_a_run_are_those_of_the_same_work_by_hand(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let automated = fixture(engine, 100).await;
    let run = automated.started("start-key-1").await;
    automated.reaches(&run, "COMPLETED").await;
    let manual = fixture(engine, 100).await;
    by_hand(&manual).await;
    assert_eq!(manual.server.balance(&manual.owner).await, (17, 0));
    assert_eq!(records(&automated.server.db).await, records(&manual.server.db).await);
    // What is different: the one belongs to a run.
    let of_runs = "SELECT COUNT(*) FROM ai_task WHERE run_id IS NOT NULL AND stage IS NOT NULL";
    assert_eq!((automated.server.number(of_runs).await, manual.server.number(of_runs).await), (5, 0));
}

/// The work of the run, command by command.
async fn by_hand(runner: &Runner) {
    let listed = async |field: &str| {
        let query = format!("query($s: ID!) {{ {field}(siteId: $s, first: 100) {{ nodes {{ id }} }} }}");
        let found = runner.ask(&query, json!({"s": runner.site})).await;
        found["nodes"].as_array().unwrap().iter().map(|node| node["id"].clone()).collect::<Vec<_>>()
    };
    let made = async |mutation: &str, mut input: Value| {
        input["idempotencyKey"] = json!(mutation);
        let payload = runner.act(mutation, "task { id }", input).await;
        let task = payload["task"]["id"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned();
        assert_eq!(runner.server.ended(&runner.owner, &task).await["status"], "SUCCESS", "{mutation}");
        let query = "query($id: ID!) { aiTask(id: $id) { products { id } } }";
        let found = runner.ask(query, json!({"id": task})).await;
        found["products"].as_array().unwrap().iter().map(|product| product["id"].clone()).collect::<Vec<_>>()
    };
    let site = &runner.site;
    let clusters = made("clusterKeywords", json!({"siteId": site, "keywordIds": listed("keywords").await})).await;
    made("generateIdeas", json!({"siteId": site, "clusterIds": clusters})).await;
    let queued = json!({"siteId": site, "ideaIds": listed("ideas").await});
    runner.act("queueIdeas", "contentTasks { id }", queued).await;
    let tasks = &listed("contentTasks").await[..3];
    let articles = made("generateContent", json!({"siteId": site, "contentTaskIds": tasks})).await;
    let places = made("generateImagePrompts", json!({"siteId": site, "contentIds": articles})).await;
    made("generateImages", json!({"accountId": runner.owner.account, "contentImageIds": places})).await;
}

// REQ-B-7: 0, 1000 and 1001 tokens are 1, 1 and 2 credits; a token at 37,500 nano-dollars a thousand costs 38.
#[rstest]
#[tokio::test]
async fn a_run_rounds_tokens_up_to_credits_and_costs_half_up(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let runner = Runner::priced(engine, 100).await;
    let models = runner.ask("{ aiModels { id name } }", json!({})).await;
    let writes = models.as_array().unwrap().iter().find(|model| model["name"] == "Writes").unwrap();
    let price = json!({"inputPrice": "0.0000375", "outputPrice": "0", "unit": "PER_THOUSAND", "tokensPerCredit": 1000});
    let input = json!({"modelId": writes["id"], "price": {"text": price}});
    let priced = runner.by(&runner.hero, "addPriceVersion", "model { id }", input).await;
    assert_eq!(priced["userErrors"], json!([]), "{priced}");
    runner.provider.rule(|request| match request.no {
        1 => tokens(0, 0),
        2 => tokens(1, 999),
        3 => tokens(2, 999),
        _ => tokens(1, 0),
    });
    runner.content_tasks(&["A first tent", "A second tent", "A third tent", "A fourth tent"]).await;
    runner.only(&["CONTENT"], json!({})).await;
    let run = runner.started("start-key-1").await;
    let done = runner.reaches(&run, "COMPLETED").await;
    assert_eq!(done["creditsUsed"], 5);
    let usage =
        rows(&runner.server.db, &["credits", "provider_cost_nanousd"], "credit_usage ORDER BY credit_seq").await;
    assert_eq!(usage, ["1 | 0", "1 | 38", "2 | 75", "1 | 38"]);
    runner.check_all().await;
}

// REQ-B-7, REQ-B-17: three of five images stored are 15 credits.
#[rstest]
#[tokio::test]
async fn images_that_fail_cost_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let runner = Runner::priced(engine, 100).await;
    runner.article(5).await;
    runner.only(&["IMAGES"], json!({})).await;
    runner.provider.rule(|request| match request.no {
        2 | 4 => Meets::Step(Step::fail(FailureCode::ProviderRefused)),
        _ => Meets::Step(Step::Ok),
    });
    let run = runner.started("start-key-1").await;
    let done = runner.reaches(&run, "COMPLETED_WITH_ERRORS").await;
    let images = &done["stages"][5];
    assert_eq!((&images["succeeded"], &images["failed"], &images["creditsUsed"]), (&json!(3), &json!(2), &json!(15)));
    assert_eq!((&images["status"], &images["lastError"]), (&json!("COMPLETED"), &json!("PROVIDER_REFUSED")));
    assert_eq!(runner.server.balance(&runner.owner).await, (85, 0));
    assert_eq!(runner.task_messages().await, ["Generated 3 images using 15 credits (2 failed, not charged)"]);
    assert_eq!(runner.messages().await, ["Automation completed: 3 items using 15 credits, 2 failed"]);
    let tasks = runner.ai_tasks(&run, "status itemsDelivered itemsFailed").await;
    assert_eq!(tasks, [json!({"status": "PARTIAL", "itemsDelivered": 3, "itemsFailed": 2})]);
    runner.check_all().await;
}

// REQ-B-22: a planted fault in the run's own figure.
#[rstest]
#[tokio::test]
async fn a_run_whose_credits_are_not_those_of_its_tasks_is_found(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let runner = Runner::priced(engine, 100).await;
    runner.content_tasks(&["A first tent"]).await;
    runner.only(&["CONTENT"], json!({})).await;
    let run = runner.started("start-key-1").await;
    runner.reaches(&run, "COMPLETED").await;
    runner.check_all().await;
    for table in ["automation_run", "automation_stage"] {
        runner.server.execute(&format!("UPDATE {table} SET credits_used = credits_used + 1")).await;
    }
    let report = audit_records(&runner.server.db).await.unwrap();
    assert!(!report.passes(false), "{}", report.lines().join("\n"));
}
