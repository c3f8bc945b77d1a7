//! Runs that start by themselves, by the site's own clock.

use std::{sync::Arc, time::Duration};

use inkledger::{
    automation::model::Stage as RunStage,
    clock::{FixedClock, from_rfc3339},
    db::Engine,
};
use rstest::rstest;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use super::stage::{PATIENCE, Plan, Stage};

fn at(text: &str) -> i64 {
    from_rfc3339(&format!("{text}:00Z")).unwrap()
}

struct Timed {
    stage: Stage,
    clock: Arc<FixedClock>,
}

impl Timed {
    async fn open(engine: Engine, now: &str) -> Self {
        let clock = Arc::new(FixedClock::new(at(now)));
        let seam = clock.clone();
        let stage = Stage::with(engine, move |_, seams| {
            seams.clock = seam;
            seams.jobs.sweep = Duration::from_millis(50);
        });
        Self { stage: stage.await, clock }
    }

    async fn zone(&self, zone: &str) {
        self.stage.server.execute(&format!("UPDATE site SET time_zone = '{zone}'")).await;
    }

    /// When the next run starts, as the schedule says.
    async fn next(&self) -> i64 {
        self.stage.server.number("SELECT next_at FROM schedule").await
    }

    /// The firings so far: when due, and what became of them.
    async fn firings(&self) -> Vec<(i64, String)> {
        let sql = "SELECT due_at, outcome FROM schedule_firing ORDER BY due_at";
        let db = &self.stage.server.db;
        let rows = db.reader().query_all_raw(db.statement(sql, [])).await.unwrap();
        rows.iter().map(|row| (row.try_get("", "due_at").unwrap(), row.try_get("", "outcome").unwrap())).collect()
    }

    /// Moves the clock and waits until the schedule has been looked at, and no run is left.
    async fn go(&self, now: &str) {
        self.clock.set(at(now));
        self.until(async || self.next().await > at(now)).await;
    }

    async fn until(&self, done: impl AsyncFn() -> bool) {
        let waiting = async {
            while !done().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("nothing fired");
    }

    async fn idle(&self) {
        let open = "SELECT COUNT(*) FROM automation_run WHERE finished_at IS NULL";
        self.until(async || self.stage.server.number(open).await == 0).await;
    }
}

fn fired(times: &[&str]) -> Vec<(i64, String)> {
    times.iter().map(|time| (at(time), "fired".to_owned())).collect()
}

// REQ-B-36
#[rstest]
#[tokio::test]
async fn a_schedule_fires_once_a_day_across_both_changes_of_the_clock(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let timed = Timed::open(engine, "2026-03-27T12:00").await;
    timed.zone("Europe/Berlin").await;
    timed.stage.configure(json!({"isEnabled": true, "startTime": "02:30"})).await;
    assert_eq!(timed.next().await, at("2026-03-28T01:30"));
    for now in ["2026-03-28T01:30", "2026-03-29T01:30", "2026-03-30T00:30"] {
        timed.go(now).await;
        timed.idle().await;
    }
    // What does not exist moves forward by the gap; on the next day it is early in UTC.
    assert_eq!(timed.firings().await, fired(&["2026-03-28T01:30", "2026-03-29T01:30", "2026-03-30T00:30"]));
    timed.clock.set(at("2026-10-24T12:00"));
    timed.until(async || timed.next().await == at("2026-10-25T00:30")).await;
    timed.idle().await;
    // Half a year that was missed is one run. What is older than 90 days is forgotten.
    timed.until(async || timed.firings().await.len() == 1).await;
    assert_eq!(timed.firings().await, fired(&["2026-03-31T00:30"]));
    timed.go("2026-10-25T00:30").await;
    timed.idle().await;
    // The hour comes twice on the clock: the second time nothing fires.
    timed.clock.set(at("2026-10-25T01:45"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    timed.go("2026-10-26T01:30").await;
    timed.idle().await;
    assert_eq!(timed.firings().await[1..], fired(&["2026-10-25T00:30", "2026-10-26T01:30"]));
    let runs = timed.stage.server.number("SELECT COUNT(*) FROM automation_run WHERE cause = 'SCHEDULED'").await;
    assert_eq!(runs, 6);
    // A clock that is set back repeats nothing.
    timed.clock.set(at("2026-10-25T00:30"));
    timed.stage.server.execute(&format!("UPDATE schedule SET next_at = {}", at("2026-10-25T00:30"))).await;
    timed.until(async || timed.next().await > at("2026-10-25T00:30")).await;
    assert_eq!(timed.firings().await.len(), 3);
    timed.stage.check().await;
}

#[rstest]
#[tokio::test]
async fn a_time_that_finds_a_run_or_an_inactive_site_is_recorded_and_passed_over(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let timed = Timed::open(engine, "2026-05-01T12:00").await;
    timed.stage.configure(json!({"isEnabled": true})).await;
    let ideas = timed.stage.script.wait_for(RunStage::Ideas, 1);
    timed.stage.script.plan(ideas[0], &[Plan::Wait]);
    timed.go("2026-05-02T02:00").await;
    timed.stage.script.waits().await;
    timed.go("2026-05-03T02:00").await;
    timed.stage.script.gate.add_permits(1);
    timed.idle().await;
    timed.stage.server.execute("UPDATE site SET is_active = FALSE").await;
    timed.go("2026-05-04T02:00").await;
    timed.stage.server.execute("UPDATE site SET is_active = TRUE").await;
    timed.stage.server.execute("UPDATE account SET state = 'SUSPENDED'").await;
    timed.go("2026-05-05T02:00").await;
    let outcomes: Vec<String> = timed.firings().await.into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, ["fired", "skipped_active", "skipped_off", "skipped_off"]);
    assert_eq!(timed.stage.server.number("SELECT COUNT(*) FROM automation_run").await, 1);
    timed.stage.check().await;
}

#[rstest]
#[tokio::test]
async fn a_schedule_follows_its_site_s_zone(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let timed = Timed::open(engine, "2026-05-01T12:00").await;
    let config: Value = timed.stage.configure(json!({"isEnabled": true})).await;
    assert_eq!(config["nextRunAt"], "2026-05-02T02:00:00.000000Z");
    timed.zone("Asia/Kolkata").await;
    timed.until(async || timed.next().await == at("2026-05-01T20:30")).await;
    assert_eq!(timed.firings().await, []);
    timed.stage.configure(json!({"isEnabled": false})).await;
    timed.clock.set(at("2026-05-03T00:00"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(timed.firings().await, []);
}
