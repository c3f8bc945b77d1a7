//! AI tasks from command to records, on the sandbox provider, on both databases.

mod campaign;
mod cancel;
mod compose;
mod crash;
mod erasure;
mod money;
mod outcome;
mod provider_settings;
mod refusal;
mod registry;
mod route;
mod size;
pub mod stage;
mod stream;
