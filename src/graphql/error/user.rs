//! Refusals as they are shown.

use async_graphql::SimpleObject;

use super::{
    code::UserErrorCode,
    detail::{
        IllegalState, IllegalTransition, InsufficientCredits, KeyExists, ModelMismatch, SourcePosition, VersionConflict,
    },
};
use crate::{error::Never, graphql::scalars::Credits, ledger::graphql::CapExceeded};

/// A refusal of a business request: nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct UserError {
    /// The stable code.
    pub code: UserErrorCode,
    /// What is wrong, which limit holds and what to do, in English.
    pub message: String,
    /// The field of the input that is at fault, from the outside in; null when it is none.
    pub path: Option<Vec<String>>,
    // What few refusals have is boxed: the type travels as an error, and a large one would be copied at every `?`.
    /// The figures, with `INSUFFICIENT_CREDITS` only.
    pub insufficient_credits: Option<Box<InsufficientCredits>>,
    /// The cap, with `CAP_EXCEEDED` only.
    pub cap_exceeded: Option<Box<CapExceeded>>,
    /// The two versions, with `VERSION_CONFLICT` only.
    pub version_conflict: Option<VersionConflict>,
    /// The two states, with `ILLEGAL_TRANSITION` of content only.
    pub illegal_transition: Option<Box<IllegalTransition>>,
    /// The present state, with `ILLEGAL_STATE` only.
    pub illegal_state: Option<Box<IllegalState>>,
    /// The prompt that is there, with `KEY_EXISTS` only.
    pub key_exists: Option<KeyExists>,
    /// Where in the file, with `SYNTAX_ERROR`, `DUPLICATE_JSON_KEY` and `TOO_DEEP` only.
    pub source_position: Option<SourcePosition>,
    /// What the AI model lacks, with `UNSUPPORTED_…` and `PROMPT_TOO_LONG` only.
    pub model_mismatch: Option<Box<ModelMismatch>>,
}

impl UserError {
    /// A refusal that concerns `path` of the input; empty means the request as a whole.
    pub fn new(code: UserErrorCode, message: impl Into<String>, path: &[&str]) -> Self {
        let path = (!path.is_empty()).then(|| path.iter().map(|part| (*part).to_owned()).collect());
        Self {
            code,
            message: message.into(),
            path,
            insufficient_credits: None,
            cap_exceeded: None,
            model_mismatch: None,
            version_conflict: None,
            illegal_transition: None,
            illegal_state: None,
            key_exists: None,
            source_position: None,
        }
    }

    /// It was changed meanwhile.
    pub fn conflicting(message: impl Into<String>, expected: i32, current: i32) -> Self {
        Self {
            version_conflict: Some(VersionConflict { expected, current }),
            ..Self::new(UserErrorCode::VersionConflict, message, &["input", "expectedVersion"])
        }
    }

    /// It is in a state in which this cannot be done.
    pub fn in_state(message: impl Into<String>, current: &'static str) -> Self {
        let illegal_state = Some(Box::new(IllegalState { current }));
        Self { illegal_state, ..Self::new(UserErrorCode::IllegalState, message, &[]) }
    }

    /// The account's available credits do not cover the request.
    pub fn insufficient(required: i64, available: i64) -> Self {
        Self {
            insufficient_credits: Some(Box::new(InsufficientCredits {
                required: Credits(required),
                available: Credits(available),
                short: Credits(required.saturating_sub(available)),
            })),
            ..Self::new(
                UserErrorCode::InsufficientCredits,
                format!("Insufficient credits. Required: {required}, Available: {available}"),
                &[],
            )
        }
    }
}

impl From<Never> for UserError {
    fn from(never: Never) -> Self {
        match never {}
    }
}
