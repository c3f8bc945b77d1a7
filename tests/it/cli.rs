//! The command line through the real binary, on SQLite and on PostgreSQL.

mod backup;
mod doctor;
mod erase;
mod export;
mod keys;
pub mod place;
mod prompts;
mod proof;
mod smoke;

use std::sync::Arc;

use inkledger::{
    bus::local::LocalBus,
    clock::SystemClock,
    db::Engine,
    ids::SystemIds,
    ledger::{
        Command, Ledger, LedgerOptions,
        model::{Actor, Credits, GrantSource, IdemKey, NewGrant, Operation},
    },
};
use rstest::rstest;
use uuid::Uuid;

use place::Place;

#[tokio::test]
async fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let place = Place::new(Engine::Sqlite).await;
    let file = place.folder.path().join("inkledger.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:1\"\npublic_url = \"http://file\"\n[log]\nfilter = \"file\"\n")
        .unwrap();
    let mut command = place.command("config --json --log-filter flag --config");
    let answer: place::Answer = command
        .arg(&file)
        .env("INKLEDGER_LOG_FILTER", "environment")
        .env("INKLEDGER_LISTEN", "127.0.0.1:2")
        .output()
        .await
        .unwrap()
        .into();
    let all = answer.json();
    let of = |key: &str| {
        let value = all.as_array().unwrap().iter().find(|value| value["key"] == key).unwrap();
        (value["value"].as_str().unwrap().to_owned(), value["source"].as_str().unwrap().to_owned())
    };
    assert_eq!(of("log.filter"), ("flag".to_owned(), "flag".to_owned()));
    assert_eq!(of("listen"), ("127.0.0.1:2".to_owned(), "environment".to_owned()));
    assert_eq!(of("public_url"), ("http://file".to_owned(), "file".to_owned()));
    assert_eq!(of("log.format"), ("text".to_owned(), "default".to_owned()));
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_the_nearest_one() {
    let place = Place::new(Engine::Sqlite).await;
    let variable: place::Answer = place.command("config").env("INKLEDGER_LISTN", "x").output().await.unwrap().into();
    assert_eq!(variable.code, 2, "{variable:?}");
    assert!(variable.err.contains("Did you mean `INKLEDGER_LISTEN`?"), "{variable:?}");
    let file = place.folder.path().join("inkledger.toml");
    std::fs::write(&file, "[database]\nurll = \"x\"\n").unwrap();
    let key: place::Answer = place.command("config --config").arg(&file).output().await.unwrap().into();
    assert_eq!(key.code, 2, "{key:?}");
    assert!(key.err.contains("Did you mean `database.url`?"), "{key:?}");
    let flag = place.run("config --listn x").await;
    assert_eq!(flag.code, 2, "{flag:?}");
    assert!(flag.err.contains("--listen"), "{flag:?}");
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn migrate_says_what_it_applied_and_the_second_time_nothing(#[case] engine: Engine) {
    let place = Place::new(engine).await;
    let first = place.run("migrate").await;
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.out.contains("applied") && first.out.contains("create_ledger"), "{first:?}");
    let second = place.run("migrate").await;
    assert_eq!(second.code, 0, "{second:?}");
    assert!(second.out.contains("up to date") && !second.out.contains("create_ledger"), "{second:?}");
}

#[tokio::test]
async fn processes_that_migrate_at_once_share_the_work() {
    let place = Place::new(Engine::Postgres).await;
    let (a, b, c) = tokio::join!(place.run("migrate"), place.run("migrate"), place.run("migrate"));
    for answer in [&a, &b, &c] {
        assert_eq!(answer.code, 0, "{answer:?}");
    }
    let applied = [&a, &b, &c].iter().filter(|answer| answer.out.contains("applied")).count();
    assert_eq!(applied, 1, "exactly one of them applies: {a:?} {b:?} {c:?}");
}

