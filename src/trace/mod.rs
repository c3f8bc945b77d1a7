//! Where credits went: the ledger's facts beside those of AI work and content. It only reads, and stands to the right of all
//! that it joins, so that none of them knows another for it.

pub mod graphql;
pub mod model;
pub mod service;
mod store;

pub use service::Trace;
