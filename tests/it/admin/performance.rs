//! `adminPerformance`: null while the process does not watch itself, and what it timed while it does.

use inkledger::{db::Engine, telemetry};
use rstest::rstest;
use serde_json::{Value, json};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::support::server::Server;

const QUERY: &str = "{ adminPerformance { since fields { name count totalMicros p50Micros p95Micros p99Micros maxMicros } \
                     statements { name count totalMicros p50Micros p95Micros p99Micros maxMicros } } }";

fn of<'a>(timings: &'a Value, name: &str) -> Option<&'a Value> {
    timings.as_array().unwrap().iter().find(|timing| timing["name"] == name)
}

#[rstest]
#[tokio::test]
async fn root_fields_and_statements_are_timed_while_the_switch_is_on(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Server::open(engine).await;
    // Every test has a process of its own, so this is the only subscriber.
    tracing_subscriber::registry().with(telemetry::statements(server.monitoring.clone())).try_init().unwrap();
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    let ask = async || server.payload(&hero, QUERY, json!({})).await;
    assert_eq!(ask().await, json!(null), "off at first");
    server.monitoring.switch(true, 1_000_000);
    for _ in 0..3 {
        server
            .data(Some(&hero.token), "{ viewer { id } again: viewer { id } users { nodes { id } } }", json!({}))
            .await;
    }
    server.give(&hero, &user, 5).await;
    let report = ask().await;
    assert_eq!(report["since"], "1970-01-01T00:00:01.000000Z");
    for (name, count) in [("query viewer", 6), ("query users", 3), ("mutation addCredits", 1)] {
        assert_eq!(of(&report["fields"], name).map(|timing| &timing["count"]), Some(&json!(count)), "{report}");
    }
    let listed = of(&report["statements"], "SELECT app_user").unwrap_or_else(|| panic!("{report}"));
    assert!(listed["count"].as_i64().unwrap() >= 3, "{report}");
    assert!(
        of(&report["statements"], "INSERT credit_transaction").is_some(),
        "the ledger's thread counts too: {report}"
    );
    for timing in ["fields", "statements"].iter().flat_map(|kind| report[kind].as_array().unwrap()) {
        let whole = |field: &str| timing[field].as_i64().unwrap();
        let steps = ["p50Micros", "p95Micros", "p99Micros", "maxMicros"].map(whole);
        assert!(steps.is_sorted() && whole("totalMicros") >= steps[3] && whole("count") >= 1, "{timing}");
    }
    // Off again: nothing is kept, and nothing is answered.
    server.monitoring.switch(false, 2_000_000);
    assert_eq!(ask().await, json!(null));
    server.monitoring.switch(true, 3_000_000);
    let report = ask().await;
    assert!(of(&report["fields"], "query viewer").is_none(), "{report}");
    let refused = server.call(Some(&user.token), QUERY, json!({})).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
}
