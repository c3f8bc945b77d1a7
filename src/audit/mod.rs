//! Who did what: one row per act, written in the transaction of the act itself and never changed. Rows are sealed into a
//! chain of hashes afterwards, whose head is signed outside the database. It must never know what an act means.

pub mod chain;
mod file;
pub mod graphql;
pub mod model;
mod seal;
pub mod service;
pub mod store;
pub mod verify;

pub use chain::{Checker, Signer};
pub use model::{Actor, AuditFilter, Entry, Recorded, Trace};
pub use seal::{AuditChain, AuditChainParts, SealSweep};
pub use service::AuditLog;
