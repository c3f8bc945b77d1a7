//! The doctor in the API.

mod query;

pub use query::DoctorQuery;
