//! Figures of the installation in the API.

mod performance;
mod query;
mod types;

pub use query::AdminStatisticsQuery;
