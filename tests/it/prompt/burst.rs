//! Much at once: long computations beside short requests, and imports beside each other.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use inkledger::{
    db::Engine,
    error::{Error, Failure, Never},
};
use rstest::rstest;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use super::stage::Stage;

/// Two versions that differ in every line, which is the worst for a comparison.
async fn two_versions(stage: &Stage) -> Value {
    let first = stage.create("STYLE_PRESET", "Lines", &"a\n".repeat(9_999)).await;
    let second = stage.rewrite(&first, &"b\n".repeat(9_999)).await;
    let of = |prompt: &Value| prompt["activeVersion"]["id"].clone();
    json!({"versions": {"leftVersionId": of(&first), "rightVersionId": of(&second)}})
}

// Of one object, a comparison is made once however often it is asked for; it ends in time, and nobody waits for it.
#[rstest]
#[tokio::test]
async fn the_worst_comparison_ends_in_time_and_stops_nobody(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let pair = two_versions(&stage).await;
    let aliases = |field: &str| (0..6).map(|n| format!("{field}{n}: {field} {{ kind }} ")).collect::<String>();
    let query = format!(
        "query($i: DiffSystemPromptsInput!) {{ diffSystemPrompts(input: $i) {{ versions {{ {} {} }} }} }}",
        aliases("lines"),
        aliases("clauses")
    );
    let done = Order::default();
    let compare = async {
        let found = stage.server.payload(&stage.admin, &query, json!({"i": pair})).await;
        done.note("compared");
        found
    };
    let (found, ()) = tokio::join!(compare, done.look(&stage));
    done.check("compared");
    for name in ["lines0", "lines5"] {
        let lines = found["versions"][name].as_array().unwrap();
        let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).count();
        assert_eq!((of("REMOVED"), of("ADDED"), of("SAME")), (9_999, 9_999, 0));
    }
}

// What is not asked for is not computed.
#[tokio::test]
async fn a_file_is_compared_without_the_changes_that_nobody_asked_for() {
    let stage = Stage::open(Engine::Sqlite).await;
    let row = |n: usize, line: &str| json!({"category": "style_preset", "subcategory": format!("K{n}"), "name": "n", "content": line.repeat(9_999)});
    for n in 0..10 {
        stage.create("STYLE_PRESET", &format!("K{n}"), &"b\n".repeat(9_999)).await;
    }
    let file = Value::Array((0..10).map(|n| row(n, "a\n")).collect()).to_string();
    let query = "query($i: DiffSystemPromptsInput!) { diffSystemPrompts(input: $i) { environment { differingCount rows \
                 { fields { field } } } } }";
    let at = Instant::now();
    let found = stage.server.payload(&stage.admin, query, json!({"i": {"file": {"content": file}}})).await;
    assert_eq!(found["environment"]["differingCount"], 10);
    // Each comparison alone would take seconds here.
    assert!(at.elapsed() < Duration::from_secs(40), "{:?}", at.elapsed());
}

#[tokio::test]
async fn statistics_and_the_optimiser_stop_nobody() {
    let stage = Stage::open(Engine::Sqlite).await;
    for n in 0..60 {
        stage.create("STYLE_PRESET", &format!("K{n}"), &format!("{n} {}", "word no blur, ".repeat(1_400))).await;
    }
    let done = Order::default();
    let statistics = async {
        let query = "{ promptStatistics { count warnings { code } } }";
        let found = stage.server.payload(&stage.admin, query, json!({})).await;
        done.note("counted");
        found
    };
    let optimise = async {
        let query = "mutation { optimisePrompts(input: {}) { totals { examined } } }";
        let found = stage.server.payload(&stage.admin, query, json!({})).await;
        done.note("optimised");
        found
    };
    let (statistics, optimised, ()) = tokio::join!(statistics, optimise, done.look(&stage));
    assert_eq!((&statistics["count"], &optimised["totals"]["examined"]), (&json!(60), &json!(60)));
    done.check("counted");
    done.check("optimised");
}

/// What was answered, in order. The server and its clients share one thread here: whatever computes on it stops all others.
#[derive(Default)]
struct Order(Mutex<Vec<&'static str>>);

impl Order {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    /// Asks for something small once the others are at work.
    async fn look(&self, stage: &Stage) {
        tokio::time::sleep(Duration::from_millis(30)).await;
        stage.server.payload(&stage.admin, "{ systemPrompts(first: 1) { totalCount } }", json!({})).await;
        self.note("looked");
    }

    /// The small one was answered before `what`.
    fn check(&self, what: &str) {
        let done = self.0.lock().unwrap();
        let at = |name: &str| done.iter().position(|one| *one == name).unwrap();
        assert!(at("looked") < at(what), "{done:?}");
    }
}

const IMPORT: &str = "mutation($i: ImportSystemPromptsInput!) { importSystemPrompts(input: $i) { outcome appliedCount \
                      userErrors { code } } }";

/// The same new prompts in another order for every `seed`.
fn shuffled(seed: u64, count: usize) -> String {
    let mut numbers: Vec<usize> = (0..count).collect();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for at in (1..numbers.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        numbers.swap(at, usize::try_from((state >> 33) % (at as u64 + 1)).unwrap());
    }
    let row = |n: usize| json!({"category": "style_preset", "subcategory": format!("imp{n}"), "name": "n", "content": format!("words for prompt {n}")});
    Value::Array(numbers.into_iter().map(row).collect()).to_string()
}

#[rstest]
#[tokio::test]
async fn twenty_imports_of_the_same_new_keys_in_any_order_all_succeed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let asked = (0..20).map(|seed| {
        let input = json!({"i": {"file": {"content": shuffled(seed, 60)}, "dryRun": false}});
        stage.server.call(Some(&stage.admin.token), IMPORT, input)
    });
    let answers = futures_util::future::join_all(asked).await;
    let mut applied = 0;
    for answer in &answers {
        let report = &answer["data"]["importSystemPrompts"];
        assert_eq!(report["outcome"], "SUCCESS", "{answer}");
        applied += report["appliedCount"].as_i64().unwrap();
    }
    assert_eq!(applied, 60);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM system_prompt_version").await, 60);
}

// Two processes on one database; each holds its own queue, the database decides between them.
#[tokio::test]
async fn imports_of_two_processes_never_lock_each_other_out() {
    let stage = Stage::open(Engine::Postgres).await;
    let other = stage.server.home.start_with(|config, _| config.install_catalogue = false).await;
    let asked = (0..12).map(|seed| {
        let server = if seed % 2 == 0 { &stage.server } else { &other };
        let input = json!({"i": {"file": {"content": shuffled(seed, 60)}, "dryRun": false}});
        server.call(Some(&stage.admin.token), IMPORT, input)
    });
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer["data"]["importSystemPrompts"]["outcome"], "SUCCESS", "{answer}");
    }
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM system_prompt_version").await, 60);
}

// After the last try the client is told to try again, not that something broke.
#[tokio::test]
async fn a_transaction_that_never_gets_through_says_when_to_try_again() {
    let stage = Stage::open(Engine::Postgres).await;
    for code in ["40001", "40P01", "55P03"] {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$");
        let done: Result<(), Failure<Never>> = stage
            .server
            .db
            .write(raise, |tx, raise| {
                Box::pin(async move {
                    tx.execute_unprepared(raise).await?;
                    Ok(())
                })
            })
            .await;
        let error = Error::from(done.unwrap_err());
        assert!(matches!(error, Error::RateLimited { retry_after_ms } if retry_after_ms > 0), "{code}: {error:?}");
    }
}
