//! Durable work: jobs are rows in the same database as money and content, so that "the work is done" and "the credits
//! are charged" can be one commit. Claimed under a lease, fenced on every write, found again after any crash.
//! It must never know what a job's subject means: features register handlers.

mod boot;
mod config;
pub mod event;
mod heartbeat;
mod model;
mod queue;
mod store;
mod sweep;
mod worker;

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, futures::OwnedNotified};

use crate::{
    bus::{Bus, Hint},
    clock::Clock,
    db::Db,
    ids::Ids,
};

pub use config::JobsConfig;
pub use model::{End, Job, Lane, Lease, NewJob, Outcome, Subject};
pub use store::{
    BACKLOG_MAX, Lost, backlog_of, cancel_ready_effect, enqueue, enqueue_effect, finish_effects, forgive_in, hasten_in,
    lease_guard, void_leases_in, write_in,
};
pub use worker::{Claimed, Handler, HandlerFuture, Role, Sweep, Workers};

/// The topic of hints that work is waiting.
pub const TOPIC: &str = "job";

/// What enqueuers and workers share. Cloning is cheap.
#[derive(Clone)]
pub struct Jobs {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New identifiers.
    pub ids: Arc<dyn Ids>,
    /// Hints to other processes.
    pub bus: Arc<dyn Bus>,
    /// Timings and sizes.
    pub config: Arc<JobsConfig>,
    notify: Arc<Notify>,
}

impl Jobs {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, bus: Arc<dyn Bus>, config: JobsConfig) -> Self {
        Self { db, clock, ids, bus, config: Arc::new(config), notify: Arc::new(Notify::new()) }
    }

    /// Tells sleeping workers, here and elsewhere, that work of `lane` was committed. Losing it costs a poll.
    pub fn wake(&self, lane: Lane) {
        self.wake_here();
        self.bus.publish(Hint {
            topic: TOPIC.to_owned(),
            key: lane.as_str().to_owned(),
            sequence: 0,
            origin: self.bus.origin().to_owned(),
            body: String::new(),
        });
    }

    fn wake_here(&self) {
        self.notify.notify_waiters();
    }

    /// Wakes this process's workers after `delay`, for work that is due only then.
    fn wake_after(&self, delay: Duration) {
        let jobs = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            jobs.wake_here();
        });
    }

    fn notified(&self) -> OwnedNotified {
        Arc::clone(&self.notify).notified_owned()
    }
}
