//! Messages to an account's members about outcomes. One message for one outcome, by its dedupe key; each member marks it
//! read for oneself. It must never know what the outcome was of: the feature that has it writes the message.

pub mod graphql;
pub mod model;
pub mod service;
pub mod store;

pub use model::{NewNotification, Notification, Severity};
pub use store::insert_effect;
