//! Automation runs: configured, started, commanded, followed, scheduled, carried out, and nobody else's.

mod command;
mod config;
mod engine;
mod estimate;
mod money;
mod schedule;
pub mod stage;
mod stream;
