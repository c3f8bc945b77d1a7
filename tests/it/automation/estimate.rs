//! What a run would take, and that asking for it changes nothing.

use std::collections::BTreeMap;

use inkledger::{automation::model::Stage as RunStage, db::Engine};
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::{Stage, code};

const ESTIMATE: &str = "query($s: ID!) { estimateAutomationRun(input: { siteId: $s }) { \
                        stages { stage itemsMin itemsExpected itemsMax creditsMin creditsExpected creditsMax } \
                        creditsMin creditsExpected creditsMax available runsOutAt userErrors { code } } }";

async fn estimate(stage: &Stage) -> Value {
    stage.server.payload(&stage.owner, ESTIMATE, json!({"s": stage.site})).await
}

async fn counts(stage: &Stage) -> BTreeMap<&'static str, i64> {
    let mut found = BTreeMap::new();
    for table in ["automation_run", "automation_command", "credit_hold", "ai_task", "job", "run_event", "audit_entry"] {
        found.insert(table, stage.server.number(&format!("SELECT COUNT(*) FROM {table}")).await);
    }
    found
}

// REQ-B-38
#[rstest]
#[tokio::test]
async fn an_estimate_counts_what_waits_and_writes_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({"stages": [{"stage": "IMAGES", "isEnabled": false}]})).await;
    let query = "mutation($i: ImportKeywordsInput!) { importKeywords(input: $i) { added } }";
    let content = format!("keyword\n{}", (0..41).map(|at| format!("word {at}\n")).collect::<String>());
    let input = json!({"siteId": stage.site, "file": {"content": content}});
    stage.server.payload(&stage.owner, query, json!({"i": input})).await;
    let query = "mutation($i: CreateClusterInput!) { createCluster(input: $i) { cluster { id } } }";
    stage.server.payload(&stage.owner, query, json!({"i": {"siteId": stage.site, "name": "One"}})).await;
    let before = counts(&stage).await;
    let found = estimate(&stage).await;
    assert_eq!(counts(&stage).await, before);
    let of = |at: usize| &found["stages"][at];
    assert_eq!(
        *of(0),
        json!({"stage": "CLUSTER", "itemsMin": 41, "itemsExpected": null, "itemsMax": 200, "creditsMin": 10,
               "creditsExpected": null, "creditsMax": 25})
    );
    assert_eq!((&of(1)["itemsMin"], &of(1)["creditsMin"], &of(1)["creditsMax"]), (&json!(1), &json!(5), &json!(100)));
    assert_eq!((&of(2)["creditsMax"], &of(5)["itemsMax"]), (&json!(0), &json!(0)));
    assert_eq!((&found["creditsMin"], &found["creditsExpected"]), (&json!(15), &json!(null)));
    assert_eq!((&found["available"], &found["runsOutAt"]), (&json!(0), &json!("CLUSTER")));
    // With a history there is an expectation, between the least and the most.
    stage.script.wait_for(RunStage::Ideas, 3);
    let run = stage.started("start-key-1").await;
    stage.reaches(&run, "COMPLETED").await;
    let found = estimate(&stage).await;
    assert_eq!((&found["stages"][1]["itemsExpected"], &found["stages"][0]["itemsExpected"]), (&json!(3), &json!(null)));
    let range = |name: &str| found[name].as_i64().unwrap();
    assert!(range("creditsMin") <= range("creditsExpected") && range("creditsExpected") <= range("creditsMax"));
    *stage.script.holds.lock().unwrap() = None;
    let refused = estimate(&stage).await;
    assert_eq!((code(&refused), &refused["stages"]), ("MODEL_INACTIVE", &json!(null)));
}
