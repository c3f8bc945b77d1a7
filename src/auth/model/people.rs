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

/// In which order people are listed. Who is equal in it follows by id, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UserOrder {
    /// Who signed up last comes first.
    #[default]
    Newest,
    /// Who signed up first comes first.
    Oldest,
    /// The highest role first.
    RoleHighest,
    /// The lowest role first.
    RoleLowest,
    /// Whose personal account has most available credits comes first.
    CreditsMost,
    /// Whose has fewest comes first.
    CreditsLeast,
    /// Whose personal account has most images comes first.
    ImagesMost,
    /// Whose has fewest comes first.
    ImagesLeast,
}

impl UserOrder {
    /// Every order.
    pub const ALL: [Self; 8] = [
        Self::Newest,
        Self::Oldest,
        Self::RoleHighest,
        Self::RoleLowest,
        Self::CreditsMost,
        Self::CreditsLeast,
        Self::ImagesMost,
        Self::ImagesLeast,
    ];

    /// Whether great values come first.
    pub fn is_descending(self) -> bool {
        matches!(self, Self::Newest | Self::RoleHighest | Self::CreditsMost | Self::ImagesMost)
    }
}

/// Where a person stands in a list of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserKey {
    /// The order, without which the value says nothing.
    pub order: UserOrder,
    /// What the order goes by, as it was when the list was read.
    pub value: i64,
    /// The person.
    pub id: Uuid,
}

/// A person of a list, and where they stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    /// The person.
    pub user: User,
    /// Their place.
    pub key: UserKey,
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
