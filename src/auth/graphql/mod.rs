//! Identity in the API.

mod account;
mod api_key;
mod input;
mod invitation;
mod loader;
mod mail;
mod member;
mod mutation;
mod profile;
mod query;
mod tenant;
mod types;

pub use account::AccountMutation;
pub use api_key::{ApiKey, ApiKeyMutation};
pub use invitation::{AccountInvitation, AccountInvitationConnection, InvitationMutation};
pub use loader::PersonalAccountOf;
pub use mail::MailMutation;
pub use member::{AccountMember, AccountMemberConnection, MemberMutation, MemberRole};
pub use mutation::AuthMutation;
pub use profile::{ProfileMutation, UserSession, UserSessionConnection};
pub use query::AuthQuery;
pub use tenant::TenantMutation;
pub use types::{Account, AccountConnection, AccountState, PlatformRole, Session, User, UserConnection, person};
