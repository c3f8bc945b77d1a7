//! Two hundred keywords, one command: seven stages on the shipped sandbox, and books that all say the same.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use inkledger::{
    ai::provider::sandbox::{BillingOutcome, CallKind},
    db::Engine,
};
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    records::rows,
    runner::{STAGES, texts},
};
use crate::{
    automation::stage::{Script, Stage, statuses},
    support::server::Server,
};

/// How long three hundred items may take.
const PATIENCE: Duration = Duration::from_secs(200);

const SUBJECTS: [&str; 10] =
    ["tents", "stoves", "lanterns", "boots", "maps", "knives", "ropes", "jackets", "bottles", "hammocks"];

/// Twenty keywords for each subject, of which no two of one subject share another word.
fn keywords() -> Vec<String> {
    SUBJECTS.iter().flat_map(|subject| (0..20).map(move |at| format!("{subject} kind{at:02}"))).collect()
}

async fn site(engine: Engine) -> Stage {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let stage = Stage::on(server, Script::new()).await;
    stage.server.give(&hero, &stage.owner, 1_000).await;
    let input = json!({"siteId": stage.site, "expectedVersion": 1, "autoApprove": true, "autoSchedule": true});
    assert_eq!(stage.act("updateSite", "site { id }", input).await["userErrors"], json!([]));
    let content = format!("keyword\n{}\n", keywords().join("\n"));
    let input = json!({"siteId": stage.site, "file": {"content": content}});
    assert_eq!(stage.act("importKeywords", "added", input).await["added"], 200);
    stage.configure(json!({})).await;
    stage
}

