//! Runs in the API.

mod config;
mod loader;
mod mutation;
mod progress;
mod query;
mod types;

pub use config::{AutomationConfig, AutomationConfigMutation};
pub use loader::AutomationLoader;
pub use mutation::AutomationMutation;
pub use progress::AutomationSubscription;
pub use query::AutomationQuery;
pub use types::AutomationRun;
