//! Keys of servers: what they are called, what they may do, and how their texts look.

use uuid::Uuid;

use crate::{clock::Micros, viewer::Scopes};

/// What every key begins with, so that tools that look for leaked secrets find it.
pub const KEY_PREFIX: &str = "ink_";

/// The most living keys of a person.
pub const KEYS_MAX: i64 = 50;

/// The longest life of a key that ends by itself, days.
pub const DAYS_MAX: i32 = 3_650;

/// The most characters of a key's name.
const NAME_CHARS_MAX: usize = 100;

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The key's id, which is its session's.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// What it is called, 1–100 characters.
    pub name: String,
    /// Its first letters.
    pub hint: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made, microseconds.
    pub created_at: Micros,
    /// When it ends by itself, microseconds.
    pub expires_at: Option<Micros>,
    /// When it was last used, to the hour, microseconds.
    pub last_used_at: Option<Micros>,
}

/// A key that is wanted.
#[derive(Debug, Clone)]
pub struct CreateApiKey {
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// After how many days it ends by itself; `None` is never.
    pub days: Option<i32>,
}

/// Why no key was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CreateApiKeyError {
    /// The name is blank or too long.
    #[error("A name has 1–{NAME_CHARS_MAX} characters on one line.")]
    NameInvalid,
    /// It could do nothing.
    #[error("Name at least one scope.")]
    ScopesEmpty,
    /// It would end never or too late.
    #[error("A key ends after 1–{DAYS_MAX} days. Omit `expiresInDays` for one that ends only when it is revoked.")]
    ExpiryInvalid,
    /// There are enough.
    #[error("There are {KEYS_MAX} keys already. Revoke one first.")]
    TooMany,
}

impl CreateApiKey {
    /// The command with a clean name. Refuses: see [`CreateApiKeyError`].
    pub fn checked(mut self) -> Result<Self, CreateApiKeyError> {
        self.name = self.name.trim().to_owned();
        if !(1..=NAME_CHARS_MAX).contains(&self.name.chars().count()) || self.name.chars().any(char::is_control) {
            return Err(CreateApiKeyError::NameInvalid);
        }
        if self.scopes.is_empty() {
            return Err(CreateApiKeyError::ScopesEmpty);
        }
        if self.days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
            return Err(CreateApiKeyError::ExpiryInvalid);
        }
        Ok(self)
    }
}
