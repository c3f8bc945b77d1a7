//! Keywords and clusters in the API.

mod input;
mod loader;
mod mutation;
mod query;
mod types;

pub use loader::KeywordLoader;
pub use mutation::KeywordMutation;
pub use query::KeywordQuery;
pub use types::{Cluster, Keyword};
