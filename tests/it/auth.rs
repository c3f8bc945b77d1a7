//! Identity through its use cases, on both databases.

mod access;
mod claim;
mod graphql;
mod house;
mod link;
mod people;
mod session;
mod sign_in;
mod sign_up;
mod token;
mod watch;
