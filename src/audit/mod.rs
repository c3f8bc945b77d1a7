//! Who did what: one row per act, written in the transaction of the act itself and never changed. It must never know
//! what an act means.

pub mod model;
pub mod store;

pub use model::{Actor, Entry, Trace};
