//! Values and rules of system prompts. They must never know the database, the providers or the clock.

pub mod catalogue;
pub mod clause;
pub mod clean;
pub mod compose;
pub mod details;
pub mod diff;
pub mod fit;
mod key;
pub mod metadata;
pub mod optimise;
pub mod prompt;
pub mod split;
pub mod transfer;
pub mod warnings;

pub use key::{Category, KEY_LENGTH_MAX, KeyError, PromptKey, collapse_blanks, fold};
