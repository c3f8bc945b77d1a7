//! `inkledger ledger export` through the real binary.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use inkledger::{
    db::{Db, Engine},
    graphql::node::{NodeKind, encode},
    ids::Ids as _,
    ledger::{
        export::Subject,
        model::{GrantSource, Operation},
    },
};
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use super::place::{Answer, Place};
use crate::ledger::desk::{Desk, source};

const SUBJECTS: [&str; 4] = ["transactions", "entries", "grants", "holds"];

/// The rows of a CSV text by column, and its header.
fn table(text: &str) -> (Vec<String>, Vec<BTreeMap<String, String>>) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        header.iter().cloned().zip(record.iter().map(str::to_owned)).collect()
    });
    (header.clone(), rows.collect())
}

fn sum(rows: &[BTreeMap<String, String>], column: &str) -> i64 {
    rows.iter().map(|row| row[column].parse::<i64>().unwrap()).sum()
}

/// A database where an account has been used in every way, a little; open as a server has it.
async fn lived_in(engine: Engine) -> (Place, Db, Desk) {
    let place = Place::migrated(engine).await;
    let db = place.open().await;
    let desk = Desk::on(db.clone(), Uuid::from_u128(7)).await;
    desk.grant(GrantSource::Purchase(source("=HYPERLINK(\"http://x\",1)")), 50, None).await;
    desk.grant(GrantSource::Plan(source("subscription,1")), 20, Some(3600)).await;
    let holds = desk.hold(&[5, 30, 7], Some(Uuid::from_u128(8))).await;
    desk.submit(Operation::Settle { hold: holds[1], actual: 25 }).await;
    desk.submit(Operation::Release(vec![holds[0]])).await;
    (place, db, desk)
}

