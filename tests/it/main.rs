//! Tests through the real doors, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that meets the unexpected fails by panicking"
)]

mod admin;
mod ai;
mod audit;
mod auth;
mod authz;
mod automation;
mod bus;
mod cli;
mod clustering;
mod content;
mod content_task;
mod database;
mod flag;
mod gate;
mod http;
mod idea;
mod image;
mod jobs;
mod keyword;
mod ledger;
mod loaders;
mod pipeline;
mod prompt;
mod provider;
mod publishing;
mod records;
mod schema;
mod site;
mod statistics;
mod storage;
mod story;
mod support;
mod tidy;
mod trace;
