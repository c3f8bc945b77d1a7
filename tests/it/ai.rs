//! AI tasks from command to records, on the sandbox provider, on both databases.

mod cancel;
mod crash;
mod money;
mod outcome;
pub mod stage;
mod stream;
