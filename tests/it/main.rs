//! Integration tests: one binary, one file or folder per feature.

mod ledger;
mod support;
