//! What the benchmarks share: a server process, its API, connections, sockets, spreads of times, and table rows.
#![allow(dead_code, reason = "no benchmark needs all of it")]

pub mod api;
pub mod open_loop;
pub mod server;
pub mod socket;
pub mod wire;

/// One row of a table of figures.
pub fn row(what: &str, figure: impl std::fmt::Display) {
    println!("| {what} | {figure} |");
}
