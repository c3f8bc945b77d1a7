//! Runs at work that are paused, resumed and cancelled: what is in flight then, what it costs, and what never begins.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use inkledger::{
    ai::{
        points::{FailPoints, Point},
        provider::{FailureCode, TokenUsage, sandbox::Step},
    },
    db::Engine,
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{
    provider::{Meets, tokens},
    runner::Runner,
};
use crate::automation::stage::{PATIENCE, code, statuses};

const TITLES: [&str; 6] = ["Tent one", "Tent two", "Tent three", "Tent four", "Tent five", "Tent six"];

/// A site with `count` articles to be written, for two credits each.
async fn writing(engine: Engine, count: usize, more: Value) -> Runner {
    with_grace(engine, (count, Duration::from_secs(20)), more).await
}

async fn with_grace(engine: Engine, (count, grace): (usize, Duration), more: Value) -> Runner {
    let runner = Runner::priced_with(engine, 100, |_, seams| seams.ai.cancel_grace = grace).await;
    runner.content_tasks(&TITLES[..count]).await;
    runner.only(&["CONTENT"], more).await;
    runner
}

/// The titles that were asked for, in order.
fn asked(runner: &Runner) -> Vec<String> {
    runner.provider.calls().iter().map(|line| line.title().to_owned()).collect()
}

fn states(all: &[(&str, usize)]) -> HashMap<String, usize> {
    all.iter().map(|(state, count)| ((*state).to_owned(), *count)).collect()
}

/// The run's events that follow its last item.
async fn last_events(runner: &Runner, count: usize) -> Vec<String> {
    let events = runner.events().await;
    events[events.len() - count..].to_vec()
}

async fn is_drained_once(runner: &Runner, times: usize) {
    assert_eq!(runner.events().await.iter().filter(|event| *event == "DRAINED").count(), times);
    assert_eq!(runner.server.number("SELECT COUNT(*) FROM credit_hold WHERE state = 'held'").await, 0);
}

/// What became of the articles: the stage of the run and its AI task, which tell the same.
async fn told(runner: &Runner, run: &str) -> Value {
    let fields = "status itemsTotal itemsDelivered itemsFailed creditsUsed";
    let tasks = runner.ai_tasks(run, fields).await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    tasks[0].clone()
}

// REQ-B-25, REQ-B-26, REQ-B-27
#[rstest]
#[tokio::test]
async fn a_paused_run_finishes_the_article_in_flight_and_repeats_nothing_afterwards(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let runner = writing(engine, 3, json!({})).await;
    runner.provider.rule(|request| if request.no == 2 { Meets::Gate(Step::Ok) } else { tokens(1000, 1000) });
    let run = runner.started("start-key-1").await;
    runner.provider.waits(1).await;
    let pausing = runner.command("pause", &run, "pause-key-1").await;
    assert_eq!((&pausing["run"]["state"], &pausing["run"]["pauseReason"]), (&json!("PAUSING"), &json!("USER")));
    // What it holds is what the account has held.
    let (_, held) = runner.server.balance(&runner.owner).await;
    assert!(held > 0);
    assert_eq!(runner.run(&run).await["creditsHeld"], held);
    runner.provider.lets(1);
    let paused = runner.reaches(&run, "PAUSED").await;
    assert_eq!(statuses(&paused)[3], "PAUSED");
    assert_eq!((&paused["stages"][3]["succeeded"], &paused["stages"][3]["remaining"]), (&json!(2), &json!(1)));
    assert_eq!((&paused["creditsHeld"], runner.provider.calls().len()), (&json!(0), 2));
    assert_eq!(last_events(&runner, 4).await, ["ITEM", "STAGE", "PAUSED", "DRAINED"]);
    is_drained_once(&runner, 1).await;
    let task = told(&runner, &run).await;
    assert_eq!((&task["status"], &task["itemsDelivered"]), (&json!("PAUSED"), &json!(2)), "{task}");
    assert_eq!(task["creditsUsed"], paused["creditsUsed"]);
    assert_eq!(runner.states("content_task").await, states(&[("COMPLETED", 2), ("QUEUED", 1)]));
    assert_eq!(runner.task_messages().await, [] as [String; 0], "its own comes when it ends");
    runner.check_all().await;
    runner.command("resume", &run, "resume-key-1").await;
    let done = runner.reaches(&run, "COMPLETED").await;
    assert_eq!((&done["stages"][3]["succeeded"], &done["stages"][3]["total"]), (&json!(3), &json!(3)));
    assert_eq!(asked(&runner), TITLES[..3], "each once, in order");
    assert_eq!(runner.server.number("SELECT COUNT(*) FROM ai_task").await, 1);
    let task = told(&runner, &run).await;
    assert_eq!((&task["status"], &task["itemsTotal"]), (&json!("SUCCESS"), &json!(3)), "{task}");
    let credits = &done["creditsUsed"];
    assert_eq!(runner.task_messages().await, [format!("Generated 3 articles using {credits} credits")]);
    is_drained_once(&runner, 1).await;
    runner.check_all().await;
}

