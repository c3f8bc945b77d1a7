//! The credit ledger: the core against a naive model, the writer on both databases, races, effects, live balances.

mod balance_at;
mod batch;
mod core;
mod correct;
pub mod desk;
mod effect;
mod grants;
mod holds;
mod hub;
mod journal;
mod model;
mod race;
mod support;
mod threshold;
mod writer;
