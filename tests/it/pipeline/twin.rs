//! Equal sites of different accounts, on which equal runs must come to equal ends, whatever happens on the way.

use std::time::Duration;

use inkledger::{
    db::{Db, Engine},
    doctor::{records::audit_records, work::audit_work},
};
use serde_json::{Value, json};

use crate::support::{
    builders::{Api, Person},
    planning::uuid,
    server::{check_ledger, number},
};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What every twin has at first.
pub const GRANTED: i64 = 1_000;

const KEYWORDS: [&str; 4] = ["trail shoes", "trail shoes women", "tent pegs", "tent pegs steel"];

const TEXT_FUNCTIONS: [&str; 4] = ["CLUSTER_KEYWORDS", "GENERATE_IDEAS", "GENERATE_CONTENT", "GENERATE_IMAGE_PROMPTS"];

/// The stages' caps: as little of everything as makes every stage do something.
const CAPS: [(&str, i64); 5] =
    [("IDEAS", 1), ("CONTENT_TASKS", 2), ("CONTENT", 1), ("IMAGE_PROMPTS", 1), ("IMAGES", 3)];

const RUN: &str = "id state creditsUsed creditsHeld creditsStart pauseReason error { code } stages { stage status total \
                   succeeded failed skipped remaining creditsUsed lastError }";

const FINAL: [&str; 4] = ["CANCELLED", "COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED"];

/// The payload of somebody's mutation, which must not be refused.
pub async fn act(api: &Api, person: &Person, mutation: &str, fields: &str, input: Value) -> Value {
    let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let query =
        format!("mutation($i: {kind}!) {{ {mutation}(input: $i) {{ {fields} userErrors {{ code message path }} }} }}");
    let payload = api.payload(person, &query, json!({"i": input})).await;
    assert_eq!(payload["userErrors"], json!([]), "{mutation}: {payload}");
    payload
}

/// Enters a priced text and a priced image model of `provider`, and makes them the defaults of what runs do.
pub async fn price_models(api: &Api, hero: &Person, provider: &str) {
    let text = json!({
        "name": "Twin Text", "provider": provider, "providerModel": "twin-text", "kind": "TEXT", "isActive": true,
        "functions": TEXT_FUNCTIONS, "promptLengthLimit": 100_000, "outputTokenLimit": 8_000,
        "price": {"text": {"inputPrice": "0.15", "outputPrice": "0.60", "unit": "PER_MILLION", "tokensPerCredit": 500}}
    });
    let image = json!({
        "name": "Twin Image", "provider": provider, "providerModel": "twin-image", "kind": "IMAGE", "isActive": true,
        "functions": ["GENERATE_IMAGES"], "promptLengthLimit": 1_000, "priority": 1,
        "aspectRatios": [{"ratio": "1:1", "width": 64, "height": 64}, {"ratio": "16:9", "width": 64, "height": 36}],
        "qualities": [{"quality": "STANDARD"}],
        "price": {"image": {"costPerImage": "0.04", "creditsPerImage": 5}}
    });
    for (model, functions) in [(text, &TEXT_FUNCTIONS[..]), (image, &["GENERATE_IMAGES"])] {
        let made = act(api, hero, "createAiModel", "model { id }", model).await;
        for function in functions {
            let input = json!({"modelId": made["model"]["id"], "function": function});
            act(api, hero, "setDefaultAiModel", "model { id }", input).await;
        }
    }
}

/// Somebody with credits and a site that waits for its run.
pub struct Twin {
    pub owner: Person,
    pub site: Value,
}

impl Twin {
    pub async fn open(api: &Api, hero: &Person, name: &str) -> Self {
        Self::with(api, hero, name, json!({})).await
    }

