//! Who may do what: every root field of `schema.graphql`, asked by every kind of viewer about one tenant's things, against
//! a committed table. G51–G56

mod canary;
mod faults;
mod matrix;
mod pipeline;
mod prompt;
mod world;