// REQ-B-25, REQ-B-26
#[rstest]
#[tokio::test]
async fn four_in_flight_all_end_before_the_run_is_paused(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let runner = writing(engine, 6, json!({"itemsInFlight": 4})).await;
    runner.provider.rule(|request| if request.no <= 4 { Meets::Gate(Step::Ok) } else { tokens(1000, 1000) });
    let run = runner.started("start-key-1").await;
    runner.provider.waits(4).await;
    let (_, held) = runner.server.balance(&runner.owner).await;
    let holds = runner.server.number("SELECT COUNT(*) FROM credit_hold WHERE state = 'held'").await;
    assert_eq!((&runner.run(&run).await["creditsHeld"], holds), (&json!(held), 4), "a hold each");
    runner.command("pause", &run, "pause-key-1").await;
    // Three have ended: the run waits for the fourth.
    runner.provider.lets(3);
    while runner.run(&run).await["stages"][3]["succeeded"] != 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(runner.run(&run).await["state"], "PAUSING");
    assert!(!runner.events().await.contains(&"DRAINED".to_owned()));
    runner.provider.lets(1);
    let paused = runner.reaches(&run, "PAUSED").await;
    assert_eq!((&paused["stages"][3]["succeeded"], runner.provider.calls().len()), (&json!(4), 4));
    is_drained_once(&runner, 1).await;
    runner.check_all().await;
    runner.command("resume", &run, "resume-key-1").await;
    let done = runner.reaches(&run, "COMPLETED").await;
    assert_eq!(done["stages"][3]["succeeded"], 6);
    let mut titles = asked(&runner);
    titles.sort();
    let mut expected = TITLES.to_vec();
    expected.sort_unstable();
    assert_eq!(titles, expected, "each once");
    assert_eq!(told(&runner, &run).await["itemsDelivered"], 6);
    runner.check_all().await;
}

// REQ-B-28: what was sent before the acknowledgement may end; it is saved and charged, and nothing else is sent.
#[rstest]
#[tokio::test]
async fn a_cancelled_run_keeps_what_answers_in_time(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let runner = writing(engine, 5, json!({"itemsInFlight": 2})).await;
    runner.provider.rule(|request| if request.no > 2 { Meets::Gate(Step::Ok) } else { tokens(1000, 1000) });
    let run = runner.started("start-key-1").await;
    runner.provider.waits(2).await;
    let cancelling = runner.command("cancel", &run, "cancel-key-1").await;
    assert_eq!(cancelling["run"]["state"], "CANCELLING");
    runner.provider.lets(2);
    let cancelled = runner.reaches(&run, "CANCELLED").await;
    assert_eq!((&cancelled["stages"][3]["succeeded"], runner.provider.calls().len()), (&json!(4), 4));
    let credits = &cancelled["creditsUsed"];
    assert_eq!(last_events(&runner, 5).await, ["ITEM", "STAGE", "CANCELLED", "DRAINED", "FINISHED"]);
    is_drained_once(&runner, 1).await;
    let task = told(&runner, &run).await;
    assert_eq!((&task["status"], &task["itemsDelivered"]), (&json!("CANCELLED"), &json!(4)), "{task}");
    assert_eq!(
        runner.task_messages().await,
        [format!("Generated 4 articles using {credits} credits before cancellation")]
    );
    assert_eq!(runner.messages().await, [format!("Automation cancelled after 4 items using {credits} credits")]);
    assert_eq!(runner.states("content_task").await, states(&[("COMPLETED", 4), ("QUEUED", 1)]));
    nothing_was_sent_after_the_cancel(&runner).await;
    runner.check_all().await;
}

/// No attempt was marked as sent after the run's own word that it is cancelled.
async fn nothing_was_sent_after_the_cancel(runner: &Runner) {
    let late = "SELECT COUNT(*) FROM ai_attempt a JOIN ai_task t ON t.id = a.ai_task_id JOIN run_event e \
                ON e.subject_kind = 'automation_run' AND e.subject_id = t.run_id AND e.kind = 'STATE' \
                WHERE e.payload LIKE '%CANCELLING%' AND a.sent_at > e.at";
    assert_eq!(runner.server.number(late).await, 0);
}

