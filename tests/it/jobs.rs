//! The engine: claims, leases, fences, quotas, fairness, poison.

mod fairness;
mod lease;
mod poison;
pub mod stage;
