//! Whose account it is: the finders that decide the row, and the proofs they hand out. Another tenant's account is not
//! found, exactly as one that does not exist.

use uuid::Uuid;

use super::Auth;
use crate::{
    auth::{
        model::{Account, MemberRole},
        store::{self, account::AccountScope},
    },
    error::Error,
    ledger::{OwnedAccount, SeenAccount, Tenants},
    page::{Page, PageArgs},
    viewer::{Feature, FeatureRight, Level, SignedInRight, Viewer},
};

/// Proof that the viewer is a member of an account with at least the role that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberRight {
    account_id: Uuid,
    user_id: Uuid,
    role: MemberRole,
}

impl MemberRight {
    /// Which account.
    pub fn account_id(self) -> Uuid {
        self.account_id
    }

    /// Who it is.
    pub fn user_id(self) -> Uuid {
        self.user_id
    }

    /// Their role there.
    pub fn role(self) -> MemberRole {
        self.role
    }
}

/// Proof that the viewer may look at an account: as a member, or by a right over people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountRight {
    account_id: Uuid,
}

impl AccountRight {
    /// Which account.
    pub fn account_id(self) -> Uuid {
        self.account_id
    }
}

fn scope_of(viewer: &Viewer) -> Result<AccountScope, Error> {
    if viewer.can(Feature::UsersView, Level::Read) {
        return Ok(AccountScope::All);
    }
    Ok(AccountScope::MemberOf(viewer.signed_in()?.who().user_id))
}

impl Auth {
    /// Sees that the viewer is a member of the account with `least` or more. Refuses: `Unauthenticated`; `NotFound` for
    /// an account of others, also to administrators; `Forbidden` when the member's role does not reach.
    pub async fn require_member(
        &self,
        viewer: &Viewer,
        account_id: Uuid,
        least: MemberRole,
    ) -> Result<MemberRight, Error> {
        let user_id = viewer.signed_in()?.who().user_id;
        let found = store::account::find_member_role(self.0.db.reader(), account_id, user_id).await?;
        match found {
            None => Err(Error::NotFound),
            Some(role) if role >= least => Ok(MemberRight { account_id, user_id, role }),
            Some(_) => {
                let (feature, level) = least.right();
                Err(Error::Forbidden { feature, level })
            }
        }
    }

    /// Sees that the viewer may look at the account: as any member, or with `users:view`. Refuses: `Unauthenticated`,
    /// `NotFound`.
    pub async fn require_sight(&self, viewer: &Viewer, account_id: Uuid) -> Result<AccountRight, Error> {
        self.account(viewer, account_id).await.map(|account| AccountRight { account_id: account.id })
    }

    /// An account the viewer may look at. Refuses: `Unauthenticated`, `NotFound`.
    pub async fn account(&self, viewer: &Viewer, account_id: Uuid) -> Result<Account, Error> {
        let scope = scope_of(viewer)?;
        store::account::find_account(self.0.db.reader(), scope, account_id).await?.ok_or(Error::NotFound)
    }

    /// The accounts the viewer is a member of, newest first.
    pub async fn list_own_accounts(&self, right: SignedInRight, page: &PageArgs<Uuid>) -> Result<Page<Account>, Error> {
        let scope = AccountScope::MemberOf(right.who().user_id);
        Ok(store::account::list_accounts(self.0.db.reader(), scope, page).await?)
    }

    /// The accounts `user` is a member of, newest first. The caller has authorised by holding the person.
    pub async fn list_accounts_of(&self, user: Uuid, page: &PageArgs<Uuid>) -> Result<Page<Account>, Error> {
        Ok(store::account::list_accounts(self.0.db.reader(), AccountScope::MemberOf(user), page).await?)
    }

    /// All accounts, newest first. Refuses: `Forbidden` when the right is not `users:view`.
    pub async fn list_accounts(&self, right: FeatureRight, page: &PageArgs<Uuid>) -> Result<Page<Account>, Error> {
        if right.feature != Feature::UsersView {
            return Err(Error::Forbidden { feature: Feature::UsersView, level: Level::Read });
        }
        Ok(store::account::list_accounts(self.0.db.reader(), AccountScope::All, page).await?)
    }

    /// The personal account of a person who is not deleted. The caller has authorised.
    pub async fn personal_account_of(&self, user: Uuid) -> Result<Option<Account>, Error> {
        Ok(self.personal_accounts_of(&[user]).await?.pop())
    }

    /// The personal accounts of `users` (at most 500) who are not deleted, in no order. The caller has authorised.
    pub async fn personal_accounts_of(&self, users: &[Uuid]) -> Result<Vec<Account>, Error> {
        Ok(store::account::load_personal(self.0.db.reader(), users).await?)
    }
}

impl Tenants for Auth {
    fn personal_account(
        &self,
        user: Uuid,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Option<Uuid>, Error>> + Send + '_>> {
        Box::pin(async move { Ok(self.personal_account_of(user).await?.map(|account| account.id)) })
    }

    fn see(
        &self,
        viewer: Viewer,
        account: Uuid,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<SeenAccount, Error>> + Send + '_>> {
        Box::pin(async move {
            let right = self.require_sight(&viewer, account).await?;
            Ok(SeenAccount::checked(right.account_id()))
        })
    }

    fn own(
        &self,
        viewer: Viewer,
        account: Uuid,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<OwnedAccount, Error>> + Send + '_>> {
        Box::pin(async move {
            let right = self.require_member(&viewer, account, MemberRole::Owner).await?;
            Ok(OwnedAccount::checked(right.account_id(), right.user_id()))
        })
    }

    fn has_member(
        &self,
        account: Uuid,
        user: Uuid,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<bool, Error>> + Send + '_>> {
        Box::pin(
            async move { Ok(store::account::find_member_role(self.0.db.reader(), account, user).await?.is_some()) },
        )
    }
}
