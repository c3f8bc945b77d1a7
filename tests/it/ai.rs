//! AI tasks from command to records, on the sandbox provider, on both databases.

mod campaign;
mod cancel;
mod compose;
mod crash;
mod money;
mod outcome;
mod provider_settings;
mod registry;
mod route;
pub mod stage;
mod stream;