// REQ-B-28: what does not answer in time is aborted and costs nothing.
#[rstest]
#[tokio::test]
async fn a_cancelled_run_aborts_what_does_not_answer(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let runner = with_grace(engine, (4, Duration::from_millis(100)), json!({"itemsInFlight": 3})).await;
    runner.provider.rule(|_| Meets::Gate(Step::Ok));
    let run = runner.started("start-key-1").await;
    runner.provider.waits(3).await;
    runner.command("cancel", &run, "cancel-key-1").await;
    let cancelled = runner.reaches(&run, "CANCELLED").await;
    assert_eq!((&cancelled["creditsUsed"], &cancelled["stages"][3]["processed"]), (&json!(0), &json!(0)));
    assert_eq!(statuses(&cancelled)[3], "SKIPPED");
    assert_eq!(runner.states("content_task").await, states(&[("QUEUED", 4)]), "they wait as they did");
    assert_eq!(told(&runner, &run).await["status"], "CANCELLED");
    assert_eq!(runner.task_messages().await, ["Generated 0 articles using 0 credits before cancellation"]);
    assert_eq!(runner.messages().await, ["Automation cancelled after 0 items using 0 credits"]);
    is_drained_once(&runner, 1).await;
    nothing_was_sent_after_the_cancel(&runner).await;
    runner.check_all().await;
    // What waits again is written by the next run.
    runner.provider.rule(|_| tokens(1000, 1000));
    let next = runner.started("start-key-2").await;
    assert_eq!(runner.reaches(&next, "COMPLETED").await["stages"][3]["succeeded"], 4);
    runner.check_all().await;
}

// REQ-B-28: what an aborted call had used is charged, and the article waits as it did.
#[rstest]
#[tokio::test]
async fn a_cancelled_run_pays_for_what_an_aborted_call_reports(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let runner = with_grace(engine, (2, Duration::from_millis(100)), json!({})).await;
    runner.provider.rule(|_| Meets::Withdrawn(TokenUsage { input: 300, output: 900 }));
    let run = runner.started("start-key-1").await;
    runner.provider.waits(1).await;
    runner.command("cancel", &run, "cancel-key-1").await;
    let cancelled = runner.reaches(&run, "CANCELLED").await;
    let stage = &cancelled["stages"][3];
    assert_eq!((&cancelled["creditsUsed"], &stage["creditsUsed"]), (&json!(2), &json!(2)), "{cancelled}");
    assert_eq!((&stage["succeeded"], &stage["failed"]), (&json!(0), &json!(0)), "{stage}");
    let task = told(&runner, &run).await;
    assert_eq!((&task["status"], &task["creditsUsed"]), (&json!("CANCELLED"), &json!(2)), "{task}");
    assert_eq!(runner.task_messages().await, ["Generated 0 articles using 2 credits before cancellation"]);
    assert_eq!(runner.states("content_task").await, states(&[("QUEUED", 2)]));
    is_drained_once(&runner, 1).await;
    runner.check_all().await;
}

/// Holds every request up that is about to leave.
struct Brink {
    came: Semaphore,
    goes: Semaphore,
}

impl FailPoints for Brink {
    fn reach(&self, point: Point) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if point == Point::Prepared {
                self.came.add_permits(1);
                self.goes.acquire().await.unwrap().forget();
            }
        })
    }
}

// REQ-B-25, REQ-B-28: what was held, and not sent, before the acknowledgement does not leave after it.
#[rstest]
#[tokio::test]
async fn a_request_that_is_about_to_leave_stays(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(("pause", "PAUSED"), ("cancel", "CANCELLED"))] (command, state): (&str, &str),
) {
    let brink = Arc::new(Brink { came: Semaphore::new(0), goes: Semaphore::new(0) });
    let seam = brink.clone();
    let runner = Runner::priced_with(engine, 100, |_, seams| seams.ai_points = seam).await;
    runner.content_tasks(&TITLES[..1]).await;
    runner.only(&["CONTENT"], json!({})).await;
    runner.provider.rule(|_| tokens(1000, 1000));
    let run = runner.started("start-key-1").await;
    tokio::time::timeout(PATIENCE, brink.came.acquire()).await.expect("nothing is about to leave").unwrap().forget();
    runner.command(command, &run, "command-key-1").await;
    brink.goes.add_permits(2);
    let stopped = runner.reaches(&run, state).await;
    assert_eq!((&stopped["creditsUsed"], &stopped["creditsHeld"]), (&json!(0), &json!(0)));
    assert_eq!(runner.provider.calls(), []);
    assert_eq!(runner.server.number("SELECT COUNT(*) FROM ai_attempt WHERE sent_at IS NOT NULL").await, 0);
    assert_eq!(runner.states("content_task").await, states(&[("QUEUED", 1)]));
    is_drained_once(&runner, 1).await;
    runner.check_all().await;
    let next = if command == "pause" {
        runner.command("resume", &run, "resume-key-1").await;
        run
    } else {
        runner.started("start-key-2").await
    };
    assert_eq!(runner.reaches(&next, "COMPLETED").await["creditsUsed"], 2);
    runner.check_all().await;
}

