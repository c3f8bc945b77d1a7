//! Inkledger: the backend for products that sell AI content by credits.

pub mod ai;
pub mod image;
pub mod storage;
