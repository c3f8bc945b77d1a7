//! Checks an installation and says what to do. Stands at the edge beside the doors; nothing depends on it.

pub mod records;
