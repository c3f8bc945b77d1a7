//! All integration tests, in one binary.

mod provider;
mod storage;
mod support;
