//! The trail in the API.

mod query;
mod types;

pub use query::AuditQuery;
