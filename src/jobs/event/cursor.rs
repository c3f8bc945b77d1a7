//! A place in a subject's stream, as the text that clients hand back.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

/// A place in a subject's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Tells the cursors of one kind of subject from another's.
    pub(super) mark: char,
    /// The restore epoch it was made in.
    pub(super) epoch: i64,
    /// Whose stream.
    pub(super) subject: Uuid,
    /// The number of the last event received.
    pub(super) sequence: i64,
}

impl Cursor {
    /// The opaque text.
    pub(super) fn to_text(self) -> String {
        let Self { mark, epoch, subject, sequence } = self;
        URL_SAFE_NO_PAD.encode(format!("{mark}{epoch}.{}.{sequence}", subject.simple()))
    }

    /// Reads a text of ours that has `mark`.
    pub(super) fn parse(mark: char, text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut parts = std::str::from_utf8(&bytes).ok()?.strip_prefix(mark)?.split('.');
        let (epoch, subject, sequence) = (parts.next()?, parts.next()?, parts.next()?);
        let (epoch, sequence) = (epoch.parse().ok()?, sequence.parse().ok()?);
        let cursor = Self { mark, epoch, subject: Uuid::parse_str(subject).ok()?, sequence };
        (parts.next().is_none() && cursor.sequence >= 0).then_some(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // G44
    #[test]
    fn reads_back_its_own_cursors_only() {
        let cursor = Cursor { mark: 't', epoch: 2, subject: Uuid::from_u128(5), sequence: 17 };
        assert_eq!(Cursor::parse('t', &cursor.to_text()), Some(cursor));
        assert_eq!(Cursor::parse('r', &cursor.to_text()), None);
        let negative = Cursor { sequence: -1, ..cursor }.to_text();
        let longer = URL_SAFE_NO_PAD.encode(format!("t2.{}.17.1", Uuid::from_u128(5).simple()));
        let (no_uuid, of_credits) = (URL_SAFE_NO_PAD.encode("t1.zz.3"), URL_SAFE_NO_PAD.encode("n42"));
        for text in ["", "x", "dDEuMi4z", &no_uuid, &of_credits, &negative, &longer] {
            assert_eq!(Cursor::parse('t', text), None);
        }
    }
}
