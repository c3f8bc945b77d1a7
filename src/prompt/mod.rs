//! System prompts: named texts with immutable versions, and everything that is done with them. Which version is active
//! is read from the database every time, so an edit counts from the next request on in every process; only bodies of
//! versions, which never change, are remembered. It must never know what a text is used for.

pub mod graphql;
pub mod model;
pub mod service;
pub mod store;
pub mod sweep;

pub use service::{
    Compared, ComposeError, Composed, DiffError, FileError, ImportSystemPrompts, Instructions, LookUp, LookedUp,
    Optimisation, OptimiseError, OptimisePrompts, Pieces, PromptFile, PromptLimits, PromptReview, PromptStatistics,
    PromptUse, Prompts, PromptsParts, Purpose, Side, StoreFailed, Surroundings, UndoError, Undone, compare, deadline,
};
pub use store::usage::{SPLIT, take_effect, use_effect};
