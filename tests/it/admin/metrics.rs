//! `/metrics`: the table, the page, the document, the dashboard and the alerts name the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use inkledger::{
    db::Engine,
    metric::{Kind, METRICS},
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{graphql_client::send, server::Server, ws_client::Ws};

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

async fn page(server: &Server) -> String {
    let reply = send(server.client.request("GET", "/metrics")).await;
    assert_eq!(reply.status, 200);
    reply.text
}

/// Names with their types, as the page tells them.
fn types(page: &str) -> BTreeMap<String, String> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// The series of the page, with what they are at.
fn series(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

fn labels_of(series: &str) -> BTreeSet<String> {
    let Some((_, labels)) = series.trim_end_matches('}').split_once('{') else { return BTreeSet::new() };
    labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name.to_owned()).collect()
}

fn metric_of(series: &str) -> &str {
    series.split('{').next().unwrap()
}

/// The name in the table of what a page or an expression names: a histogram has three.
fn known(name: &str) -> bool {
    METRICS.iter().any(|metric| {
        let is_part = |part: &str| metric.kind == Kind::Histogram && name.strip_suffix(part) == Some(metric.name);
        name == metric.name && metric.kind != Kind::Histogram || ["_bucket", "_sum", "_count"].into_iter().any(is_part)
    })
}

#[rstest]
#[tokio::test]
async fn the_page_has_what_the_table_says_and_nothing_else(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 10).await;
    let task = server.drawing(&user, 1, "one-for-the-page").await;
    server.ended(&user, &task).await;
    server.call(None, "{ nothing }", json!({})).await;
    server.call(None, "{ users { nodes { id } } }", json!({})).await;
    let mut ws = Ws::ready(server.address(), Some(&user.token)).await;
    let query = format!("subscription {{ creditBalance(accountId: \"{}\") {{ kind }} }}", user.account);
    ws.subscribe("live", &query).await;
    ws.expect("next", "live").await;
    let page = page(&server).await;
    let expected: BTreeMap<String, String> =
        METRICS.iter().map(|metric| (metric.name.to_owned(), metric.kind.as_str().to_owned())).collect();
    assert_eq!(types(&page), expected);
    let helps = page.lines().filter(|line| line.starts_with("# HELP ")).count();
    assert_eq!(helps, METRICS.len(), "each is explained once");
    let series = series(&page);
    for name in series.keys() {
        let metric = METRICS.iter().find(|metric| {
            let of = metric_of(name);
            of == metric.name || metric.kind == Kind::Histogram && of.starts_with(metric.name)
        });
        let metric = metric.unwrap_or_else(|| panic!("{name} is not in the table"));
        let mut labels = labels_of(name);
        if metric.kind == Kind::Histogram {
            labels.remove("le");
        }
        assert_eq!(labels, metric.labels.iter().map(|label| (*label).to_owned()).collect(), "{name}");
    }
    let at_least = |name: &str, least: f64| {
        let found = series.get(name).copied();
        assert!(found.is_some_and(|found| found >= least), "{name} is {found:?}, not {least}\n{page}");
    };
    for (name, least) in [
        ("inkledger_database_up", 1.0),
        ("inkledger_ledger_transactions_total", 3.0),
        ("inkledger_jobs_queued{lane=\"interactive\",state=\"due\"}", 0.0),
        ("inkledger_ledger_queued_commands{lane=\"0\"}", 0.0),
        ("inkledger_ledger_batch_commands{lane=\"0\",quantile=\"0.99\"}", 1.0),
        ("inkledger_ledger_frozen_accounts", 0.0),
        ("inkledger_ledger_violations_total", 0.0),
        ("process_resident_memory_bytes", 1e6),
        ("process_start_time_seconds", 1e9),
        ("inkledger_uptime_seconds", 0.0),
    ] {
        if !(name.contains("batch") && engine == Engine::Postgres) {
            at_least(name, least);
        }
    }
    assert!(series.keys().any(|name| name.starts_with("inkledger_build_info{") && name.contains(engine.as_str())));
    let pool = if engine == Engine::Sqlite { "writer" } else { "main" };
    at_least(&format!("inkledger_database_connections_max{{pool=\"{pool}\"}}"), 1.0);
}

/// How much each series of `prefix` grew.
fn growth(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>, prefix: &str, parts: &[&str]) -> f64 {
    let sum = |of: &BTreeMap<String, f64>| -> f64 {
        let fits = |name: &str| name.starts_with(prefix) && parts.iter().all(|part| name.contains(part));
        of.iter().filter(|(name, _)| fits(name)).map(|(_, value)| value).sum()
    };
    sum(after) - sum(before)
}

