//! The bus of a single process.

use tokio::sync::broadcast;

use super::{Bus, Hint};

/// Hints of one process to itself.
pub struct LocalBus {
    sender: broadcast::Sender<Hint>,
    origin: String,
}

/// How many hints a slow receiver may be behind before it must read anew.
pub const CAPACITY: usize = 1024;

impl LocalBus {
    /// `origin` names this process.
    pub fn new(origin: impl Into<String>) -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY), origin: origin.into() }
    }
}

impl Bus for LocalBus {
    fn publish(&self, hint: Hint) {
        // Nobody listening is not a fault: hints are allowed to be lost.
        let _ = self.sender.send(hint);
    }

    fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.sender.subscribe()
    }

    fn origin(&self) -> &str {
        &self.origin
    }
}
