//! The chain over the trail, and what it makes of every change behind its back.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use inkledger::{
    audit::{
        Actor, AuditChain, AuditChainParts, Entry,
        store::insert_entry,
        verify::{Checks, Report, verify},
    },
    bus::local::LocalBus,
    clock::{Clock as _, SECOND},
    db::{Db, Engine},
    error::{Failure, Internal, Never},
    ids::Ids as _,
    ledger::{
        Ledger, LedgerOptions,
        proof::{LedgerKey, PublicKeys},
    },
};
use rstest::rstest;
use uuid::Uuid;

use crate::support::database::TestDb;

fn key() -> LedgerKey {
    LedgerKey::from_seed([5; 32]).unwrap()
}

/// A database with a trail, and a folder for the file of heads.
struct Trail {
    test: TestDb,
    chain: AuditChain,
    folder: tempfile::TempDir,
}

impl Trail {
    async fn open(engine: Engine) -> Self {
        let test = TestDb::open(engine).await;
        let bus = Arc::new(LocalBus::new("test"));
        let (clock, ids) = (test.clock.clone(), test.ids.clone());
        // It names the database.
        let ledger = Ledger::open(test.db.clone(), clock, ids, bus, LedgerOptions::default()).await.unwrap();
        ledger.close().await;
        let folder = tempfile::tempdir().unwrap();
        let chain = Self::chain(&test, test.db.clone(), folder.path());
        Self { test, chain, folder }
    }

    fn chain(test: &TestDb, db: Db, folder: &Path) -> AuditChain {
        AuditChain::new(AuditChainParts {
            db,
            clock: test.clock.clone(),
            ids: test.ids.clone(),
            signer: Arc::new(key()),
            file: folder.join("heads.jsonl"),
        })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("heads.jsonl")
    }

    /// So many acts, each a second after the one before.
    async fn acts(&self, count: usize) -> Vec<Uuid> {
        let mut made = Vec::new();
        for no in 0..count {
            self.test.clock.advance(SECOND);
            let entry = Entry {
                id: self.test.ids.uuid(),
                account_id: Some(Uuid::from_u128(1)),
                actor: Actor::System,
                action: "test.act",
                target_kind: "test",
                target_id: None,
                before: Some(format!("before {no}")),
                after: Some(format!("after {no}")),
                request_id: None,
                at: self.test.clock.now(),
            };
            made.push(entry.id);
            let written = self.test.db.write(entry, |tx, entry| {
                Box::pin(async move {
                    insert_entry(tx, entry).await.map_err(Internal::from)?;
                    Ok::<_, Failure<Never>>(())
                })
            });
            written.await.unwrap();
        }
        made
    }

    async fn report(&self, last: Option<i64>) -> Report {
        let (file, keys) = (self.file(), PublicKeys::new(key().public().clone(), Vec::new()));
        let (now, unsealed_for) = (self.test.clock.now(), 600 * SECOND);
        let checks = Checks { heads: Some((&file, &keys)), last, now, unsealed_for };
        verify(&self.test.db, &checks).await.unwrap()
    }

    async fn codes(&self) -> BTreeSet<&'static str> {
        self.report(None).await.faults.iter().map(|fault| fault.code).collect()
    }

    async fn run(&self, sql: &str) {
        self.test.execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Takes away what keeps the tables as they are.
    async fn unlock(&self) {
        let statements: &[&str] = match self.test.db.engine() {
            Engine::Sqlite => &[
                "DROP TRIGGER audit_entry_no_update",
                "DROP TRIGGER audit_entry_no_delete",
                "DROP TRIGGER audit_link_no_update",
                "DROP TRIGGER audit_link_no_delete",
                "DROP TRIGGER audit_entry_queue",
            ],
            Engine::Postgres => {
                &["ALTER TABLE audit_entry DISABLE TRIGGER ALL", "ALTER TABLE audit_link DISABLE TRIGGER ALL"]
            }
        };
        for sql in statements {
            self.run(sql).await;
        }
    }
}

