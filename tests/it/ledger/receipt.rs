//! Receipts: what the API answers is proof without the API (defect 23).

use std::{path::Path, process::Stdio};

use inkledger::{
    db::Engine,
    ledger::{
        Scope,
        proof::{BadReceipt, Look, PublicKeys, Receipt},
    },
};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::{
    proof::{Proof, give, keys},
    support::{funded, open},
};
use crate::support::{
    builders::Person,
    database::TestDb,
    graphql_client::send,
    server::{Home, Server},
};

const PARTS: &str = "transaction { sequence } bytes prevHash hash key signature document \
                     anchor { number base epoch prevHash leafCount root key signature links sequence leafIndex path }";

/// The ids of a person's transactions, oldest first.
async fn transactions(server: &Server, person: &Person) -> Vec<String> {
    let query = "query($a: ID!) { account(id: $a) { creditTransactions(first: 100) { nodes { id } } } }";
    let found = server.payload(person, query, json!({"a": person.account})).await;
    let nodes = found["creditTransactions"]["nodes"].as_array().unwrap();
    nodes.iter().rev().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

async fn receipt(server: &Server, person: &Person, transaction: &str) -> Value {
    let query = format!("query($t: ID!) {{ creditReceipt(transactionId: $t) {{ {PARTS} }} }}");
    server.payload(person, &query, json!({"t": transaction})).await
}

/// The exit code and the output of `inkledger ledger receipt verify` in an empty folder.
async fn check(folder: &TempDir, document: &str, keys: Option<&Path>, json: bool) -> (i32, String) {
    let path = folder.path().join("receipt.json");
    std::fs::write(&path, document).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_inkledger"));
    command.args(["ledger", "receipt", "verify"]).arg(&path).env_clear();
    command.env("INKLEDGER_DATA_DIR", folder.path().join("none")).stdin(Stdio::null());
    if let Some(keys) = keys {
        command.arg("--keys").arg(keys);
    }
    if json {
        command.arg("--json");
    }
    let output = command.output().await.unwrap();
    assert!(!folder.path().join("none").exists(), "a check makes nothing");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn a_receipt_proves_its_transaction_to_whoever_has_the_public_keys(#[case] engine: Engine) {
    let server = Home::open(engine).await.start().await;
    let hero = server.hero().await;
    let (person, other) = (server.sign_up("ann").await, server.sign_up("ben").await);
    for amount in [100, 7, 5] {
        server.give(&hero, &person, amount).await;
    }
    server.give(&hero, &other, 1).await;
    let ids = transactions(&server, &person).await;
    let early = receipt(&server, &person, &ids[0]).await;
    assert_eq!(early["anchor"], Value::Null, "nothing is anchored yet");
    server.anchors.write(Look::Everything).await.unwrap();
    let reply = send(server.client.request("GET", "/.well-known/inkledger-ledger-keys.json")).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, "*"));
    assert_eq!(reply.json()["keys"][0]["crv"], "Ed25519");
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, &reply.text).unwrap();
    let mut prev = "0".repeat(64);
    for (at, id) in ids.iter().enumerate() {
        let found = receipt(&server, &person, id).await;
        assert_eq!(found["transaction"]["sequence"], at + 1);
        assert_eq!(found["prevHash"], json!(prev));
        prev = found["hash"].as_str().unwrap().to_owned();
        let anchor = &found["anchor"];
        assert_eq!((&anchor["number"], &anchor["leafCount"], &anchor["sequence"]), (&json!(1), &json!(2), &json!(3)));
        assert_eq!(anchor["links"].as_array().unwrap().len(), 2 - at);
        assert_eq!(anchor["path"].as_array().unwrap().len(), 1);
        let document: Value = serde_json::from_str(found["document"].as_str().unwrap()).unwrap();
        for (part, name) in [("bytes", "bytes"), ("hash", "hash"), ("prevHash", "prevHash"), ("signature", "signature")]
        {
            assert_eq!(document[part], found[name], "the document has the same {part}");
        }
        assert_eq!(document["anchor"]["links"], anchor["links"]);
        let (code, text) = check(&folder, found["document"].as_str().unwrap(), Some(&keys), false).await;
        assert!(code == 0 && text.contains("VALID") && text.contains("Anchor 1 of"), "{code}: {text}");
        // What was issued before stays valid.
        let (code, text) = check(&folder, early["document"].as_str().unwrap(), Some(&keys), true).await;
        assert_eq!(code, 0, "{text}");
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&told["amount"], &told["kind"], &told["anchor"]), (&json!(100), &json!("grant"), &Value::Null));
    }
    let query = "query($t: ID!) { creditReceipt(transactionId: $t) { hash } }";
    let answer = server.call(Some(&other.token), query, json!({"t": ids[0]})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND", "another's transaction does not exist");
    server.stop().await;
}

