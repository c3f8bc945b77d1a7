//! Identity through its use cases, on both databases.

mod access;
mod claim;
mod graphql;
mod house;
mod invitation;
mod link;
mod member;
mod people;
mod profile;
mod session;
mod sign_in;
mod sign_up;
mod tenant;
mod token;
mod watch;
