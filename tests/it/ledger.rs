//! The credit ledger: the core against a naive model, the writer on both databases, races, effects, live balances, proof
//! for outsiders.

mod anchor;
mod balance_at;
mod batch;
mod cap;
mod core;
mod correct;
pub mod desk;
mod effect;
mod grants;
mod health;
mod holds;
mod hub;
mod journal;
mod model;
mod proof;
mod race;
mod receipt;
mod restore;
mod support;
mod threshold;
mod writer;
