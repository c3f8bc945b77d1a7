//! What feature tests share.

pub mod kill;
