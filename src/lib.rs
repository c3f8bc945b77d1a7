//! Inkledger.