#[tokio::test]
async fn a_database_newer_than_the_binary_is_left_alone() {
    let place = Place::migrated(Engine::Sqlite).await;
    place.execute(&["INSERT INTO seaql_migrations VALUES ('m99991231_000001_from_the_future', 0)".to_owned()]).await;
    for command in ["migrate", "users list", "ledger verify", "doctor --records"] {
        let answer = place.run(command).await;
        assert_ne!(answer.code, 0, "{command}: {answer:?}");
        assert!(answer.err.contains("m99991231_000001_from_the_future"), "{command}: {answer:?}");
        assert!(answer.err.contains("Install the newer version"), "{command}: {answer:?}");
    }
    let doctor = place.run("doctor").await;
    assert_eq!(doctor.code, 2, "{doctor:?}");
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn users_are_listed_through_all_pages_beside_a_server(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    let empty = place.run("users list").await;
    assert_eq!((empty.code, empty.out.contains("nobody yet")), (0, true), "{empty:?}");
    assert_eq!(place.run("users list --json").await.json(), serde_json::json!([]));
    place.people(205).await;
    // Holds the file's lock, as a server does.
    let _server = place.open().await;
    let table = place.run("users list").await;
    assert_eq!((table.code, table.out.lines().count()), (0, 206), "{table:?}");
    assert!(table.out.starts_with("USERNAME"), "{table:?}");
    let listed = place.run("users list --json").await.json();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect();
    let expected: Vec<String> = (0..205).rev().map(|number| format!("user{number}")).collect();
    assert_eq!(names, expected, "newest first, each once");
    assert_eq!(listed[0]["email"], "user204@example.com");
    assert_eq!(listed[0]["role"], "USER");
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn a_person_is_promoted_and_the_last_hero_stays(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    place.people(2).await;
    let promoted = place.run("users promote USER0@example.com").await;
    assert_eq!(promoted.code, 0, "{promoted:?}");
    assert!(promoted.out.contains("user0 (user0@example.com) is now HERO (was USER)"), "{promoted:?}");
    let again = place.run("users promote user0 --to hero").await;
    assert_eq!((again.code, again.out.contains("nothing changed")), (0, true), "{again:?}");
    let last = place.run("users promote user0 --to USER").await;
    assert_eq!(last.code, 1, "{last:?}");
    assert!(last.err.contains("last HERO") && last.err.contains("users promote WHO --to HERO"), "{last:?}");
    let missing = place.run("users promote nobody --to ADMIN").await;
    assert_eq!(missing.code, 1, "{missing:?}");
    assert!(missing.err.contains("inkledger users list"), "{missing:?}");
    let wrong = place.run("users promote user1 --to KING").await;
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert_eq!(place.run("users promote user1 --to HERO").await.code, 0);
    assert_eq!(place.run("users promote user0 --to USER").await.code, 0, "another HERO is left");
}

#[tokio::test]
async fn writing_beside_a_server_on_sqlite_is_refused_with_the_way_out() {
    let place = Place::migrated(Engine::Sqlite).await;
    let server = place.open().await;
    for command in ["users promote user0", "migrate"] {
        let answer = place.run(command).await;
        assert_eq!(answer.code, 2, "{command}: {answer:?}");
        assert!(answer.err.contains("another process uses") && answer.err.contains("Stop it"), "{command}: {answer:?}");
    }
    server.close().await;
}

async fn granted(place: &Place) -> Uuid {
    let db = place.open().await;
    let clock = Arc::new(SystemClock);
    let ids = Arc::new(SystemIds::new(clock.clone()));
    let bus = Arc::new(LocalBus::new("test"));
    let ledger = Ledger::open(db.clone(), clock, ids.clone(), bus, LedgerOptions::default()).await.unwrap();
    let account = inkledger::ids::Ids::uuid(ids.as_ref());
    let grant =
        NewGrant { source: GrantSource::Admin, amount: Credits::new(100).unwrap(), expires_at: None, note: None };
    let command = Command {
        account,
        key: IdemKey::client("the-first-grant").unwrap(),
        actor: Actor::System,
        operation: Operation::Grant(grant),
        open_account: true,
        effects: Vec::new(),
        otherwise: Vec::new(),
    };
    ledger.submit(command).await.unwrap();
    ledger.close().await;
    db.close().await;
    account
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn ledger_verify_is_clean_until_a_balance_is_tampered_with(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    let account = granted(&place).await;
    let server = place.open().await;
    let clean = place.run("ledger verify").await;
    assert_eq!((clean.code, clean.out.contains("No violations.")), (0, true), "{clean:?}");
    assert!(clean.err.is_empty(), "no spinner without a terminal: {clean:?}");
    let counted = place.run(&format!("ledger verify --json --account {account}")).await.json();
    assert_eq!((&counted["clean"], &counted["accounts"]), (&true.into(), &1.into()), "{counted}");
    let id = inkledger::graphql::node::encode(inkledger::graphql::node::NodeKind::Account, account);
    assert_eq!(place.run(&format!("ledger verify --account {}", id.as_str())).await.code, 0);
    server.close().await;
    drop(server);
    place.execute(&["UPDATE ledger_account SET issued = issued + 1, available = available + 1".to_owned()]).await;
    let broken = place.run("ledger verify").await;
    assert_eq!(broken.code, 1, "{broken:?}");
    assert!(broken.out.contains("I1 ") && broken.out.contains(&account.to_string()), "{broken:?}");
    let listed = place.run("ledger verify --json").await.json();
    let codes: Vec<&str> =
        listed["violations"].as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"I1"), "{listed}");
    let doctor = place.run("doctor").await;
    assert_eq!((doctor.code, doctor.out.contains("inkledger ledger verify")), (2, true), "{doctor:?}");
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn an_account_is_corrected_from_its_host_once_per_key(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    let account = granted(&place).await;
    let fewer = format!("ledger adjust --account {account} --by -30 --note miscounted --idempotency-key first-time");
    let first = place.run(&fewer).await;
    assert_eq!(first.code, 0, "{first:?}");
    let row: Vec<&str> = first.out.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..4], [account.to_string().as_str(), "2", "-30", "70"], "{first:?}");
    let again = place.run(&fewer).await;
    assert_eq!((again.code, again.out.contains("nothing changed now")), (0, true), "{again:?}");
    let more = place
        .run(&format!("ledger adjust --account {account} --by 5 --note found --idempotency-key second-time --json"))
        .await
        .json();
    assert_eq!((&more["change"], &more["available"], &more["replayed"]), (&5.into(), &75.into(), &false.into()));
    let reused = place.run(&fewer.replace("-30", "-31")).await;
    assert_eq!((reused.code, reused.err.contains("Use a new key")), (1, true), "{reused:?}");
    let short =
        place.run(&format!("ledger adjust --account {account} --by -76 --note x --idempotency-key third-time")).await;
    assert_eq!((short.code, short.err.contains("Available: 75")), (1, true), "{short:?}");
    let nobody = place
        .run(&format!("ledger adjust --account {} --by 1 --note x --idempotency-key fourth-time", Uuid::nil()))
        .await;
    assert_eq!((nobody.code, nobody.err.contains("no such account")), (1, true), "{nobody:?}");
    for (wrong, word) in [
        ("--account x --by 1 --note x --idempotency-key fifth-time", "--account"),
        (&format!("--account {account} --by 0 --note x --idempotency-key fifth-time"), "--by"),
        (&format!("--account {account} --by 1.5 --note x"), "--by"),
        (&format!("--account {account} --by 1 --note x"), "--idempotency-key"),
        (&format!("--account {account} --by 1 --idempotency-key fifth-time"), "--note"),
        (&format!("--account {account} --by 1 --idempotency-key fifth-time --note {}", "x".repeat(501)), "--note"),
        (&format!("--account {account} --by 1 --note x --idempotency-key short"), "--idempotency-key"),
    ] {
        let answer = place.run(&format!("ledger adjust {wrong}")).await;
        assert_eq!((answer.code, answer.err.contains(word)), (2, true), "{wrong}: {answer:?}");
    }
    let clean = place.run("ledger verify").await;
    assert_eq!(clean.code, 0, "{clean:?}");
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn a_frozen_account_is_let_go_when_it_breaks_no_rule(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    let account = granted(&place).await;
    let unfreeze = format!("ledger unfreeze --account {account}");
    let not_frozen = place.run(&unfreeze).await;
    assert_eq!((not_frozen.code, not_frozen.out.contains("was not frozen")), (0, true), "{not_frozen:?}");
    let broken = "UPDATE ledger_account SET state = 'frozen', issued = issued + 1, available = available + 1";
    place.execute(&[broken.to_owned()]).await;
    let refused = place.run(&unfreeze).await;
    assert_eq!((refused.code, refused.err.contains("stays frozen")), (1, true), "{refused:?}");
    place.execute(&["UPDATE ledger_account SET issued = issued - 1, available = available - 1".to_owned()]).await;
    let freed = place.run(&format!("{unfreeze} --json")).await.json();
    assert_eq!(freed["wasFrozen"], true, "{freed}");
    let unknown = place.run(&format!("ledger unfreeze --account {}", Uuid::nil())).await;
    assert_eq!((unknown.code, unknown.err.contains("has no ledger")), (2, true), "{unknown:?}");
}

#[tokio::test]
async fn nobody_is_corrected_beside_a_server_on_sqlite() {
    let place = Place::migrated(Engine::Sqlite).await;
    let account = granted(&place).await;
    let server = place.open().await;
    let refused =
        place.run(&format!("ledger adjust --account {account} --by 1 --note x --idempotency-key beside-it")).await;
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(!refused.err.is_empty(), "{refused:?}");
    server.close().await;
}

#[tokio::test]
async fn ledger_verify_that_cannot_check_exits_2_and_says_why() {
    let place = Place::new(Engine::Sqlite).await;
    let missing = place.run("ledger verify").await;
    assert_eq!((missing.code, missing.err.contains("inkledger migrate")), (2, true), "{missing:?}");
    assert!(!place.data_dir().exists(), "reading makes nothing");
    let place = Place::migrated(Engine::Sqlite).await;
    let unknown = place.run(&format!("ledger verify --account {}", Uuid::nil())).await;
    assert_eq!(unknown.code, 2, "{unknown:?}");
    let nonsense = place.run("ledger verify --account x").await;
    assert_eq!((nonsense.code, nonsense.err.contains("--account")), (2, true), "{nonsense:?}");
}

#[tokio::test]
async fn no_command_ever_prints_a_secret() {
    let place = Place::new(Engine::Sqlite).await;
    let canary = "cAnArY7";
    for command in ["config", "config --json", "migrate", "users list", "ledger verify", "doctor", "doctor --json"] {
        // An address that cannot be read, and one where nobody listens; migrate waits there for a server to come up.
        for port in ["1x", "1"].into_iter().filter(|port| command != "migrate" || *port == "1x") {
            let answer: place::Answer = place
                .command(command)
                .env("INKLEDGER_DATABASE_URL", format!("postgres://ink:{canary}@127.0.0.1:{port}/ink"))
                .env("INKLEDGER_NATS_URL", format!("nats://ink:{canary}@127.0.0.1:{port}"))
                .env("INKLEDGER_AI_OPENAI_API_KEY", canary)
                .env("INKLEDGER_AI_OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
                .output()
                .await
                .unwrap()
                .into();
            let shown = format!("{}{}", answer.out, answer.err);
            assert!(!shown.contains(canary), "{command}: {shown}");
            assert!(!shown.is_empty(), "{command}");
        }
    }
    let odd: place::Answer = place
        .command("config")
        .env("INKLEDGER_DATABASE_URL", format!("mysql://ink:{canary}@db/ink"))
        .output()
        .await
        .unwrap()
        .into();
    assert_eq!(odd.code, 2, "{odd:?}");
    assert!(!format!("{odd:?}").contains(canary), "{odd:?}");
}
