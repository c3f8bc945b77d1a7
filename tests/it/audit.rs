//! The audit trail: what is in it, who reads it, and that nobody changes it unseen.

mod chain;
mod command;
mod log;
