//! Inkledger: the backend for products that sell AI content by credits.

pub mod ai;
pub mod app;
pub mod audit;
pub mod auth;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod doctor;
pub mod error;
pub mod graphql;
pub mod http;
pub mod ids;
pub mod image;
pub mod jobs;
pub mod ledger;
pub mod lettering;
pub mod notification;
pub mod page;
pub mod prompt;
pub mod publishing;
pub mod storage;
pub mod telemetry;
pub mod viewer;
