//! Switches of the product: each has a default, what the environment says, and at run time an override with a reason.
//! Reading one costs an atomic load, so hot paths may; what was set in one process counts in all of them within seconds.
//! It must never know what a switch does: whoever reads one does.

pub mod graphql;
mod model;
pub mod service;
pub mod store;
mod switches;

pub use model::{Environment, Flag, Given, Impact, Override, Source, Standing, Warning, parse_switch};
pub use service::{ClearFlagError, Flags, FlagsParts, SetFlag, SetFlagError};
pub use switches::Switches;
