//! The loops that claim jobs and run them, each run in a cage: a panic is a failure of the job, a lost lease ends it.

use std::{collections::HashMap, future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{sync::broadcast::error::RecvError, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    End, Job, Jobs, Lane, Outcome, TOPIC,
    boot::Boot,
    heartbeat::{Running, beat},
    queue::{Back, Queue},
    sweep::{sweep, sweep_forever},
};
use crate::error::{Error, Internal};

/// A boxed run of a handler.
pub type HandlerFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A job that this process may run until `cancel` fires.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The job and its lease.
    pub job: Job,
    /// Fires when the lease is lost or the process stops: start nothing more, write nothing more.
    pub cancel: CancellationToken,
}

/// Runs jobs of one kind.
pub trait Handler: Send + Sync {
    /// The kind, such as `ai_task.run`.
    fn kind(&self) -> &'static str;

    /// Does the work. May be dropped at any await when the lease is lost.
    fn run<'a>(&'a self, claimed: &'a Claimed) -> HandlerFuture<'a, Outcome>;

    /// The job is given up: end its subject and give back what it holds. Repeated until it succeeds.
    fn give_up<'a>(&'a self, claimed: &'a Claimed, code: &'static str) -> HandlerFuture<'a, Result<(), Error>>;
}

/// A feature's share of recovery; safe to repeat, and to run in two processes at once.
pub trait Sweep: Send + Sync {
    /// For the log.
    fn name(&self) -> &'static str;
    /// Does it once.
    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>>;
}

/// Which part of the server this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    All,
    /// Jobs alone.
    Worker,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Worker => "worker",
        }
    }
}

struct Shared {
    jobs: Jobs,
    queue: Queue,
    running: Running,
    handlers: HashMap<&'static str, Arc<dyn Handler>>,
    sweeps: Vec<Arc<dyn Sweep>>,
    /// No more claims.
    stop: CancellationToken,
    /// No more heartbeats: all work has ended.
    over: CancellationToken,
}

/// The workers of this process.
pub struct Workers {
    shared: Arc<Shared>,
    claimers: JoinSet<()>,
    keepers: JoinSet<()>,
}

impl Workers {
    /// Registers this start and begins to work: recovery first, then claims.
    pub async fn start(
        jobs: Jobs,
        role: Role,
        handlers: Vec<Arc<dyn Handler>>,
        sweeps: Vec<Arc<dyn Sweep>>,
    ) -> Result<Self, Error> {
        let boot = Boot::register(&jobs, role.as_str()).await?;
        let queue = Queue::new(jobs.clone(), boot);
        let shared = Arc::new(Shared {
            queue,
            running: Running::default(),
            handlers: handlers.into_iter().map(|handler| (handler.kind(), handler)).collect(),
            sweeps,
            stop: CancellationToken::new(),
            over: CancellationToken::new(),
            jobs,
        });
        let mut keepers = JoinSet::new();
        let it = Arc::clone(&shared);
        keepers.spawn(async move { beat(&it.queue, &it.running, &it.jobs.config, &it.over).await });
        let it = Arc::clone(&shared);
        keepers.spawn(async move { sweep_forever(&it.jobs, &it.queue, &it.sweeps, &it.stop).await });
        let it = Arc::clone(&shared);
        keepers.spawn(async move { it.listen().await });
        let mut claimers = JoinSet::new();
        let reserved = shared.jobs.config.interactive_only();
        for number in 0..shared.jobs.config.workers {
            let it = Arc::clone(&shared);
            let lanes: &'static [Lane] = if number < reserved { &[Lane::Interactive] } else { &Lane::ALL };
            claimers.spawn(async move { it.work(lanes).await });
        }
        Ok(Self { shared, claimers, keepers })
    }

    /// Does the sweeper's work once, now.
    pub async fn sweep(&self) {
        sweep(&self.shared.jobs, &self.shared.queue, &self.shared.sweeps).await;
    }

    /// Stops claiming without waiting, for a process that begins to drain.
    pub fn drain(&self) {
        self.shared.stop.cancel();
    }

    /// Stops claiming, lets running jobs end for `config.grace`, then gives their leases back; no crash is counted.
    pub async fn shutdown(mut self) {
        self.shared.stop.cancel();
        let grace = self.shared.jobs.config.grace;
        let ended = tokio::time::timeout(grace, async { while self.claimers.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            self.shared.running.cancel_all();
            let patience = Duration::from_secs(5);
            let _ = tokio::time::timeout(patience, async { while self.claimers.join_next().await.is_some() {} }).await;
        }
        self.shared.over.cancel();
        if let Err(error) = self.shared.queue.stopped().await {
            tracing::warn!(error = ?error, "could not note the end of this start");
        }
        self.keepers.shutdown().await;
    }

    /// Ends everything at once, as a crash would: leases stay until they lapse. For tests.
    pub async fn abort(mut self) {
        self.claimers.shutdown().await;
        self.keepers.shutdown().await;
    }
}

/// How a run ended, as a word of the metrics.
fn word_of(result: &Result<Outcome, Error>) -> &'static str {
    match result {
        Ok(Outcome::Done) => "done",
        Ok(Outcome::Fail { .. }) => "failed",
        Ok(Outcome::Retry { .. }) => "retry",
        Ok(Outcome::Defer { .. }) => "deferred",
        Err(_) => "unwritten",
    }
}