    /// A site whose config differs by `edit`.
    pub async fn with(api: &Api, hero: &Person, name: &str, edit: Value) -> Self {
        let owner = api.sign_up(name).await;
        api.give(hero, &owner, GRANTED).await;
        let input = json!({"accountId": owner.account, "name": "Shop", "domain": "shop.example"});
        let site = act(api, &owner, "createSite", "site { id }", input).await["site"]["id"].clone();
        let input = json!({"siteId": site, "expectedVersion": 1, "autoApprove": true, "autoSchedule": true});
        act(api, &owner, "updateSite", "site { id }", input).await;
        let input = json!({"siteId": site, "name": "Outdoors"});
        let sector = act(api, &owner, "createSector", "sector { id }", input).await["sector"]["id"].clone();
        let content = format!("keyword\n{}\n", KEYWORDS.join("\n"));
        let input = json!({"siteId": site, "sectorId": sector, "file": {"content": content}});
        act(api, &owner, "importKeywords", "added", input).await;
        let stages = CAPS.map(|(stage, cap)| json!({"stage": stage, "cap": cap}));
        let mut input = json!({
            "siteId": site, "expectedVersion": 0, "itemDelaySeconds": 0, "stageDelaySeconds": 0, "stages": stages,
        });
        input.as_object_mut().unwrap().extend(edit.as_object().unwrap().clone());
        act(api, &owner, "updateAutomationConfig", "config { version }", input).await;
        Self { owner, site }
    }

    /// Starts its run: the id.
    pub async fn start(&self, api: &Api) -> Value {
        let input = json!({"siteId": self.site, "idempotencyKey": "the-only-run"});
        act(api, &self.owner, "startAutomationRun", "run { id }", input).await["run"]["id"].clone()
    }

    pub async fn run(&self, api: &Api, run: &Value) -> Value {
        let query = format!("query($id: ID!) {{ automationRun(id: $id) {{ {RUN} }} }}");
        api.payload(&self.owner, &query, json!({"id": run})).await
    }

    /// Waits until the run has ended.
    pub async fn ended(&self, api: &Api, run: &Value) -> Value {
        let waiting = async {
            loop {
                let found = self.run(api, run).await;
                if FINAL.contains(&found["state"].as_str().unwrap()) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("the run did not end: {}", self.run(api, run).await),
        }
    }

    /// Everything that a run leaves behind, without what tells twins apart: ids, times, and what providers cost us.
    pub async fn outcome(&self, api: &Api, run: &Value) -> Value {
        let mut ended = self.run(api, run).await;
        ended.as_object_mut().unwrap().remove("id");
        let query = "query($a: ID!, $s: ID!) { \
            tasks: aiTasks(accountId: $a, first: 50) { nodes { function status phase percent itemsTotal itemsDelivered \
                itemsFailed creditsUsed error { code } items { state credits errorCode } } } \
            told: notifications(accountId: $a, first: 50) { nodes { kind severity message } } \
            keywords(siteId: $s, first: 50) { nodes { text state cluster { name } } } \
            clusters(siteId: $s, first: 50) { nodes { name state keywordCount } } \
            ideas(siteId: $s, first: 50) { nodes { title outline state } } \
            contentTasks(siteId: $s, first: 50) { nodes { title state tries } } \
            contents(siteId: $s, first: 50) { nodes { title slug html state version words approvedSource \
                images { kind position prompt altText state errorCode image { width height } } } } }";
        let variables = json!({"a": self.owner.account, "s": self.site});
        let mut found = api.data(Some(&self.owner.token), query, variables).await;
        for list in found.as_object_mut().unwrap().values_mut() {
            let nodes = list["nodes"].as_array_mut().unwrap();
            // Which of several came first is no part of the end.
            for items in nodes.iter_mut().filter_map(|node| node.get_mut("items")?.as_array_mut()) {
                items.sort_by_key(Value::to_string);
            }
            nodes.sort_by_key(Value::to_string);
        }
        found["run"] = ended;
        found["balance"] = json!(api.balance(&self.owner).await);
        found
    }

    /// The twin's account as SQL has it.
    pub fn account(&self, engine: Engine) -> String {
        let account = uuid(&json!(self.owner.account));
        match engine {
            // As bytes.
            Engine::Sqlite => format!("X'{}'", account.simple()),
            Engine::Postgres => format!("'{account}'"),
        }
    }

    /// A count of rows of the twin's account.
    pub async fn count(&self, db: &Db, table: &str, clause: &str) -> i64 {
        let account = self.account(db.engine());
        number(db, &format!("SELECT COUNT(*) FROM {table} WHERE account_id = {account} AND {clause}")).await
    }

    /// What was stored was charged and recorded, once each; nothing is open. How many requests left for it.
    pub async fn settled(&self, db: &Db) -> Sent {
        let delivered = self.count(db, "ai_task_item", "state = 'DELIVERED'").await;
        for (table, clause, expected) in [
            ("credit_usage", "TRUE", delivered),
            ("credit_transaction", "kind = 'settle'", delivered),
            ("ai_attempt", "state = 'settled'", delivered),
            // What is repeated is repeated under the same hold.
            ("credit_hold", "TRUE", delivered),
            ("credit_hold", "state = 'held'", 0),
            ("ai_attempt", "state IN ('sent', 'unknown', 'prepared')", 0),
            ("ai_task", "finished_at IS NULL", 0),
            ("automation_item", "state IN ('PENDING', 'RUNNING')", 0),
            ("job", "state IN ('ready', 'running')", 0),
        ] {
            assert_eq!(self.count(db, table, clause).await, expected, "{table} where {clause}");
        }
        // An answer that was lost is on record as such, with what it may have cost.
        let lost = "error_code = 'OUTCOME_UNKNOWN' AND provider_cost_nanousd IS NOT NULL AND finished_at IS NOT NULL";
        let unsettled = self.count(db, "ai_attempt", "sent_at IS NOT NULL AND state <> 'settled'").await;
        assert_eq!(self.count(db, "ai_attempt", lost).await, unsettled);
        Sent { delivered, requests: self.count(db, "ai_attempt", "sent_at IS NOT NULL").await }
    }
}

/// Requests of one twin's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub delivered: i64,
    pub requests: i64,
}

