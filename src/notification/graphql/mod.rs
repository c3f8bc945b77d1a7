//! Notifications in the API.

mod types;

pub use types::{Notification, NotificationMutation, NotificationQuery};
