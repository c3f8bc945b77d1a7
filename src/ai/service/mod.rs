//! The use cases of AI work. The caller has made sure that the person may do this in the account.

mod cancel;
mod generate;
mod read;

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{
    points::{FailPoints, NoFailPoints},
    provider::Timeouts,
    routing::Providers,
    shelf::ImageShelf,
};
use crate::{
    bus::Bus,
    clock::Clock,
    db::Db,
    ids::Ids,
    jobs::{Jobs, event},
    ledger::Ledger,
};

pub use cancel::{CancelError, Owner, Rest, end_rest};
pub use read::TaskView;

pub(super) use cancel::{delivered_subjects, lost_or_fault, words_for, write_plain};

/// A member who may spend an account's credits, as membership and role were checked with this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spender {
    /// The account.
    pub account_id: Uuid,
    /// The person.
    pub user_id: Uuid,
}

/// Tries, waits and limits.
#[derive(Debug, Clone)]
pub struct AiConfig {
    /// How long a hold lasts when its work never begins.
    pub hold_life: Duration,
    /// How many requests an item may send.
    pub tries_max: usize,
    /// The first wait before another try; each further one may be twice as long.
    pub retry_base: Duration,
    /// The longest wait after a transient failure.
    pub retry_max: Duration,
    /// The longest wait when a provider asks for less.
    pub throttle_max: Duration,
    /// How long a request that was sent may still answer after a cancel.
    pub cancel_grace: Duration,
    /// How often a run looks whether it was cancelled, beside hints.
    pub watch: Duration,
    /// Time limits of a text call.
    pub text_timeouts: Timeouts,
    /// Time limits of an image call.
    pub image_timeouts: Timeouts,
}

impl Default for AiConfig {
    fn default() -> Self {
        Self {
            hold_life: Duration::from_secs(24 * 3600),
            tries_max: 3,
            retry_base: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            throttle_max: Duration::from_secs(300),
            cancel_grace: Duration::from_secs(10),
            watch: Duration::from_secs(1),
            text_timeouts: Timeouts::text(),
            image_timeouts: Timeouts::image(),
        }
    }
}

/// What AI work is made of.
pub struct AiParts {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New identifiers.
    pub ids: Arc<dyn Ids>,
    /// Hints.
    pub bus: Arc<dyn Bus>,
    /// Credits.
    pub ledger: Ledger,
    /// Durable work.
    pub jobs: Jobs,
    /// Adapters.
    pub providers: Providers,
    /// Where images go.
    pub shelf: Arc<dyn ImageShelf>,
    /// Tries and waits.
    pub config: AiConfig,
}

/// AI work. Cloning is cheap.
#[derive(Clone)]
pub struct Ai {
    pub(super) parts: Arc<AiParts>,
    pub(super) points: Arc<dyn FailPoints>,
}

impl Ai {
    /// Puts the parts together.
    pub fn new(parts: AiParts) -> Self {
        Self { parts: Arc::new(parts), points: Arc::new(NoFailPoints) }
    }

    /// The same, with someone who looks on; for tests.
    #[must_use]
    pub fn with_fail_points(mut self, points: Arc<dyn FailPoints>) -> Self {
        self.points = points;
        self
    }

    /// Tells readers of the task's stream, and its run, to look.
    pub(super) fn hint(&self, task: Uuid) {
        event::hint(self.parts.bus.as_ref(), task);
    }

    /// The restore epoch, part of every cursor.
    pub fn epoch(&self) -> i64 {
        self.parts.ledger.epoch()
    }
}
