//! People as others see them, and what may be done to them.

use uuid::Uuid;

use crate::{clock::Micros, viewer::PlatformRole};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: Uuid,
    /// The name they sign in with.
    pub username: String,
    /// Their e-mail address.
    pub email: String,
    /// Their role on the platform.
    pub role: PlatformRole,
    /// Raised by every change of role or membership.
    pub access_version: i64,
    /// When they signed up, microseconds.
    pub created_at: Micros,
    /// When they were last changed, microseconds.
    pub updated_at: Micros,
    /// When they were deleted; their personal data went with it.
    pub deleted_at: Option<Micros>,
    /// When a link that was sent to the address was first used, microseconds.
    pub email_verified_at: Option<Micros>,
}

/// Which people are asked for. Deleted ones are left out.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// A part of the username or e-mail address, in any case, at most 100 characters.
    pub search: Option<String>,
    /// Only those of this role.
    pub role: Option<PlatformRole>,
}

/// Why a role was not assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssignRoleError {
    /// There is no such person.
    #[error("There is no such user.")]
    UserNotFound,
    /// It is the one who asks.
    #[error("Nobody changes their own role. Ask another HERO.")]
    OwnUser,
    /// Nobody would be left to run the installation.
    #[error("This is the last HERO. Make another one first.")]
    LastHero,
}

impl AssignRoleError {
    /// The stable code of the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::UserNotFound => "NOT_FOUND",
            Self::OwnUser => "OWN_USER",
            Self::LastHero => "LAST_HERO",
        }
    }
}

/// Why a person was not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeleteUserError {
    /// There is no such person.
    #[error("There is no such user.")]
    UserNotFound,
    /// It is the one who asks.
    #[error("Nobody deletes themselves here. Close your own account in your profile.")]
    OwnUser,
    /// Nobody would be left to run the installation.
    #[error("This is the last HERO. Make another one first.")]
    LastHero,
}

impl DeleteUserError {
    /// The stable code of the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::UserNotFound => "NOT_FOUND",
            Self::OwnUser => "OWN_USER",
            Self::LastHero => "LAST_HERO",
        }
    }
}
