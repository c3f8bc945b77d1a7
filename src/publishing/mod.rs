//! The calendar of content and the slots to come. Content changes its own state; here it is shown, and later sent out. It
//! must never know automation.

pub mod graphql;
pub mod model;
pub mod service;

pub use service::Publishing;
