//! What feature tests share.

pub mod database;
pub mod kill;