#[tokio::test]
async fn the_command_tells_invalid_from_could_not_check() {
    let server = Home::open(Engine::Sqlite).await.start().await;
    let hero = server.hero().await;
    server.give(&hero, &hero, 100).await;
    server.anchors.write(Look::Everything).await.unwrap();
    let id = transactions(&server, &hero).await.remove(0);
    let document = receipt(&server, &hero, &id).await["document"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, server.anchors.public_keys().to_json()).unwrap();
    assert_eq!(check(&folder, &document, Some(&keys), false).await.0, 0);
    let bytes = document.find("\"bytes\": \"").unwrap() + 400;
    let mut changed = document.clone().into_bytes();
    changed[bytes] = if changed[bytes] == b'0' { b'1' } else { b'0' };
    let changed = String::from_utf8(changed).unwrap();
    let (code, text) = check(&folder, &changed, Some(&keys), false).await;
    assert!(code == 1 && text.contains("INVALID"), "{code}: {text}");
    let (code, text) = check(&folder, &changed, Some(&keys), true).await;
    assert!(code == 1 && text.contains("\"valid\": false"), "{code}: {text}");
    let stranger = folder.path().join("stranger.json");
    std::fs::write(&stranger, keys_of_a_stranger().to_json()).unwrap();
    let (code, text) = check(&folder, &document, Some(&stranger), false).await;
    assert!(code == 1 && text.contains("not among the public keys"), "{code}: {text}");
    let (code, text) = check(&folder, &document, None, false).await;
    assert!(code == 2 && text.contains("--keys"), "there is no key here: {code}: {text}");
    let (code, text) = check(&folder, &document, Some(&folder.path().join("missing")), false).await;
    assert!(code == 2 && text.contains("cannot read"), "{code}: {text}");
    server.stop().await;
}

fn keys_of_a_stranger() -> PublicKeys {
    keys()
}

/// The receipt of the first of `count` transactions beside another account, so that nothing in it is empty.
async fn rich(test: &TestDb, count: i64) -> Receipt {
    let ledger = open(test).await;
    let account = funded(test, &ledger, 10).await;
    for number in 2..=count {
        give(&ledger, account, &number.to_string(), 1).await;
    }
    for _ in 0..2 {
        funded(test, &ledger, 3).await;
    }
    let proof = Proof::new(test);
    proof.anchors.write(Look::Everything).await.unwrap();
    first(test, &proof, account).await
}

async fn first(test: &TestDb, proof: &Proof, account: uuid::Uuid) -> Receipt {
    nth(test, proof, account, 1).await
}

async fn nth(test: &TestDb, proof: &Proof, account: uuid::Uuid, sequence: i64) -> Receipt {
    let ledger = open(test).await;
    let slice = inkledger::ledger::store::Slice {
        above: Some(sequence - 1),
        below: None,
        order: inkledger::ledger::store::Order::OldestFirst,
        limit: 1,
    };
    let found = ledger.transactions(account, &inkledger::ledger::TransactionFilter::default(), slice).await.unwrap();
    let found = ledger.transaction(Scope::Account(account), found[0].id).await.unwrap().unwrap();
    proof.anchors.receipt(&found).await.unwrap()
}