// REQ-B-16, REQ-B-22, REQ-B-24
#[rstest]
#[tokio::test]
async fn two_hundred_keywords_become_ten_scheduled_articles_by_one_command(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = site(engine).await;
    let run = stage.started("start-key-1").await;
    let ended = async {
        while stage.server.number("SELECT COUNT(*) FROM automation_run WHERE finished_at IS NOT NULL").await == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the run did not end");
    let done = stage.run(&run).await;
    assert_eq!(done["state"], "COMPLETED", "{done}");
    stages_went_in_order(&stage, &done).await;
    let totals: Vec<i64> = figures(&done, "total");
    assert_eq!(totals, [200, 10, 30, 10, 10, 30, 10]);
    let states = async |table: &str| counted(texts(&stage.server.db, &format!("SELECT state FROM {table}")).await);
    // Those of the ten articles are in use.
    let keywords = states("keyword").await;
    let known = keywords.get("CLUSTERED").copied().unwrap_or(0) + keywords.get("IN_USE").copied().unwrap_or(0);
    assert_eq!(known, 200, "{keywords:?}");
    assert_eq!(states("cluster").await, BTreeMap::from([("MAPPED".to_owned(), 10)]));
    assert_eq!(states("content").await, BTreeMap::from([("SCHEDULED".to_owned(), 10)]));
    assert_eq!(states("content_image").await, BTreeMap::from([("GENERATED".to_owned(), 30)]));
    let tasks = BTreeMap::from([("COMPLETED".to_owned(), 10), ("QUEUED".to_owned(), 20)]);
    assert_eq!(states("content_task").await, tasks);
    every_book_says_the_same(&stage, &done).await;
    let message = format!("Automation completed: 300 items using {} credits", done["creditsUsed"]);
    assert_eq!(stage.messages().await, [message]);
    stage.check().await;
    stage.server.check_ledger().await;
    stage.server.check_records().await;
}

fn figures(run: &Value, field: &str) -> Vec<i64> {
    run["stages"].as_array().unwrap().iter().map(|stage| stage[field].as_i64().unwrap()).collect()
}

fn counted(all: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts
}

/// Each stage ended before the next began, and says that all of it is done.
async fn stages_went_in_order(stage: &Stage, done: &Value) {
    assert_eq!(statuses(done), ["COMPLETED"; 7]);
    let mut before = done["startedAt"].as_str().unwrap().to_owned();
    for (at, one) in done["stages"].as_array().unwrap().iter().enumerate() {
        assert_eq!((&one["stage"], &one["position"]), (&json!(STAGES[at]), &json!(at + 1)));
        assert_eq!(
            (&one["processed"], &one["succeeded"], &one["percent"]),
            (&one["total"], &one["total"], &json!(100))
        );
        assert_eq!((&one["remaining"], &one["failed"], &one["skipped"]), (&json!(0), &json!(0), &json!(0)));
        assert_eq!(one["lastError"], Value::Null);
        let (started, finished) = (one["startedAt"].as_str().unwrap(), one["finishedAt"].as_str().unwrap());
        assert!(before.as_str() <= started && started <= finished, "{one}");
        before = finished.to_owned();
    }
    // What was told while it went on: stage by stage, and after every item how far its stage is.
    let told = texts(
        &stage.server.db,
        "SELECT kind || payload FROM run_event WHERE subject_kind = 'automation_run' ORDER BY seq",
    );
    let told = told.await;
    let place = |event: &String| STAGES.iter().position(|name| event.contains(&format!("\"stage\":\"{name}\"")));
    let places: Vec<usize> = told.iter().filter_map(place).collect();
    assert!(places.is_sorted(), "{told:?}");
    for (at, event) in told.iter().enumerate().filter(|(_, event)| event.starts_with("ITEM")) {
        assert!(told[at + 1].starts_with("STAGE") && place(&told[at + 1]) == place(event), "{event}");
    }
}

/// The run, its stages, their AI tasks, the ledger and the provider, each by its own count.
async fn every_book_says_the_same(stage: &Stage, done: &Value) {
    let used = done["creditsUsed"].as_i64().unwrap();
    assert_eq!(figures(done, "creditsUsed").iter().sum::<i64>(), used);
    assert_eq!(stage.server.balance(&stage.owner).await, (1_000 - used, 0));
    let sum =
        async |what: &str| stage.server.number(&format!("SELECT CAST(SUM({what}) AS bigint) FROM credit_usage")).await;
    assert_eq!(sum("credits").await, used);
    // Each task's credits are its stage's.
    let of_tasks = rows(&stage.server.db, &["stage", "credits_used", "items_delivered", "status"], "ai_task").await;
    let mut of_tasks: Vec<&str> = of_tasks.iter().map(String::as_str).collect();
    of_tasks.sort_unstable();
    let spent = figures(done, "creditsUsed");
    let mut expected: Vec<String> = [(0, 5), (1, 10), (3, 10), (4, 10), (5, 30)]
        .map(|(at, items): (usize, i64)| format!("{} | {} | {items} | SUCCESS", STAGES[at], spent[at]))
        .to_vec();
    expected.sort_unstable();
    assert_eq!(of_tasks, expected);
    // The provider's books: every call is one of our attempts, was billed, and is one usage row with its tokens.
    let books = stage.server.script.billing();
    assert!(books.iter().all(|line| line.outcome == BillingOutcome::Billed), "{books:?}");
    let kinds = books.iter().fold(HashMap::new(), |mut kinds, line| {
        *kinds.entry(line.kind).or_insert(0) += 1;
        kinds
    });
    assert_eq!(kinds, HashMap::from([(CallKind::Text, 35), (CallKind::Image, 30)]));
    let mut keys: Vec<String> = books.iter().map(|line| line.request_key.clone()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 65);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM ai_attempt WHERE state = 'settled'").await, 65);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM credit_usage").await, 65);
    let billed = books.iter().fold((0, 0, 0), |(input, output, images), line| {
        (input + line.tokens.input, output + line.tokens.output, images + i64::from(line.images))
    });
    let images = stage.server.number("SELECT COUNT(*) FROM image").await;
    assert_eq!(billed, (sum("tokens_input").await, sum("tokens_output").await, images));
}
