//! How a site's runs go: defaults, edits, faults, and who may change it.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::{Stage, code};

const CONFIG: &str = "isEnabled frequency weekday startTime itemDelaySeconds stageDelaySeconds itemsInFlight creditCap \
                      resumesOnTopUp activeHoursMax autoApprove autoSchedule version nextRunAt lastRun { id } \
                      schedule { publishTime } site { id } stages { stage isLocal isEnabled batch cap }";

async fn read(stage: &Stage) -> Value {
    let query = format!("query($s: ID!) {{ site(id: $s) {{ automationConfig {{ {CONFIG} }} }} }}");
    stage.server.payload(&stage.owner, &query, json!({"s": stage.site})).await["automationConfig"].clone()
}

async fn update(stage: &Stage, edit: Value) -> Value {
    let mut input = json!({"siteId": stage.site});
    input.as_object_mut().unwrap().extend(edit.as_object().unwrap().clone());
    stage.act("updateAutomationConfig", &format!("config {{ {CONFIG} }}"), input).await
}

#[rstest]
#[tokio::test]
async fn a_site_has_the_defaults_until_it_says_otherwise(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let first = read(&stage).await;
    assert_eq!(
        (&first["isEnabled"], &first["frequency"], &first["startTime"], &first["version"], &first["nextRunAt"]),
        (&json!(false), &json!("DAILY"), &json!("02:00"), &json!(0), &json!(null))
    );
    assert_eq!(
        (&first["itemsInFlight"], &first["activeHoursMax"], &first["creditCap"]),
        (&json!(1), &json!(24), &json!(null))
    );
    let caps: Vec<_> = first["stages"].as_array().unwrap().iter().map(|one| one["cap"].as_i64().unwrap()).collect();
    assert_eq!(caps, [200, 20, 60, 10, 10, 30, 50]);
    assert_eq!((&first["schedule"]["publishTime"], &first["site"]["id"]), (&json!("09:00"), &json!(stage.site)));
    let on = update(
        &stage,
        json!({
            "expectedVersion": 0, "isEnabled": true, "frequency": "WEEKLY", "weekday": "FRIDAY", "startTime": "05:30",
            "stages": [{"stage": "IMAGES", "isEnabled": false}, {"stage": "CLUSTER", "batch": 20, "cap": 40}],
            "creditCap": 90, "resumesOnTopUp": true,
        }),
    )
    .await;
    assert_eq!(on["userErrors"], json!([]));
    let config = &on["config"];
    assert_eq!((&config["version"], &config["creditCap"]), (&json!(1), &json!(90)));
    let next = config["nextRunAt"].as_str().unwrap();
    assert!(next.ends_with("T05:30:00.000000Z"), "{next}");
    assert_eq!(
        config["stages"][0],
        json!({"stage": "CLUSTER", "isLocal": false, "isEnabled": true, "batch": 20, "cap": 40})
    );
    assert_eq!(config["stages"][5]["isEnabled"], json!(false));
    // The same again changes nothing; from an older version it is refused.
    let same = update(&stage, json!({"expectedVersion": 1, "startTime": "05:30"})).await;
    assert_eq!(same["config"]["version"], 1);
    let stale = update(&stage, json!({"expectedVersion": 0, "isEnabled": false})).await;
    assert_eq!(stale["userErrors"][0]["versionConflict"], json!({"expected": 0, "current": 1}));
    let off = update(&stage, json!({"expectedVersion": 1, "isEnabled": false, "creditCap": null})).await;
    assert_eq!((&off["config"]["nextRunAt"], &off["config"]["creditCap"]), (&json!(null), &json!(null)));
    let trail = "SELECT COUNT(*) FROM audit_entry WHERE action = 'automation_config.update'";
    assert_eq!(stage.server.number(trail).await, 2);
}

