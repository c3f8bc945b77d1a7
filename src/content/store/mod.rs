//! The tables of content. Every finder takes the account or the site, except the loaders, whose caller compares it.

pub mod calendar;
pub mod content;
pub mod part;
pub mod slot;
pub mod write;

use sea_orm::DbErr;

/// A word of a closed set that the schema's checks should have kept.
fn unknown(what: &str) -> DbErr {
    DbErr::Type(format!("a stored {what} is not one we know"))
}
