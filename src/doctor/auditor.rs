//! The doctor inside a server, for administrators without a shell.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::time::Instant;

use super::{CHECK_MAX, Report, Scene, examine};
use crate::{
    clock::Clock,
    config::Config,
    error::{Error, Internal},
    ids::Ids,
};

/// A check that was given up may still keep the database busy, so what such a look found is answered for so long.
const SLOW_KEPT: Duration = Duration::from_secs(60);

type Look = Shared<BoxFuture<'static, Option<Arc<Report>>>>;

/// Examines the installation that this server belongs to, as `inkledger doctor` does.
pub struct EnvironmentAuditor {
    config: Config,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    /// When the last look began, and its report to be.
    last: Mutex<Option<(Instant, Look)>>,
}

impl EnvironmentAuditor {
    /// Nothing is looked at yet.
    pub fn new(config: Config, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { config, clock, ids, last: Mutex::new(None) }
    }

    /// What is found. One look runs at a time, to its end though nobody waits any more; who asks meanwhile shares it.
    pub async fn audit(&self) -> Result<Arc<Report>, Error> {
        let report = self.look().await;
        report.ok_or_else(|| Internal::new("examining the installation", "the look broke off").into())
    }

    fn look(&self) -> Look {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((began, look)) = &*last {
            let is_slow = |report: &Report| u128::from(report.took_ms) >= CHECK_MAX.as_millis();
            match look.peek() {
                None => return look.clone(),
                Some(Some(report)) if is_slow(report) && began.elapsed() < SLOW_KEPT => return look.clone(),
                Some(_) => {}
            }
        }
        let scene = Scene::new(self.config.clone(), Arc::clone(&self.clock), Arc::clone(&self.ids));
        let running = tokio::spawn(async move { Arc::new(examine(&scene).await) });
        let look = async move { running.await.ok() }.boxed().shared();
        // Somebody must wait for it to the end: else a look that its asker left would count as running, and be answered hours later.
        tokio::spawn(look.clone());
        *last = Some((Instant::now(), look.clone()));
        look
    }
}
