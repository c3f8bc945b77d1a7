//! Runs that are paused, resumed and cancelled at random moments, at a provider that fails, stalls and lies at random.
//!
//! `INKLEDGER_TEST_RACES` is how many runs there are, over both databases; 48 when it is not set.
//! `INKLEDGER_TEST_RACES_SEED` repeats them. `INKLEDGER_TEST_RACES_RESULTS` names a file to which results are appended;
//! what it holds is not run again.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use inkledger::{
    ai::{
        model::GateRules,
        provider::{FailureCode, Timeouts, sandbox::Step},
    },
    clock::{Clock as _, SECOND, SystemClock},
    db::Engine,
};
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    provider::{Meets, tokens},
    records::rows,
    runner::{Runner, STAGES},
};
use crate::{
    automation::stage::PATIENCE,
    support::content::{literal, uuid_of},
};

/// Runs of one server, so that a session outlives them.
const AT_ONCE: u64 = 250;

/// Sites whose runs go side by side; the first has one item in flight, the last four.
const LANES: u64 = 4;

const GRANTED: i64 = 1_000_000;

/// A small generator of the test's own.
#[derive(Clone)]
struct Dice(Arc<Mutex<u64>>);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    fn below(&self, end: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    async fn rest(&self, milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(self.below(milliseconds))).await;
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What was met, by its name.
type Met = Arc<Mutex<BTreeMap<String, u64>>>;

struct Races {
    runner: Runner,
    dice: Dice,
    met: Met,
}

impl Races {
    async fn open(engine: Engine, seed: u64) -> Self {
        let runner = Runner::priced_with(engine, GRANTED, |_, seams| {
            // Nothing but a test's own rule keeps a request from its model here.
            seams.ai.breaker = GateRules { failures: 1_000_000, open_first: SECOND, open_max: SECOND };
            seams.ai.text_timeouts = Timeouts { total: Duration::from_millis(300), ..Timeouts::text() };
            seams.ai.cancel_grace = Duration::from_millis(50);
        });
        let runner = runner.await;
        let dice = Dice::new(seed);
        let calls = Dice::new(seed ^ 0xABCD);
        runner.provider.rule(move |_| match calls.below(100) {
            0..5 => Meets::Step(Step::fail(FailureCode::ServiceUnavailable)),
            5..8 => Meets::Step(Step::fail(FailureCode::ContentRefused)),
            8..11 => Meets::Step(Step::Corrupt),
            11..13 => Meets::Step(Step::Hang { billed: false }),
            13..50 => Meets::Step(Step::Delay(Duration::from_millis(calls.below(25)))),
            _ => tokens(500, 500),
        });
        Self { runner, dice, met: Met::default() }
    }

    fn meet(&self, what: &str) {
        *self.met.lock().unwrap().entry(what.to_owned()).or_default() += 1;
    }

    async fn count(&self, sql: &str, run: &str) -> i64 {
        let id = literal(&self.runner.server.db, uuid_of(&json!(run)));
        self.runner.server.number(&sql.replace("$run", &id)).await
    }

    /// How many requests of a run were marked as sent.
    async fn sent(&self, run: &str) -> i64 {
        let sql = "SELECT COUNT(*) FROM ai_attempt a JOIN ai_task t ON t.id = a.ai_task_id \
                   WHERE t.run_id = $run AND a.sent_at IS NOT NULL";
        self.count(sql, run).await
    }

    async fn lane(&self, lane: u64, runs: u64) {
        let site = self.site(lane).await;
        for no in 0..runs {
            for at in 0..=self.dice.below(3) {
                let title = format!("Tent {lane}-{no}-{at}");
                let input = json!({"siteId": site, "title": title, "keywords": ["tent"], "targetWords": 50});
                self.runner.act("createContentTask", "contentTask { id }", input).await;
            }
            let key = format!("lane-{lane}-run-{no}");
            if tokio::time::timeout(PATIENCE, self.race(&site, &key)).await.is_err() {
                panic!("the run of {key} did not end: {}", self.work().await.join("\n"));
            }
        }
    }

    /// What is at work: runs, their jobs, their items and requests.
    async fn work(&self) -> Vec<String> {
        let db = &self.runner.server.db;
        let mut all = vec![SystemClock.now().to_string()];
        for (columns, rest) in [
            (&["state", "desired", "fence", "event_seq", "updated_at"][..], "automation_run WHERE finished_at IS NULL"),
            (
                &[
                    "kind",
                    "lane",
                    "state",
                    "ready_at",
                    "lease_until",
                    "attempts",
                    "crashes",
                    "error_code",
                    "error_detail",
                ],
                "job WHERE state IN ('ready', 'running', 'failed', 'dead')",
            ),
            (&["stage", "position", "state", "started_at"], "automation_item WHERE state = 'RUNNING'"),
            (
                &["state", "attempt_no", "sent_at", "created_at"],
                "ai_attempt WHERE state IN ('prepared', 'sent', 'unknown')",
            ),
            (&["lane", "running", "cap"], "job_quota"),
        ] {
            let found = rows(db, columns, rest).await;
            all.extend(found.into_iter().map(|line| format!("{rest}: {line}")));
        }
        all
    }

    async fn site(&self, lane: u64) -> Value {
        let account = &self.runner.owner.account;
        let input =
            json!({"accountId": account, "name": format!("Lane {lane}"), "domain": format!("lane{lane}.example")});
        let site = self.runner.act("createSite", "site { id }", input).await["site"]["id"].clone();
        let setting = |name: &&str| json!({"stage": name, "isEnabled": *name == "CONTENT"});
        let input = json!({
            "siteId": site, "expectedVersion": 0, "stages": STAGES.iter().map(setting).collect::<Vec<_>>(),
            "itemDelaySeconds": 0, "stageDelaySeconds": 0, "itemsInFlight": 1 + lane,
        });
        let done = self.runner.act("updateAutomationConfig", "config { version }", input).await;
        assert_eq!(done["userErrors"], json!([]), "{done}");
        site
    }

    /// One run, from its start to its end, with what it is told on the way.
    async fn race(&self, site: &Value, key: &str) {
        let input = json!({"siteId": site, "idempotencyKey": key});
        let started = self.runner.act("startAutomationRun", "run { id }", input).await;
        let run = started["run"]["id"].as_str().unwrap_or_else(|| panic!("{started}")).to_owned();
        // Requests sent when it was last told to stop: there are to be no more until it is told to go on.
        let mut stopped: Option<i64> = None;
        let mut is_cancelled = false;
        for no in 0..1 + self.dice.below(5) {
            self.dice.rest(40).await;
            let command =
                ["pause", "pause", "resume", "resume", "cancel"][usize::try_from(self.dice.below(5)).unwrap()];
            if let Some(before) = stopped {
                assert_eq!(self.sent(&run).await, before, "a request left after a stop: {run}");
            }
            let answer = self.runner.command(command, &run, &format!("{key}-{command}-{no}")).await;
            let state = answer["run"]["state"].as_str().unwrap_or("refused");
            self.meet(&format!("{command}: {state}"));
            match state {
                "PAUSING" | "PAUSED" | "CANCELLING" | "CANCELLED" if stopped.is_none() => {
                    stopped = Some(self.sent(&run).await);
                }
                "RUNNING" => stopped = None,
                _ => {}
            }
            is_cancelled |= command == "cancel" && state.starts_with("CANCEL");
        }
        let state = self.end(&run, key, stopped).await;
        self.meet(&state);
        assert!(!is_cancelled || state == "CANCELLED", "{state}");
        self.is_whole(&run).await;
    }

    /// Brings a run to its end, and says which.
    async fn end(&self, run: &str, key: &str, mut stopped: Option<i64>) -> String {
        for no in 0.. {
            let found = self.runner.run(run).await;
            let state = found["state"].as_str().unwrap().to_owned();
            if !found["finishedAt"].is_null() {
                if let Some(before) = stopped {
                    assert_eq!(self.sent(run).await, before, "a request left after a stop: {run}");
                }
                return state;
            }
            if state == "PAUSED" {
                if let Some(before) = stopped.take() {
                    assert_eq!(self.sent(run).await, before, "a request left after a stop: {run}");
                }
                let command = if self.dice.below(3) == 0 { "cancel" } else { "resume" };
                self.runner.command(command, run, &format!("{key}-last-{no}")).await;
            }
            self.dice.rest(20).await;
        }
        unreachable!("the loop has no other end");
    }

    /// Nothing is open behind a run that has ended, and its figures are those of its work.
    async fn is_whole(&self, run: &str) {
        for (what, sql) in [
            ("a hold is open", "SELECT COUNT(*) FROM credit_hold WHERE run_id = $run AND state = 'held'"),
            ("an item is in flight", "SELECT COUNT(*) FROM automation_item WHERE run_id = $run AND state = 'RUNNING'"),
            ("its task goes on", "SELECT COUNT(*) FROM ai_task WHERE run_id = $run AND finished_at IS NULL"),
            (
                "it has two tasks",
                "SELECT COUNT(*) FROM (SELECT stage FROM ai_task WHERE run_id = $run GROUP BY stage HAVING COUNT(*) > 1) d",
            ),
            (
                "an attempt is open",
                "SELECT COUNT(*) FROM ai_attempt a JOIN ai_task t ON t.id = a.ai_task_id \
                 WHERE t.run_id = $run AND a.state IN ('prepared', 'sent', 'unknown')",
            ),
            (
                "its credits are not those of its usage",
                "SELECT r.credits_used - (SELECT COALESCE(CAST(SUM(u.credits) AS bigint), 0) FROM credit_usage u \
                 JOIN ai_task t ON t.id = u.ai_task_id WHERE t.run_id = r.id) FROM automation_run r WHERE r.id = $run",
            ),
            ("credits are committed", "SELECT credits_committed - credits_used FROM automation_run WHERE id = $run"),
            (
                "it drained more or less often than it stopped",
                "SELECT COUNT(*) - (SELECT COUNT(*) FROM run_event e WHERE e.subject_id = $run AND e.kind = 'STATE' AND \
                 (e.payload LIKE '%\"PAUSED\"%' OR e.payload LIKE '%\"CANCELLED\"%' OR e.payload LIKE '%\"FAILED\"%')) \
                 FROM run_event WHERE subject_id = $run AND kind = 'DRAINED'",
            ),
        ] {
            assert_eq!(self.count(sql, run).await, 0, "{what}: {run}");
        }
    }
}

async fn races(engine: Engine, runs: u64, seed: u64) -> (BTreeMap<String, u64>, String) {
    let races = Races::open(engine, seed).await;
    join_all((0..LANES).map(|lane| Box::pin(races.lane(lane, runs.div_ceil(LANES))))).await;
    let server = &races.runner.server;
    // Every article was charged once, and no content task has two.
    let charged = server.number("SELECT COUNT(*) FROM credit_usage").await;
    assert_eq!(server.number("SELECT COUNT(*) FROM content").await, charged);
    assert_eq!(server.number("SELECT COUNT(DISTINCT content_task_id) FROM content").await, charged);
    assert_eq!(
        races.runner.states("content_task").await.get("COMPLETED").copied().unwrap_or(0),
        usize::try_from(charged).unwrap()
    );
    // What the provider saw is on our lists, each request once.
    let books = races.runner.provider.calls();
    let sent = server.number("SELECT COUNT(*) FROM ai_attempt WHERE sent_at IS NOT NULL").await;
    assert!(i64::try_from(books.len()).unwrap() <= sent, "{} calls and {sent} requests", books.len());
    let mut keys: Vec<&str> = books.iter().map(|line| line.request_key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), books.len(), "a request was sent twice");
    races.runner.check_all().await;
    let met = races.met.lock().unwrap().clone();
    let line = format!("{engine:?}, seed {seed}, {runs} runs: {} calls, {charged} articles, {met:?}", books.len());
    if let Some(path) = results() {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{line}").unwrap();
    }
    (met, line)
}

