//! Runs on the sandbox provider: how soon commands are acknowledged and progress is seen while 50 are at work, and what
//! 1,000 at once do to the process.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use inkledger::graphql::node::decode_any;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    fleet::{Fleet, Run, Site, command},
    world::{field, now},
};
use crate::support::{
    api::Api,
    open_loop::{Spread, at_rate},
    row,
    socket::subscribe,
};

/// Runs that are paused, resumed and cancelled.
const ACTIVE: usize = 50;
/// How often each is paused and resumed before it is cancelled.
const ROUNDS: usize = 6;
const COMMANDS_PER_SECOND: u32 = 20;
/// Articles that wait for each of them: more than it can write meanwhile.
const ARTICLES: usize = 60;

/// Members and sites of each, for the many runs.
const MANY: (usize, usize) = (100, 10);
/// How often each runs, one time after the other: what memory comes to the second time says whether it grows.
const TIMES: usize = 2;
/// Keywords that wait for each of them, each time.
const KEYWORDS: usize = 6;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long the many runs may take.
const PATIENCE: Duration = Duration::from_secs(1200);

fn only(stages: &[&str], caps: &[(&str, i32)]) -> Vec<Value> {
    let all = ["CLUSTER", "IDEAS", "CONTENT_TASKS", "CONTENT", "IMAGE_PROMPTS", "IMAGES", "REVIEW"];
    all.iter()
        .map(|stage| {
            let cap = caps.iter().find(|(capped, _)| capped == stage).map(|(_, cap)| *cap);
            let mut setting = json!({"stage": stage, "isEnabled": stages.is_empty() || stages.contains(stage)});
            if let Some(cap) = cap {
                setting["cap"] = json!(cap);
            }
            setting
        })
        .collect()
}

async fn content_tasks(api: Api, site: Site) {
    let query = "mutation($i: CreateContentTaskInput!) { createContentTask(input: $i) { userErrors { code } } }";
    for number in 0..ARTICLES {
        let input =
            json!({"siteId": site.id, "title": format!("Article {number}"), "keywords": ["tea"], "targetWords": 200});
        field(api.ask(&site.owner.token, query, json!({ "i": input })).await);
    }
}

async fn keywords(api: Api, site: Site, time: usize) {
    let query = "mutation($i: ImportKeywordsInput!) { importKeywords(input: $i) { userErrors { code } } }";
    let words: String = (0..KEYWORDS).map(|number| format!("tea pot {time} {number}\n")).collect();
    let input = json!({"siteId": site.id, "file": {"content": format!("keyword\n{words}")}});
    field(api.ask(&site.owner.token, query, json!({ "i": input })).await);
}

/// An event of a run, as it was received.
struct Received {
    run: Uuid,
    sequence: i64,
    /// Its own time, microseconds: read before its transaction began.
    made: i64,
    received: i64,
}

/// Notes every event of a run.
async fn follow(url: &str, run: &Run, seen: Arc<Mutex<Vec<Received>>>) {
    let query = "subscription($r: ID!) { automationProgress(runId: $r) { kind sequence createdAt } }";
    let mut socket = subscribe(url, &run.owner.token, query, json!({ "r": run.id })).await;
    let run = decode_any(&async_graphql::ID(run.id.clone())).unwrap().1;
    tokio::spawn(async move {
        while let Some(Ok(message)) = socket.next().await {
            let received = now();
            let Ok(text) = message.into_text() else { break };
            let event: Value = serde_json::from_str(&text).unwrap_or_default();
            let event = &event["payload"]["data"]["automationProgress"];
            let Some(at) = event["createdAt"].as_str() else { continue };
            let made = chrono::DateTime::parse_from_rfc3339(at).unwrap().timestamp_micros();
            let sequence = event["sequence"].as_i64().or_else(|| event["sequence"].as_str()?.parse().ok()).unwrap();
            seen.lock().unwrap().push(Received { run, sequence, made, received });
        }
    });
}

fn since(from: i64, to: i64) -> Duration {
    Duration::from_micros(u64::try_from(to - from).unwrap_or(0))
}

async fn commanded(fleet: &Fleet, runs: &[Run], mutation: &'static str) -> Spread {
    at_rate(COMMANDS_PER_SECOND, u32::try_from(runs.len()).unwrap(), |number| {
        let (api, run) = (fleet.api.clone(), runs[number as usize].clone());
        async move {
            command(&api, &run.owner, mutation, json!({"runId": run.id})).await;
        }
    })
    .await
}

