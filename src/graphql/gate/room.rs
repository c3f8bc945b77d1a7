//! How large an answer may be: what is left for long texts while it is put together, and what it weighs in the end.

use std::{
    io::{self, Write},
    sync::atomic::{AtomicU64, Ordering},
};

use async_graphql::Value;

use crate::error::Error;

/// What is left of an answer's bytes for its long texts. Resolvers of such fields take from it before they answer, so that
/// no answer is put together in memory that would be refused afterwards.
#[derive(Debug)]
pub struct AnswerRoom {
    left: AtomicU64,
    maximum: u64,
}

impl AnswerRoom {
    pub(super) fn new(maximum: usize) -> Self {
        let maximum = u64::try_from(maximum).unwrap_or(u64::MAX);
        Self { left: AtomicU64::new(maximum), maximum }
    }

    /// Takes what `text` needs. Refuses: `AnswerTooLarge`, and what is left stays for others.
    pub fn take(&self, text: &str) -> Result<(), Error> {
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken.map(|_| ()).map_err(|_| Error::AnswerTooLarge { maximum: self.maximum })
    }
}

/// A byte of text takes at most so many in JSON.
const ESCAPED: usize = 6;

/// Whether `data` fits into `maximum` bytes of JSON. Most answers are so small that a look at their lengths decides.
pub(super) fn fits(data: &Value, maximum: usize) -> bool {
    if length(data).saturating_mul(ESCAPED) <= maximum {
        return true;
    }
    serde_json::to_writer(Counter { left: maximum }, data).is_ok()
}

/// Bytes of texts and names; a little for everything else.
fn length(data: &Value) -> usize {
    const OTHER: usize = 8;
    match data {
        Value::String(text) => text.len().saturating_add(OTHER),
        Value::List(items) => items.iter().map(length).fold(OTHER, usize::saturating_add),
        Value::Object(fields) => {
            let field = |(name, value): (&async_graphql::Name, &Value)| name.len().saturating_add(length(value));
            fields.iter().map(field).fold(OTHER, usize::saturating_add)
        }
        Value::Binary(bytes) => bytes.len().saturating_add(OTHER),
        _ => OTHER,
    }
}

/// Counts what is written, and fails when it is too much.
struct Counter {
    left: usize,
}

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(bytes.len());
        self.left = left.ok_or_else(|| io::Error::other("the answer is too large"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_weighed_as_it_is_written() {
        for text in ["plain", "\u{1}\u{2}\u{3}", "\"quoted\"", "naïve"] {
            let data = Value::from_json(serde_json::json!({"text": [text, 7, null, true]})).unwrap();
            let bytes = serde_json::to_vec(&data).unwrap().len();
            assert!(fits(&data, bytes), "{text:?}");
            assert!(!fits(&data, bytes - 1), "{text:?}");
        }
    }

    #[test]
    fn room_is_taken_to_the_last_byte_and_what_does_not_fit_takes_none() {
        let room = AnswerRoom::new(10);
        room.take("12345678").unwrap();
        assert!(matches!(room.take("123"), Err(Error::AnswerTooLarge { maximum: 10 })));
        room.take("12").unwrap();
        assert!(room.take("1").is_err());
    }
}