// REQ-B-28
#[rstest]
#[tokio::test]
async fn a_paused_run_is_cancelled_at_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let runner = writing(engine, 2, json!({})).await;
    runner.provider.rule(|_| Meets::Gate(Step::Ok));
    let run = runner.started("start-key-1").await;
    runner.provider.waits(1).await;
    runner.command("pause", &run, "pause-key-1").await;
    runner.provider.lets(1);
    let paused = runner.reaches(&run, "PAUSED").await;
    let cancelled = runner.command("cancel", &run, "cancel-key-1").await;
    assert_eq!(cancelled["run"]["state"], "CANCELLED");
    let credits = &paused["creditsUsed"];
    let task = told(&runner, &run).await;
    assert_eq!((&task["status"], &task["itemsDelivered"]), (&json!("CANCELLED"), &json!(1)), "{task}");
    assert_eq!(
        runner.task_messages().await,
        [format!("Generated 1 articles using {credits} credits before cancellation")]
    );
    assert_eq!(runner.messages().await, [format!("Automation cancelled after 1 items using {credits} credits")]);
    assert_eq!(last_events(&runner, 3).await, ["CANCELLED", "DRAINED", "FINISHED"]);
    assert_eq!(code(&runner.command("resume", &run, "resume-key-1").await), "ILLEGAL_STATE");
    assert_eq!((runner.provider.calls().len(), runner.states("content_task").await["QUEUED"]), (1, 1));
    runner.check_all().await;
}

// REQ-B-25: a pause that is taken back while an article is in flight changes nothing for it.
#[rstest]
#[tokio::test]
async fn a_pause_taken_back_in_time_is_not_noticed(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let runner = writing(engine, 2, json!({})).await;
    runner.provider.rule(|request| if request.no == 1 { Meets::Gate(Step::Ok) } else { tokens(1000, 1000) });
    let run = runner.started("start-key-1").await;
    runner.provider.waits(1).await;
    runner.command("pause", &run, "pause-key-1").await;
    let resumed = runner.command("resume", &run, "resume-key-1").await;
    assert_eq!(resumed["run"]["state"], "RUNNING");
    runner.provider.lets(1);
    let done = runner.reaches(&run, "COMPLETED").await;
    assert_eq!((&done["stages"][3]["succeeded"], asked(&runner).len()), (&json!(2), 2));
    assert!(!runner.events().await.contains(&"DRAINED".to_owned()));
    runner.check_all().await;
}

// REQ-B-26, REQ-B-27: a pause between the tries of an article gives its credits back; it comes again under a new hold.
#[rstest]
#[tokio::test]
async fn a_pause_while_an_article_waits_to_be_tried_again_holds_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    const WAIT: Duration = Duration::from_secs(600);
    let runner = Runner::priced_with(engine, 100, |_, seams| seams.ai.throttle_max = WAIT).await;
    runner.content_tasks(&TITLES[..2]).await;
    runner.only(&["CONTENT"], json!({})).await;
    runner.provider.rule(|request| match request.no {
        1 => Meets::Step(Step::Fail { code: FailureCode::RateLimited, retry_after: Some(WAIT) }),
        _ => tokens(1000, 1000),
    });
    let run = runner.started("start-key-1").await;
    while runner.server.number("SELECT COUNT(*) FROM ai_attempt WHERE finished_at IS NOT NULL").await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    runner.command("pause", &run, "pause-key-1").await;
    let paused = runner.reaches(&run, "PAUSED").await;
    assert_eq!((&paused["creditsUsed"], &paused["creditsHeld"]), (&json!(0), &json!(0)));
    is_drained_once(&runner, 1).await;
    assert_eq!(runner.states("content_task").await, states(&[("QUEUED", 2)]));
    runner.check_all().await;
    runner.command("resume", &run, "resume-key-1").await;
    let done = runner.reaches(&run, "COMPLETED").await;
    assert_eq!((&done["stages"][3]["succeeded"], asked(&runner).len()), (&json!(2), 3));
    runner.check_all().await;
}
