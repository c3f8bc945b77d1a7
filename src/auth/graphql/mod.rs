//! Identity in the API.

mod account;
mod api_key;
mod input;
mod loader;
mod mail;
mod mutation;
mod query;
mod types;

pub use account::AccountMutation;
pub use api_key::{ApiKey, ApiKeyMutation};
pub use loader::PersonalAccountOf;
pub use mail::MailMutation;
pub use mutation::AuthMutation;
pub use query::AuthQuery;
pub use types::{Account, AccountConnection, AccountState, PlatformRole, Session, User, UserConnection, person};
