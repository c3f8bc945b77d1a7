//! What the ledger asks of identity, which stands to its right: whose an account is, and who may see it.

use std::{future::Future, pin::Pin};

use uuid::Uuid;

use crate::{error::Error, viewer::Viewer};

/// Proof that a viewer may see an account's credits. Identity alone makes it, after a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenAccount(Uuid);

impl SeenAccount {
    /// States that the check was made.
    pub fn checked(account: Uuid) -> Self {
        Self(account)
    }

    /// Which account.
    pub fn id(self) -> Uuid {
        self.0
    }
}

/// Proof that somebody owns an account. Identity alone makes it, after a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnedAccount {
    account: Uuid,
    owner: Uuid,
}

impl OwnedAccount {
    /// States that the check was made.
    pub fn checked(account: Uuid, owner: Uuid) -> Self {
        Self { account, owner }
    }

    /// Which account.
    pub fn account(self) -> Uuid {
        self.account
    }

    /// Who owns it.
    pub fn owner(self) -> Uuid {
        self.owner
    }
}

/// An answer that takes a while.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// The tenants, as far as credits concern them.
pub trait Tenants: Send + Sync {
    /// The personal account of a person; `None` when there is no such person.
    fn personal_account(&self, user: Uuid) -> Answer<'_, Option<Uuid>>;

    /// Refuses `NotFound` when there is no such account, or the viewer is neither a member nor allowed to look at people.
    fn see(&self, viewer: Viewer, account: Uuid) -> Answer<'_, SeenAccount>;

    /// Refuses `Unauthenticated`, `NotFound` when the viewer is no member, and `Forbidden` when a member is no owner.
    fn own(&self, viewer: Viewer, account: Uuid) -> Answer<'_, OwnedAccount>;

    /// Whether somebody is a member of an account.
    fn has_member(&self, account: Uuid, user: Uuid) -> Answer<'_, bool>;
}
