//! One socket with its outgoing queue. Writes and reads in one poll, so that a connection is one task and no message
//! waits for the other direction. Knows frames, not the protocol.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::{Sink as _, Stream as _, StreamExt as _};
use tokio::time::timeout;

use super::queue::Queue;

/// What a poll brought.
pub(super) enum Wired {
    /// A frame of the client.
    Incoming(Message),
    /// The queue was full and has room again.
    Room,
    /// The client closed, or the connection broke without a reason worth telling.
    Gone,
    /// The client broke a rule of WebSocket itself: the code to close with, and why.
    Broken(u16, &'static str),
}

/// The socket.
pub(super) struct Wire {
    socket: WebSocket,
    pub(super) queue: Queue,
    was_full: bool,
}

impl Wire {
    pub(super) fn new(socket: WebSocket) -> Self {
        Self { socket, queue: Queue::default(), was_full: false }
    }

    /// Writes what can be written; then reads, unless too much waits to be written. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Wired {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Wired> {
        if let Poll::Ready(Err(())) = self.write(cx) {
            return Poll::Ready(Wired::Gone);
        }
        let is_full = !self.queue.has_room();
        if std::mem::replace(&mut self.was_full, is_full) && !is_full {
            return Poll::Ready(Wired::Room);
        }
        if is_full {
            // What the client says would only make answers; it waits in the kernel.
            return Poll::Pending;
        }
        match Pin::new(&mut self.socket).poll_next(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(Wired::Gone),
            Poll::Ready(Some(Ok(message))) => Poll::Ready(Wired::Incoming(message)),
            Poll::Ready(Some(Err(error))) => Poll::Ready(broken(error)),
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        loop {
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
                Poll::Ready(Ok(())) => {}
            }
            let Some(message) = self.queue.pop() else { break };
            if Pin::new(&mut self.socket).start_send(message).is_err() {
                return Poll::Ready(Err(()));
            }
        }
        Pin::new(&mut self.socket).poll_flush(cx).map_err(|_| ())
    }

    /// Says goodbye and waits a moment for the client to do so too: a connection that is cut with unread input loses
    /// the close frame on its way.
    pub(super) async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code, reason: reason.into() };
        let goodbye = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        let _ = timeout(CLOSE_PATIENCE, goodbye).await;
    }

    /// Lets the answer to the client's close frame go out.
    pub(super) async fn finish(mut self) {
        let _ = timeout(CLOSE_PATIENCE, async { while let Some(Ok(_)) = self.socket.next().await {} }).await;
    }
}

/// How long a closing socket is kept for the other side.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// Which close code a read error deserves.
fn broken(error: axum::Error) -> Wired {
    let cause = error.into_inner();
    match cause.downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => Wired::Broken(super::TOO_BIG, "A message exceeds 64 KiB."),
        Some(tungstenite::Error::Utf8(_)) => Wired::Broken(1007, "A text message is not UTF-8."),
        Some(tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
            Wired::Gone
        }
        Some(tungstenite::Error::Protocol(_)) => Wired::Broken(1002, "The WebSocket protocol was broken."),
        _ => Wired::Gone,
    }
}
