//! Keywords and clusters in the API.

mod input;
mod loader;
mod mutation;
mod query;
mod types;

pub use loader::KeywordLoader;
pub use mutation::KeywordMutation;
pub(crate) use mutation::request_id;
pub use query::KeywordQuery;
pub(crate) use query::{searched, sector as sector_filter, seen_site};
pub use types::{Cluster, ContentType, Keyword};
pub(crate) use types::{sector_of, seen};
