//! Inkledger: the backend for products that sell AI content by credits.

// The root types merge one object into the next, so that the futures of their fields nest as deep as there are objects.
#![recursion_limit = "256"]

pub mod ai;
pub mod app;
pub mod audit;
pub mod auth;
pub mod automation;
pub mod bus;
pub mod calendar;
pub mod cli;
pub mod clock;
pub mod compute;
pub mod config;
pub mod content;
pub mod db;
pub mod defect;
pub mod doctor;
pub mod error;
pub mod flag;
pub mod graphql;
pub mod http;
pub mod idea;
pub mod ids;
pub mod image;
pub mod jobs;
pub mod key_file;
pub mod keyword;
pub mod ledger;
pub mod lettering;
pub mod memory;
pub mod metric;
pub mod notification;
pub mod page;
pub mod performance;
pub mod prompt;
pub mod publishing;
pub mod site;
pub mod statistics;
pub mod storage;
pub mod telemetry;
pub mod together;
pub mod trace;
pub mod viewer;
mod words;
