//! A thread of its own for the ledger's transactions. Each waits for the database several times; on the workers that requests
//! share, it would stand behind all of them after each wait, with an account's lock in its hand.

use std::{io, sync::mpsc};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The thread. It ends with this value, and what still runs on it is dropped.
pub(super) struct Thread {
    handle: Handle,
    _end: DropGuard,
}

impl Thread {
    /// Starts it.
    pub(super) fn start() -> io::Result<Self> {
        let end = CancellationToken::new();
        let ended = end.clone();
        let (started, handle) = mpsc::sync_channel(1);
        // A runtime must not be dropped by somebody who is inside another, so the thread alone ever has it.
        let run = move || match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                let _ = started.send(Ok(runtime.handle().clone()));
                runtime.block_on(ended.cancelled());
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        };
        std::thread::Builder::new().name("ledger".to_owned()).spawn(run)?;
        let handle = handle.recv().map_err(io::Error::other)??;
        Ok(Self { handle, _end: end.drop_guard() })
    }

    /// Where tasks are spawned.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}