async fn run(place: &Place, desk: &Desk, more: &str) -> Answer {
    place.run(&format!("ledger export --account {} {more}", desk.account)).await
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn every_export_agrees_with_the_others_and_its_document(#[case] engine: Engine) {
    let (place, _server, desk) = lived_in(engine).await;
    let document = include_str!("../../../docs/operations.md");
    let mut tables = BTreeMap::new();
    for what in SUBJECTS {
        let csv = run(&place, &desk, &format!("--what {what}")).await;
        assert_eq!(csv.code, 0, "{csv:?}");
        assert!(csv.err.starts_with("WHAT") && csv.err.contains("1–5 of 5"), "no bar without a terminal: {csv:?}");
        let (header, rows) = table(&csv.out);
        assert!(document.contains(&format!("- `{what}`: `{}`", header.join(","))), "{header:?}");
        assert_eq!(header, Subject::parse(what).unwrap().columns());
        let lines = run(&place, &desk, &format!("--what {what} --format jsonl --output -")).await;
        let lines: Vec<Value> = lines.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), rows.len());
        for (line, row) in lines.iter().zip(&rows) {
            for (column, cell) in row {
                let same = match &line[column] {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    number => number.to_string(),
                };
                assert_eq!(cell.trim_start_matches('\''), same, "{what}.{column}");
            }
        }
        tables.insert(what, rows);
    }
    let (journal, entries, grants, holds) =
        (&tables["transactions"], &tables["entries"], &tables["grants"], &tables["holds"]);
    let kinds: Vec<&str> = journal.iter().map(|row| row["kind"].as_str()).collect();
    assert_eq!(kinds, ["grant", "grant", "hold", "settle", "release"], "oldest first");
    let last = journal.last().unwrap();
    for bucket in ["available", "held", "spent", "expired", "revoked"] {
        let total = sum(grants, bucket);
        assert_eq!(last[&format!("{bucket}_after")], total.to_string(), "the lots are the account");
        let moved = |column: &str| {
            let rows: Vec<_> = entries.iter().filter(|row| row[column] == bucket).cloned().collect();
            sum(&rows, "amount")
        };
        assert_eq!(moved("to_bucket") - moved("from_bucket"), total, "the entries are the lots: {bucket}");
    }
    assert_eq!(last["issued_after"], "70");
    assert_eq!(grants[0]["source_reference"], "'=HYPERLINK(\"http://x\",1)", "no formula");
    assert_eq!((grants[0]["expires_at"].as_str(), grants[1]["expires_at"].len()), ("", 27), "never is empty");
    let told: Vec<_> =
        holds.iter().map(|row| (row["amount"].as_str(), row["state"].as_str(), row["settled"].as_str())).collect();
    let mut expected = vec![("5", "released", "0"), ("30", "settled", "25"), ("7", "held", "0")];
    expected.sort_unstable();
    let mut told_sorted = told.clone();
    told_sorted.sort_unstable();
    assert_eq!(told_sorted, expected);
    assert_eq!(sum(holds, "settled").to_string(), last["spent_after"]);
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn pages_lose_nothing_and_double_nothing(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    let server = place.open().await;
    let desk = Desk::on(server.clone(), Uuid::from_u128(7)).await;
    desk.grant(GrantSource::Admin, 1_000, None).await;
    join_all((0..1_049).map(|_| desk.grant(GrantSource::Admin, 1, None))).await;
    // A page of holds ends among those of one transaction.
    for _ in 0..11 {
        desk.hold(&[1; 99], None).await;
    }
    let counts = [("transactions", 1_061), ("entries", 1_050 + 1_089), ("grants", 1_050), ("holds", 1_089)];
    for (what, count) in counts {
        let (_, rows) = table(&run(&place, &desk, &format!("--what {what}")).await.out);
        assert_eq!(rows.len(), count, "{what}");
        let keys: std::collections::BTreeSet<_> = rows
            .iter()
            .map(|row| (row.get("id").cloned(), row.get("sequence").cloned(), row.get("line").cloned()))
            .collect();
        assert_eq!(keys.len(), count, "{what}: each once");
    }
    desk.ledger.close().await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn a_period_takes_what_its_transactions_made(#[case] engine: Engine) {
    let (place, _server, desk) = lived_in(engine).await;
    let (_, all) = table(&run(&place, &desk, "").await.out);
    let third = all[2]["created_at"].clone();
    let before = all.iter().filter(|row| row["created_at"] < third).count();
    for (what, of_all) in [("transactions", 5), ("grants", 2), ("holds", 3)] {
        let rows = async |more: String| table(&run(&place, &desk, &format!("--what {what} {more}")).await.out).1.len();
        let (early, late) = (rows(format!("--until {third}")).await, rows(format!("--from {third}")).await);
        assert_eq!(early + late, of_all, "{what}");
        if what == "transactions" {
            assert_eq!(early, before);
        }
    }
    let none = run(&place, &desk, "--until 2020-01-01 --json").await;
    assert_eq!((none.code, none.out.lines().count()), (0, 1), "a header alone: {none:?}");
    let told: Value = serde_json::from_str(&none.err).unwrap();
    assert_eq!(
        (&told["rows"], &told["first_sequence"], &told["account_sequence"]),
        (&json!(0), &Value::Null, &json!(5))
    );
    let wrong = run(&place, &desk, "--from yesterday").await;
    assert_eq!((wrong.code, wrong.err.contains("--from is `yesterday`")), (2, true), "{wrong:?}");
}

#[tokio::test]
async fn a_file_is_whole_or_not_there() {
    let (place, _server, desk) = lived_in(Engine::Sqlite).await;
    let folder = place.folder.path().join("exports");
    std::fs::create_dir(&folder).unwrap();
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(&folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let unknown = place.run(&format!("ledger export --account {} --output exports/a.csv", desk.ids.uuid())).await;
    assert_eq!((unknown.code, unknown.err.contains("has no ledger")), (2, true), "{unknown:?}");
    assert_eq!(names(), Vec::<String>::new(), "nothing is left of what could not be written");
    std::fs::write(folder.join("a.csv"), "old").unwrap();
    let id = encode(NodeKind::Account, desk.account);
    let global = place.run(&format!("ledger export --account {} --output exports/a.csv --json", id.as_str())).await;
    assert_eq!((global.code, global.out.as_str()), (0, ""), "{global:?}");
    let written = std::fs::read_to_string(folder.join("a.csv")).unwrap();
    assert_eq!(written, run(&place, &desk, "").await.out);
    let told: Value = serde_json::from_str(&global.err).unwrap();
    let expected = json!({"account": desk.account, "what": "transactions", "format": "csv", "rows": 5,
                          "bytes": written.len(), "first_sequence": 1, "last_sequence": 5, "account_sequence": 5,
                          "output": "exports/a.csv", "seconds": told["seconds"]});
    assert_eq!(told, expected);
    let unknown = place.run(&format!("ledger export --account {} --output exports/a.csv", desk.ids.uuid())).await;
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert_eq!(std::fs::read_to_string(folder.join("a.csv")).unwrap(), written, "what was there stays");
    assert_eq!(names(), ["a.csv"]);
    for (output, code) in [("exports", 2), ("/dev/full", 2), ("missing/a.csv", 1)] {
        let refused = run(&place, &desk, &format!("--output {output}")).await;
        assert_eq!(refused.code, code, "{output}: {refused:?}");
    }
    let unnamed = place.run("ledger export").await;
    assert_eq!((unnamed.code, unnamed.err.contains("--account")), (2, true), "{unnamed:?}");
}
