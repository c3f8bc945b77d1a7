//! Fan-out of hints between processes. A hint says that something changed and where to look; losing one costs
//! delay, never data. It must never know what a feature means.

pub mod local;
pub mod nats;
pub mod postgres;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

/// Something changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// What kind of thing, such as `credit`, `event`, `job`, `access`.
    pub topic: String,
    /// Which one: an id, or a lane.
    pub key: String,
    /// Its number after the change, where it has one.
    pub sequence: i64,
    /// The process that sent it, so that it can ignore its own.
    pub origin: String,
    /// What changed, when it is small enough to travel; empty otherwise.
    pub body: String,
}

/// Carries hints. Sending never blocks and never fails towards the caller.
pub trait Bus: Send + Sync {
    /// Sends `hint` to every process, this one included.
    fn publish(&self, hint: Hint);
    /// Hints from now on. A receiver that lags is told so and must read the state anew.
    fn subscribe(&self) -> broadcast::Receiver<Hint>;
    /// This process's name in [`Hint::origin`].
    fn origin(&self) -> &str;
}
