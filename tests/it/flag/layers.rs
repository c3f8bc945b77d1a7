//! What the API shows and takes, and that it counts in every process.

use std::time::Duration;

use inkledger::{
    db::Engine,
    flag::{Environment, Flag, Given},
};
use rstest::rstest;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

const FLAGS: &str = "{ flags { name isOn source environment default impact isCritical description whenOff variable \
                     override { isOn reason setBy { username } setAt expiresAt isExpired } } }";
const SET: &str =
    "mutation($i: SetFlagInput!) { setFlag(input: $i) { flag { name isOn source } userErrors { code path } } }";
const CLEAR: &str =
    "mutation($i: ClearFlagInput!) { clearFlag(input: $i) { flag { name isOn source } userErrors { code path } } }";

async fn shown(server: &Server, person: &Person, name: &str) -> Value {
    let flags = server.payload(person, FLAGS, json!({})).await;
    flags.as_array().unwrap().iter().find(|flag| flag["name"] == name).unwrap().clone()
}

// REQ-A-39
#[rstest]
#[tokio::test]
async fn an_override_goes_before_the_environment_and_that_before_the_default(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let environment = Environment::of(|flag| match flag {
        Flag::Animations => Given { own: Some("maybe".to_owned()), alias: Some("OFF".to_owned()) },
        Flag::Charts => Given { own: Some("off".to_owned()), alias: Some("on".to_owned()) },
        _ => Given::default(),
    });
    let server = Home::open(engine).await.start_with(|config, _| config.flags = environment).await;
    let hero = server.hero().await;
    let flags = server.payload(&hero, FLAGS, json!({})).await;
    let seen: Vec<_> = flags
        .as_array()
        .unwrap()
        .iter()
        .map(|flag| {
            let text = |name: &str| flag[name].as_str().unwrap().to_owned();
            (text("name"), flag["isOn"] == true, text("source"), text("impact"), text("variable"))
        })
        .collect();
    let row = |name: &str, is_on, source: &str, impact: &str, variable: &str| {
        let variable = format!("INKLEDGER_ENABLE_{variable}");
        (name.to_owned(), is_on, source.to_owned(), impact.to_owned(), variable)
    };
    assert_eq!(
        seen,
        [
            row("CHARTS", false, "ENVIRONMENT", "HIGH", "CHARTS"),
            row("CLOUD_SERVICES", true, "DEFAULT", "HIGH", "CLOUD_SERVICES"),
            row("IMAGE_PROCESSING", true, "DEFAULT", "MEDIUM", "IMAGE_PROCESSING"),
            row("ANIMATIONS", false, "ENVIRONMENT", "LOW", "ANIMATIONS"),
            row("PERFORMANCE_MONITORING", false, "DEFAULT", "LOW", "PERF_MONITORING"),
        ]
    );
    let input = json!({"name": "CHARTS", "isOn": true, "reason": " needed ", "expiresAt": "2999-01-01T00:00:00Z"});
    let payload = server.payload(&hero, SET, json!({"i": input})).await;
    assert_eq!(payload["flag"], json!({"name": "CHARTS", "isOn": true, "source": "OVERRIDE"}), "{payload}");
    assert!(server.flags.is_on(Flag::Charts), "in force at once");
    let charts = shown(&server, &hero, "CHARTS").await;
    let set = &charts["override"];
    assert_eq!((&set["reason"], &set["setBy"]["username"]), (&json!("needed"), &json!("hero")), "{charts}");
    assert_eq!((&set["isExpired"], &charts["environment"]), (&json!(false), &json!(false)), "{charts}");
    let payload = server.payload(&hero, CLEAR, json!({"i": {"name": "CHARTS", "reason": "over"}})).await;
    assert_eq!(payload["flag"], json!({"name": "CHARTS", "isOn": false, "source": "ENVIRONMENT"}), "{payload}");
    assert!(!server.flags.is_on(Flag::Charts));
    // Clearing what is not set changes and records nothing.
    server.payload(&hero, CLEAR, json!({"i": {"name": "CHARTS", "reason": "again"}})).await;
    let sql = "SELECT action, request_id FROM audit_entry WHERE target_kind = 'flag' ORDER BY id";
    let acts = server.db.reader().query_all_raw(server.db.statement(sql, [])).await.unwrap();
    let acts: Vec<(String, Option<String>)> =
        acts.iter().map(|row| (row.try_get("", "action").unwrap(), row.try_get("", "request_id").unwrap())).collect();
    let names: Vec<_> = acts.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(names, ["flag.set", "flag.clear"]);
    assert!(acts.iter().all(|(_, request)| request.is_some()), "{acts:?}");
}

#[rstest]
#[tokio::test]
async fn a_flag_is_not_set_without_reason_right_or_future(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Home::open(engine).await.start().await;
    let hero = server.hero().await;
    let code = async |query: &str, input: Value| {
        let payload = server.payload(&hero, query, json!({"i": input})).await;
        assert_eq!(payload["flag"], json!(null), "{payload}");
        payload["userErrors"][0]["code"].as_str().unwrap().to_owned()
    };
    let input = |reason: &str, expires_at: Option<&str>| json!({"name": "ANIMATIONS", "isOn": false, "reason": reason, "expiresAt": expires_at});
    assert_eq!(code(SET, input("  ", None)).await, "REASON_REQUIRED");
    assert_eq!(code(SET, input(&"x".repeat(501), None)).await, "REASON_TOO_LONG");
    assert_eq!(code(SET, input("why", Some("2001-01-01T00:00:00Z"))).await, "EXPIRY_PASSED");
    assert_eq!(code(CLEAR, json!({"name": "ANIMATIONS", "reason": ""})).await, "REASON_REQUIRED");
    let admin = server.admin(&hero, "admin").await;
    let refused = server.call(Some(&admin.token), SET, json!({"i": input("why", None)})).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
    assert_eq!(shown(&server, &admin, "ANIMATIONS").await["source"], "DEFAULT");
    assert_eq!(server.number("SELECT COUNT(*) FROM flag_override").await, 0);
}

// REQ-A-39: no restart, every process.
#[tokio::test]
async fn an_override_counts_in_every_process_soon() {
    let home = Home::open(Engine::Postgres).await;
    let (one, other) = (home.start().await, home.start().await);
    let hero = one.hero().await;
    let until = async |is_on: bool| {
        while other.flags.is_on(Flag::Animations) != is_on {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let input = json!({"name": "ANIMATIONS", "isOn": false, "reason": "calm"});
    one.payload(&hero, SET, json!({"i": input})).await;
    tokio::time::timeout(Duration::from_secs(5), until(false)).await.expect("not within five seconds");
    // Also when nobody says so.
    one.execute("DELETE FROM flag_override").await;
    tokio::time::timeout(Duration::from_secs(5), until(true)).await.expect("not within five seconds");
    one.stop().await;
    other.stop().await;
}