// Counts are the process's own, and other tests may run in it: each grows by at least what happened here.
#[tokio::test]
async fn what_happens_is_counted() {
    let server = Server::open(Engine::Sqlite).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 10).await;
    let before = series(&page(&server).await);
    let task = server.drawing(&user, 2, "two-for-the-page").await;
    server.ended(&user, &task).await;
    for _ in 0..3 {
        server.call(None, "{ nothing }", json!({})).await;
        server.call(None, "{ users { nodes { id } } }", json!({})).await;
    }
    let _ = send(server.client.request("GET", "/nowhere")).await;
    let mut ws = Ws::ready(server.address(), Some(&user.token)).await;
    let query = format!("subscription {{ creditBalance(accountId: \"{}\") {{ kind }} }}", user.account);
    ws.subscribe("live", &query).await;
    ws.expect("next", "live").await;
    let after = series(&page(&server).await);
    let grew = |prefix: &str, parts: &[&str], least: f64| {
        let found = growth(&before, &after, prefix, parts);
        assert!(found >= least, "{prefix} {parts:?} grew by {found}, not {least}");
    };
    grew("inkledger_http_requests_total", &["path=\"/graphql\"", "method=\"POST\""], 8.0);
    grew("inkledger_http_requests_total", &["path=\"other\"", "status=\"404\""], 1.0);
    grew("inkledger_http_request_seconds_count", &["path=\"/graphql\""], 8.0);
    grew("inkledger_graphql_refusals_total", &["GRAPHQL_VALIDATION_FAILED"], 3.0);
    grew("inkledger_graphql_errors_total", &["UNAUTHENTICATED"], 3.0);
    grew("inkledger_graphql_operations_total", &["type=\"mutation\"", "outcome=\"ok\""], 1.0);
    grew("inkledger_graphql_operation_seconds_count", &["type=\"query\""], 3.0);
    grew("inkledger_graphql_subscriptions_live", &["websocket"], 1.0);
    grew("inkledger_graphql_sockets_open", &[], 1.0);
    grew("inkledger_job_runs_total", &["ai_task.run", "outcome=\"done\""], 1.0);
    grew("inkledger_job_run_seconds_count", &["ai_task.run"], 1.0);
    grew("inkledger_ai_requests_total", &["sandbox", "outcome=\"OK\""], 2.0);
}

#[test]
fn the_document_shows_the_table() {
    let text = document("operations.md");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ").collect();
        let name = cells.first()?.strip_suffix('`')?;
        (name.starts_with("inkledger_") || name.starts_with("process_"))
            .then(|| cells[1..].join(" | ").insert_name(name))
    });
    let shown: Vec<String> = rows.collect();
    let expected: Vec<String> = METRICS
        .iter()
        .map(|metric| {
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            format!("{} {} | {} | {}", metric.name, metric.kind.as_str(), labels.join(", "), metric.help)
        })
        .collect();
    assert_eq!(shown, expected, "the table of docs/operations.md");
}

/// Puts the name of a row back before its other cells.
trait InsertName {
    fn insert_name(self, name: &str) -> String;
}

impl InsertName for String {
    fn insert_name(self, name: &str) -> String {
        format!("{name} {self}")
    }
}

/// Names of metrics in a text.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .filter(|word| word.starts_with("inkledger_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

fn expressions(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| expressions(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, into)),
        _ => {}
    }
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_metrics_that_there_are() {
    let dashboard: Value = serde_json::from_str(&document("grafana-dashboard.json")).unwrap();
    let mut asked = Vec::new();
    expressions(&dashboard, &mut asked);
    assert!(asked.len() >= 15, "{} expressions", asked.len());
    let alerts = document("prometheus-alerts.yml");
    let rules: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert!(rules.len() >= 10, "{} alerts", rules.len());
    asked.extend(rules.into_iter().map(str::to_owned));
    for expression in &asked {
        let names = named(expression);
        assert!(!names.is_empty() || expression.starts_with("up{"), "{expression}");
        for name in names {
            assert!(known(&name), "{name} in {expression}");
        }
        let depth = |open: char, close: char| expression.matches(open).count() == expression.matches(close).count();
        assert!(depth('(', ')') && depth('{', '}') && depth('[', ']'), "{expression}");
        assert!(!expression.contains("histogram_quantile") || expression.contains("_bucket"), "{expression}");
    }
    // Each alert says what to do, and where it is described.
    let operations = document("operations.md");
    for name in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(operations.contains(&format!("`{name}`")), "{name} has no remedy in docs/operations.md");
    }
}
