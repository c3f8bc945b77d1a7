//! What some refusals say beside their message.

use async_graphql::SimpleObject;

use crate::graphql::scalars::{Credits, SafeInt};

/// What an AI model lacks, and who has it.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct ModelMismatch {
    /// The names of active AI models that can do what was asked, at most 10.
    pub models: Vec<String>,
    /// The prompt's length in Unicode scalar values; null unless that is at fault.
    pub length: Option<SafeInt>,
    /// The longest prompt that the AI model takes; null unless that is at fault.
    pub maximum: Option<SafeInt>,
    /// The name of the AI model that was chosen; null where the request names it.
    pub model: Option<String>,
    /// How long each part of a composed prompt is; null unless that is at fault.
    pub parts: Option<Vec<PartLength>>,
}

/// How long a part of a composed prompt is.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct PartLength {
    /// Which: `EVENT`, `DETAILS`, `STYLE`, `TEXT`, `CUSTOM_STYLE` or `BASE`.
    pub kind: &'static str,
    /// Its length in Unicode scalar values; two more lie between two parts.
    pub length: SafeInt,
}

/// What was asked for and what is there.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct InsufficientCredits {
    /// Credits the request needs.
    pub required: Credits,
    /// Credits that are available.
    pub available: Credits,
    /// Credits that are missing: required less available.
    pub short: Credits,
}

/// Which version an edit was made from and which one is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SimpleObject)]
pub struct VersionConflict {
    /// The version the edit was made from, 1 or more.
    pub expected: i32,
    /// The version that is there, 1 or more.
    pub current: i32,
}

/// A change of state that no rule knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SimpleObject)]
pub struct IllegalTransition {
    /// The state it is in.
    pub from: &'static str,
    /// The state it was to go to.
    pub to: &'static str,
}

/// Where something is that was asked to go elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SimpleObject)]
pub struct IllegalState {
    /// The state it is in.
    pub current: &'static str,
}

/// Where in a file a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SimpleObject)]
pub struct SourcePosition {
    /// The line, from 1.
    pub line: i32,
    /// The column in characters, from 1.
    pub column: i32,
}

/// The prompt that has the key already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SimpleObject)]
pub struct KeyExists {
    /// Whether look-ups find it.
    pub is_enabled: bool,
}
