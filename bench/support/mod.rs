//! What the benchmarks share: a server process, its API, sockets, and table rows.

pub mod api;
pub mod server;
pub mod socket;

/// One row of a table of figures.
pub fn row(what: &str, figure: impl std::fmt::Display) {
    println!("| {what} | {figure} |");
}
