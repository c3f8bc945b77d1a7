//! Low-balance levels: told once when the available credits fall below them.

use uuid::Uuid;

use crate::clock::Micros;

/// A level of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// Which one.
    pub id: Uuid,
    /// Credits, at least 1.
    pub level: i64,
    /// Whether it is told when the available credits fall below it. It is not again before they are back.
    pub is_armed: bool,
}

impl Threshold {
    /// The level after a transaction that left `available` credits. `None` when nothing changed for it.
    pub fn after(self, available: i64) -> Option<Self> {
        let is_armed = available >= self.level;
        (is_armed != self.is_armed).then_some(Self { is_armed, ..self })
    }
}

/// The available credits of an account fell below a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossing {
    /// Whose.
    pub account: Uuid,
    /// The level.
    pub level: i64,
    /// What is left.
    pub available: i64,
    /// The transaction that did it.
    pub transaction: Uuid,
    /// Its number.
    pub sequence: i64,
    /// When.
    pub at: Micros,
}
