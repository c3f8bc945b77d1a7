//! What the whole installation comes to, for those who run it: totals since ever, and figures day by day. Whatever is not counted is
//! left out rather than made up. It only reads.

pub mod graphql;
pub mod model;
mod service;
mod store;

pub use service::AdminStatistics;