// T23
#[rstest]
#[tokio::test]
async fn every_change_behind_the_back_of_the_trail_is_found(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let trail = Trail::open(engine).await;
    trail.acts(12).await;
    assert_eq!(trail.chain.seal().await.unwrap(), 12);
    trail.acts(8).await;
    assert_eq!(trail.chain.seal().await.unwrap(), 8);
    assert_eq!(trail.chain.seal().await.unwrap(), 0);
    trail.test.clock.advance(3 * 3_600 * SECOND);
    let report = trail.report(None).await;
    assert_eq!((report.links, report.lines, report.unsealed), (20, 2, 0), "{report:?}");
    assert!(report.clean(), "{report:?}");
    trail.unlock().await;
    for table in ["audit_entry", "audit_link", "audit_unsealed"] {
        trail.run(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
    let lines = std::fs::read_to_string(trail.file()).unwrap();
    let entry = "(SELECT entry_id FROM audit_link WHERE number = 7)";
    let other = "(SELECT entry_id FROM audit_link WHERE number = 9)";
    let columns = "account_id, actor_kind, actor_id, action, target_kind, target_id, before, after, request_id, at";
    let fresh = match engine {
        Engine::Sqlite => "X'00000000000000000000000000000007'",
        Engine::Postgres => "'00000000-0000-0000-0000-000000000007'",
    };
    let cases: [(&str, Vec<String>, &[&str]); 14] = [
        ("changed", vec![format!("UPDATE audit_entry SET action = 'test.other' WHERE id = {entry}")], &["CHANGED"]),
        ("actor", vec![format!("UPDATE audit_entry SET actor_kind = 'admin' WHERE id = {entry}")], &["CHANGED"]),
        ("time", vec![format!("UPDATE audit_entry SET at = at + 1 WHERE id = {entry}")], &["CHANGED"]),
        ("words", vec![format!("UPDATE audit_entry SET after = 'x' WHERE id = {entry}")], &["CHANGED"]),
        (
            "words taken away though nobody was deleted",
            vec![
                format!("UPDATE audit_link SET salt = NULL WHERE entry_id = {entry}"),
                format!("UPDATE audit_entry SET before = NULL, after = NULL WHERE id = {entry}"),
            ],
            &["CHANGED"],
        ),
        ("deleted", vec![format!("DELETE FROM audit_entry WHERE id = {entry}")], &["DELETED"]),
        (
            "deleted with its link",
            vec![
                format!("DELETE FROM audit_entry WHERE id = {entry}"),
                "DELETE FROM audit_link WHERE number = 7".to_owned(),
            ],
            &["CHANGED", "MISSING"],
        ),
        (
            "its link alone is gone",
            vec!["DELETE FROM audit_link WHERE number = 7".to_owned()],
            &["CHANGED", "MISSING", "UNSEALED"],
        ),
        (
            "reordered",
            vec![
                "UPDATE audit_link SET number = 99 WHERE number = 7".to_owned(),
                "UPDATE audit_link SET number = 7 WHERE number = 9".to_owned(),
                "UPDATE audit_link SET number = 9 WHERE number = 99".to_owned(),
            ],
            &["CHANGED"],
        ),
        (
            "entries exchanged",
            vec![format!(
                "UPDATE audit_entry SET after = (SELECT after FROM audit_entry WHERE id = {other}) WHERE id = {entry}"
            )],
            &["CHANGED"],
        ),
        (
            "inserted",
            vec![format!(
                "INSERT INTO audit_entry (id, {columns}) SELECT {fresh}, {columns} FROM audit_entry WHERE id = {entry}"
            )],
            &["UNSEALED"],
        ),
        (
            "the end is cut",
            vec![
                "DELETE FROM audit_entry WHERE id IN (SELECT entry_id FROM audit_link WHERE number > 18)".to_owned(),
                "DELETE FROM audit_link WHERE number > 18".to_owned(),
            ],
            &["CUT"],
        ),
        (
            "all of it is gone",
            vec!["DELETE FROM audit_entry".to_owned(), "DELETE FROM audit_link".to_owned()],
            &["CUT"],
        ),
        (
            "a link's own hash",
            vec!["UPDATE audit_link SET hash = words WHERE number = 20".to_owned()],
            &["CHANGED", "REWRITTEN"],
        ),
    ];
    for (name, statements, expected) in cases {
        for sql in &statements {
            trail.run(sql).await;
        }
        let found = trail.codes().await;
        assert_eq!(found, expected.iter().copied().collect(), "{name}");
        for table in ["audit_entry", "audit_link", "audit_unsealed"] {
            trail.run(&format!("DELETE FROM {table}")).await;
            trail.run(&format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
        }
        assert!(trail.report(None).await.clean(), "{name}");
    }
    // The whole chain made anew, as by somebody who knows how, is not the one that was signed.
    trail.run(&format!("UPDATE audit_entry SET after = 'better' WHERE id = {entry}")).await;
    trail.run("DELETE FROM audit_link").await;
    trail.run("INSERT INTO audit_unsealed (entry_id) SELECT id FROM audit_entry").await;
    std::fs::rename(trail.file(), trail.folder.path().join("aside")).unwrap();
    assert_eq!(trail.chain.seal().await.unwrap(), 20);
    assert!(trail.report(None).await.clean(), "without the file nothing shows");
    std::fs::write(trail.file(), &lines).unwrap();
    assert_eq!(trail.codes().await, ["REWRITTEN"].into());
    // A line that somebody changed is none.
    std::fs::write(trail.file(), lines.replacen("\"number\":12", "\"number\":11", 1)).unwrap();
    assert!(trail.codes().await.contains("LINE"));
}

#[rstest]
#[tokio::test]
async fn a_row_that_is_put_in_with_an_old_date_is_found_though_it_is_sealed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let trail = Trail::open(engine).await;
    trail.acts(3).await;
    trail.chain.seal().await.unwrap();
    trail.test.clock.advance(7_200 * SECOND);
    trail.acts(1).await;
    trail.chain.seal().await.unwrap();
    trail.test.clock.advance(7_200 * SECOND);
    trail.acts(1).await;
    assert!(trail.report(None).await.clean());
    let fresh = match engine {
        Engine::Sqlite => "X'00000000000000000000000000000007'",
        Engine::Postgres => "'00000000-0000-0000-0000-000000000007'",
    };
    trail
        .run(&format!(
            "INSERT INTO audit_entry (id, actor_kind, action, target_kind, at) \
             SELECT {fresh}, 'system', 'test.act', 'test', MIN(at) FROM audit_entry"
        ))
        .await;
    assert_eq!(trail.chain.seal().await.unwrap(), 2);
    assert_eq!(trail.codes().await, ["INSERTED"].into());
}

#[rstest]
#[tokio::test]
async fn rows_cannot_be_changed_or_deleted_but_for_words_that_go(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let trail = Trail::open(engine).await;
    trail.acts(2).await;
    trail.chain.seal().await.unwrap();
    for sql in [
        "DELETE FROM audit_entry",
        "UPDATE audit_entry SET action = 'x'",
        "UPDATE audit_entry SET after = 'x'",
        "UPDATE audit_entry SET before = NULL, after = NULL, at = 0",
        "DELETE FROM audit_link",
        "UPDATE audit_link SET number = number + 10",
        "UPDATE audit_link SET hash = words",
    ] {
        let error = trail.test.execute(sql).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{sql}: {error}");
    }
    trail.run("UPDATE audit_entry SET before = NULL, after = NULL").await;
    trail.run("UPDATE audit_link SET salt = NULL").await;
}

#[rstest]
#[tokio::test]
async fn a_long_trail_is_sealed_in_portions_and_its_end_is_checked_alone(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let trail = Trail::open(engine).await;
    let first = trail.acts(1).await[0];
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)";
    let id = match engine {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    };
    trail
        .run(&format!(
            "{numbers} INSERT INTO audit_entry (id, actor_kind, action, target_kind, at) \
             SELECT {id}, 'system', 'test.act', 'test', (SELECT MIN(at) FROM audit_entry) FROM n"
        ))
        .await;
    assert_eq!(trail.chain.seal().await.unwrap(), 2_501);
    assert_eq!(trail.test.number("SELECT MAX(number) FROM audit_link").await, 2_501);
    let report = trail.report(None).await;
    assert!(report.clean() && report.links == 2_501, "{report:?}");
    let report = trail.report(Some(100)).await;
    assert!(report.clean() && report.links == 100, "{report:?}");
    trail.unlock().await;
    trail
        .run("UPDATE audit_entry SET action = 'x' WHERE id = (SELECT entry_id FROM audit_link WHERE number = 2450)")
        .await;
    assert_eq!(trail.report(Some(100)).await.faults_count, 1);
    assert_eq!(trail.report(Some(10)).await.faults_count, 0, "only a whole look sees the whole");
    let _ = first;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_seal_at_once_make_one_chain() {
    let trail = Trail::open(Engine::Postgres).await;
    let others = [trail.test.second().await, trail.test.second().await];
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..10 {
        trail.acts(20).await;
        let chains = others.iter().map(|db| Trail::chain(&trail.test, db.clone(), folder.path()));
        let all = chains.chain([trail.chain.clone()]);
        let sealing: Vec<_> = all.map(|chain| tokio::spawn(async move { chain.seal().await.unwrap() })).collect();
        let mut sealed = 0;
        for one in sealing {
            sealed += one.await.unwrap();
        }
        assert_eq!(sealed, 20);
    }
    let report = trail.report(None).await;
    assert!(report.clean() && report.links == 200, "{report:?}");
    for db in others {
        db.close().await;
    }
}

#[rstest]
#[tokio::test]
async fn a_restore_that_was_accepted_gives_heads_up(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let trail = Trail::open(engine).await;
    trail.acts(5).await;
    trail.chain.seal().await.unwrap();
    trail.acts(5).await;
    trail.chain.seal().await.unwrap();
    trail.unlock().await;
    trail.run("DELETE FROM audit_entry WHERE id IN (SELECT entry_id FROM audit_link WHERE number > 5)").await;
    trail.run("DELETE FROM audit_link WHERE number > 5").await;
    assert_eq!(trail.codes().await, ["CUT"].into());
    trail.run("UPDATE ledger_meta SET epoch = epoch + 1").await;
    let report = trail.report(None).await;
    assert!(report.clean() && report.void == 1, "{report:?}");
}
