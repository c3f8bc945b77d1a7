//! Tenants and what their members may do.

use uuid::Uuid;

use crate::{
    clock::Micros,
    viewer::{Feature, Level},
};

/// What a member may do in an account. Each may do what the ones before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberRole {
    /// Looks.
    Viewer,
    /// Makes and changes.
    Editor,
    /// Runs the account.
    Owner,
}

impl MemberRole {
    /// All roles, lowest first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Owner];

    /// The word in tables and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "VIEWER",
            Self::Editor => "EDITOR",
            Self::Owner => "OWNER",
        }
    }

    /// Reads the word. `None` when there is no such role.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// The feature and level named to a member whose role does not reach this one.
    pub fn right(self) -> (Feature, Level) {
        match self {
            Self::Viewer => (Feature::CreditsView, Level::Read),
            Self::Editor => (Feature::ImagesGenerate, Level::Write),
            Self::Owner => (Feature::BillingManage, Level::Admin),
        }
    }
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// In use.
    Active,
    /// Closed to new work until an administrator opens it.
    Suspended,
}

impl AccountState {
    /// The word in tables and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
        }
    }

    /// Reads the word. `None` when there is no such state.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|state| state.as_str() == text)
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: Uuid,
    /// Its name, 1–100 characters.
    pub name: String,
    /// Whose personal account it is; `None` for a shared one.
    pub personal_user_id: Option<Uuid>,
    /// The time zone its days are counted in, an IANA name.
    pub time_zone: String,
    /// Whether it may be used.
    pub state: AccountState,
    /// Raised by every edit.
    pub version: i64,
    /// When it was made, microseconds.
    pub created_at: Micros,
    /// When it was last changed, microseconds.
    pub updated_at: Micros,
}
