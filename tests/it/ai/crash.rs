//! A process that dies at any border between two transactions, and one that was only believed dead.

use std::{sync::Arc, time::Duration};

use inkledger::{
    ai::{
        model::{AttemptState, TaskStatus},
        points::Point,
        provider::sandbox::Step,
    },
    db::Engine,
};
use rstest::rstest;

use super::stage::{Stage, StopAt, quick_ai, short_leases};

async fn crashing(engine: Engine) -> Stage {
    Stage::with(engine, quick_ai(), short_leases()).await
}

// REQ-B-18, T11: nothing lost, nothing charged twice, one final notification.
#[rstest]
#[tokio::test]
async fn a_crash_at_any_point_ends_like_the_uncrashed_twin(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(
        Point::Begun,
        Point::Prepared,
        Point::Sent,
        Point::Answered,
        Point::Stored,
        Point::Received,
        Point::Finished
    )]
    point: Point,
) {
    let stage = crashing(engine).await;
    let spender = stage.spender(10).await;
    let stop = StopAt::new(point);
    let doomed = stage.process.start_with(stage.process.ai.clone().with_fail_points(stop.clone())).await;
    let task = stage.process.ai.generate_images(spender, stage.images(2)).await.unwrap();
    stop.stopped().await;
    doomed.abort().await;
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Success, 2));
    assert_eq!(stage.balance(spender.account_id).await, (8, 0, 2));
    stage.check().await;
    assert_eq!(stage.messages(spender).await.len(), 1);
    assert_eq!(stage.test.number("SELECT COUNT(*) FROM image").await, 2);
    assert_eq!(stage.test.number("SELECT COUNT(*) FROM ai_attempt WHERE state IN ('sent', 'unknown')").await, 0);
    // Only a call whose answer was lost is repeated, at our cost; a stored result is found again.
    let repeated = matches!(point, Point::Sent | Point::Answered | Point::Stored);
    let attempts = stage.process.ai.attempts(task.id).await.unwrap();
    let sent = attempts.iter().filter(|attempt| attempt.sent_at.is_some()).count();
    assert_eq!(sent, if repeated { 3 } else { 2 });
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn a_text_that_was_received_is_not_written_again_after_a_crash(
    #[values(Point::Received, Point::Finished, Point::Sent)] point: Point,
) {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(10).await;
    let stop = StopAt::new(point);
    let doomed = stage.process.start_with(stage.process.ai.clone().with_fail_points(stop.clone())).await;
    let task = stage.process.ai.generate_text(spender, stage.text()).await.unwrap();
    stop.stopped().await;
    doomed.abort().await;
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Success, 1));
    stage.check().await;
    assert_eq!(stage.calls(), 1);
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn a_process_that_dies_three_times_with_a_task_ends_it_uncharged(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = crashing(engine).await;
    let spender = stage.spender(10).await;
    let task = stage.process.ai.generate_images(spender, stage.images(2)).await.unwrap();
    for _ in 0..3 {
        let stop = StopAt::new(Point::Begun);
        let doomed = stage.process.start_with(stage.process.ai.clone().with_fail_points(stop.clone())).await;
        stop.stopped().await;
        doomed.abort().await;
    }
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.items_failed), (TaskStatus::Error, 2));
    assert_eq!(stage.balance(spender.account_id).await, (10, 0, 0));
    stage.check().await;
    let message = &stage.messages(spender).await[0].2;
    assert_eq!(message, "Image generation failed: an internal fault stopped the work; nothing was charged");
    assert_eq!(stage.test.number("SELECT COUNT(*) FROM job WHERE state = 'dead'").await, 1);
    workers.shutdown().await;
}

// A call whose answer is lost three times: paid by us, never by the customer.
#[rstest]
#[tokio::test]
async fn an_outcome_that_stays_unknown_is_given_up_after_three_requests() {
    let mut jobs = short_leases();
    jobs.crashes_max = 10;
    let stage = Stage::with(Engine::Sqlite, quick_ai(), jobs).await;
    let spender = stage.spender(10).await;
    let task = stage.process.ai.generate_images(spender, stage.images(1)).await.unwrap();
    for _ in 0..3 {
        let stop = StopAt::new(Point::Sent);
        let doomed = stage.process.start_with(stage.process.ai.clone().with_fail_points(stop.clone())).await;
        stop.stopped().await;
        doomed.abort().await;
    }
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!(view.task.status, TaskStatus::Error);
    assert_eq!(view.task.error_code.as_deref(), Some("OUTCOME_UNKNOWN"));
    assert_eq!(stage.balance(spender.account_id).await, (10, 0, 0));
    stage.check().await;
    workers.shutdown().await;
}

