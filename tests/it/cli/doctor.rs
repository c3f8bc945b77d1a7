//! `inkledger doctor`.

use inkledger::{db::Engine, ids::SystemIds};
use rstest::rstest;
use serde_json::Value;

use super::place::{Answer, Place};

fn check<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap()
}

fn status<'a>(report: &'a Value, id: &str) -> &'a str {
    check(report, id)["status"].as_str().unwrap()
}

#[tokio::test]
async fn on_a_fresh_folder_says_what_serve_will_make_and_makes_nothing() {
    let place = Place::new(Engine::Sqlite).await;
    let answer = place.run("doctor --json").await;
    let report = answer.json();
    assert_eq!((answer.code, report["status"].as_str()), (1, Some("WARN")), "the sandbox alone warns: {report}");
    for id in ["database", "objects", "signing_key"] {
        assert_eq!(status(&report, id), "SKIPPED", "{report}");
        assert!(check(&report, id)["finding"].as_str().unwrap().contains("inkledger serve"), "{report}");
    }
    assert_eq!(status(&report, "data_dir"), "OK");
    assert_eq!(std::fs::read_dir(place.folder.path()).unwrap().count(), 0, "nothing was made");
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn names_a_remedy_for_everything_that_is_not_right(#[case] engine: Engine) {
    let place = Place::new(engine).await;
    std::fs::create_dir(place.data_dir()).unwrap();
    if engine == Engine::Postgres {
        let report = place.run("doctor --json").await.json();
        assert_eq!(status(&report, "database.schema"), "WARN", "{report}");
        assert!(check(&report, "database.schema")["remedy"].as_str().unwrap().contains("inkledger migrate"));
    }
    assert_eq!(place.run("migrate").await.code, 0);
    place.people(2).await;
    let report = place.run("doctor --json").await.json();
    for id in ["database", "database.schema", "clock", "ledger", "bus", "configuration", "data_dir"] {
        assert_eq!(status(&report, id), "OK", "{id}: {report}");
    }
    assert_eq!(status(&report, "users"), "WARN");
    assert!(check(&report, "users")["remedy"].as_str().unwrap().contains("users promote"));
    assert!(check(&report, "ai.providers")["remedy"].as_str().unwrap().contains("INKLEDGER_AI_OPENAI_API_KEY"));
    for check in report["checks"].as_array().unwrap() {
        let is_wrong = matches!(check["status"].as_str().unwrap(), "WARN" | "FAIL");
        assert_eq!(check["remedy"].is_string(), is_wrong, "{check}");
        assert!(check["took_ms"].as_u64().unwrap() < 5500, "{check}");
    }
    assert_eq!(place.run("users promote user0").await.code, 0);
    let table = place.run("doctor").await;
    assert!(table.out.contains("1 USER, 0 ADMIN, 1 HERO"), "{table:?}");
    assert_eq!(table.code, 1, "the sandbox alone still warns: {table:?}");
}

#[tokio::test]
async fn sees_a_running_server_and_leaves_its_lock_alone() {
    let place = Place::migrated(Engine::Sqlite).await;
    let lock = |report: &Value| check(report, "database.lock")["finding"].as_str().unwrap().to_owned();
    assert!(lock(&place.run("doctor --json").await.json()).contains("no server"));
    let server = place.open().await;
    assert!(lock(&place.run("doctor --json").await.json()).contains("a server is running"));
    server.close().await;
}

#[tokio::test]
async fn tries_the_object_store_and_leaves_nothing_in_it() {
    let place = Place::migrated(Engine::Sqlite).await;
    std::fs::create_dir_all(place.data_dir().join("objects").join("images")).unwrap();
    let report = place.run("doctor --json").await.json();
    assert_eq!(status(&report, "objects"), "OK", "{report}");
    let left = std::fs::read_dir(place.data_dir().join("objects").join("images")).unwrap().count();
    assert_eq!(left, 0, "neither the object nor its folders stay");
}

#[cfg(unix)]
#[tokio::test]
async fn a_signing_key_that_others_may_read_is_a_failure_with_the_command_to_mend_it() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::migrated(Engine::Sqlite).await;
    let path = place.data_dir().join("signing_key.pk8");
    let ids = SystemIds::new(std::sync::Arc::new(inkledger::clock::SystemClock));
    inkledger::auth::keys::KeyRing::open_or_create(&path, &ids).unwrap();
    assert_eq!(status(&place.run("doctor --json").await.json(), "signing_key"), "OK");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let answer = place.run("doctor --json").await;
    let report = answer.json();
    assert_eq!((answer.code, status(&report, "signing_key")), (2, "FAIL"), "{report}");
    assert!(check(&report, "signing_key")["remedy"].as_str().unwrap().starts_with("chmod 600"), "{report}");
}

