//! Leases: renewed while work lasts, lost for good when somebody else has the job, immune to the machine's clock.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use inkledger::{
    db::Engine,
    ids::Ids,
    jobs::{JobsConfig, Outcome},
};
use rstest::rstest;
use std::sync::Arc;

use super::stage::{Stage, Told, jobs_on, quick, start};

#[rstest]
#[tokio::test]
async fn work_longer_than_a_lease_is_run_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, quick()).await;
    stage.enqueue(vec![stage.job(stage.test.ids.uuid())]).await;
    let handler = Told::new(|_| (Duration::from_millis(3500), Some(Outcome::Done)));
    let workers = stage.start(&handler).await;
    stage.until("done", 1).await;
    assert_eq!(handler.count(), 1);
    workers.shutdown().await;
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn a_job_whose_process_died_is_taken_again_and_the_crash_counted(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, quick()).await;
    stage.enqueue(vec![stage.job(stage.test.ids.uuid())]).await;
    let first = Arc::new(AtomicBool::new(true));
    let handler = Told::new(move |_| {
        let wait = if first.swap(false, Ordering::SeqCst) { Duration::from_secs(60) } else { Duration::ZERO };
        (wait, Some(Outcome::Done))
    });
    let doomed = stage.start(&handler).await;
    stage.until("running", 1).await;
    while handler.count() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    doomed.abort().await;
    let workers = stage.start(&handler).await;
    stage.until("done", 1).await;
    assert_eq!(handler.count(), 2);
    assert_eq!(stage.test.number("SELECT crashes FROM job").await, 1);
    workers.shutdown().await;
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn a_lost_lease_ends_the_work(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, JobsConfig { workers: 1, ..quick() }).await;
    stage.enqueue(vec![stage.job(stage.test.ids.uuid())]).await;
    let handler = Told::new(|_| (Duration::from_secs(60), Some(Outcome::Done)));
    let workers = stage.start(&handler).await;
    stage.until("running", 1).await;
    while handler.count() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // As if another process had it now, until the far future.
    let sql = "UPDATE job SET fence = fence + 1, lease_until = 9000000000000000";
    stage.test.execute(sql).await.unwrap();
    let waiting = async {
        while handler.dropped.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("the work went on");
    assert_eq!(stage.number_in("running").await, 1);
    workers.abort().await;
}

// T25: nothing but time that passed ends a lease.
#[rstest]
#[tokio::test]
async fn a_clock_that_jumps_neither_ends_nor_prolongs_a_lease(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(-86_400_000_000, 86_400_000_000)] jump: i64,
) {
    let stage = Stage::open(engine, quick()).await;
    stage.enqueue(vec![stage.job(stage.test.ids.uuid())]).await;
    let handler = Told::new(|_| (Duration::from_millis(2500), Some(Outcome::Done)));
    let workers = stage.start(&handler).await;
    stage.until("running", 1).await;
    stage.test.clock.advance(jump);
    stage.until("done", 1).await;
    assert_eq!(handler.count(), 1);
    // Work that is enqueued after the jump runs at once.
    stage.enqueue(vec![stage.job(stage.test.ids.uuid())]).await;
    stage.until("done", 2).await;
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn without_a_heartbeat_the_process_stops_its_work() {
    let config = JobsConfig { heartbeat_limit: Duration::from_millis(600), ..quick() };
    let stage = Stage::open(Engine::Sqlite, config).await;
    stage.enqueue(vec![stage.job(stage.test.ids.uuid())]).await;
    let handler = Told::new(|_| (Duration::from_secs(60), Some(Outcome::Done)));
    let workers = stage.start(&handler).await;
    stage.until("running", 1).await;
    // The writer is held by somebody else, so that no heartbeat gets through.
    let db = stage.test.db.clone();
    let holding = tokio::spawn(async move {
        db.write((), |_, ()| {
            Box::pin(async {
                tokio::time::sleep(Duration::from_secs(4)).await;
                Ok::<_, inkledger::error::Failure<inkledger::error::Never>>(())
            })
        })
        .await
        .unwrap();
    });
    let waiting = async {
        while handler.dropped.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), waiting).await.expect("the work went on");
    holding.await.unwrap();
    workers.abort().await;
}

#[rstest]
#[tokio::test]
async fn quotas_are_recounted_after_a_fault(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, quick()).await;
    let account = stage.test.ids.uuid();
    stage.enqueue(vec![stage.job(account)]).await;
    let handler = Told::done();
    let workers = stage.start(&handler).await;
    stage.until("done", 1).await;
    stage.test.execute("UPDATE job_quota SET running = 4, cap = 4").await.unwrap();
    stage.enqueue(vec![stage.job(account)]).await;
    stage.until("done", 2).await;
    workers.shutdown().await;
    stage.check().await;
}

// A sweeper that dies between two of its steps leaves no place in a quota taken by nobody.
#[rstest]
#[tokio::test]
async fn a_reclaimed_job_gives_its_place_back_at_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, quick()).await;
    let account = stage.test.ids.uuid();
    stage.enqueue(vec![stage.job(account), stage.job(account)]).await;
    let handler = Told::new(|_| (Duration::from_secs(60), Some(Outcome::Done)));
    let doomed = stage.start(&handler).await;
    stage.until("running", 2).await;
    doomed.abort().await;
    // Counting again fails from here on.
    stage
        .test
        .execute(
            "INSERT INTO job_quota (account_id, lane, running, cap) VALUES \
        ((SELECT id FROM job LIMIT 1), 'system', 1, 1)",
        )
        .await
        .unwrap();
    for sql in match engine {
        Engine::Sqlite => &["CREATE TRIGGER broken BEFORE UPDATE ON job_quota WHEN OLD.lane = 'system' \
                             BEGIN SELECT RAISE(ABORT, 'broken'); END"][..],
        Engine::Postgres => &[
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$",
            "CREATE TRIGGER broken BEFORE UPDATE ON job_quota FOR EACH ROW WHEN (OLD.lane = 'system') \
             EXECUTE FUNCTION broken()",
        ],
    } {
        stage.test.execute(sql).await.unwrap();
    }
    let jobs = jobs_on(&stage.test, stage.test.db.clone(), JobsConfig { workers: 0, ..quick() });
    let sweeper = start(&jobs, &handler).await;
    stage.until("ready", 2).await;
    assert_eq!(stage.test.number("SELECT SUM(running) FROM job_quota WHERE lane = 'interactive'").await, 0);
    sweeper.abort().await;
}
