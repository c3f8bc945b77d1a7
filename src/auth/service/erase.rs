//! What goes with a person: their data, their sessions, their places in accounts, and the accounts that nobody else is in.

use std::sync::Arc;

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{AccountEraser, Auth};
use crate::{
    audit::{Actor, Entry, store::insert_entry},
    auth::{
        model::MemberRole,
        store::{self, session::EndReason},
    },
    clock::Micros,
    error::{Error, Internal},
    ids::Ids,
    ledger::Ledger,
};

/// Erases a person inside a transaction.
#[derive(Clone)]
pub(super) struct Erasure {
    pub user: Uuid,
    pub actor: Actor,
    pub request_id: Option<String>,
    pub now: Micros,
    ledger: Ledger,
    erasers: Vec<Arc<dyn AccountEraser>>,
    ids: Arc<dyn Ids>,
}

impl Auth {
    pub(super) fn erasure(&self, user: Uuid, actor: Actor, request_id: Option<String>) -> Erasure {
        Erasure {
            user,
            actor,
            request_id,
            now: self.0.clock.now(),
            ledger: self.0.ledger.clone(),
            erasers: self.0.erasers.clone(),
            ids: Arc::clone(&self.0.ids),
        }
    }
}

impl Erasure {
    /// Locks the accounts that the person is in, each after its ledger, and answers them. To be called before people are
    /// locked: accounts come first everywhere.
    pub async fn lock_accounts(&self, tx: &DatabaseTransaction) -> Result<Vec<Uuid>, Error> {
        let accounts = store::member::list_accounts_of(tx, self.user).await?;
        self.ledger.lock_in(tx, &accounts).await?;
        for account in &accounts {
            store::account::lock_account(tx, *account).await?;
        }
        Ok(accounts)
    }

    /// Whether the person is the only OWNER of an account that has other members, their personal one aside. Under the
    /// locks of [`Self::lock_accounts`].
    pub async fn leaves_orphans(&self, tx: &DatabaseTransaction) -> Result<bool, Error> {
        let personal = store::account::find_personal(tx, self.user).await?;
        for account in store::member::list_accounts_of(tx, self.user).await? {
            let members = store::member::list_by_rank(tx, account).await?;
            if Some(account) != personal && members.len() > 1 && self.is_only_owner(&members) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_only_owner(&self, members: &[(Uuid, MemberRole)]) -> bool {
        let mut owners = members.iter().filter(|(_, role)| *role == MemberRole::Owner);
        owners.next().is_some_and(|(user, _)| *user == self.user) && owners.next().is_none()
    }

    /// Erases the person. Their personal account is closed, and so is every one that nobody else is in; where they were the
    /// last OWNER among others, the highest and longest-standing of those becomes OWNER. Answers whose live connections
    /// must look again, the person among them.
    pub async fn run(&self, tx: &DatabaseTransaction) -> Result<Vec<Uuid>, Error> {
        let mut touched = vec![self.user];
        let personal = store::account::find_personal(tx, self.user).await?;
        for account in self.lock_accounts(tx).await? {
            let members = store::member::list_by_rank(tx, account).await?;
            let others = || members.iter().filter(|(user, _)| *user != self.user);
            match others().next() {
                Some((heir, role)) if personal != Some(account) => {
                    if self.is_only_owner(&members) {
                        self.inherit(tx, account, (*heir, *role)).await?;
                        touched.push(*heir);
                    }
                }
                _ => {
                    for (user, _) in others() {
                        store::member::raise_access(tx, *user, self.now).await?;
                        touched.push(*user);
                    }
                    self.close(tx, account).await?;
                }
            }
        }
        if let Some(account) = personal {
            self.close(tx, account).await?;
        }
        store::member::delete_memberships(tx, self.user).await?;
        store::link::delete_links_of(tx, self.user, None).await?;
        store::pending::delete_of(tx, self.user).await?;
        store::session::erase_clients_of(tx, self.user).await?;
        store::user::erase_user(tx, self.user, self.now).await?;
        store::session::end_sessions_of(tx, self.user, None, true, EndReason::UserDeleted, self.now).await?;
        store::api_key::erase_keys(tx, self.user).await?;
        store::activity::erase_activity(tx, self.user).await?;
        Ok(touched)
    }

    async fn inherit(
        &self,
        tx: &DatabaseTransaction,
        account: Uuid,
        (heir, role): (Uuid, MemberRole),
    ) -> Result<(), Error> {
        store::member::update_role(tx, (account, heir), MemberRole::Owner).await?;
        store::member::raise_access(tx, heir, self.now).await?;
        let entry = Entry {
            id: self.ids.uuid(),
            account_id: Some(account),
            actor: self.actor,
            action: "member.inherit",
            target_kind: "user",
            target_id: Some(heir),
            before: Some(role.as_str().to_owned()),
            after: Some(MemberRole::Owner.as_str().to_owned()),
            request_id: self.request_id.clone(),
            at: self.now,
        };
        insert_entry(tx, &entry).await.map_err(Internal::from)?;
        Ok(())
    }

    /// Repeating is safe.
    async fn close(&self, tx: &DatabaseTransaction, account: Uuid) -> Result<(), Error> {
        store::member::close_account(tx, account, self.now).await?;
        self.ledger.close_in(tx, account).await?;
        for eraser in &self.erasers {
            eraser.erase_in(tx, account, self.now).await?;
        }
        Ok(())
    }
}
