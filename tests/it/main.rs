//! Tests through the real doors, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that meets the unexpected fails by panicking"
)]

mod ai;
mod authz;
mod bus;
mod gate;
mod http;
mod jobs;
mod ledger;
mod provider;
mod records;
mod schema;
mod storage;
mod story;
mod support;
mod tidy;
