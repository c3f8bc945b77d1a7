//! What a site's pipeline comes to in a period. It only reads, and must never know automation.

pub mod admin;
pub mod graphql;
pub mod model;
pub mod service;
mod store;

pub use service::Statistics;
