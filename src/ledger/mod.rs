//! Grants, holds and credit transactions.
pub mod model;