#[rstest]
#[tokio::test]
async fn every_fault_of_a_config_is_named(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let wrong = json!({
        "expectedVersion": 0, "itemDelaySeconds": 61, "stageDelaySeconds": -1, "itemsInFlight": 5, "creditCap": 0,
        "activeHoursMax": 0, "stages": [{"stage": "IDEAS", "batch": 2, "cap": 0}],
    });
    let refused = update(&stage, wrong).await;
    let told: Vec<_> = refused["userErrors"].as_array().unwrap().iter().map(|error| error["path"][1].clone()).collect();
    assert_eq!(
        json!(told),
        json!([
            "stages",
            "stages",
            "itemDelaySeconds",
            "stageDelaySeconds",
            "itemsInFlight",
            "creditCap",
            "activeHoursMax"
        ])
    );
    assert!(refused["userErrors"].as_array().unwrap().iter().all(|error| error["code"] == "CONFIG_INVALID"));
    let query =
        "mutation($i: UpdateAutomationConfigInput!) { updateAutomationConfig(input: $i) { userErrors { code } } }";
    let input = json!({"siteId": stage.site, "expectedVersion": 0, "startTime": "2:00"});
    let answer = stage.server.call(Some(&stage.owner.token), query, json!({"i": input})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM automation_config").await, 0);
}

// REQ-B-47
#[rstest]
#[tokio::test]
async fn a_viewer_reads_and_commands_nothing_and_strangers_find_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let run = stage.started("the-first-run").await;
    let viewer = stage.server.sign_up("viewer").await;
    stage
        .server
        .execute(
            "INSERT INTO account_member (account_id, user_id, role, created_at) SELECT s.account_id, u.id, 'VIEWER', 0 \
             FROM site s, app_user u WHERE u.username = 'viewer'",
        )
        .await;
    let stranger = stage.server.sign_up("stranger").await;
    let seen = stage
        .server
        .call(Some(&viewer.token), "query($id: ID!) { automationRun(id: $id) { id } }", json!({"id": run}))
        .await;
    assert_eq!(seen["data"]["automationRun"]["id"], json!(run));
    let commands = [
        ("startAutomationRun", json!({"siteId": stage.site, "idempotencyKey": "viewer-key-1"})),
        ("pauseAutomationRun", json!({"runId": run, "idempotencyKey": "viewer-key-1"})),
        ("resumeAutomationRun", json!({"runId": run, "idempotencyKey": "viewer-key-1"})),
        ("cancelAutomationRun", json!({"runId": run, "idempotencyKey": "viewer-key-1"})),
        ("forkAutomationRun", json!({"runId": run, "fromStage": "IDEAS", "idempotencyKey": "viewer-key-1"})),
        ("raiseAutomationRunCap", json!({"runId": run, "creditCap": 9, "idempotencyKey": "viewer-key-1"})),
        ("updateAutomationConfig", json!({"siteId": stage.site, "expectedVersion": 0, "isEnabled": true})),
    ];
    for (mutation, input) in commands {
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!("mutation($i: {kind}!) {{ {mutation}(input: $i) {{ userErrors {{ code }} }} }}");
        for (person, expected) in [(&viewer, "FORBIDDEN"), (&stranger, "NOT_FOUND")] {
            let answer = stage.server.call(Some(&person.token), &query, json!({"i": input})).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], expected, "{mutation} by {}: {answer}", person.name);
        }
    }
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM automation_command").await, 1);
    // Without a key that is one, nothing happens.
    let query = "mutation($i: StartAutomationRunInput!) { startAutomationRun(input: $i) { userErrors { code } } }";
    let input = json!({"siteId": stage.site, "idempotencyKey": "short"});
    let answer = stage.server.call(Some(&stage.owner.token), query, json!({"i": input})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
}

#[rstest]
#[tokio::test]
async fn nothing_starts_for_a_site_or_an_account_that_is_off(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    stage.server.execute("UPDATE site SET is_active = FALSE").await;
    assert_eq!(code(&stage.start("start-key-1").await), "SITE_INACTIVE");
    stage.server.execute("UPDATE site SET is_active = TRUE").await;
    stage.server.execute("UPDATE account SET state = 'SUSPENDED'").await;
    assert_eq!(code(&stage.start("start-key-1").await), "ACCOUNT_SUSPENDED");
    stage.server.execute("UPDATE account SET state = 'ACTIVE'").await;
    // A refusal that left no record is judged anew.
    stage.started("start-key-1").await;
}
