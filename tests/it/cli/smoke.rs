//! `inkledger smoke` against a running server.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::backup::on;
use crate::support::{builders::PASSWORD, server::Home};

fn of<'a>(told: &'a Value, name: &str) -> &'a Value {
    let steps = told["steps"].as_array().unwrap();
    &steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("{name} in {told}"))["status"]
}

#[rstest]
#[tokio::test]
async fn a_deployment_is_tried_out_from_outside_and_left_as_it_was(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let home = Home::open(engine).await;
    let server = home.start().await;
    let hero = server.hero().await;
    let file = home.folder().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let smoke =
        format!("smoke --json --url http://{} --user hero --password-file {}", server.address(), file.display());
    let answer = on(&home, &smoke).await;
    let told = answer.json();
    for step in ["ready", "sign_in", "credits", "image", "read_back", "clean_up", "sign_out"] {
        assert_eq!(of(&told, step), "OK", "{step}: {told}");
    }
    // The sandbox alone is a warning of the environment, and so of all.
    assert_eq!(
        (answer.code, of(&told, "environment"), of(&told, "charts")),
        (1, &json!("WARN"), &json!("SKIPPED")),
        "{told}"
    );
    assert!(!answer.out.contains(PASSWORD) && !answer.err.contains(PASSWORD));
    assert_eq!(server.balance(&hero).await, (0, 0), "what was added is spent");
    assert_eq!(server.number("SELECT COUNT(*) FROM image WHERE deleted_at IS NULL").await, 0);
    server.check_ledger().await;

    std::fs::write(&file, "Wrong-passw0rd").unwrap();
    let refused = on(&home, &smoke).await;
    assert_eq!((refused.code, of(&refused.json(), "sign_in")), (2, &json!("FAIL")), "{refused:?}");
    let gone = on(&home, &smoke.replace(&server.address().to_string(), "127.0.0.1:9")).await;
    assert_eq!((gone.code, of(&gone.json(), "ready")), (2, &json!("FAIL")), "{gone:?}");
    let unusable = on(&home, &smoke.replace("http://", "ftp://")).await;
    assert_eq!((unusable.code, unusable.err.contains("--url")), (2, true), "{unusable:?}");
    server.stop().await;
}
