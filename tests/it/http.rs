//! The HTTP door through a real port: transports, their misuse, and what lies beside `/graphql`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test, a panic is how a failure is told")]

mod audits;
mod beside;
mod clients;
mod docs;
mod flow;
mod kill;
mod library;
mod persisted;
mod rate;
mod request;
mod socket;
mod socket_end;
