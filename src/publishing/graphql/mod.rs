//! Slots in the API.

mod query;

pub use query::PublishingQuery;