// T13: a process frozen past its lease may finish its request, but not commit.
#[tokio::test]
async fn a_stale_run_cannot_write_once_another_has_the_task() {
    let stage = Stage::open(Engine::Postgres).await;
    let second = stage.second(99).await;
    let spender = stage.spender(10).await;
    // Frozen: its heartbeat has stopped, its future has not.
    let mut config = short_leases();
    config.workers = 1;
    config.heartbeat = Duration::from_secs(3600);
    config.sweep = Duration::from_secs(3600);
    let frozen_jobs = inkledger::jobs::Jobs::new(
        second.db.clone(),
        stage.test.clock.clone(),
        Arc::new(inkledger::ids::SeededIds::new(55)),
        second.jobs.bus.clone(),
        config,
    );
    let handlers: Vec<Arc<dyn inkledger::jobs::Handler>> =
        vec![Arc::new(inkledger::ai::run::RunAiTask(second.ai.clone()))];
    let frozen =
        inkledger::jobs::Workers::start(frozen_jobs, inkledger::jobs::Role::All, handlers, Vec::new()).await.unwrap();
    stage.script.extend([Step::Delay(Duration::from_secs(5)), Step::Ok]);
    let task = stage.process.ai.generate_images(spender, stage.images(1)).await.unwrap();
    while stage.calls() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let workers = stage.process.start().await;
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Success, 1));
    // The stale answer arrives now, and finds the task ended.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(stage.view(&task).await, view);
    assert_eq!(stage.billed(), 2);
    assert_eq!(stage.balance(spender.account_id).await, (9, 0, 1));
    let attempts = stage.process.ai.attempts(task.id).await.unwrap();
    let states: Vec<_> = attempts.iter().map(|attempt| attempt.state).collect();
    assert_eq!(states, [AttemptState::Abandoned, AttemptState::Settled]);
    stage.check().await;
    frozen.abort().await;
    workers.shutdown().await;
    second.db.close().await;
}

// T17, in short: the caller that goes away takes nothing with it.
#[rstest]
#[tokio::test]
async fn a_caller_that_leaves_at_any_moment_leaves_a_whole_task_or_none(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = crashing(engine).await;
    let spender = stage.spender(100).await;
    let workers = stage.process.start().await;
    for patience in 0..20 {
        let asked = stage.process.ai.generate_images(spender, stage.images(1));
        let _ = tokio::time::timeout(Duration::from_micros(patience * 200), asked).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stage.check().await;
    let tasks = stage.test.number("SELECT COUNT(*) FROM ai_task").await;
    assert_eq!(stage.balance(spender.account_id).await, (100 - tasks, 0, tasks));
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn shutdown_gives_running_work_back_without_counting_a_crash(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = crashing(engine).await;
    let spender = stage.spender(10).await;
    stage.script.extend([Step::Delay(Duration::from_secs(30)), Step::Ok]);
    let workers = stage.process.start().await;
    let task = stage.process.ai.generate_images(spender, stage.images(1)).await.unwrap();
    while stage.calls() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    workers.shutdown().await;
    assert_eq!(stage.test.number("SELECT COUNT(*) FROM job WHERE state = 'ready' AND crashes = 0").await, 1);
    assert_eq!(stage.test.number("SELECT COUNT(*) FROM worker_boot WHERE stopped_at IS NOT NULL").await, 1);
    let workers = stage.process.start().await;
    assert_eq!(stage.ended(&task).await.task.status, TaskStatus::Success);
    stage.check().await;
    workers.shutdown().await;
}

// REQ-B-19: a fault in any write of a delivery leaves nothing of it, and the stored result is not asked for again.
#[rstest]
#[tokio::test]
async fn a_fault_in_any_write_of_a_delivery_leaves_nothing_of_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values("stored_object", "image", "credit_usage", "notification", "run_event")] table: &str,
) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(10).await;
    let task = stage.process.ai.generate_images(spender, stage.images(1)).await.unwrap();
    let when = if table == "run_event" { "NEW.kind = 'ITEM'" } else { "NEW.created_at >= 0" };
    let (plant, mend) = match engine {
        Engine::Sqlite => (
            format!(
                "CREATE TRIGGER planted BEFORE INSERT ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, 'planted'); END"
            ),
            "DROP TRIGGER planted".to_owned(),
        ),
        Engine::Postgres => (
            format!(
                "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''planted''; END'; \
                 CREATE TRIGGER planted BEFORE INSERT ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION planted()"
            ),
            format!("DROP TRIGGER planted ON {table}"),
        ),
    };
    stage.test.execute(&plant).await.unwrap();
    let workers = stage.process.start().await;
    let waiting = async {
        while stage.test.number("SELECT COUNT(*) FROM job WHERE attempts > 0").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(super::stage::PATIENCE, waiting).await.expect("the fault was not met");
    for left in ["stored_object", "image", "credit_usage", "notification"] {
        assert_eq!(stage.test.number(&format!("SELECT COUNT(*) FROM {left}")).await, 0, "{left}");
    }
    assert_eq!(stage.balance(spender.account_id).await, (9, 1, 0));
    stage.test.execute(&mend).await.unwrap();
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Success, 1));
    stage.check().await;
    assert_eq!(stage.calls(), 1);
    workers.shutdown().await;
}
