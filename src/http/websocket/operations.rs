//! The operations running on one socket. Polled by the socket's own task; a panic ends one operation, not the socket.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
};

use async_graphql::Value;
use futures_util::{StreamExt as _, stream::BoxStream};

use super::queue::Serial;
use crate::{
    graphql::gate::Answer,
    http::telemetry::{self, Outcome},
};

/// What an operation did.
pub(super) enum Output {
    /// One answer or event.
    Answer(Answer),
    /// It failed as a whole; nothing follows.
    Failed(Answer),
    /// It panicked; nothing follows.
    Panicked,
    /// It ended.
    End,
}

struct Operation {
    id: String,
    serial: Serial,
    answers: BoxStream<'static, Answer>,
    log: telemetry::Operation,
}

/// All operations of a socket.
#[derive(Default)]
pub(super) struct Operations {
    running: Vec<Operation>,
    last_serial: Serial,
    /// Where the next poll starts, so that a busy operation does not starve the others.
    turn: usize,
}

impl Operations {
    /// Is an operation of this id running?
    pub(super) fn is_live(&self, id: &str) -> bool {
        self.running.iter().any(|operation| operation.id == id)
    }

    /// Running operations.
    pub(super) fn count(&self) -> usize {
        self.running.len()
    }

    /// Starts one; the id must not be live.
    pub(super) fn start(&mut self, id: String, answers: BoxStream<'static, Answer>, log: telemetry::Operation) {
        self.last_serial += 1;
        // Most sockets have one.
        self.running.reserve_exact(1);
        self.running.push(Operation { id, serial: self.last_serial, answers, log });
    }

    /// Stops the one of this id, if it runs, and tells its serial.
    pub(super) fn stop(&mut self, id: &str) -> Option<Serial> {
        let at = self.running.iter().position(|operation| operation.id == id)?;
        Some(self.running.swap_remove(at).serial)
    }

    /// A number that belongs to no operation yet, for a message about one that never started.
    pub(super) fn serial(&mut self) -> Serial {
        self.last_serial += 1;
        self.last_serial
    }

    /// Stops all.
    pub(super) fn clear(&mut self) {
        self.running.clear();
    }

    /// The next output of any operation; never resolves while there is none. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> (String, Serial, Output) {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(String, Serial, Output)> {
        let count = self.running.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            let Some(operation) = self.running.get_mut(at) else { continue };
            let polled = catch_unwind(AssertUnwindSafe(|| operation.answers.poll_next_unpin(cx)));
            let output = match polled {
                Ok(Poll::Pending) => continue,
                Ok(Poll::Ready(Some(answer))) if has_failed(&answer) => Output::Failed(answer),
                Ok(Poll::Ready(Some(answer))) => Output::Answer(answer),
                Ok(Poll::Ready(None)) => Output::End,
                Err(_) => Output::Panicked,
            };
            self.turn = at + 1;
            match &output {
                Output::Answer(answer) | Output::Failed(answer) => operation.log.mark(Outcome::of(answer)),
                Output::Panicked => operation.log.mark(Outcome::Panicked),
                Output::End => {}
            }
            let (id, serial) = (operation.id.clone(), operation.serial);
            if !matches!(output, Output::Answer(_)) {
                self.running.swap_remove(at);
            }
            return Poll::Ready((id, serial, output));
        }
        Poll::Pending
    }
}

/// Did the whole operation fail: by a panic, its deadline, or before its first field? Then no error names a field.
fn has_failed(answer: &Answer) -> bool {
    answer.data == Value::Null && answer.errors.iter().any(|fault| fault.path.is_empty())
}
