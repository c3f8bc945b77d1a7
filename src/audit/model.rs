//! One row of the audit trail as a value.

use uuid::Uuid;

use crate::{
    clock::Micros,
    viewer::{FeatureRight, SignedIn},
};

/// Who acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A person acting for themselves.
    User(Uuid),
    /// A person acting by a right over others.
    Admin(Uuid),
    /// The server, or its operator on the host.
    System,
}

impl Actor {
    /// The word in the table.
    pub fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Admin(_) => "admin",
            Self::System => "system",
        }
    }

    /// The person; `None` is the system.
    pub fn id(self) -> Option<Uuid> {
        match self {
            Self::User(id) | Self::Admin(id) => Some(id),
            Self::System => None,
        }
    }
}

impl From<FeatureRight> for Actor {
    fn from(right: FeatureRight) -> Self {
        right.who.map_or(Self::System, |who| Self::Admin(who.user_id))
    }
}

impl From<SignedIn> for Actor {
    fn from(who: SignedIn) -> Self {
        Self::User(who.user_id)
    }
}

/// One act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The row's id.
    pub id: Uuid,
    /// The tenant it concerns, if it concerns one.
    pub account_id: Option<Uuid>,
    /// Who acted.
    pub actor: Actor,
    /// `noun.verb`, such as `user.assign_role`.
    pub action: &'static str,
    /// The kind of thing acted on, such as `user`.
    pub target_kind: &'static str,
    /// Which one.
    pub target_id: Option<Uuid>,
    /// What it was before, in a word or as JSON; never a secret.
    pub before: Option<String>,
    /// What it is now.
    pub after: Option<String>,
    /// The request, if there was one.
    pub request_id: Option<String>,
    /// When, microseconds.
    pub at: Micros,
}

/// An act under way: what all its rows share.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The tenant it concerns.
    pub account_id: Uuid,
    /// Who acts.
    pub actor: Actor,
    /// The request, if there is one.
    pub request_id: Option<String>,
    /// When, microseconds.
    pub at: Micros,
}

impl Trace {
    /// A row of it: `id` is the row's own, `target` a kind of thing and which one, then what it was before and is now.
    pub fn entry(
        &self,
        id: Uuid,
        action: &'static str,
        target: (&'static str, Uuid),
        [before, after]: [Option<String>; 2],
    ) -> Entry {
        Entry {
            id,
            account_id: Some(self.account_id),
            actor: self.actor,
            action,
            target_kind: target.0,
            target_id: Some(target.1),
            before,
            after,
            request_id: self.request_id.clone(),
            at: self.at,
        }
    }
}

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The row's id.
    pub id: Uuid,
    /// The tenant it concerns, if it concerns one.
    pub account_id: Option<Uuid>,
    /// `user`, `admin` or `system`.
    pub actor_kind: String,
    /// The person; `None` is the system.
    pub actor_id: Option<Uuid>,
    /// `noun.verb`.
    pub action: String,
    /// The kind of thing acted on.
    pub target_kind: String,
    /// Which one.
    pub target_id: Option<Uuid>,
    /// What it was before.
    pub before: Option<String>,
    /// What it is now.
    pub after: Option<String>,
    /// The request, if there was one.
    pub request_id: Option<String>,
    /// When, microseconds.
    pub at: Micros,
}

/// Which rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only this person's acts.
    pub actor_id: Option<Uuid>,
    /// Only acts whose name begins so, such as `user.` or `user.assign_role`.
    pub action: Option<String>,
    /// Only acts on this kind of thing.
    pub target_kind: Option<String>,
    /// Only acts on this thing.
    pub target_id: Option<Uuid>,
    /// Only what concerns this account.
    pub account_id: Option<Uuid>,
    /// Only what came at this moment or later.
    pub since: Option<Micros>,
    /// Only what came before this moment.
    pub before: Option<Micros>,
}
