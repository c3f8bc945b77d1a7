//! Flags in the API.

mod mutation;
mod query;
mod types;

pub use mutation::FlagMutation;
pub use query::FlagQuery;
pub use types::{FeatureFlag, FlagName};
