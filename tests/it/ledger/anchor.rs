//! Anchors: what moved is bound to a file outside the database, and no change of the journal escapes it (T23).

use std::{collections::BTreeSet, time::Duration};

use inkledger::{
    db::Engine,
    ledger::{
        Command,
        proof::{Look, check::check_file, merkle},
        verify::{Progress, Violation, verify},
    },
    storage::{Patience, Storage},
};
use rstest::rstest;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    proof::{Proof, cut, give, judge, keys, unlock},
    support::{assert_clean, command, funded, grant, open, open_on},
};
use crate::support::{database::TestDb, s3_server::S3Server};

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn anchors_every_account_that_moved_and_no_other(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let proof = Proof::new(&test);
    assert_eq!(proof.anchors.write(Look::Everything).await.unwrap(), 0, "nothing moved");
    assert!(!proof.file().exists());
    let (one, two) = (funded(&test, &ledger, 10).await, funded(&test, &ledger, 20).await);
    let idle = funded(&test, &ledger, 0).await;
    assert_eq!(proof.anchors.write(Look::Everything).await.unwrap(), 1);
    assert_eq!(proof.anchors.write(Look::Everything).await.unwrap(), 0, "nothing moved since");
    give(&ledger, two, "more", 5).await;
    assert_eq!(proof.anchors.write(Look::Everything).await.unwrap(), 1);
    let lines = proof.lines();
    let told: Vec<Vec<(Uuid, i64)>> =
        lines.iter().map(|line| line.heads.iter().map(|head| (head.account, head.sequence)).collect()).collect();
    let both: Vec<(Uuid, i64)> = BTreeSet::from([(one, 1), (two, 1)]).into_iter().collect();
    assert_eq!(told, [both, vec![(two, 2)]], "{idle} never moved");
    assert_eq!(lines[1].anchor.prev_hash, lines[0].anchor.hash());
    let leaves: Vec<_> = lines[0].heads.iter().map(|head| head.leaf()).collect();
    assert_eq!(lines[0].anchor.root, merkle::root(&leaves));
    let head = ledger.account(two).await.unwrap().unwrap();
    assert_eq!(lines[1].heads[0].hash, head.head_hash);
    let report = judge(&test, &proof.file()).await.unwrap();
    assert!(report.clean(), "{report:?}");
    let anchors = report.anchors.unwrap();
    assert_eq!((anchors.lines, anchors.heads, anchors.void, anchors.lacking), (2, 3, 0, None));
}

