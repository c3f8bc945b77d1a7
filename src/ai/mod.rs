//! AI models, tasks and the providers that serve them. It must never know content, images or sites: what is delivered
//! goes to whoever implements the traits it owns.

mod erase;
pub mod graphql;
pub mod maker;
pub mod model;
pub mod points;
pub mod progress;
pub mod provider;
pub mod registry;
pub mod reseal;
mod restore;
pub mod routing;
pub mod run;
pub mod service;
pub mod setup;
pub mod shelf;
pub mod stage;
pub mod store;
pub mod sweep;
pub mod vault;

pub use erase::{AiEraser, AiErasureSweep};
pub use restore::mark_unknown_in;
pub use service::{Ai, AiConfig, AiParts, Quote, Spender};
pub use stage::StageRun;
