//! Two versions side by side: sticky, within a budget, taken back by itself.

use inkledger::{
    db::Engine,
    prompt::{LookUp, Prompts, Purpose, model::Category},
};
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Stage, uuid};
use crate::support::builders::Person;

const SPLIT: &str = "id state endReason sharePercent creditBudget controlVersion { id } newVersion { id } \
                     newUsage { tasks itemsDelivered itemsFailed creditsCharged creditsRefunded } \
                     controlUsage { tasks creditsCharged }";

/// A prompt with two versions, the first one active, and a split with the second one on trial.
struct Trial {
    stage: Stage,
    prompt: Value,
    old: Value,
    new: Value,
    split: Value,
}

async fn start(stage: &Stage, input: Value) -> Value {
    let query = format!(
        "mutation($i: StartPromptSplitInput!) {{ startPromptSplit(input: $i) {{ split {{ {SPLIT} }} userErrors {{ code \
         path }} }} }}"
    );
    stage.server.payload(&stage.admin, &query, json!({"i": input})).await
}

async fn end(stage: &Stage, split: &Value, keep: &str) -> Value {
    let query = format!(
        "mutation($i: EndPromptSplitInput!) {{ endPromptSplit(input: $i) {{ split {{ {SPLIT} }} userErrors {{ code }} }} }}"
    );
    stage.server.payload(&stage.admin, &query, json!({"i": {"splitId": split["id"], "keep": keep}})).await
}

impl Trial {
    async fn open(engine: Engine, more: Value) -> Self {
        let stage = Stage::open(engine).await;
        let first = stage.create("STYLE_PRESET", "Origami", "old").await;
        let second = stage.rewrite(&first, "new").await;
        let old = first["activeVersion"]["id"].clone();
        let prompt = stage.done("activateSystemPromptVersion", json!({"versionId": old, "expectedVersion": 2})).await;
        let new = second["activeVersion"]["id"].clone();
        let mut input = json!({
            "promptId": prompt["id"], "expectedVersion": 1, "newVersionId": new, "creditBudget": 1000,
            "sharePercent": 50,
        });
        for (key, value) in more.as_object().unwrap() {
            input[key] = value.clone();
        }
        let started = start(&stage, input).await;
        assert_eq!(started["userErrors"], json!([]), "{started}");
        let split = started["split"].clone();
        Self { stage, prompt, old, new, split }
    }

    async fn read(&self) -> Value {
        let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on PromptSplit {{ {SPLIT} }} }} }}");
        self.stage.server.payload(&self.stage.admin, &query, json!({"id": self.split["id"]})).await
    }

    /// An account that gets the new version, or one that does not.
    async fn account(&self, prompts: &Prompts, of_new: bool) -> Uuid {
        let wanted = if of_new { "new" } else { "old" };
        for number in 0..200 {
            let account = Uuid::from_u128(number);
            if text(prompts, account, Purpose::Preview).await == wanted {
                return account;
            }
        }
        panic!("nobody gets {wanted}");
    }

    /// Images drawn by a person are work under `version`, as the AI side records it.
    async fn work(&self, person: &Person, version: &Value, count: i64, key: &str) {
        let server = &self.stage.server;
        let task = server.drawing(person, count, key).await;
        server.ended(person, &task).await;
        let (task, version) = (self.stage.sql_id(&json!(task)), self.stage.sql_id(version));
        let split = self.stage.sql_id(&self.split["id"]);
        server.execute(&format!("INSERT INTO prompt_use VALUES ({task}, {version}, {split})")).await;
    }
}

async fn text(prompts: &Prompts, account: Uuid, purpose: Purpose) -> String {
    match prompts.look_up(Category::StylePreset, Some("origami"), Some(account), purpose).await.unwrap() {
        LookUp::Found(found) => found.version.body.content.clone(),
        LookUp::None => panic!("there is a prompt"),
    }
}

#[rstest]
#[tokio::test]
async fn an_account_keeps_its_side_and_the_share_is_kept(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let trial = Trial::open(engine, json!({"sharePercent": 30})).await;
    let (one, two) = (trial.stage.registry(), trial.stage.registry());
    let mut of_new = 0;
    for number in 0..200 {
        let account = Uuid::from_u128(number * 7919);
        let first = text(&one, account, Purpose::Work).await;
        assert_eq!(first, text(&two, account, Purpose::Preview).await, "preview and work agree in every process");
        of_new += usize::from(first == "new");
    }
    assert!((35..=85).contains(&of_new), "{of_new} of 200 at 30 %");
    // Without an account there is nobody to decide by: the active version.
    let found = one.look_up(Category::StylePreset, Some("origami"), None, Purpose::Work).await.unwrap();
    assert!(matches!(found, LookUp::Found(found) if found.version.body.content == "old" && found.split_id.is_none()));
    let account = trial.account(&one, true).await;
    let found = one.look_up(Category::StylePreset, Some("origami"), Some(account), Purpose::Work).await.unwrap();
    let LookUp::Found(found) = found else { panic!("there is a prompt") };
    assert_eq!((found.version.id, found.split_id), (uuid(&trial.new), Some(uuid(&trial.split["id"]))));
}