#[tokio::test]
async fn what_is_set_up_and_does_not_answer_is_a_failure_within_the_time() {
    let place = Place::new(Engine::Sqlite).await;
    // Nobody listens there, and the second address swallows what is sent to it.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = silent.local_addr().unwrap();
    let began = tokio::time::Instant::now();
    let answer: Answer = place
        .command("doctor --json")
        .env("INKLEDGER_DATABASE_URL", "postgres://postgres@127.0.0.1:1/none")
        .env("INKLEDGER_NATS_URL", "nats://127.0.0.1:1")
        .env("INKLEDGER_AI_OPENAI_API_KEY", "sk-test")
        .env("INKLEDGER_AI_OPENAI_BASE_URL", format!("http://{silent}/v1"))
        .output()
        .await
        .unwrap()
        .into();
    let report = answer.json();
    assert!(began.elapsed().as_secs() < 20, "{report}");
    assert_eq!(answer.code, 2, "{report}");
    for (id, variable) in [
        ("database", "INKLEDGER_DATABASE_URL"),
        ("bus", "INKLEDGER_NATS_URL"),
        ("ai.providers", "INKLEDGER_AI_OPENAI_BASE_URL"),
    ] {
        assert_eq!(status(&report, id), "FAIL", "{id}: {report}");
        assert!(check(&report, id)["remedy"].as_str().unwrap().contains(variable), "{id}: {report}");
    }
    assert_eq!(status(&report, "users"), "SKIPPED", "it needs the database");
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn records_of_a_new_database_are_empty_which_only_require_data_minds(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    let plain = place.run("doctor --records").await;
    assert_eq!((plain.code, plain.out.contains("The records agree.")), (0, true), "{plain:?}");
    let report = place.run("doctor --records --json").await.json();
    assert_eq!(report["passes"], true, "{report}");
    assert_eq!(report["findings"][1]["verdict"], "EMPTY", "{report}");
    let strict = place.run("doctor --records --require-data").await;
    assert_eq!((strict.code, strict.out.contains("--require-data")), (1, true), "{strict:?}");
    assert_eq!(place.run("doctor --require-data").await.code, 2, "it needs --records");
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn records_that_do_not_agree_exit_1_with_the_differing_rows(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    let id = if engine == Engine::Sqlite {
        "x'00000000000000000000000000000001'"
    } else {
        "'00000000-0000-0000-0000-000000000001'"
    };
    // A message about images that no task ever made.
    let account = format!("INSERT INTO account VALUES ({id}, 'a', NULL, 'UTC', 'ACTIVE', 1, 0, 0)");
    let orphan = format!(
        "INSERT INTO notification VALUES ({id}, {id}, 'ai_image_success', 'SUCCESS', 't', 'm', '{{}}', 'ai_task', {id}, \
         NULL, 'k', 0)"
    );
    place.execute(&[account, orphan]).await;
    let answer = place.run("doctor --records --json").await;
    let report = answer.json();
    assert_eq!((answer.code, &report["passes"]), (1, &false.into()), "{report}");
    assert_eq!(report["findings"][3]["verdict"], "FAIL", "{report}");
    assert!(report["findings"][3]["differences"][0].as_str().unwrap().contains("ai_image_success"), "{report}");
}
