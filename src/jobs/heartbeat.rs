//! Keeps this process's leases alive, and stops its work when it cannot know that they are.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{JobsConfig, Lease, queue::Queue};

/// The jobs that run here now.
#[derive(Default)]
pub(super) struct Running {
    jobs: Mutex<HashMap<Uuid, (i64, CancellationToken)>>,
    // Without a recent heartbeat nothing may be claimed either.
    doubtful: AtomicBool,
}

impl Running {
    /// Notes a job; the token is cancelled when its lease is lost.
    pub(super) fn begin(&self, lease: &Lease) -> CancellationToken {
        let token = CancellationToken::new();
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.insert(lease.job_id, (lease.fence, token.clone()));
        token
    }

    /// Forgets a job.
    pub(super) fn end(&self, lease: &Lease) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.get(&lease.job_id).is_some_and(|(fence, _)| *fence == lease.fence) {
            jobs.remove(&lease.job_id);
        }
    }

    /// Cancels every job's work.
    pub(super) fn cancel_all(&self) {
        for (_, token) in self.jobs.lock().unwrap_or_else(PoisonError::into_inner).values() {
            token.cancel();
        }
    }

    /// Whether leases may have lapsed without our knowing.
    pub(super) fn is_doubtful(&self) -> bool {
        self.doubtful.load(Ordering::SeqCst)
    }

    fn leases(&self) -> Vec<(Uuid, i64)> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.iter().map(|(id, (fence, _))| (*id, *fence)).collect()
    }

    fn cancel_missing(&self, asked: &[(Uuid, i64)], kept: &std::collections::HashSet<(Uuid, i64)>) {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        for lease in asked.iter().filter(|lease| !kept.contains(lease)) {
            // One that ended while the statement ran is missing too; its token has gone with it.
            if let Some((fence, token)) = jobs.get(&lease.0)
                && *fence == lease.1
            {
                tracing::warn!(job.id = %lease.0, "a lease was lost");
                token.cancel();
            }
        }
    }
}

/// Renews leases until `stop`.
pub(super) async fn beat(queue: &Queue, running: &Running, config: &JobsConfig, stop: &CancellationToken) {
    let mut last_good = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(config.heartbeat) => {}
            () = stop.cancelled() => return,
        }
        let began = Instant::now();
        let patience = config.heartbeat_limit.saturating_sub(last_good.elapsed()).max(Duration::from_millis(50));
        let asked = running.leases();
        match tokio::time::timeout(patience, queue.renew(&asked)).await {
            Ok(Ok(kept)) => {
                last_good = began;
                running.doubtful.store(false, Ordering::SeqCst);
                running.cancel_missing(&asked, &kept);
            }
            Ok(Err(error)) => tracing::warn!(error = ?error, "a heartbeat failed"),
            Err(_) => tracing::warn!("a heartbeat took too long"),
        }
        if last_good.elapsed() >= config.heartbeat_limit && !running.doubtful.swap(true, Ordering::SeqCst) {
            tracing::error!("no heartbeat for too long: this process stops its work");
            running.cancel_all();
        }
    }
}