#[rstest]
#[tokio::test]
async fn usage_is_counted_from_the_records_and_a_spent_budget_takes_the_new_version_back(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let trial = Trial::open(engine, json!({"creditBudget": 5})).await;
    let (server, prompts) = (&trial.stage.server, trial.stage.registry());
    let person = server.sign_up("painter").await;
    server.give(&trial.stage.hero, &person, 100).await;
    let account = trial.account(&prompts, true).await;
    trial.work(&person, &trial.new, 4, "four-of-the-new").await;
    trial.work(&person, &trial.old, 3, "three-of-the-old").await;
    let seen = trial.read().await;
    let used = |credits: i64, items: i64, tasks: i64| json!({"tasks": tasks, "itemsDelivered": items, "itemsFailed": 0, "creditsCharged": credits, "creditsRefunded": 0});
    assert_eq!(seen["newUsage"], used(4, 4, 1));
    assert_eq!(seen["controlUsage"], json!({"tasks": 1, "creditsCharged": 3}));
    assert_eq!(text(&prompts, account, Purpose::Work).await, "new");
    // Per version, whatever gave it out.
    let query = "query($id: ID!) { node(id: $id) { ... on SystemPromptVersion { usage { tasks itemsDelivered itemsFailed \
                 creditsCharged creditsRefunded } } } }";
    let of_version = server.payload(&trial.stage.admin, query, json!({"id": trial.new})).await;
    assert_eq!(of_version["usage"], used(4, 4, 1));

    trial.work(&person, &trial.new, 1, "one-more-of-the-new").await;
    // A preview follows it and writes nothing: only work, or the sweep, ends the split.
    assert_eq!(text(&prompts, account, Purpose::Preview).await, "old");
    assert_eq!(text(&prompts, account, Purpose::Work).await, "old");
    let ended = trial.read().await;
    assert_eq!((&ended["state"], &ended["endReason"]), (&json!("ENDED"), &json!("BUDGET_SPENT")));
    assert_eq!(trial.stage.count_audits("prompt_split.end").await, 1);
    assert_eq!(trial.stage.read(&trial.prompt, "version runningSplit { id }").await["version"], 1);
}

// Twenty commands at once, each within the budget by itself: what is held counts before the next one is.
#[rstest]
#[tokio::test]
async fn a_burst_of_work_stays_within_the_budget(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let trial = Trial::open(engine, json!({"creditBudget": 13, "sharePercent": 99})).await;
    let (server, prompts) = (&trial.stage.server, trial.stage.registry());
    let mut person = server.sign_up("painter").await;
    // One account of a hundred keeps the old version.
    while text(&prompts, uuid(&json!(person.account)), Purpose::Preview).await != "new" {
        person = server.sign_up(&format!("{}-again", person.name)).await;
    }
    server.give(&trial.stage.hero, &person, 100).await;
    let query = "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } userErrors { code } } }";
    let draw = |at: usize| {
        let input = json!({
            "event": {"eventType": "BBQ", "style": "Origami"}, "count": 2, "idempotencyKey": format!("burst-{at:03}")
        });
        server.payload(&person, query, json!({"i": input}))
    };
    let answers = futures_util::future::join_all((0..20).map(draw)).await;
    for answer in &answers {
        assert_eq!(answer["userErrors"], json!([]), "{answer}");
        server.ended(&person, answer["task"]["id"].as_str().unwrap()).await;
    }
    let seen = trial.read().await;
    // Six commands of two credits; the seventh ended it.
    assert_eq!((&seen["newUsage"]["tasks"], &seen["newUsage"]["creditsCharged"]), (&json!(6), &json!(12)), "{seen}");
    assert_eq!((&seen["state"], &seen["endReason"]), (&json!("ENDED"), &json!("BUDGET_SPENT")));
    assert_eq!(server.balance(&person).await, (60, 0));
}

#[tokio::test]
async fn failures_and_refunds_take_the_new_version_back_by_the_sweep() {
    for (column, reason) in [("failed", "FAILURES"), ("refunded", "REFUNDS"), ("cost", "COST")] {
        let bounds = json!({"sampleMin": 4, "failurePercentMax": 25, "refundPercentMax": 25, "costMax": "0.01"});
        let trial = Trial::open(Engine::Sqlite, bounds).await;
        let server = &trial.stage.server;
        let person = server.sign_up("painter").await;
        server.give(&trial.stage.hero, &person, 100).await;
        trial.work(&person, &trial.new, 4, "four-of-the-new").await;
        assert_eq!(trial.stage.registry().judge_splits().await.unwrap(), 0, "{column}");
        // As work that went wrong leaves it.
        server
            .execute(match column {
                "failed" => "UPDATE ai_task SET items_delivered = 2, items_failed = 2",
                "refunded" => {
                    "UPDATE credit_hold SET refunded = 1 WHERE id IN (SELECT hold_id FROM ai_task_item WHERE position < 3)"
                }
                _ => "UPDATE ai_task SET provider_cost_nanousd = 40000001",
            })
            .await;
        // The server's own sweep may be faster.
        trial.stage.registry().judge_splits().await.unwrap();
        let ended = trial.read().await;
        assert_eq!((&ended["state"], &ended["endReason"]), (&json!("ENDED"), &json!(reason)));
    }
}

