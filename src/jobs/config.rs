//! Timings and sizes of the engine; tests shorten them.

use std::time::Duration;

/// How the engine runs. Defaults are those of the specification.
#[derive(Debug, Clone)]
pub struct JobsConfig {
    /// How many jobs run at once in this process; a quarter of them serve `interactive` only.
    pub workers: usize,
    /// How many jobs of one account and lane run at once, over all processes. Processes should agree on it;
    /// the latest claim writes it to `job_quota`.
    pub account_running_max: i32,
    /// How long a claim lasts without a heartbeat.
    pub lease: Duration,
    /// How often leases are renewed.
    pub heartbeat: Duration,
    /// Without a successful heartbeat for this long, the process stops its work.
    pub heartbeat_limit: Duration,
    /// How long an idle worker sleeps at first.
    pub poll_min: Duration,
    /// How long an idle worker sleeps at most.
    pub poll_max: Duration,
    /// How often the sweeper runs.
    pub sweep: Duration,
    /// How long running jobs get to end at shutdown.
    pub grace: Duration,
    /// How many processes may die with a job before it is given up.
    pub crashes_max: i32,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            workers: 4,
            account_running_max: 4,
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
            heartbeat_limit: Duration::from_secs(20),
            poll_min: Duration::from_secs(1),
            poll_max: Duration::from_secs(5),
            sweep: Duration::from_secs(10),
            grace: Duration::from_secs(25),
            crashes_max: 3,
        }
    }
}

impl JobsConfig {
    /// How many workers serve `interactive` only: a quarter, at least one when there are two or more.
    pub fn interactive_only(&self) -> usize {
        if self.workers < 2 { 0 } else { (self.workers / 4).max(1) }
    }
}

/// A duration in microseconds, as columns hold it.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
