//! `environmentAudit`: what `inkledger doctor` finds, for administrators without a shell.

use std::time::Duration;

use futures_util::future::join_all;
use inkledger::{config::flag_of, db::Engine};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::server::Home;

const AUDIT: &str = "{ environmentAudit { status tookMs checks { name status finding remedy tookMs } } }";

fn checks(audit: &Value) -> impl Iterator<Item = (&str, &str)> {
    let checks = audit["checks"].as_array().unwrap().iter();
    checks.map(|check| (check["name"].as_str().unwrap(), check["status"].as_str().unwrap()))
}

#[rstest]
#[tokio::test]
async fn administrators_see_what_the_doctor_finds(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let home = Home::open(engine).await;
    let server = home.start().await;
    let hero = server.hero().await;
    // Side by side: those who wait share a look.
    let audits = join_all((0..4).map(|_| server.payload(&hero, AUDIT, json!({})))).await;
    let audit = &audits[0];
    for check in audit["checks"].as_array().unwrap() {
        let is_wrong = matches!(check["status"].as_str().unwrap(), "WARN" | "FAIL");
        assert_eq!(check["remedy"].is_string(), is_wrong, "{check}");
    }
    let as_found: Vec<_> = checks(audit).collect();
    for (name, status) in [("database", "OK"), ("database.schema", "OK"), ("ledger", "OK"), ("signing_key", "OK")] {
        assert!(as_found.contains(&(name, status)), "{name}: {audit}");
    }
    assert!(audits.iter().all(|other| checks(other).eq(checks(audit))), "{audits:?}");

    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_inkledger"));
    command.args(["doctor", "--json"]).env_clear().kill_on_drop(true);
    for (key, value) in home.flags() {
        command.arg(flag_of(&key)).arg(value);
    }
    let told: Value = serde_json::from_slice(&command.output().await.unwrap().stdout).unwrap();
    let told: Vec<_> =
        told["checks"].as_array().unwrap().iter().map(|check| check["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(as_found.iter().map(|(name, _)| *name).collect::<Vec<_>>(), told);

    // Who asked goes away; the look goes on to its end, and is nobody's answer later.
    let query = json!({ "query": AUDIT }).to_string();
    let gone = reqwest::Client::new()
        .post(format!("http://{}/graphql", server.address()))
        .bearer_auth(&hero.token)
        .header("content-type", "application/json")
        .body(query)
        .timeout(Duration::from_millis(20))
        .send();
    let _ = gone.await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let user = server.sign_up("reader").await;
    let audit = server.payload(&hero, AUDIT, json!({})).await;
    let users = audit["checks"].as_array().unwrap().iter().find(|check| check["name"] == "users").unwrap();
    assert!(users["finding"].as_str().unwrap().contains("1 USER"), "{users}");
    let refused = server.call(Some(&user.token), AUDIT, json!({})).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
    server.stop().await;
}