#[tokio::test]
async fn every_changed_byte_of_a_receipt_is_detected_or_is_white_space() {
    let test = TestDb::sqlite().await;
    let receipt = rich(&test, 3).await;
    let covering = receipt.anchor.as_ref().unwrap();
    assert!(covering.links.len() == 2 && !covering.path.is_empty());
    let document = receipt.to_document();
    assert!(Receipt::parse(&document).unwrap().check(&keys()).is_ok());
    let bare: String = document.split_ascii_whitespace().collect();
    assert!(Receipt::parse(&bare).unwrap().check(&keys()).is_ok(), "white space is free");
    let (mut trials, is_white) = (0, |byte: u8| matches!(byte, b' ' | b'\n' | b'\t' | b'\r'));
    for (at, byte) in document.bytes().enumerate() {
        // Another digit, another case, and whatever else is one bit away; white space for white space.
        let others =
            (0..7).map(|bit| byte ^ (1 << bit)).chain([b' ', b'\t', b'0', b'a']).filter(|other| *other != byte);
        for other in others {
            let mut changed = document.clone().into_bytes();
            changed[at] = other;
            let text = String::from_utf8(changed).unwrap();
            let judged = Receipt::parse(&text).and_then(|receipt| receipt.check(&keys()));
            trials += 1;
            assert!(judged.is_err() || is_white(byte) && is_white(other), "byte {at}: {byte} as {other}: {judged:?}");
        }
    }
    assert!(trials > 20_000, "{trials}");
    assert!(Receipt::parse(&document.replacen("\"key\"", "\"key\": \"x\", \"key\"", 1)).is_err(), "twice the same");
}

#[tokio::test]
async fn parts_of_other_receipts_prove_nothing() {
    let test = TestDb::sqlite().await;
    let ledger = open(&test).await;
    let (one, two) = (funded(&test, &ledger, 10).await, funded(&test, &ledger, 20).await);
    give(&ledger, one, "more", 1).await;
    let proof = Proof::new(&test);
    proof.anchors.write(Look::Everything).await.unwrap();
    let (mine, other) = (first(&test, &proof, one).await, first(&test, &proof, two).await);
    let anchor = |change: &dyn Fn(&mut inkledger::ledger::proof::Covering)| {
        let mut changed = mine.clone();
        change(changed.anchor.as_mut().unwrap());
        changed.check(&keys()).unwrap_err()
    };
    assert_eq!(anchor(&|covering| covering.links.clear()), BadReceipt::Sequence);
    assert_eq!(anchor(&|covering| covering.links = vec![other.bytes.clone()]), BadReceipt::Link(1));
    assert_eq!(anchor(&|covering| covering.path.clear()), BadReceipt::Path);
    assert_eq!(anchor(&|covering| covering.index = 1 - covering.index), BadReceipt::Path);
    assert!(matches!(anchor(&|covering| covering.anchor.at += 1), BadReceipt::Anchor(_)));
    assert!(matches!(anchor(&|covering| covering.anchor.base -= 1), BadReceipt::Anchor(_)));
    let without = Receipt { anchor: None, ..mine.clone() };
    assert!(matches!(without.check(&keys()), Err(BadReceipt::Signature(_))), "the anchor is part of what is signed");
    let elsewhere = Receipt { database: uuid::Uuid::nil(), ..mine.clone() };
    assert!(elsewhere.check(&keys()).is_err());
    let hash = Receipt { hash: other.hash, ..mine.clone() };
    assert_eq!(hash.check(&keys()), Err(BadReceipt::Hash));
    let prev = Receipt { prev_hash: [1; 32], ..mine };
    assert_eq!(prev.check(&keys()), Err(BadReceipt::PrevHash));
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn no_transaction_is_farther_than_255_links_from_its_anchor(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 10).await;
    let more = (2..=600).map(|number: i64| {
        let ledger = ledger.clone();
        async move { give(&ledger, account, &number.to_string(), 1).await }
    });
    futures_util::future::join_all(more).await;
    let proof = Proof::new(&test);
    proof.anchors.write(Look::Everything).await.unwrap();
    let heads: Vec<i64> = proof.lines()[0].heads.iter().map(|head| head.sequence).collect();
    assert_eq!(heads, [256, 512, 600], "marks, and the head");
    for (sequence, anchored) in [(1, 256), (256, 256), (257, 512), (512, 512), (513, 600), (600, 600)] {
        let receipt = nth(&test, &proof, account, sequence).await;
        let covering = receipt.anchor.as_ref().unwrap();
        assert_eq!(covering.sequence, anchored, "of {sequence}");
        assert_eq!(i64::try_from(covering.links.len()).unwrap(), anchored - sequence);
        assert_eq!(receipt.check(&keys()).unwrap().sequence, sequence);
    }
}
