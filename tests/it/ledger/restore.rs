//! Backups that were put back: nobody goes on with one by accident (T26).

use std::{path::PathBuf, process::Stdio};

use inkledger::{
    ai::mark_unknown_in,
    app::{Seams, StartError, build},
    automation::pause_schedules_in,
    config::{Config, flag_of, resolve},
    db::{Db, Engine},
    error::{Failure, Never},
    jobs::void_leases_in,
    ledger::proof::{
        Look,
        restore::{RestoreError, lost_lines, raise_epoch_in, refuse_behind},
    },
    storage::Storage,
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{
    proof::{Proof, cut, give, judge, unlock},
    support::{funded, open, open_on},
};
use crate::support::{
    database::TestDb,
    s3_server::{S3Server, quick},
    server::Home,
    ws_client::Ws,
};

/// The exit code, standard output and standard error of the binary on `home`.
async fn inkledger(home: &Home, arguments: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inkledger"));
    command.args(arguments.split_whitespace()).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    for (key, value) in home.flags() {
        command.arg(flag_of(&key)).arg(value);
    }
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn database_files(home: &Home) -> Vec<PathBuf> {
    let files = std::fs::read_dir(home.folder()).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("inkledger.sqlite3")).collect()
}

async fn refusal(home: &Home) -> StartError {
    let config = Config::from_resolved(&resolve(&home.flags(), None).unwrap()).unwrap();
    let seams = Seams::system(&config);
    match build(config, seams, "127.0.0.1:1".parse().unwrap()).await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

async fn balance_event(ws: &mut Ws, account: &str, after: Option<&str>) -> Value {
    let after = after.map(|cursor| format!(", after: \"{cursor}\"")).unwrap_or_default();
    let fields = "kind sequence cursor balance { available }";
    ws.subscribe("b", &format!("subscription {{ creditBalance(accountId: \"{account}\"{after}) {{ {fields} }} }}"))
        .await;
    ws.expect("next", "b").await["data"]["creditBalance"].take()
}

#[tokio::test]
async fn a_backup_put_back_in_silence_is_refused_until_it_is_accepted() {
    // T26.
    let home = Home::open(Engine::Sqlite).await;
    let server = home.start().await;
    let hero = server.hero().await;
    let person = server.sign_up("ann").await;
    server.give(&hero, &person, 100).await;
    server.stop().await;
    let backup = tempfile::tempdir().unwrap();
    for file in database_files(&home) {
        std::fs::copy(&file, backup.path().join(file.file_name().unwrap())).unwrap();
    }
    let server = home.start().await;
    server.give(&hero, &person, 7).await;
    server.give(&hero, &person, 5).await;
    let mut ws = Ws::ready(server.address(), Some(&person.token)).await;
    let snapshot = balance_event(&mut ws, &person.account, None).await;
    assert_eq!((&snapshot["sequence"], &snapshot["balance"]["available"]), (&json!(3), &json!(112)));
    let cursor = snapshot["cursor"].as_str().unwrap().to_owned();
    drop(ws);
    // The clean end writes the last anchor.
    server.stop().await;
    for file in database_files(&home) {
        std::fs::remove_file(file).unwrap();
    }
    for file in std::fs::read_dir(backup.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), home.folder().join(file.file_name())).unwrap();
    }

    let error = refusal(&home).await;
    assert!(matches!(error, StartError::Restore(RestoreError::Behind { anchored: 3, .. })), "{error:?}");
    let (code, _, told) = inkledger(&home, "serve").await;
    assert!(code == 1 && told.contains("inkledger ledger accept-restore"), "{code}: {told}");
    let anchors = home.folder().join("anchors.jsonl");
    let (code, out, _) = inkledger(&home, &format!("ledger verify --anchors {}", anchors.display())).await;
    assert!(code == 1 && out.contains("ANCHOR") && out.contains("NOT CLEAN"), "{code}: {out}");
    let (code, _, told) = inkledger(&home, "ledger accept-restore").await;
    assert!(code == 2 && told.contains("--yes"), "{code}: {told}");
    assert!(matches!(refusal(&home).await, StartError::Restore(_)), "nothing was accepted");
    let (code, out, told) = inkledger(&home, "ledger accept-restore --yes --json").await;
    assert_eq!(code, 0, "{told}");
    let done: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&done["epoch"], &done["anchors_void"]), (&json!(2), &json!(1)), "{done}");

    let server = home.start().await;
    let audited =
        "SELECT COUNT(*) FROM audit_entry WHERE action = 'ledger.accept_restore' AND \"after\" LIKE '%\"epoch\":2%'";
    assert_eq!(server.number(audited).await, 1);
    assert_eq!(server.number("SELECT epoch FROM ledger_meta").await, 2);
    let person = server.sign_in("ann").await;
    let mut ws = Ws::ready(server.address(), Some(&person.token)).await;
    let event = balance_event(&mut ws, &person.account, Some(&cursor)).await;
    assert_eq!((&event["kind"], &event["sequence"]), (&json!("RESYNC"), &json!(1)), "{event}");
    drop(ws);
    server.give(&hero_again(&server).await, &person, 11).await;
    server.stop().await;
    // The next anchor goes on in the same file, and says which ones the restore gave up.
    let (code, out, told) = inkledger(&home, &format!("ledger verify --json --anchors {}", anchors.display())).await;
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{told}"));
    assert_eq!((code, &report["anchors"]["void"]), (0, &json!(1)), "{report}");
    home.start().await.stop().await;
}