#[rstest]
#[tokio::test]
async fn a_split_ends_by_hand_or_by_another_activation(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let trial = Trial::open(engine, json!({})).await;
    let stage = &trial.stage;
    let code = |payload: &Value| payload["userErrors"][0]["code"].as_str().unwrap_or_default().to_owned();
    let again = json!({
        "promptId": trial.prompt["id"], "expectedVersion": 1, "newVersionId": trial.new, "creditBudget": 1,
    });
    assert_eq!(code(&start(stage, again.clone()).await), "SPLIT_RUNNING");
    let ended = end(stage, &trial.split, "CONTROL").await;
    assert_eq!(ended["split"]["endReason"], "KEPT_CONTROL");
    assert_eq!(code(&end(stage, &trial.split, "NEW").await), "SPLIT_ENDED");
    assert_eq!(stage.read(&trial.prompt, "version").await["version"], 1);

    let second = start(stage, again.clone()).await["split"].clone();
    let ended = end(stage, &second, "NEW").await;
    assert_eq!(ended["split"]["endReason"], "KEPT_NEW");
    assert_eq!(stage.read(&trial.prompt, "version content").await, json!({"version": 2, "content": "new"}));

    let mut third = again.clone();
    third["expectedVersion"] = json!(2);
    assert_eq!(code(&start(stage, third.clone()).await), "SPLIT_SAME_VERSION");
    third["newVersionId"] = trial.old.clone();
    start(stage, third.clone()).await;
    let newest = stage.rewrite(&json!({"id": trial.prompt["id"], "version": 2}), "newest").await;
    let splits = stage.read(&trial.prompt, "splits { nodes { endReason } totalCount } runningSplit { id }").await;
    assert_eq!(splits["splits"]["nodes"][0]["endReason"], "SUPERSEDED");
    assert_eq!((&splits["splits"]["totalCount"], &splits["runningSplit"]), (&json!(3), &Value::Null));

    third["expectedVersion"] = newest["version"].clone();
    for (field, value) in [
        ("sharePercent", json!(0)),
        ("sharePercent", json!(100)),
        ("creditBudget", json!(0)),
        ("failurePercentMax", json!(101)),
        ("sampleMin", json!(0)),
        ("costMax", json!("-1")),
    ] {
        let mut input = third.clone();
        input[field] = value;
        let refused = start(stage, input).await;
        assert_eq!(refused["userErrors"][0], json!({"code": "SPLIT_OUT_OF_RANGE", "path": ["input", field]}));
    }
    third["expectedVersion"] = json!(1);
    assert_eq!(code(&start(stage, third).await), "VERSION_CONFLICT");
}

// A split of a prompt that look-ups do not find would be no trial at all.
#[rstest]
#[tokio::test]
async fn disabling_a_prompt_ends_its_split_and_none_starts_in_a_disabled_one(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let trial = Trial::open(engine, json!({})).await;
    let stage = &trial.stage;
    let which = json!({"promptId": trial.prompt["id"], "expectedVersion": 1});
    stage.done("disableSystemPrompt", which.clone()).await;
    let split = trial.read().await;
    assert_eq!((&split["state"], &split["endReason"]), (&json!("ENDED"), &json!("SUPERSEDED")));
    assert_eq!(end(stage, &trial.split, "NEW").await["userErrors"][0]["code"], "SPLIT_ENDED");
    assert_eq!(stage.read(&trial.prompt, "version").await["version"], 1);
    let again = json!({
        "promptId": trial.prompt["id"], "expectedVersion": 1, "newVersionId": trial.new, "creditBudget": 1000,
    });
    let refused = start(stage, again.clone()).await;
    assert_eq!(refused["userErrors"][0]["code"], "SPLIT_PROMPT_DISABLED", "{refused}");
    stage.done("enableSystemPrompt", which).await;
    let started = start(stage, again).await;
    assert_eq!(started["userErrors"], json!([]));
    // One that was left running in a disabled prompt by other means is not kept without a word.
    stage.server.execute("UPDATE system_prompt SET is_enabled = FALSE").await;
    let kept = end(stage, &started["split"], "NEW").await;
    assert_eq!(kept["userErrors"][0]["code"], "SPLIT_PROMPT_DISABLED", "{kept}");
    assert_eq!(end(stage, &started["split"], "CONTROL").await["userErrors"], json!([]));
}
