//! The tables of keywords and clusters. Every finder takes the account, except the loaders, whose caller compares it.

pub mod cluster;
pub mod effect;
pub mod keyword;
pub mod select;

use sea_orm::DbErr;

/// A word of a closed set that the schema's checks should have kept.
fn unknown(what: &str) -> DbErr {
    DbErr::Type(format!("a stored {what} is not one we know"))
}
