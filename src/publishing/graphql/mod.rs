//! Calendars and slots in the API.

mod calendar;
mod query;

pub use query::PublishingQuery;
