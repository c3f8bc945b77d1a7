//! `inkledger doctor`.

use inkledger::{db::Engine, ids::SystemIds};
use rstest::rstest;
use serde_json::Value;

use super::place::{Answer, Place};
use crate::support::{
    fake_provider::{FakeProvider, Reply},
    s3_server::S3Server,
};

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
    let left = std::fs::read_dir(place.data_dir().join("objects").join("images")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "neither the object nor its folders stay");
}

fn count_files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { count_files(&entry.path()) } else { 1 }).sum()
}

#[tokio::test]
async fn tries_the_bucket_and_names_the_setting_that_is_wrong() {
    let s3 = S3Server::start().await;
    let place = Place::migrated(Engine::Sqlite).await;
    let examine = async |more: &[(&str, &str)]| {
        let mut command = place.command("doctor --json");
        for (key, value) in s3.settings() {
            command.env(inkledger::config::variable_of(&key), value);
        }
        let answer: Answer = command.envs(more.iter().copied()).output().await.unwrap().into();
        assert!(!answer.out.contains("canary"), "{answer:?}");
        answer.json()
    };
    let of = |report: &Value| {
        let found = check(report, "objects.s3");
        (found["status"].as_str().unwrap().to_owned(), found["remedy"].as_str().unwrap_or_default().to_owned())
    };
    let report = examine(&[]).await;
    assert_eq!(of(&report).0, "OK", "{report}");
    assert_eq!(status(&report, "objects.rows"), "OK", "{report}");
    // The test server leaves the folder of an account behind, which no bucket has.
    assert_eq!(count_files(&s3.folder().join("ink-images/images")), 0, "the object does not stay");
    for (name, value) in [
        ("INKLEDGER_STORAGE_S3_SECRET_ACCESS_KEY", "other-secret-canary"),
        ("INKLEDGER_STORAGE_S3_BUCKET", "no-such-bucket"),
    ] {
        let (status, remedy) = of(&examine(&[(name, value)]).await);
        assert!(status == "FAIL" && remedy.contains(name), "{status} {remedy}");
    }
    let plain = place.run("doctor --json").await.json();
    assert_eq!(of(&plain).0, "SKIPPED");
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_is_a_failure_with_its_address() {
    let mut s3 = S3Server::start().await;
    s3.stop().await;
    let place = Place::migrated(Engine::Sqlite).await;
    let mut command = place.command("doctor --json");
    for (key, value) in s3.settings() {
        command.env(inkledger::config::variable_of(&key), value);
    }
    let answer: Answer = command.output().await.unwrap().into();
    let report = answer.json();
    assert_eq!((answer.code, status(&report, "objects.s3")), (2, "FAIL"), "{report}");
    let remedy = check(&report, "objects.s3")["remedy"].as_str().unwrap();
    assert!(remedy.contains("INKLEDGER_STORAGE_S3_ENDPOINT"), "{remedy}");
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

#[tokio::test]
async fn every_configured_provider_is_asked_for_something_free() {
    const KEY: &str = "sk-canary-doctor";
    let place = Place::new(Engine::Sqlite).await;
    let fake = FakeProvider::start().await;
    let nothing = Reply::json(&serde_json::json!({}));
    for path in ["/anthropic/models", "/huggingface/v1/models", "/ollama/api/tags"] {
        fake.serve(path, nothing.clone());
    }
    let ask = async || {
        let mut command = place.command("doctor --json");
        for provider in ["anthropic", "gemini", "huggingface", "ollama"] {
            let name = provider.to_uppercase();
            command.env(format!("INKLEDGER_AI_{name}_BASE_URL"), fake.url(&format!("/{provider}")));
            if provider != "ollama" {
                command.env(format!("INKLEDGER_AI_{name}_API_KEY"), KEY);
            }
        }
        let answer: Answer = command.output().await.unwrap().into();
        let report = answer.json();
        assert!(!report.to_string().contains(KEY), "{report}");
        check(&report, "ai.providers").clone()
    };
    fake.serve("/gemini/models", Reply::status(400, &serde_json::json!({ "error": KEY })));
    let refused = ask().await;
    assert_eq!(refused["status"], "FAIL", "{refused}");
    assert!(refused["remedy"].as_str().unwrap().contains("INKLEDGER_AI_GEMINI_API_KEY"), "{refused}");
    fake.serve("/gemini/models", nothing);
    let taken = ask().await;
    assert_eq!((&taken["status"], taken["remedy"].is_null()), (&"OK".into(), true), "{taken}");
    for said in ["anthropic answers and takes the key", "huggingface answers; the key was not tried", "ollama answers"]
    {
        assert!(taken["finding"].as_str().unwrap().contains(said), "{said}: {taken}");
    }
    let headers = ["/anthropic/models", "/gemini/models", "/huggingface/v1/models", "/ollama/api/tags"].map(|path| {
        let received = fake.received().into_iter().find(|request| request.path == path).unwrap();
        ["x-api-key", "x-goog-api-key", "authorization"].map(|name| received.header(name).is_some())
    });
    let of = |one: usize| -> [bool; 3] { std::array::from_fn(|place| place == one) };
    assert_eq!(headers, [of(0), of(1), of(2), of(9)]);
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
    let work = place.run("doctor --work").await;
    assert_eq!((work.code, work.out.contains("Every invariant")), (0, true), "{work:?}");
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
    let account = format!(
        "INSERT INTO account (id, name, time_zone, state, version, created_at, updated_at) \
         VALUES ({id}, 'a', 'UTC', 'ACTIVE', 1, 0, 0)"
    );
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

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn work_that_broke_its_rules_exits_1_with_the_rows(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    let id = if engine == Engine::Sqlite {
        "x'00000000000000000000000000000001'"
    } else {
        "'00000000-0000-0000-0000-000000000001'"
    };
    // Two unfinished jobs for one subject, as a second key would allow.
    let job = |digit: u8| {
        format!(
            "INSERT INTO job (id, kind, lane, account_id, subject_kind, subject_id, payload, state, ready_at, \
             attempts_max, created_at, dedupe_key) \
             VALUES ({}, 'k', 'bulk', {id}, 's', {id}, '{{}}', 'ready', 0, 1, 0, 'd{digit}')",
            id.replace("001", &format!("00{digit}"))
        )
    };
    place.execute(&[job(1), job(2)]).await;
    let answer = place.run("doctor --work --json").await;
    let report = answer.json();
    assert_eq!((answer.code, &report["passes"]), (1, &false.into()), "{report}");
    let broken: Vec<_> =
        report["findings"].as_array().unwrap().iter().filter(|finding| finding["verdict"] == "FAIL").collect();
    assert_eq!(broken.len(), 1, "{report}");
    assert!(broken[0]["title"].as_str().unwrap().starts_with("R3 "), "{report}");
    let row = broken[0]["differences"][0].as_str().unwrap();
    assert!(row.contains("00000000-0000-0000-0000-000000000001"), "{report}");
}

// prompts-and-images.md 7.3, 7.7
#[tokio::test]
async fn says_which_models_nothing_serves_which_default_is_off_and_which_breaker_is_open() {
    let place = Place::migrated(Engine::Sqlite).await;
    let report = place.run("doctor --json").await.json();
    assert_eq!(status(&report, "ai.models"), "SKIPPED", "{report}");
    assert_eq!(status(&report, "ai.breakers"), "OK", "{report}");
    let now = inkledger::clock::Clock::now(&inkledger::clock::SystemClock);
    let model = |name: &str, provider: &str, active: bool| {
        format!(
            "INSERT INTO ai_model (id, name, provider, provider_model, kind, prompt_length_limit, width, height, \
             takes_seed, is_active, created_at, updated_at, functions, qualities, aspect_ratios) VALUES (randomblob(16), \
             '{name}', '{provider}', '{name}', 'IMAGE', 100, 8, 8, FALSE, {active}, 0, 0, '[\"GENERATE_IMAGES\"]', \
             '{{\"STANDARD\":{{}}}}', '{{\"1:1\":[8,8]}}')"
        )
    };
    let price = "INSERT INTO price_version (id, ai_model_id, number, kind, credits_per_image, credit_price_nanousd, \
                 created_at) SELECT randomblob(16), id, 1, 'IMAGE', 1, 1, 0 FROM ai_model";
    let default = "INSERT INTO ai_model_default SELECT 'GENERATE_IMAGES', id, 0 FROM ai_model WHERE name = 'drawn'";
    let gate = format!(
        "INSERT INTO provider_gate VALUES ('sandbox', 'drawn', 'c', 'open', 5, 60000000, {}, NULL, 0, 0)",
        now + 60_000_000
    );
    let all = [model("drawn", "sandbox", false), model("lost", "nobody", true), price.into(), default.into(), gate];
    place.execute(&all).await;
    let report = place.run("doctor --json").await.json();
    let finding = |id: &str| check(&report, id)["finding"].as_str().unwrap().to_owned();
    assert_eq!(status(&report, "ai.models"), "FAIL", "{report}");
    assert!(finding("ai.models").contains("lost (nobody)"), "{report}");
    assert_eq!(status(&report, "ai.breakers"), "WARN", "{report}");
    assert!(finding("ai.breakers").contains("drawn of sandbox after 5 failures"), "{report}");
    place.execute(&["UPDATE ai_model SET is_active = FALSE".to_owned()]).await;
    let report = place.run("doctor --json").await.json();
    assert!(check(&report, "ai.models")["finding"].as_str().unwrap().contains("switched off: drawn"), "{report}");
}