/// A run that came to a good end and did something in every stage: without it, equal twins would prove nothing.
pub fn assert_full(outcome: &Value) {
    assert_eq!(outcome["run"]["state"], "COMPLETED", "{outcome:#}");
    for stage in outcome["run"]["stages"].as_array().unwrap() {
        assert_eq!((&stage["status"], &stage["failed"]), (&json!("COMPLETED"), &json!(0)), "{outcome:#}");
        assert!(stage["succeeded"].as_i64().unwrap() > 0, "{stage}");
    }
    let tasks = outcome["tasks"]["nodes"].as_array().unwrap();
    assert_eq!(tasks.len(), 5, "{outcome:#}");
    let told = outcome["told"]["nodes"].as_array().unwrap();
    assert_eq!(told.len(), 6, "one of each AI task and one of the run: {told:?}");
    let used = outcome["run"]["creditsUsed"].as_i64().unwrap();
    let spent: i64 = tasks.iter().map(|task| task["creditsUsed"].as_i64().unwrap()).sum();
    assert!(used > 0 && used == spent, "{outcome:#}");
    assert_eq!(outcome["balance"], json!([GRANTED - used, 0]));
}

/// How many rows do not say what statistics count by: the site of a charge as its item has it, the sector of a place for an
/// image as its content has it.
pub async fn miscounted(db: &Db) -> i64 {
    let charges = "SELECT COUNT(*) FROM credit_usage u JOIN ai_task_item i ON i.id = u.item_id \
                   WHERE u.site_id IS DISTINCT FROM i.site_id";
    let places = "SELECT COUNT(*) FROM content_image p JOIN content c ON c.id = p.content_id \
                  WHERE p.sector_id IS DISTINCT FROM c.sector_id";
    number(db, charges).await + number(db, places).await
}

/// Every rule of the ledger, of the records and of work.
pub async fn check_rules(db: &Db) {
    check_ledger(db).await;
    assert_eq!(miscounted(db).await, 0);
    for report in [audit_records(db).await.unwrap(), audit_work(db).await.unwrap()] {
        assert!(report.passes(false), "{}", report.lines().join("\n"));
    }
}