async fn hero_again(server: &crate::support::server::Server) -> crate::support::builders::Person {
    server.sign_in("hero").await
}

async fn accept(test: &TestDb, db: &Db, proof: &Proof) -> i64 {
    let lost = lost_lines(db, proof.copies()).await.unwrap();
    let now = inkledger::clock::Clock::now(test.clock.as_ref());
    db.write((lost, now), |tx, (lost, now)| {
        Box::pin(async move {
            let epoch = raise_epoch_in(tx, lost, *now).await?;
            Ok::<_, Failure<Never>>(epoch)
        })
    })
    .await
    .unwrap()
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn an_account_behind_its_anchor_or_on_another_way_is_refused(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let proof = Proof::new(&test);
    assert!(refuse_behind(&test.db, proof.copies()).await.is_ok(), "no file says nothing");
    let account = funded(&test, &ledger, 10).await;
    proof.anchors.write(Look::Everything).await.unwrap();
    let covered = proof.text();
    give(&ledger, account, "lost", 10).await;
    give(&ledger, account, "lost as well", 10).await;
    proof.anchors.write(Look::Everything).await.unwrap();
    give(&ledger, account, "not anchored", 10).await;
    ledger.close().await;
    assert!(refuse_behind(&test.db, proof.copies()).await.is_ok());
    unlock(&test).await;
    test.execute("UPDATE credit_transaction SET hash = prev_hash WHERE seq = 3").await.unwrap();
    let error = refuse_behind(&test.db, proof.copies()).await.unwrap_err();
    assert!(matches!(&error, RestoreError::Behind { anchored: 3, found, .. } if found.contains("another")), "{error}");
    test.execute("UPDATE credit_transaction SET hash = (SELECT t.prev_hash FROM credit_transaction t WHERE t.seq = 4) WHERE seq = 3")
        .await
        .unwrap();
    assert!(refuse_behind(&test.db, proof.copies()).await.is_ok());
    // Back to the state of the first anchor.
    for _ in 0..3 {
        cut(&test).await;
    }
    test.execute("DELETE FROM ledger_anchored_head WHERE anchor_number = 2").await.unwrap();
    test.execute("DELETE FROM ledger_anchor WHERE number = 2").await.unwrap();
    let error = refuse_behind(&test.db, proof.copies()).await.unwrap_err();
    let told = error.to_string();
    assert!(matches!(error, RestoreError::Behind { anchor: 2, anchored: 3, .. }), "{told}");
    assert!(told.contains(&account.to_string()) && told.contains("ends with 1"), "{told}");

    assert_eq!(accept(&test, &test.db, &proof).await, 2);
    assert!(refuse_behind(&test.db, proof.copies()).await.is_ok());
    let ledger = open_on(&test, test.db.clone(), 3).await;
    give(&ledger, account, "after", 10).await;
    proof.anchors.write(Look::Everything).await.unwrap();
    let bases: Vec<(i64, i64, i64)> =
        proof.lines().iter().map(|line| (line.anchor.number, line.anchor.base, line.anchor.epoch)).collect();
    assert_eq!(bases, [(1, 0, 1), (2, 1, 1), (3, 1, 2)]);
    let report = judge(&test, &proof.file()).await.unwrap();
    let anchors = report.anchors.clone().unwrap();
    assert!(report.clean(), "{report:?}");
    assert_eq!((anchors.lines, anchors.void, anchors.heads), (3, 1, 2));
    // Another backup, from before the first epoch's end, is noticed as well.
    test.execute("UPDATE ledger_meta SET epoch = 1").await.unwrap();
    assert!(refuse_behind(&test.db, proof.copies()).await.is_err());
    // The state of a file that a crash left behind is no restore.
    test.execute("UPDATE ledger_meta SET epoch = 2").await.unwrap();
    std::fs::write(proof.file(), covered).unwrap();
    assert!(refuse_behind(&test.db, proof.copies()).await.is_ok());
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn a_file_of_another_database_or_of_nonsense_is_refused(#[case] engine: Engine) {
    let (test, other) = (TestDb::open(engine).await, TestDb::open(engine).await);
    let (ledger, proof) = (open(&test).await, Proof::new(&test));
    funded(&test, &ledger, 10).await;
    proof.anchors.write(Look::Everything).await.unwrap();
    let error = refuse_behind(&other.db, proof.copies()).await.unwrap_err();
    assert!(matches!(error, RestoreError::OtherDatabase(_)), "{error}");
    std::fs::write(proof.file(), "{}\n").unwrap();
    let error = refuse_behind(&test.db, proof.copies()).await.unwrap_err();
    assert!(matches!(error, RestoreError::Unreadable(_)), "{error}");
    // Nothing is lost with the anchors alone, but the file can no longer be continued.
    let proof = Proof::new(&test);
    proof.anchors.write(Look::Everything).await.unwrap();
    unlock(&test).await;
    test.execute("DELETE FROM ledger_anchored_head").await.unwrap();
    test.execute("DELETE FROM ledger_anchor").await.unwrap();
    let error = refuse_behind(&test.db, proof.copies()).await.unwrap_err();
    assert!(matches!(error, RestoreError::Forgotten { anchor: 1, .. }), "{error}");
    accept(&test, &test.db, &proof).await;
    assert_eq!(proof.anchors.write(Look::Everything).await.unwrap(), 1);
    assert!(judge(&test, &proof.file()).await.unwrap().clean());
}

// A new machine has no file: what the database lost is in the object store.
#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn a_database_behind_the_anchors_of_the_object_store_is_refused_until_that_is_accepted(#[case] engine: Engine) {
    let mut bucket = S3Server::start().await;
    let test = TestDb::open(engine).await;
    let (ledger, folder) = (open(&test).await, tempfile::tempdir().unwrap());
    let storage = Storage::open(folder.path(), &bucket.storage(), quick()).unwrap();
    let proof = Proof::with(&test, test.db.clone(), folder, storage);
    let account = funded(&test, &ledger, 10).await;
    proof.anchors.write(Look::Everything).await.unwrap();
    assert!(refuse_behind(&test.db, proof.copies()).await.is_ok());
    for name in ["lost", "lost as well"] {
        give(&ledger, account, name, 10).await;
        proof.anchors.write(Look::Everything).await.unwrap();
    }
    ledger.close().await;
    unlock(&test).await;
    for _ in 0..2 {
        cut(&test).await;
    }
    test.execute("DELETE FROM ledger_anchored_head WHERE anchor_number > 1").await.unwrap();
    test.execute("DELETE FROM ledger_anchor WHERE number > 1").await.unwrap();
    std::fs::remove_file(proof.file()).unwrap();

    let error = refuse_behind(&test.db, proof.copies()).await.unwrap_err();
    assert!(matches!(error, RestoreError::ForgottenStored { anchor: 2 }), "{error}");
    assert!(error.to_string().contains("accept-restore"), "{error}");
    bucket.stop().await;
    assert!(refuse_behind(&test.db, proof.copies()).await.is_ok(), "a store that is away keeps no server down");
    let error = lost_lines(&test.db, proof.copies()).await.unwrap_err();
    assert!(matches!(error, RestoreError::Store(_)), "what is lost must be known before it is accepted: {error}");
    bucket.restart().await;

    assert_eq!(accept(&test, &test.db, &proof).await, 2);
    assert!(refuse_behind(&test.db, proof.copies()).await.is_ok());
    let ledger = open_on(&test, test.db.clone(), 3).await;
    give(&ledger, account, "after", 10).await;
    proof.anchors.write(Look::Everything).await.unwrap();
    let bases: Vec<(i64, i64, i64)> =
        proof.lines().iter().map(|line| (line.anchor.number, line.anchor.base, line.anchor.epoch)).collect();
    assert_eq!(bases, [(1, 0, 1), (2, 1, 1), (3, 2, 1), (4, 1, 2)]);
    assert!(judge(&test, &proof.file()).await.unwrap().clean());
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn what_a_restore_makes_doubtful_is_settled(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    match engine {
        Engine::Sqlite => test.execute("PRAGMA foreign_keys = OFF").await.unwrap(),
        Engine::Postgres => test.execute("ALTER TABLE ai_attempt DISABLE TRIGGER ALL").await.unwrap(),
    };
    let id = |number: u8| match engine {
        Engine::Sqlite => format!("x'{}'", hex::encode([number; 16])),
        Engine::Postgres => format!("'{}'", uuid::Uuid::from_bytes([number; 16])),
    };
    let hash = if engine == Engine::Sqlite { "x'00'" } else { "'\\x00'" };
    for (number, state) in [(1, "running"), (2, "ready")] {
        let (boot, until) = if state == "running" { (id(9), "99") } else { ("NULL".to_owned(), "NULL") };
        test.execute(&format!(
            "INSERT INTO job (id, kind, lane, account_id, subject_kind, subject_id, payload, dedupe_key, state, ready_at, \
             boot_id, lease_until, attempts_max, created_at) VALUES ({0}, 'k', 'bulk', {0}, 's', {0}, '', '{number}', \
             '{state}', 1, {boot}, {until}, 3, 1)",
            id(number)
        ))
        .await
        .unwrap();
        let on = if state == "running" { "'on', 5" } else { "'off', NULL" };
        test.execute(&format!(
            "INSERT INTO schedule (id, account_id, subject_kind, subject_id, cron, time_zone, catch_up, state, next_at, \
             created_at, updated_at) VALUES ({0}, {0}, 'site', {0}, '0 0 * * *', 'UTC', 'once', {on}, 1, 1)",
            id(number)
        ))
        .await
        .unwrap();
    }
    test.execute(&format!("INSERT INTO job_quota (account_id, lane, running, cap) VALUES ({}, 'bulk', 1, 4)", id(1)))
        .await
        .unwrap();
    for (number, state) in [(1, "sent"), (2, "settled"), (3, "prepared")] {
        test.execute(&format!(
            "INSERT INTO ai_attempt (id, account_id, ai_task_id, item_id, attempt_no, fence, hold_id, ai_model_id, state, \
             request_hash, created_at, sent_at, deadline_at) VALUES ({0}, {0}, {0}, {0}, 1, 1, {0}, {0}, '{state}', {hash}, \
             1, 1, 1)",
            id(number)
        ))
        .await
        .unwrap();
    }
    let counts = test
        .db
        .write(7_i64, |tx, now| {
            Box::pin(async move {
                let schedules = pause_schedules_in(tx, *now).await?;
                Ok::<_, Failure<Never>>((schedules, mark_unknown_in(tx, *now).await?, void_leases_in(tx).await?))
            })
        })
        .await
        .unwrap();
    assert_eq!(counts, (1, 1, 1));
    for (sql, count) in [
        ("SELECT COUNT(*) FROM job WHERE state = 'ready' AND boot_id IS NULL", 2),
        ("SELECT COUNT(*) FROM job WHERE fence = 1 AND crashes = 0 AND attempts = 0", 1),
        ("SELECT COUNT(*) FROM job_quota WHERE running > 0", 0),
        ("SELECT COUNT(*) FROM schedule WHERE state = 'off' AND next_at IS NULL", 2),
        ("SELECT COUNT(*) FROM ai_attempt WHERE state = 'unknown' AND error_code = 'OUTCOME_UNKNOWN'", 1),
    ] {
        assert_eq!(test.number(sql).await, count, "{sql}");
    }
}
