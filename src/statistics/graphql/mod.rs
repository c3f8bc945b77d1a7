//! Figures of sites in the API.

mod query;
mod types;

pub use query::StatisticsQuery;
