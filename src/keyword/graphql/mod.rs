//! Keywords and clusters in the API.

mod input;
mod loader;
mod make;
mod mutation;
mod query;
mod types;

pub use loader::KeywordLoader;
pub use make::ClusteringMutation;
pub use mutation::KeywordMutation;
pub(crate) use mutation::{fault_code, request_id, sector_in};
pub use query::KeywordQuery;
pub(crate) use query::{searched, sector as sector_filter, seen_site};
pub(crate) use types::sector_of;
pub use types::{Cluster, ContentType, Keyword};