// Correctness bug 10.
#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn anchors_come_to_an_end_while_an_account_keeps_moving(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let proof = Proof::new(&test);
    let account = funded(&test, &ledger, 10).await;
    let stop = CancellationToken::new();
    let moving = tokio::spawn({
        let (ledger, stop) = (ledger.clone(), stop.clone());
        async move {
            let mut given = 0;
            while !stop.is_cancelled() {
                given += 1;
                give(&ledger, account, &format!("number {given}"), 1).await;
            }
            given
        }
    });
    for _ in 0..5 {
        let before = proof.lines().len();
        let written = timeout(Duration::from_secs(20), proof.anchors.write(Look::Everything)).await;
        let written = written.expect("what moves meanwhile is the next anchor's").unwrap();
        assert_eq!(proof.lines().len() - before, written);
        assert_eq!(written, 1, "one line has all that had moved");
        ledger.submit(command(account, &format!("between-{before:04}"), grant(1))).await.unwrap();
    }
    stop.cancel();
    let given = moving.await.unwrap();
    assert!(given > 0 && proof.lines().len() == 5, "{given} given, {} lines", proof.lines().len());
    proof.anchors.write(Look::Everything).await.unwrap();
    assert!(judge(&test, &proof.file()).await.unwrap().clean());
    ledger.close().await;
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn finds_what_moved_by_the_time_in_ids(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    // Ids of tests begin in November 2023; so does their clock here.
    test.clock.set(1_700_000_000_000_000);
    let account = funded(&test, &ledger, 10).await;
    let proof = Proof::new(&test);
    assert_eq!(proof.anchors.write(Look::Recent).await.unwrap(), 1, "the first look is at everything");
    give(&ledger, account, "second", 1).await;
    assert_eq!(proof.anchors.write(Look::Recent).await.unwrap(), 1);
    // A clock that jumps ahead hides what came before it; a look at everything finds it.
    test.clock.set(1_800_000_000_000_000);
    give(&ledger, account, "third", 1).await;
    assert_eq!(proof.anchors.write(Look::Recent).await.unwrap(), 1);
    give(&ledger, account, "fourth", 1).await;
    assert_eq!(proof.anchors.write(Look::Recent).await.unwrap(), 0);
    assert_eq!(proof.anchors.write(Look::Everything).await.unwrap(), 1);
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn a_crash_between_database_and_file_costs_nothing(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let proof = Proof::new(&test);
    let account = funded(&test, &ledger, 10).await;
    for name in ["one", "two", "three"] {
        give(&ledger, account, name, 1).await;
        proof.anchors.write(Look::Everything).await.unwrap();
    }
    let whole = proof.text();
    let first = whole.find('\n').unwrap() + 1;
    // After one line, in the midst of the second, and before all.
    for cut in [first, first + 100, 0] {
        std::fs::write(proof.file(), &whole[..cut]).unwrap();
        let report = judge(&test, &proof.file()).await.unwrap();
        assert_eq!(report.anchors.unwrap().lacking, Some(3), "a file that ends early is told of");
        // As after a start: nothing moved, and still the lines are copied.
        let again = Proof::on(&test, test.db.clone());
        std::fs::copy(proof.file(), again.file()).unwrap();
        assert_eq!(again.anchors.write(Look::Everything).await.unwrap(), 0);
        assert_eq!(again.text(), whole);
    }
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn processes_that_write_at_once_make_one_chain(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let second = if engine == Engine::Postgres { test.second().await } else { test.db.clone() };
    let (here, there) = (Proof::new(&test), Proof::on(&test, second));
    let accounts = [funded(&test, &ledger, 10).await, funded(&test, &ledger, 10).await];
    for round in 0..20 {
        for account in accounts {
            give(&ledger, account, &round.to_string(), 1).await;
        }
        let (one, other) = tokio::join!(here.anchors.write(Look::Everything), there.anchors.write(Look::Everything));
        assert!(one.unwrap() + other.unwrap() >= 1);
    }
    here.anchors.write(Look::Everything).await.unwrap();
    there.anchors.write(Look::Everything).await.unwrap();
    assert_eq!(here.text(), there.text());
    let mut seen = BTreeSet::new();
    for head in here.lines().iter().flat_map(|line| &line.heads) {
        assert!(seen.insert((head.account, head.sequence)), "{head:?} is anchored twice");
    }
    let report = judge(&test, &here.file()).await.unwrap();
    assert!(report.clean() && report.anchors.as_ref().unwrap().lacking.is_none(), "{report:?}");
}

#[tokio::test]
async fn copies_lines_to_the_object_store_also_those_of_times_when_it_was_down() {
    let test = TestDb::sqlite().await;
    let ledger = open(&test).await;
    let mut server = S3Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let patience = Patience { retries: 0, ..crate::support::s3_server::quick() };
    let storage = Storage::open(folder.path(), &server.storage(), patience).unwrap();
    let proof = Proof::with(&test, test.db.clone(), folder, storage);
    let account = funded(&test, &ledger, 10).await;
    server.stop().await;
    proof.anchors.write(Look::Everything).await.unwrap();
    assert_eq!(test.number("SELECT COUNT(*) FROM ledger_anchor WHERE stored_at IS NULL").await, 1);
    server.restart().await;
    give(&ledger, account, "more", 1).await;
    proof.anchors.write(Look::Everything).await.unwrap();
    assert_eq!(test.number("SELECT COUNT(*) FROM ledger_anchor WHERE stored_at IS NULL").await, 0);
    for line in proof.lines() {
        let (database, number) = (line.anchor.database, line.anchor.number);
        let place = server.folder().join(format!("ink-images/anchors/{database}/{number:012}.json"));
        assert_eq!(std::fs::read_to_string(place).unwrap(), line.to_text());
    }
}

/// Six grants of 10 to one account, in anchors of two.
async fn anchored(test: &TestDb) -> (Proof, Uuid) {
    let ledger = open(test).await;
    let proof = Proof::new(test);
    let account = funded(test, &ledger, 10).await;
    for number in 2..=6 {
        give(&ledger, account, &number.to_string(), 10).await;
        if number % 2 == 0 {
            proof.anchors.write(Look::Everything).await.unwrap();
        }
    }
    ledger.close().await;
    (proof, account)
}

fn has(violations: &[Violation], code: &str) -> bool {
    violations.iter().any(|violation| violation.code == code)
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn every_change_of_a_row_is_detected(#[case] engine: Engine) {
    // T23: change.
    let test = TestDb::open(engine).await;
    let (proof, _) = anchored(&test).await;
    unlock(&test).await;
    assert!(judge(&test, &proof.file()).await.unwrap().clean());
    let changes = [
        ("idem_key", "idem_key || 'x'", "SUBSTR(idem_key, 1, LENGTH(idem_key) - 1)"),
        ("result", "result || ' '", "SUBSTR(result, 1, LENGTH(result) - 1)"),
        ("amount", "amount + 1", "amount - 1"),
        ("at", "at + 1", "at - 1"),
        ("epoch", "epoch + 1", "epoch - 1"),
        ("refers_seq", "0", "NULL"),
        ("kind", "'adjust'", "'grant'"),
        ("actor_kind", "'user'", "'admin'"),
    ];
    for sequence in 1..=6 {
        for (column, change, back) in changes.iter().filter(|change| change.0 != "refers_seq" || sequence > 1) {
            let to = if *column == "refers_seq" { "1" } else { change };
            test.execute(&format!("UPDATE credit_transaction SET {column} = {to} WHERE seq = {sequence}"))
                .await
                .unwrap();
            let report = judge(&test, &proof.file()).await.unwrap();
            assert!(has(&report.violations, "HASH"), "{column} of {sequence}: {report:?}");
            let sql = format!("UPDATE credit_transaction SET {column} = {back} WHERE seq = {sequence}");
            test.execute(&sql).await.unwrap();
        }
        test.execute(&format!("UPDATE credit_entry SET amount = amount + 1 WHERE seq = {sequence}")).await.unwrap();
        let report = judge(&test, &proof.file()).await.unwrap();
        assert!(has(&report.violations, "HASH"), "an entry of {sequence}: {report:?}");
        test.execute(&format!("UPDATE credit_entry SET amount = amount - 1 WHERE seq = {sequence}")).await.unwrap();
    }
    assert!(judge(&test, &proof.file()).await.unwrap().clean(), "all was put back");
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn rows_deleted_or_put_in_another_order_are_detected(#[case] engine: Engine) {
    // T23: delete, reorder.
    for change in [
        vec!["DELETE FROM credit_transaction WHERE seq = 3"],
        vec!["DELETE FROM credit_transaction WHERE seq = 6"],
        vec!["DELETE FROM credit_entry WHERE seq = 2"],
        vec![
            "UPDATE credit_transaction SET seq = 99 WHERE seq = 2",
            "UPDATE credit_transaction SET seq = 2 WHERE seq = 3",
            "UPDATE credit_transaction SET seq = 3 WHERE seq = 99",
        ],
    ] {
        let test = TestDb::open(engine).await;
        let (proof, _) = anchored(&test).await;
        unlock(&test).await;
        for sql in &change {
            assert!(test.execute(sql).await.unwrap() > 0, "{sql}");
        }
        let report = judge(&test, &proof.file()).await.unwrap();
        assert!(
            !report.clean() && has(&report.violations, "HASH") || has(&report.violations, "ANCHOR"),
            "{change:?}: {report:?}"
        );
    }
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn a_cut_that_leaves_everything_adding_up_is_detected_by_anchors_alone(#[case] engine: Engine) {
    // T23: cut.
    let test = TestDb::open(engine).await;
    let (proof, account) = anchored(&test).await;
    unlock(&test).await;
    for left in [5, 4] {
        cut(&test).await;
        let blind = verify(&test.db, test.clock.as_ref(), None).await.unwrap();
        assert!(blind.clean(), "what is left adds up: {blind:?}");
        let report = judge(&test, &proof.file()).await.unwrap();
        let told: Vec<_> = report.violations.iter().map(|one| (one.code.as_str(), one.account, one.sequence)).collect();
        assert_eq!(told, [("ANCHOR", Some(account), Some(6))], "{left} are left");
    }
    cut(&test).await;
    let report = judge(&test, &proof.file()).await.unwrap();
    assert_eq!(report.violations_count, 2, "the anchors of 4 and of 6: {report:?}");
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn a_history_forged_with_new_hashes_is_detected_by_anchors_alone(#[case] engine: Engine) {
    // T23: insert, change, delete and reorder by somebody who recomputes the whole chain.
    let test = TestDb::open(engine).await;
    let (proof, account) = anchored(&test).await;
    unlock(&test).await;
    let histories: [&[i64]; 4] =
        [&[10, 10, 10, 7, 10, 10, 10], &[10, 10, 11, 10, 10, 10], &[10, 10, 10, 10, 10], &[10, 10, 10, 10, 10, 10]];
    for (at, history) in histories.into_iter().enumerate() {
        for table in ["credit_entry", "credit_grant", "credit_transaction", "ledger_account"] {
            test.execute(&format!("DELETE FROM {table}")).await.unwrap();
        }
        // Its ids are others, as the forger's would be.
        let ledger = open_on(&test, test.db.clone(), u64::try_from(at).unwrap() + 50).await;
        for (number, amount) in history.iter().enumerate() {
            let key = format!("forged-{at}-{number}");
            ledger
                .submit(Command { open_account: number == 0, ..command(account, &key, grant(*amount)) })
                .await
                .unwrap();
        }
        ledger.close().await;
        assert_clean(&test).await;
        let report = judge(&test, &proof.file()).await.unwrap();
        assert!(has(&report.violations, "ANCHOR") && !has(&report.violations, "HASH"), "{history:?}: {report:?}");
    }
}

#[tokio::test]
async fn every_changed_byte_of_the_file_is_detected() {
    let test = TestDb::sqlite().await;
    let (proof, _) = anchored(&test).await;
    let whole = std::fs::read(proof.file()).unwrap();
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("changed.jsonl");
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        let (report, missing) = check_file(&test.db, &path, &keys(), None, &|_, _| {}).await.unwrap();
        let detected = !report.faults.is_empty() || !missing.is_empty() || report.lacking.is_some();
        assert!(detected, "byte {at}: {report:?}");
    }
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for arrangement in [[0, 2, 2], [1, 0, 2], [1, 2, 2], [0, 0, 1]] {
        std::fs::write(&path, arrangement.map(|line| lines[line]).concat()).unwrap();
        let (report, _) = check_file(&test.db, &path, &keys(), None, &|_, _| {}).await.unwrap();
        assert!(!report.faults.is_empty(), "{arrangement:?}: {report:?}");
    }
}

#[tokio::test]
async fn a_verification_tells_how_far_it_is() {
    let test = TestDb::sqlite().await;
    let (proof, _) = anchored(&test).await;
    let heard = std::sync::Mutex::new(Vec::new());
    let watch = |progress| heard.lock().unwrap().push(progress);
    let keys = keys();
    let (account, file) = (None, proof.file());
    let checks = inkledger::ledger::verify::Checks { account, anchors: Some((&file, &keys)), watch: &watch };
    inkledger::ledger::verify::verify_with(&test.db, test.clock.as_ref(), &checks).await.unwrap();
    let heard = heard.into_inner().unwrap();
    assert_eq!(heard[0], Progress::Rules(0, 18));
    assert!(heard.contains(&Progress::Hashes(6, 6)), "{heard:?}");
    assert_eq!(heard.last(), Some(&Progress::Anchors(3, 3)));
}