impl Shared {
    async fn listen(&self) {
        let mut hints = self.jobs.bus.subscribe();
        loop {
            match hints.recv().await {
                Ok(hint) if hint.topic == TOPIC && hint.origin != self.jobs.bus.origin() => self.jobs.wake_here(),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.jobs.wake_here(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn work(&self, lanes: &'static [Lane]) {
        let config = &self.jobs.config;
        let mut pause = config.poll_min;
        while !self.stop.is_cancelled() {
            // Registered before the look, so that work committed during it is not slept through.
            let woken = self.jobs.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            if !self.running.is_doubtful() {
                match self.queue.claim(lanes).await {
                    Ok(Some(job)) => {
                        pause = config.poll_min;
                        Box::pin(self.run(job)).await;
                        continue;
                    }
                    Ok(None) => {}
                    Err(error) => tracing::warn!(error = ?error, "claiming failed"),
                }
            }
            tokio::select! {
                () = woken => pause = config.poll_min,
                () = tokio::time::sleep(self.jittered(pause)) => pause = (pause * 2).min(config.poll_max),
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// From 75 % to 125 % of `pause`, so that processes do not poll in step.
    fn jittered(&self, pause: Duration) -> Duration {
        let [byte] = crate::ids::random::<1>(&*self.jobs.ids);
        pause.mul_f64(0.75 + f64::from(byte) / 510.0)
    }

    async fn run(&self, job: Job) {
        let cancel = self.running.begin(&job.lease);
        let claimed = Claimed { job, cancel };
        let lease = claimed.job.lease.clone();
        let started = tokio::time::Instant::now();
        let ended = tokio::select! {
            biased;
            outcome = AssertUnwindSafe(Box::pin(self.outcome(&claimed))).catch_unwind() => Some(outcome),
            () = claimed.cancel.cancelled() => None,
        };
        let outcome = match ended {
            // Guarded by the fence: whoever has the lease now keeps it, and a lease given up in time counts no crash.
            None => Ok(Outcome::Defer { after: Duration::ZERO }),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Ok(Outcome::Retry { after: Duration::from_secs(1), code: "PANIC" }),
        };
        let result = match outcome {
            Ok(outcome) => self.settle(&claimed, &outcome).await.map(|()| outcome),
            Err(error) => Err(error),
        };
        self.running.end(&lease);
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let kind = self.handlers.get_key_value(claimed.job.kind.as_str()).map_or("unknown", |(kind, _)| *kind);
        metrics::histogram!("inkledger_job_run_seconds", "kind" => kind).record(started.elapsed().as_secs_f64());
        metrics::counter!("inkledger_job_runs_total", "kind" => kind, "outcome" => word_of(&result)).increment(1);
        match result {
            Ok(outcome) => tracing::info!(
                job.id = %lease.job_id, job.kind = claimed.job.kind, account.id = %lease.account_id, elapsed_ms,
                outcome = ?outcome, "job ran"
            ),
            Err(error) => tracing::error!(job.id = %lease.job_id, error = ?error, "a job's end could not be written"),
        }
    }

    async fn outcome(&self, claimed: &Claimed) -> Result<Outcome, Error> {
        let job = &claimed.job;
        let Some(handler) = self.handlers.get(job.kind.as_str()) else {
            tracing::error!(job.kind, "no handler for a job");
            return Ok(Outcome::Defer { after: Duration::from_secs(60) });
        };
        let exhausted = job.attempts >= job.attempts_max;
        if exhausted || job.crashes >= self.jobs.config.crashes_max {
            let code = if exhausted { "ATTEMPTS_EXHAUSTED" } else { "CRASHED_REPEATEDLY" };
            return Ok(self.give_up(handler.as_ref(), claimed, code).await);
        }
        let outcome = handler.run(claimed).await;
        match outcome {
            Outcome::Retry { code, .. } if job.attempts + 1 >= job.attempts_max => {
                tracing::error!(job.id = %job.lease.job_id, code, "a job failed for the last time");
                Ok(self.give_up(handler.as_ref(), claimed, code).await)
            }
            outcome => Ok(outcome),
        }
    }

    /// Ends the subject; when even that fails, the job comes back and tries again.
    async fn give_up(&self, handler: &dyn Handler, claimed: &Claimed, code: &'static str) -> Outcome {
        let lease = &claimed.job.lease;
        tracing::error!(job.id = %lease.job_id, job.kind = claimed.job.kind, code, "a job is given up");
        metrics::counter!("inkledger_job_give_ups_total", "kind" => handler.kind(), "code" => code).increment(1);
        let ended = match handler.give_up(claimed, code).await {
            Ok(()) => self.queue.finish(lease, End::Dead, Some(code)).await.map(|_| ()),
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => Outcome::Done,
            Err(error) => {
                tracing::error!(job.id = %lease.job_id, error = ?error, "a job could not be given up");
                Outcome::Defer { after: Duration::from_secs(10) }
            }
        }
    }

    async fn settle(&self, claimed: &Claimed, outcome: &Outcome) -> Result<(), Error> {
        let lease = &claimed.job.lease;
        let back = match outcome {
            Outcome::Done => {
                self.queue.finish(lease, End::Done, None).await?;
                return Ok(());
            }
            Outcome::Fail { code } => {
                self.queue.finish(lease, End::Failed, Some(code)).await?;
                return Ok(());
            }
            Outcome::Retry { after, code } => Back { after: *after, attempt: true, code: Some(code) },
            Outcome::Defer { after } => Back { after: *after, attempt: false, code: None },
        };
        // Against a database that is away this could wait for long; the lease lapses by itself.
        let written = tokio::time::timeout(Duration::from_secs(5), self.queue.put_back(lease, &back)).await;
        match written {
            Ok(Ok(true)) => {
                self.jobs.wake_after(back.after);
                Ok(())
            }
            Ok(Ok(false)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(elapsed) => Err(Internal::new("giving a lease back took too long", elapsed).into()),
        }
    }
}
