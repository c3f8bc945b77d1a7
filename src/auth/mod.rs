//! People, tenants, members, sessions and keys: who someone is, how that is proved, and what follows from it being
//! withdrawn. Passwords, tokens and addresses are never logged.
//!
//! A session has a family of refresh tokens, of which one is current, and short access tokens that name user and session
//! and no role. Every request reads session and user, so ending, demoting and deleting bite at once; [`watch`] closes
//! what is open meanwhile.

pub mod activity;
pub mod erased;
pub mod graphql;
pub mod jobs;
pub mod keys;
pub mod mail;
pub mod model;
pub mod password;
pub mod service;
pub mod store;
pub mod token;
pub mod watch;

pub use activity::{Activity, ActivityLog};
pub use keys::{KeyError, KeyRing};
pub use model::CloseReason;
pub use password::{HashCost, Passwords};
pub use service::{AccountEraser, AccountRight, Auth, AuthParts, AuthSettings, ErasureFuture, MemberRight, TryLimits};
pub use token::TokenRules;
pub use watch::AccessWatch;
