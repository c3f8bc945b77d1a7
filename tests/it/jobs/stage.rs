//! Workers with a handler that does as it is told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use inkledger::{
    bus::local::LocalBus,
    db::{Db, Engine},
    error::{Error, Failure, Never},
    ids::Ids,
    jobs::{Claimed, Handler, HandlerFuture, Jobs, JobsConfig, Lane, NewJob, Outcome, Role, Workers, enqueue},
};
use uuid::Uuid;

use crate::support::database::TestDb;

pub const KIND: &str = "test.work";
pub const PATIENCE: Duration = Duration::from_secs(30);

type Script = Box<dyn Fn(&Claimed) -> (Duration, Option<Outcome>) + Send + Sync>;

/// Runs as its script says: waits, then answers, or panics where there is no answer.
pub struct Told {
    script: Script,
    pub began: Mutex<Vec<(Uuid, Uuid)>>,
    pub given_up: Mutex<Vec<&'static str>>,
    pub dropped: AtomicUsize,
    pub running: AtomicUsize,
    pub most: AtomicUsize,
}

struct Inside<'a>(&'a Told, bool);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        if !self.1 {
            self.0.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Told {
    pub fn new(script: impl Fn(&Claimed) -> (Duration, Option<Outcome>) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            began: Mutex::default(),
            given_up: Mutex::default(),
            dropped: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    pub fn done() -> Arc<Self> {
        Self::new(|_| (Duration::ZERO, Some(Outcome::Done)))
    }

    pub fn count(&self) -> usize {
        self.began.lock().unwrap().len()
    }
}

impl Handler for Told {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn run<'a>(&'a self, claimed: &'a Claimed) -> HandlerFuture<'a, Outcome> {
        Box::pin(async move {
            let job = &claimed.job;
            self.began.lock().unwrap().push((job.lease.account_id, job.subject.id));
            let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            let mut inside = Inside(self, false);
            let (wait, outcome) = (self.script)(claimed);
            tokio::time::sleep(wait).await;
            inside.1 = true;
            outcome.expect("told to panic")
        })
    }

    fn give_up<'a>(&'a self, _: &'a Claimed, code: &'static str) -> HandlerFuture<'a, Result<(), Error>> {
        self.given_up.lock().unwrap().push(code);
        Box::pin(std::future::ready(Ok(())))
    }
}

pub struct Stage {
    pub test: TestDb,
    pub jobs: Jobs,
}

pub fn quick() -> JobsConfig {
    crate::ai::stage::short_leases()
}

impl Stage {
    pub async fn open(engine: Engine, config: JobsConfig) -> Self {
        let test = TestDb::open(engine).await;
        let jobs = jobs_on(&test, test.db.clone(), config);
        Self { test, jobs }
    }

    pub async fn start(&self, handler: &Arc<Told>) -> Workers {
        start(&self.jobs, handler).await
    }

    pub fn job(&self, account: Uuid) -> NewJob {
        NewJob {
            id: self.test.ids.uuid(),
            kind: KIND,
            lane: Lane::Interactive,
            account_id: account,
            subject_kind: "test",
            subject_id: self.test.ids.uuid(),
            payload: "{}".to_owned(),
            ready_at: 0,
            attempts_max: 3,
            created_at: 0,
        }
    }

    /// Enqueues in one transaction and wakes the workers.
    pub async fn enqueue(&self, jobs: Vec<NewJob>) {
        self.test
            .db
            .write(jobs, |tx, jobs| {
                Box::pin(async move {
                    for job in jobs {
                        enqueue(tx, job).await?;
                    }
                    Ok::<_, Failure<Never>>(())
                })
            })
            .await
            .unwrap();
        self.jobs.wake(Lane::Interactive);
    }

    pub async fn number_in(&self, state: &str) -> i64 {
        self.test.number(&format!("SELECT COUNT(*) FROM job WHERE state = '{state}'")).await
    }

    /// Waits until `count` jobs are in `state`.
    pub async fn until(&self, state: &str, count: i64) {
        let waiting = async {
            while self.number_in(state).await != count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("{} jobs are {state}, not {count}", self.number_in(state).await);
        }
    }

    /// R3 and R7.
    pub async fn check(&self) {
        let wrong = "SELECT COUNT(*) FROM job_quota q WHERE q.running <> (SELECT COUNT(*) FROM job j WHERE \
                     j.account_id = q.account_id AND j.lane = q.lane AND j.state = 'running') OR q.running > q.cap";
        assert_eq!(self.test.number(wrong).await, 0, "a quota is wrong");
    }
}

pub fn jobs_on(test: &TestDb, db: Db, config: JobsConfig) -> Jobs {
    let bus = Arc::new(LocalBus::new(test.ids.uuid().to_string()));
    Jobs::new(db, test.clock.clone(), test.ids.clone(), bus, config)
}

pub async fn start(jobs: &Jobs, handler: &Arc<Told>) -> Workers {
    Workers::start(jobs.clone(), Role::All, vec![handler.clone()], Vec::new()).await.unwrap()
}
