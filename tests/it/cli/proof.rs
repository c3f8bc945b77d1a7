//! `ledger verify --anchors` and `ledger accept-restore` on both databases, with the installation's own key.

use std::sync::Arc;

use inkledger::{
    clock::SystemClock,
    db::Engine,
    ids::SystemIds,
    ledger::proof::{Anchors, AnchorsParts, LedgerKey, Look},
    storage::Storage,
};
use rstest::rstest;

use super::{granted, place::Place};

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn anchors_are_verified_and_a_restore_is_accepted(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    let account = granted(&place).await;
    let (folder, file) = (place.data_dir(), place.data_dir().join("anchors.jsonl"));
    std::fs::create_dir_all(&folder).unwrap();
    let verify = format!("ledger verify --anchors {}", file.display());
    let answer = place.run(&verify).await;
    assert_eq!((answer.code, answer.err.contains("--keys")), (2, true), "there is no key yet: {answer:?}");
    let clock = Arc::new(SystemClock);
    let key = LedgerKey::open_or_create(&folder.join("ledger_key.pk8"), &SystemIds::new(clock.clone())).unwrap();
    let answer = place.run(&verify).await;
    assert_eq!((answer.code, answer.err.contains("anchors cannot be read")), (2, true), "{answer:?}");
    let db = place.open().await;
    let storage = Storage::local(&folder).unwrap();
    let parts = AnchorsParts { db: db.clone(), clock, key, former: Vec::new(), file: file.clone(), storage };
    Anchors::new(parts).write(Look::Everything).await.unwrap();
    db.close().await;
    drop(db);
    let answer = place.run(&verify).await;
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.out.contains("1 anchors and their signatures checked, 1 heads"), "{answer:?}");
    assert!(answer.out.contains("No violations. Verdict: CLEAN."), "{answer:?}");
    assert!(answer.err.is_empty(), "no progress without a terminal: {answer:?}");

    // Somebody changes one letter of the file.
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, whole.replacen("\"count\":1", "\"count\":2", 1)).unwrap();
    let answer = place.run(&verify).await;
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(answer.out.contains("Verdict: NOT CLEAN") && answer.out.contains("signature"), "{answer:?}");
    let told = place.run(&format!("{verify} --json")).await.json();
    assert_eq!((&told["clean"], &told["anchors"]["faults"][0]["line"]), (&false.into(), &1.into()), "{told}");
    std::fs::write(&file, whole).unwrap();

    let answer = place.run("ledger accept-restore").await;
    assert_eq!((answer.code, answer.err.contains("--yes")), (2, true), "{answer:?}");
    let answer = place.run("ledger accept-restore --yes").await;
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.out.contains("epoch") && answer.out.contains("schedules switched off"), "{answer:?}");
    let done = place.run("ledger accept-restore --yes --json").await.json();
    assert_eq!((&done["epoch"], &done["leases_voided"]), (&3.into(), &0.into()), "{done}");
    let one = place.run(&format!("{verify} --account {account} --json")).await.json();
    assert_eq!((&one["clean"], &one["anchors"]["heads"]), (&true.into(), &1.into()), "{one}");
}
