//! AI work in the API.

mod access;
mod compose;
mod loader;
mod model;
mod mutation;
mod price;
mod progress;
mod provider;
mod query;
mod quote;
mod refusal;
mod registry;
mod task;
mod things;

pub use compose::ComposeQuery;
pub use loader::AiLoader;
pub use model::{AiFunction, AiModel};
pub use mutation::AiMutation;
pub use progress::AiSubscription;
pub use provider::{ProviderMutation, ProviderQuery};
pub use query::AiQuery;
pub use quote::QuoteQuery;
pub use refusal::model_refusal;
pub use registry::AiRegistryMutation;
pub use task::AiTask;
pub use things::{MakeInput, decode_all, make_things, target_error};
