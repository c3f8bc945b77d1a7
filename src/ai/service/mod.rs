//! The use cases of AI work. The caller has made sure that the person may do this in the account.

mod cancel;
mod generate;
mod models;
mod prepare;
mod prices;
mod providers;
mod quote;
mod read;
mod route;
pub mod stage;

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{
    maker::Makers,
    model::{GateRules, TryRules},
    points::{FailPoints, NoFailPoints},
    provider::Timeouts,
    routing::Providers,
    shelf::ImageShelf,
    vault::Vault,
};
use crate::{
    bus::Bus,
    clock::{Clock, SECOND},
    db::Db,
    flag::Switches,
    ids::Ids,
    jobs::{Jobs, event},
    ledger::Ledger,
    prompt::Prompts,
};

pub use cancel::{CancelError, Owner, Rest, end_rest};
pub use models::{CreateModel, DefaultError, EditModel, ModelError};
pub use prices::PriceError;
pub use providers::{EditProvider, KeyChange, ProviderError, ProviderView};
pub use quote::Quote;
pub use read::TaskView;

pub(super) use cancel::{delivered_subjects, lost_or_fault, made_so_far, subjects_of, words_for, write_plain};
pub(super) use prepare::UPSCALE_FACTOR;

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
    /// How often an item may be tried.
    pub tries: TryRules,
    /// How long an item may wait and be tried in all, from when a run first took it up.
    pub item_patience: Duration,
    /// When the breaker before a model opens, and for how long.
    pub breaker: GateRules,
    /// How many retries a minute a credential may send whatever else it sends; beyond them a tenth of its requests.
    pub retries_least: i64,
    /// How soon a run looks again for a probe or a request under way that may end at any moment.
    pub look_again: Duration,
    /// How long a run keeps its worker while other tasks wait: then the next item waits its turn.
    pub turn: Duration,
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
            tries: TryRules { per_model: 3, per_item: 6, unclear: 3, malformed: 2 },
            item_patience: Duration::from_secs(30 * 60),
            breaker: GateRules { failures: 5, open_first: 60 * SECOND, open_max: 300 * SECOND },
            retries_least: 3,
            look_again: Duration::from_secs(2),
            turn: Duration::from_secs(60),
            retry_base: Duration::from_secs(1),
            retry_max: Duration::from_secs(30),
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
    /// Encrypts provider keys.
    pub vault: Arc<Vault>,
    /// Where images go.
    pub shelf: Arc<dyn ImageShelf>,
    /// System prompts.
    pub prompts: Prompts,
    /// Who makes the things of the pipeline.
    pub makers: Makers,
    /// The flags as they stand.
    pub switches: Switches,
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
