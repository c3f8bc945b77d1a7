//! Jobs that fail: tried again, given up, never the end of the process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use inkledger::{db::Engine, ids::Ids, jobs::Outcome};
use rstest::rstest;

use super::stage::{Stage, Told, quick};

#[rstest]
#[tokio::test]
async fn a_job_that_fails_every_time_is_given_up_and_kept(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, quick()).await;
    stage.enqueue(vec![stage.job(stage.test.ids.uuid())]).await;
    let again = Outcome::Retry { after: Duration::from_millis(10), code: "BROKEN" };
    let handler = Told::new(move |_| (Duration::ZERO, Some(again.clone())));
    let workers = stage.start(&handler).await;
    stage.until("dead", 1).await;
    assert_eq!(handler.count(), 3);
    assert_eq!(*handler.given_up.lock().unwrap(), ["BROKEN"]);
    assert_eq!(stage.test.number("SELECT COUNT(*) FROM job WHERE error_code = 'BROKEN'").await, 1);
    workers.shutdown().await;
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn a_panic_is_a_failure_of_the_job_alone(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, quick()).await;
    let bad = stage.job(stage.test.ids.uuid());
    let poison = bad.subject_id;
    stage.enqueue(vec![bad]).await;
    let handler = Told::new(move |claimed| {
        let outcome = (claimed.job.subject.id != poison).then_some(Outcome::Done);
        (Duration::ZERO, outcome)
    });
    let workers = stage.start(&handler).await;
    stage.until("dead", 1).await;
    stage.enqueue((0..5).map(|_| stage.job(stage.test.ids.uuid())).collect()).await;
    stage.until("done", 5).await;
    assert_eq!(*handler.given_up.lock().unwrap(), ["ATTEMPTS_EXHAUSTED"]);
    workers.shutdown().await;
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn deferring_is_not_an_attempt() {
    let stage = Stage::open(Engine::Sqlite, quick()).await;
    stage.enqueue(vec![stage.job(stage.test.ids.uuid())]).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let handler = Told::new(move |_| {
        let outcome = if runs.fetch_add(1, Ordering::SeqCst) < 8 {
            Outcome::Defer { after: Duration::from_millis(5) }
        } else {
            Outcome::Done
        };
        (Duration::ZERO, Some(outcome))
    });
    let workers = stage.start(&handler).await;
    stage.until("done", 1).await;
    assert_eq!((handler.count(), stage.test.number("SELECT attempts FROM job").await), (9, 0));
    workers.shutdown().await;
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn a_job_that_cannot_succeed_says_so_once() {
    let stage = Stage::open(Engine::Sqlite, quick()).await;
    stage.enqueue(vec![stage.job(stage.test.ids.uuid())]).await;
    let handler = Told::new(|_| (Duration::ZERO, Some(Outcome::Fail { code: "IMPOSSIBLE" })));
    let workers = stage.start(&handler).await;
    stage.until("failed", 1).await;
    assert_eq!(handler.count(), 1);
    workers.shutdown().await;
    stage.check().await;
}
