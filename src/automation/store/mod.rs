//! The tables of automation. Every finder takes the account or the site, except the loaders, whose caller compares it, and
//! the engine's own.

pub mod change;
pub mod config;
pub mod effect;
pub mod item;
pub mod run;
pub mod schedule;
pub mod stage;
pub mod step;
pub mod waiting;

use sea_orm::DbErr;

/// The kind of subject that a run is to jobs, events, notifications and audit rows: the table's name.
pub const SUBJECT: &str = "automation_run";

/// A word of a closed set that the schema's checks should have kept.
pub(super) fn unknown(what: &str) -> DbErr {
    DbErr::Type(format!("a stored {what} is not one we know"))
}
