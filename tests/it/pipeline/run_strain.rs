//! Runs under strain: an account that is suspended, a deadline that passes and a worker that is stale while an item is in
//! flight, and the rule of work that nothing is sent after a cancel.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use inkledger::{
    ai::provider::{FailureCode, sandbox::Step},
    automation::points::{FailPoints, Point},
    db::Engine,
    doctor::{records::Verdict, work::audit_work},
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{
    provider::{Meets, tokens},
    runner::Runner,
};
use crate::automation::stage::{PATIENCE, code};

/// How long the provider asks to wait: longer than any test does.
const WAIT: Duration = Duration::from_secs(600);

/// A run of two articles of which the first is held and waits to be tried again.
async fn with_a_waiting_article(engine: Engine) -> (Runner, String) {
    let runner = Runner::priced_with(engine, 100, |_, seams| seams.ai.throttle_max = WAIT).await;
    runner.content_tasks(&["Tent one", "Tent two"]).await;
    runner.only(&["CONTENT"], json!({})).await;
    runner.provider.rule(|request| match request.no {
        1 => Meets::Step(Step::Fail { code: FailureCode::RateLimited, retry_after: Some(WAIT) }),
        _ => tokens(1000, 1000),
    });
    let run = runner.started("start-key-1").await;
    let waits = "SELECT COUNT(*) FROM job WHERE kind = 'automation.run' AND state = 'ready' AND attempts = 0 AND EXISTS \
                 (SELECT 1 FROM ai_attempt WHERE finished_at IS NOT NULL)";
    until("the article waits", async || runner.server.number(waits).await == 1).await;
    assert!(runner.server.balance(&runner.owner).await.1 > 0, "it is held");
    (runner, run)
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}: not in time"));
}

/// Nothing was charged, nothing is held, nothing more was asked, and both articles wait as they did.
async fn was_given_back(runner: &Runner, run: &Value) {
    assert_eq!((&run["creditsUsed"], &run["creditsHeld"]), (&json!(0), &json!(0)), "{run}");
    assert_eq!(runner.provider.calls().len(), 1);
    assert_eq!(runner.states("content_task").await.get("QUEUED"), Some(&2));
    runner.check_all().await;
}

// Section 6: runs of a suspended account pause. What waits to be tried again holds nothing for that long.
#[rstest]
#[tokio::test]
async fn what_waits_to_be_tried_again_is_given_back_when_its_account_is_suspended(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (runner, run) = with_a_waiting_article(engine).await;
    runner.server.execute("UPDATE account SET state = 'SUSPENDED'").await;
    let paused = runner.reaches(&run, "PAUSED").await;
    assert_eq!(paused["pauseReason"], "ACCOUNT_SUSPENDED");
    was_given_back(&runner, &paused).await;
    runner.server.execute("UPDATE account SET state = 'ACTIVE'").await;
    runner.command("resume", &run, "resume-key-1").await;
    assert_eq!(runner.reaches(&run, "COMPLETED").await["stages"][3]["succeeded"], 2);
    runner.check_all().await;
}

// Section 6: nothing is done for a site that is not in use, and so nothing goes on.
#[rstest]
#[tokio::test]
async fn a_run_stops_when_its_site_is_taken_out_of_use(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (runner, run) = with_a_waiting_article(engine).await;
    let turn = async |is_active: bool, version: i64| {
        let input = json!({"siteId": runner.site, "expectedVersion": version, "isActive": is_active});
        let done = runner.act("updateSite", "site { isActive }", input).await;
        assert_eq!(done["site"]["isActive"], is_active, "{done}");
    };
    turn(false, 1).await;
    let paused = runner.reaches(&run, "PAUSED").await;
    assert_eq!((&paused["pauseReason"], runner.messages().await.len()), (&json!("USER"), 0));
    was_given_back(&runner, &paused).await;
    assert_eq!(code(&runner.command("resume", &run, "resume-key-1").await), "SITE_INACTIVE");
    turn(true, 2).await;
    runner.command("resume", &run, "resume-key-2").await;
    assert_eq!(runner.reaches(&run, "COMPLETED").await["stages"][3]["succeeded"], 2);
    runner.check_all().await;
}

// Section 6: past the longest active time a run drains, and fails.
#[rstest]
#[tokio::test]
async fn what_waits_to_be_tried_again_is_given_back_when_its_run_is_overdue(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (runner, run) = with_a_waiting_article(engine).await;
    runner.server.execute("UPDATE automation_run SET active_us = 90000000000").await;
    runner.server.execute("UPDATE job SET ready_at = 0 WHERE state = 'ready'").await;
    let failed = runner.reaches(&run, "FAILED").await;
    assert_eq!(failed["error"]["code"], "RUN_DEADLINE");
    was_given_back(&runner, &failed).await;
}

// A run ends, whatever happens: one that fails before it holds anything is given up like any other.
#[rstest]
#[tokio::test]
async fn a_run_that_cannot_begin_its_next_article_is_given_up(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let runner = Runner::priced(engine, 100).await;
    runner.content_tasks(&["Tent one"]).await;
    runner.only(&["CONTENT"], json!({})).await;
    runner.server.execute("UPDATE content_task SET keywords = 'what nobody can read'").await;
    let run = runner.started("start-key-1").await;
    until("it is given up", async || {
        runner.server.execute("UPDATE job SET ready_at = 0 WHERE state = 'ready'").await;
        runner.run(&run).await["state"] == "FAILED"
    })
    .await;
    assert_eq!(runner.run(&run).await["error"]["code"], "INTERNAL");
    assert_eq!(runner.messages().await, ["Automation failed: an internal fault stopped the work"]);
    runner.check_all().await;
}

