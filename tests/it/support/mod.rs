//! What all tests share.

pub mod database;
