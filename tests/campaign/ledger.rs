//! What is shared with the tests of the ledger: the naive model and random stories.

#[path = "../it/ledger/cap.rs"]
pub mod cap;
#[path = "../it/ledger/core.rs"]
pub mod core;
#[path = "../it/ledger/model.rs"]
pub mod model;
#[path = "../it/ledger/support.rs"]
pub mod support;
#[path = "../it/ledger/writer.rs"]
pub mod writer;