fn results() -> Option<String> {
    std::env::var("INKLEDGER_TEST_RACES_RESULTS").ok().filter(|path| !path.is_empty())
}

fn is_recorded(engine: Engine, runs: u64, seed: u64) -> bool {
    let recorded = results().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    let head = format!("{engine:?}, seed {seed}, {runs} runs: ");
    recorded.lines().any(|line| line.starts_with(&head))
}

// REQ-B-25, REQ-B-26, REQ-B-27, REQ-B-28
#[rstest]
#[tokio::test]
async fn a_run_told_to_stop_at_any_moment_sends_nothing_more_and_ends_whole(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let all = setting("INKLEDGER_TEST_RACES", 48) / 2;
    let seed = setting("INKLEDGER_TEST_RACES_SEED", 20_261_122);
    let mut met: BTreeMap<String, u64> = BTreeMap::new();
    for first in (0..all).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let (runs, seed) = (AT_ONCE.min(all - first), seed + first);
        if is_recorded(engine, runs, seed) {
            continue;
        }
        let (found, line) = Box::pin(races(engine, runs, seed)).await;
        println!("{line}");
        for (what, count) in found {
            *met.entry(what).or_default() += count;
        }
    }
    if met.is_empty() {
        return;
    }
    for what in ["cancel: CANCELLING", "pause: PAUSING", "CANCELLED"] {
        assert!(met.contains_key(what), "no {what} in {met:?}");
    }
}
