//! The credit ledger: the core against a naive model, the writer on both databases, races, effects, live balances.

mod batch;
mod core;
mod correct;
mod effect;
mod hub;
mod journal;
mod model;
mod race;
mod support;
mod threshold;
mod writer;
