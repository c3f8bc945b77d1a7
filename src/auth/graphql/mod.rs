//! Identity in the API.

mod input;
mod loader;
mod mutation;
mod query;
mod types;

pub use loader::PersonalAccountOf;
pub use mutation::AuthMutation;
pub use query::AuthQuery;
pub use types::{Account, AccountConnection, AccountState, PlatformRole, Session, User, UserConnection};
