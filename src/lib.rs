//! Inkledger: the backend for products that sell AI content by credits.

pub mod bus;
pub mod clock;
pub mod db;
pub mod error;
pub mod ids;
pub mod ledger;
pub mod viewer;
