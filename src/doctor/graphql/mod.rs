//! The doctor in the API.

mod environment;
mod query;

pub use query::DoctorQuery;
