//! Messages waiting to be written to one socket (G18). Bounded, so that a slow reader costs little; a caller looks
//! whether there is room before it asks an operation for more.

use std::collections::VecDeque;

use axum::extract::ws::{Message, Utf8Bytes};

/// Messages that may wait.
const MESSAGES_MAX: usize = 64;

/// Bytes that may wait.
const BYTES_MAX: usize = 256 * 1024;

/// Which operation a message belongs to: a number of its own, since a client may use an id again.
pub(super) type Serial = u64;

struct Entry {
    message: Message,
    bytes: usize,
    of: Option<Serial>,
}

/// A queue of frames.
#[derive(Default)]
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Entries at the front that answer pings and must keep their order.
    urgent: usize,
}

impl Queue {
    /// Appends a message of operation `of`.
    pub(super) fn push(&mut self, text: String, of: Serial) {
        let entry = Entry { bytes: text.len(), message: Message::Text(Utf8Bytes::from(text)), of: Some(of) };
        self.bytes += entry.bytes;
        self.entries.push_back(entry);
    }

    /// Puts a message of the connection itself before all that belong to operations.
    pub(super) fn push_urgent(&mut self, message: Message) {
        let bytes = match &message {
            Message::Text(text) => text.len(),
            Message::Binary(data) | Message::Ping(data) | Message::Pong(data) => data.len(),
            Message::Close(_) => 0,
        };
        self.bytes += bytes;
        self.entries.insert(self.urgent, Entry { message, bytes, of: None });
        self.urgent += 1;
    }

    /// The next message to write.
    pub(super) fn pop(&mut self) -> Option<Message> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.bytes;
        self.urgent = self.urgent.saturating_sub(1);
        if self.entries.is_empty() {
            // Most sockets have nothing to write most of the time.
            self.entries = VecDeque::new();
        }
        Some(entry.message)
    }

    /// Forgets what operation `of` still wanted to say: its client no longer listens (G14).
    pub(super) fn forget(&mut self, of: Serial) {
        self.entries.retain(|entry| entry.of != Some(of));
        self.bytes = self.entries.iter().map(|entry| entry.bytes).sum();
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// May more be put in?
    pub(super) fn has_room(&self) -> bool {
        self.entries.len() < MESSAGES_MAX && self.bytes < BYTES_MAX
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: Option<Message>) -> String {
        message.map(|message| message.into_text().unwrap().to_string()).unwrap_or_default()
    }

    // G18
    #[test]
    fn is_full_at_64_messages_or_256_kib() {
        let mut queue = Queue::default();
        (0..63).for_each(|_| queue.push("x".to_owned(), 1));
        assert!(queue.has_room());
        queue.push("x".to_owned(), 1);
        assert!(!queue.has_room());
        queue.pop();
        assert!(queue.has_room());
        queue.clear();
        queue.push("x".repeat(256 * 1024), 1);
        assert!(!queue.has_room());
    }

    // G14, G15
    #[test]
    fn answers_pings_first_and_forgets_a_completed_operation() {
        let mut queue = Queue::default();
        for (message, of) in [("a1", 1), ("b1", 2), ("a2", 1)] {
            queue.push(message.to_owned(), of);
        }
        queue.push_urgent(Message::text("pong 1"));
        queue.push_urgent(Message::text("pong 2"));
        queue.forget(1);
        let order: Vec<String> = (0..4).map(|_| text(queue.pop())).collect();
        assert_eq!(order, ["pong 1", "pong 2", "b1", ""]);
        assert!(queue.is_empty() && queue.bytes == 0);
    }
}