/// Pauses, resumes and cancels runs that are at work, with somebody watching each.
pub async fn commands(binary: &str, url: Option<&str>) {
    let config =
        json!({"stages": only(&["CONTENT"], &[("CONTENT", 500)]), "itemDelaySeconds": 1, "stageDelaySeconds": 0});
    let mut fleet = Fleet::new(binary, url, (ACTIVE, 1), &config, content_tasks).await;
    let runs = fleet.start().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    for run in &runs {
        follow(&fleet.server.url, run, seen.clone()).await;
    }
    fleet.until_all("state = 'RUNNING'").await;
    let (mut paused, mut resumed) = (None::<Spread>, None::<Spread>);
    for _ in 0..ROUNDS {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let spread = commanded(&fleet, &runs, "pauseAutomationRun").await;
        paused = Some(paused.map_or(spread.clone(), |before| before.and(spread)));
        fleet.until_all("state = 'PAUSED'").await;
        let spread = commanded(&fleet, &runs, "resumeAutomationRun").await;
        resumed = Some(resumed.map_or(spread.clone(), |before| before.and(spread)));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let delivered = fleet.sql.number("SELECT COUNT(*) FROM content".to_owned()).await;
    assert_eq!(fleet.count("finished_at IS NULL").await, i64::try_from(ACTIVE).unwrap(), "runs ended too early");
    let cancelled = commanded(&fleet, &runs, "cancelAutomationRun").await;
    fleet.until_all("state = 'CANCELLED'").await;
    row(&format!("`pauseAutomationRun` acknowledged, {ACTIVE} runs at work"), paused.unwrap());
    row("`resumeAutomationRun` acknowledged", resumed.unwrap());
    row("`cancelAutomationRun` acknowledged", cancelled);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let events = seen.len();
    let from_made = seen.iter().map(|event| since(event.made, event.received)).collect();
    row(
        &format!("progress: from an event's time to its receipt, {events} events, {ACTIVE} subscribers"),
        Spread::new(from_made),
    );
    let commits = fleet.sql.run_event_commits().await;
    if !commits.is_empty() {
        let from_commit = seen.iter().filter_map(|event| {
            let commit = commits.get(&(event.run, event.sequence))?;
            Some(since(*commit, event.received))
        });
        let from_commit: Vec<_> = from_commit.collect();
        row(
            &format!("progress: from the commit to the receipt, {} events", from_commit.len()),
            Spread::new(from_commit),
        );
    }
    row(
        "articles written meanwhile; their credits in runs, usage and ledger",
        format!("{delivered}; {}", fleet.check_credits().await),
    );
}

/// Lets as many runs as [`MANY`] says go through every stage at once, with the delays that runs have by default; and again.
pub async fn many(binary: &str, url: Option<&str>) {
    let caps =
        [("CLUSTER", 40), ("IDEAS", 1), ("CONTENT_TASKS", 1), ("CONTENT", 1), ("IMAGE_PROMPTS", 1), ("IMAGES", 1)];
    let config = json!({ "stages": only(&[], &caps) });
    let mut fleet = Fleet::new(binary, url, MANY, &config, |api, site| keywords(api, site, 0)).await;
    row("memory before the first", mb(fleet.server.memory()));
    for time in 0..TIMES {
        if time > 0 {
            fleet.each(|api, site| keywords(api, site, time)).await;
        }
        all_at_once(&mut fleet).await;
    }
    row("credits in runs, usage and ledger", fleet.check_credits().await);
}

fn mb(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

async fn all_at_once(fleet: &mut Fleet) {
    let completed = fleet.count("state = 'COMPLETED'").await;
    let began = Instant::now();
    let total = fleet.start().await.len();
    let started = began.elapsed();
    let at_once = fleet.count("finished_at IS NULL").await;
    let mut looks = Vec::new();
    loop {
        let left = fleet.count("finished_at IS NULL").await;
        looks.push(fleet.server.memory());
        if left == 0 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{left} runs did not end");
        tokio::time::sleep(LOOK).await;
    }
    let took = began.elapsed();
    let completed = fleet.count("state = 'COMPLETED'").await - completed;
    row(&format!("{total} runs: not ended when the last was started, after {:.1} s", started.as_secs_f64()), at_once);
    row("all ended after", format!("{:.0} s, {completed} of them without an error", took.as_secs_f64()));
    let quarters: Vec<String> = (0..=4).map(|part| mb(looks[(looks.len() - 1) * part / 4])).collect();
    row("memory at 0, 25, 50, 75, 100 % of that time", quarters.join(", "));
    row("highest of all looks", mb(looks.iter().copied().max().unwrap()));
}
