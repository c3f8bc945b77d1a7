//! Who is served next: every account in turn, within its cap, interactive work never behind bulk.

use std::{collections::HashMap, time::Duration};

use inkledger::{
    db::Engine,
    ids::Ids,
    jobs::{BACKLOG_MAX, JobsConfig, Lane, NewJob, Outcome, backlog_of},
};
use rstest::rstest;

use super::stage::{Stage, Told, jobs_on, quick, start};

// T14, small
#[rstest]
#[tokio::test]
async fn an_account_with_ten_jobs_does_not_wait_behind_one_with_five_hundred(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, JobsConfig { workers: 2, ..quick() }).await;
    let (busy, small) = (stage.test.ids.uuid(), stage.test.ids.uuid());
    let mut jobs: Vec<NewJob> = (0..500).map(|_| stage.job(busy)).collect();
    jobs.extend((0..10).map(|_| stage.job(small)));
    stage.enqueue(jobs).await;
    let handler = Told::done();
    let workers = stage.start(&handler).await;
    while handler.began.lock().unwrap().iter().filter(|(account, _)| *account == small).count() < 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = handler.count();
    assert!(before <= 40, "{before} jobs began before the small account's tenth");
    workers.shutdown().await;
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn no_account_runs_more_jobs_at_once_than_its_cap(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, JobsConfig { workers: 6, account_running_max: 2, ..quick() }).await;
    let account = stage.test.ids.uuid();
    stage.enqueue((0..20).map(|_| stage.job(account)).collect()).await;
    let handler = Told::new(|_| (Duration::from_millis(30), Some(Outcome::Done)));
    let workers = stage.start(&handler).await;
    stage.until("done", 20).await;
    assert_eq!(handler.most.load(std::sync::atomic::Ordering::SeqCst), 2);
    workers.shutdown().await;
    stage.check().await;
}

#[tokio::test]
async fn two_processes_keep_one_cap_and_run_each_job_once() {
    let stage = Stage::open(Engine::Postgres, JobsConfig { account_running_max: 3, ..quick() }).await;
    let second = jobs_on(&stage.test, stage.test.second().await, JobsConfig { account_running_max: 3, ..quick() });
    let account = stage.test.ids.uuid();
    stage.enqueue((0..60).map(|_| stage.job(account)).collect()).await;
    let handler = Told::new(|_| (Duration::from_millis(5), Some(Outcome::Done)));
    let workers = [stage.start(&handler).await, start(&second, &handler).await];
    stage.until("done", 60).await;
    let mut times: HashMap<_, usize> = HashMap::new();
    for (_, subject) in handler.began.lock().unwrap().iter() {
        *times.entry(*subject).or_default() += 1;
    }
    assert_eq!((times.len(), times.values().max()), (60, Some(&1)));
    assert!(handler.most.load(std::sync::atomic::Ordering::SeqCst) <= 3);
    for one in workers {
        one.shutdown().await;
    }
    stage.check().await;
    second.db.close().await;
}

#[rstest]
#[tokio::test]
async fn interactive_work_does_not_wait_for_long_bulk_work() {
    let stage = Stage::open(Engine::Sqlite, JobsConfig { workers: 4, account_running_max: 10, ..quick() }).await;
    let account = stage.test.ids.uuid();
    let bulk = |_| NewJob { lane: Lane::Bulk, ..stage.job(account) };
    stage.enqueue((0..10).map(bulk).collect()).await;
    let handler = Told::new(|claimed| match claimed.job.lease.lane {
        Lane::Bulk => (Duration::from_secs(20), Some(Outcome::Done)),
        _ => (Duration::ZERO, Some(Outcome::Done)),
    });
    let workers = stage.start(&handler).await;
    stage.until("running", 3).await;
    stage.enqueue(vec![stage.job(account)]).await;
    stage.until("done", 1).await;
    workers.shutdown().await;
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn a_subject_has_one_unfinished_job_of_a_kind(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, quick()).await;
    let job = stage.job(stage.test.ids.uuid());
    let twin = NewJob { id: stage.test.ids.uuid(), ..job.clone() };
    stage.enqueue(vec![job.clone(), twin.clone()]).await;
    assert_eq!(stage.number_in("ready").await, 1);
    let handler = Told::done();
    let workers = stage.start(&handler).await;
    stage.until("done", 1).await;
    stage.enqueue(vec![twin]).await;
    stage.until("done", 2).await;
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn the_backlog_is_counted_up_to_its_limit() {
    let stage = Stage::open(Engine::Sqlite, quick()).await;
    let account = stage.test.ids.uuid();
    stage.enqueue((0..7).map(|_| stage.job(account)).collect()).await;
    stage.enqueue(vec![stage.job(stage.test.ids.uuid())]).await;
    assert_eq!(backlog_of(stage.test.db.reader(), account).await.unwrap(), 7);
    assert_eq!(BACKLOG_MAX, 10_000);
}

#[rstest]
#[tokio::test]
async fn work_for_later_waits(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, quick()).await;
    let account = stage.test.ids.uuid();
    // In the year 2200, by the clocks of both engines.
    let later = NewJob { ready_at: 7_258_118_400_000_000, ..stage.job(account) };
    stage.enqueue(vec![later, stage.job(account)]).await;
    let handler = Told::done();
    let workers = stage.start(&handler).await;
    stage.until("done", 1).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!((handler.count(), stage.number_in("ready").await), (1, 1));
    workers.shutdown().await;
}
