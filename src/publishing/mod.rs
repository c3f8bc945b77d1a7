//! Approval, slots and the calendar: what happens to content between its writing and its publication. It must never know
//! automation.

pub mod graphql;
pub mod model;
pub mod service;
mod store;

pub use service::Publishing;
