//! The place of a subscriber in an account's events, opaque to clients.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::error::Error;

/// After which event of which account a subscription continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The account.
    pub account: Uuid,
    /// The restore epoch in which the sequence was given.
    pub epoch: i64,
    /// The last event seen.
    pub sequence: i64,
}

impl Cursor {
    /// The text for clients, 43 characters.
    pub fn to_text(self) -> String {
        let mut bytes = Vec::with_capacity(32);
        bytes.extend_from_slice(self.account.as_bytes());
        bytes.extend_from_slice(&self.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a text. Errors: `BadUserInput` when it is not a cursor.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).ok_or_else(foreign)
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (account, rest) = bytes.split_first_chunk::<16>()?;
        let (epoch, rest) = rest.split_first_chunk::<8>()?;
        let sequence = <[u8; 8]>::try_from(rest).ok()?;
        let cursor = Self {
            account: Uuid::from_bytes(*account),
            epoch: i64::from_be_bytes(*epoch),
            sequence: i64::from_be_bytes(sequence),
        };
        (cursor.epoch >= 1 && cursor.sequence >= 0).then_some(cursor)
    }
}

/// One error for a text that is no cursor and for a cursor of another account, so that neither tells anything.
pub(super) fn foreign() -> Error {
    Error::bad_input("This cursor does not belong to this account. Subscribe without one.", &["after"])
}
