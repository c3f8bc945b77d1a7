//! `inkledger flags`, and what the doctor says of flags.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::cli::place::Place;

fn of<'a>(flags: &'a Value, name: &str) -> &'a Value {
    flags.as_array().unwrap().iter().find(|flag| flag["name"] == name).unwrap()
}

#[rstest]
#[tokio::test]
async fn an_operator_sets_lists_and_clears_flags(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let place = Place::migrated(engine).await;
    let listed = place.run("flags list --json").await;
    assert_eq!(listed.code, 0, "{listed:?}");
    assert_eq!(listed.json().as_array().unwrap().len(), 5);
    let answer = place.run("flags set cloudServices off --reason outage --hours 2").await;
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.out.contains("cloudServices is off (override)"), "{answer:?}");
    let listed = place.run("flags list --json").await.json();
    let cloud = of(&listed, "cloudServices");
    assert_eq!((&cloud["is_on"], &cloud["source"]), (&json!(false), &json!("OVERRIDE")), "{cloud}");
    assert_eq!((&cloud["override"]["reason"], &cloud["override"]["set_by"]), (&json!("outage"), &json!(null)));
    let table = place.run("flags list").await;
    assert!(table.out.contains("off until") && table.out.contains("outage"), "{table:?}");
    let cleared = place.run("flags clear cloudServices --reason over --json").await;
    assert_eq!((cleared.code, &cleared.json()["source"]), (0, &json!("DEFAULT")));
    for wrong in ["flags set nothing on --reason x", "flags set charts maybe --reason x", "flags set charts on"] {
        assert_eq!(place.run(wrong).await.code, 2, "{wrong}");
    }
    let answer = place.run("flags set charts on --reason=").await;
    assert_eq!((answer.code, answer.err.contains("Say why")), (1, true), "{answer:?}");
}

async fn finding(place: &Place, variables: &[(&str, &str)]) -> (String, String) {
    let mut command = place.command("doctor --json");
    for (name, value) in variables {
        command.env(name, value);
    }
    let told: Value = serde_json::from_slice(&command.output().await.unwrap().stdout).unwrap();
    let check = told["checks"].as_array().unwrap().iter().find(|check| check["id"] == "flags").unwrap().clone();
    (check["status"].as_str().unwrap().to_owned(), check["finding"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_doctor_tells_of_variables_that_say_nothing_and_of_overrides_that_are_over() {
    let place = Place::migrated(Engine::Sqlite).await;
    assert_eq!(finding(&place, &[]).await, ("OK".to_owned(), "all 5 flags have their defaults".to_owned()));
    let (status, text) = finding(&place, &[("NEXT_PUBLIC_ENABLE_CHARTS", "off")]).await;
    assert_eq!((status.as_str(), text.as_str()), ("OK", "charts is off (environment)"));
    let variables = [
        ("NEXT_PUBLIC_ENABLE_CHARTS", "off"),
        ("INKLEDGER_ENABLE_CHARTS", "yes"),
        ("INKLEDGER_ENABLE_ANIMATIONS", "perhaps"),
    ];
    let (status, text) = finding(&place, &variables).await;
    assert_eq!(status, "WARN");
    assert!(text.contains("INKLEDGER_ENABLE_CHARTS and NEXT_PUBLIC_ENABLE_CHARTS contradict each other"), "{text}");
    assert!(text.contains("INKLEDGER_ENABLE_ANIMATIONS is `perhaps`"), "{text}");
    let row = "INSERT INTO flag_override (name, is_on, reason, actor_kind, actor_id, set_at, expires_at) \
               VALUES ('charts', false, 'r', 'system', NULL, 1, 2)";
    place.execute(&[row.to_owned()]).await;
    let (status, text) = finding(&place, &[]).await;
    assert_eq!((status.as_str(), text.as_str()), ("WARN", "the override of charts has expired"));
}
