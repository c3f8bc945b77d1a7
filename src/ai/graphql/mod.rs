//! AI work in the API.

mod access;
mod loader;
mod model;
mod mutation;
mod progress;
mod query;
mod task;

pub use loader::AiLoader;
pub use model::AiModel;
pub use mutation::AiMutation;
pub use progress::AiSubscription;
pub use query::AiQuery;
pub use task::AiTask;
