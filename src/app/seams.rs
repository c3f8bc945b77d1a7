//! The seams of the composition: what tests replace.

use std::sync::Arc;

use crate::{
    ai::{AiConfig, points, routing::Providers},
    automation::{Prices, StageWork, points as run_points},
    clock::{Clock, SystemClock},
    config::Config,
    graphql::gate::Limits,
    http::Timing,
    ids::{Ids, SystemIds},
    jobs::JobsConfig,
    performance::Monitoring,
};

/// What tests put in the place of the machine's own.
pub struct Seams {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers and random bytes.
    pub ids: Arc<dyn Ids>,
    /// Adapters; `None` takes them from the settings.
    pub providers: Option<Providers>,
    /// What the stages of runs do; `None` takes what this version does.
    pub stage_work: Option<Arc<dyn StageWork>>,
    /// What they would hold; `None` asks the registry of models.
    pub stage_prices: Option<Arc<dyn Prices>>,
    /// Timings of durable work.
    pub jobs: JobsConfig,
    /// Tries and waits of AI work.
    pub ai: AiConfig,
    /// Who looks on as AI work goes on.
    pub ai_points: Arc<dyn points::FailPoints>,
    /// Who looks on as runs go on.
    pub automation_points: Arc<dyn run_points::FailPoints>,
    /// Waiting times of the transports.
    pub timing: Timing,
    /// Limits of documents and callers.
    pub limits: Limits,
    /// Whether things are timed, and what was.
    pub monitoring: Monitoring,
}

impl Seams {
    /// The machine's own.
    pub fn system(config: &Config) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Self {
            ids: Arc::new(SystemIds::new(Arc::clone(&clock))),
            clock,
            providers: None,
            stage_work: None,
            stage_prices: None,
            jobs: JobsConfig {
                workers: config.workers,
                account_running_max: config.running_per_account,
                grace: config.http.shutdown,
                ..JobsConfig::default()
            },
            ai: AiConfig::default(),
            ai_points: Arc::new(points::NoFailPoints),
            automation_points: Arc::new(run_points::NoFailPoints),
            timing: Timing { shutdown_grace: config.http.shutdown, ..Timing::default() },
            limits: config.gate.limits.clone(),
            monitoring: Monitoring::default(),
        }
    }
}