/// Holds the turn that passes `Taken` as the `nth`, and counts the waves that end.
struct Stall {
    nth: usize,
    taken: Mutex<usize>,
    stalled: Semaphore,
    gate: Semaphore,
    ended: Semaphore,
}

impl Stall {
    fn at(nth: usize) -> Arc<Self> {
        let none = || Semaphore::new(0);
        Arc::new(Self { nth, taken: Mutex::new(0), stalled: none(), gate: none(), ended: none() })
    }

    fn is_hit(&self) -> bool {
        let mut taken = self.taken.lock().unwrap();
        *taken += 1;
        *taken == self.nth
    }

    async fn counts(&self, of: &Semaphore, count: u32) {
        tokio::time::timeout(PATIENCE, of.acquire_many(count)).await.expect("not in time").unwrap().forget();
    }
}

impl FailPoints for Stall {
    fn reach(&self, point: Point) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            match point {
                Point::Taken if self.is_hit() => {
                    self.stalled.add_permits(1);
                    self.gate.acquire().await.unwrap().forget();
                }
                Point::Ended => self.ended.add_permits(1),
                _ => {}
            }
        })
    }
}

// REQ-B-34: the AI task of a stage is the run's too. One who took an item before the pause, and does not know that the
// run went on without it, does not wake the task of the paused run.
#[rstest]
#[tokio::test]
async fn a_stale_worker_does_not_wake_the_task_of_a_paused_run(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stall = Stall::at(2);
    let seam = stall.clone();
    let runner = Runner::priced_with(engine, 100, |_, seams| {
        // Its heartbeat never beats: it is frozen, and does not know it.
        seams.jobs.heartbeat = Duration::from_secs(3600);
        seams.automation_points = seam;
    });
    let runner = runner.await;
    runner.content_tasks(&["Tent one", "Tent two"]).await;
    runner.only(&["CONTENT"], json!({})).await;
    runner.provider.rule(|_| tokens(1000, 1000));
    let run = runner.started("start-key-1").await;
    stall.counts(&stall.stalled, 1).await;
    assert_eq!(runner.command("pause", &run, "pause-key-1").await["run"]["state"], "PAUSING");
    runner.server.execute("UPDATE job SET lease_until = 1 WHERE state = 'running'").await;
    runner.reaches(&run, "PAUSED").await;
    stall.gate.add_permits(1);
    // Its first wave, that of the other worker, and its second one.
    stall.counts(&stall.ended, 3).await;
    assert_eq!(runner.ai_tasks(&run, "status").await, [json!({"status": "PAUSED"})]);
    assert_eq!(runner.provider.calls().len(), 1);
    assert_eq!(runner.server.balance(&runner.owner).await.1, 0);
    runner.command("resume", &run, "resume-key-1").await;
    assert_eq!(runner.reaches(&run, "COMPLETED").await["stages"][3]["succeeded"], 2);
    runner.check_all().await;
}

/// The rules of work that are broken, by their codes.
async fn broken(runner: &Runner) -> Vec<String> {
    let report = audit_work(&runner.server.db).await.unwrap();
    let broken = report.findings.iter().filter(|finding| finding.verdict == Verdict::Fail);
    broken.map(|finding| finding.title.split(' ').next().unwrap().to_owned()).collect()
}

/// A run with an article at the provider.
async fn at_the_provider(engine: Engine) -> (Runner, String) {
    let runner = Runner::priced(engine, 100).await;
    runner.content_tasks(&["Tent one"]).await;
    runner.only(&["CONTENT"], json!({})).await;
    runner.provider.rule(|_| Meets::Gate(Step::Ok));
    let run = runner.started("start-key-1").await;
    runner.provider.waits(1).await;
    (runner, run)
}

// REQ-B-28, R9: of a run as of a task of its own.
#[rstest]
#[tokio::test]
async fn the_rules_find_a_request_that_was_sent_after_its_run_was_cancelled(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(false, true)] is_paused: bool,
) {
    let (runner, run) = at_the_provider(engine).await;
    if is_paused {
        runner.command("pause", &run, "pause-key-1").await;
        runner.provider.lets(1);
        runner.reaches(&run, "PAUSED").await;
    }
    runner.command("cancel", &run, "cancel-key-1").await;
    if !is_paused {
        runner.provider.lets(1);
    }
    runner.reaches(&run, "CANCELLED").await;
    assert_eq!(broken(&runner).await, [] as [String; 0]);
    let late = "UPDATE ai_attempt SET sent_at = 1 + (SELECT MAX(at) FROM run_event WHERE kind = 'STATE' \
                AND subject_kind = 'automation_run')";
    runner.server.execute(late).await;
    assert_eq!(broken(&runner).await, ["R9"]);
}

// The clock of a worker may be ahead of that of the process that takes the cancel: what it sent before still is before.
#[rstest]
#[tokio::test]
async fn a_cancel_is_never_told_as_earlier_than_what_was_sent_before_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (runner, run) = at_the_provider(engine).await;
    runner.server.execute("UPDATE ai_attempt SET sent_at = sent_at + 5000000").await;
    assert_eq!(runner.command("cancel", &run, "cancel-key-1").await["run"]["state"], "CANCELLING");
    runner.provider.lets(1);
    runner.reaches(&run, "CANCELLED").await;
    assert_eq!(broken(&runner).await, [] as [String; 0]);
}
