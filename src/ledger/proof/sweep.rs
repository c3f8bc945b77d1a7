//! Anchors at their pace: one line a minute with activity, and a last one at the end.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::service::{Anchors, Look};
use crate::{
    error::Error,
    jobs::{HandlerFuture, Sweep},
};

/// How often everything is looked at.
const EVERYTHING_EVERY: Duration = Duration::from_secs(3_600);

/// Writes anchors whenever their time has come. Paced by this process's own steady clock.
pub struct AnchorSweep {
    anchors: Anchors,
    every: Duration,
    done: Mutex<Done>,
}

#[derive(Clone, Copy)]
struct Done {
    last: Instant,
    everything: Option<Instant>,
}

impl AnchorSweep {
    /// The first one comes `every` from now.
    pub fn new(anchors: Anchors, every: Duration) -> Self {
        Self { anchors, every, done: Mutex::new(Done { last: Instant::now(), everything: None }) }
    }

    fn done(&self) -> Done {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sweep for AnchorSweep {
    fn name(&self) -> &'static str {
        "ledger.anchor"
    }

    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let (now, done) = (Instant::now(), self.done());
            if now.duration_since(done.last) < self.every {
                return Ok(());
            }
            let is_time = done.everything.is_none_or(|last| now.duration_since(last) >= EVERYTHING_EVERY);
            let look = if is_time { Look::Everything } else { Look::Recent };
            let everything = if is_time { Some(now) } else { done.everything };
            // Also when it fails: what could not be copied has its next turn when every anchor has.
            *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Done { last: now, everything };
            let lines = self.anchors.write(look).await?;
            if lines > 0 {
                tracing::debug!(lines, "the ledger was anchored");
            }
            Ok(())
        })
    }
}
