//! Members of accounts: who they are, their roles, and their going. Every change is decided under the account's lock, so
//! that an account keeps an OWNER whatever comes at once.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{Auth, MemberRight};
use crate::{
    audit::{Actor, Trace, store::insert_entry},
    auth::{
        model::{Account, Member, MemberError, MemberRole, check_change},
        store,
    },
    clock::Micros,
    error::{Error, Failure, Internal},
    ledger::Ledger,
    page::{Page, PageArgs},
};

/// A change of a member, by another or by themselves.
#[derive(Clone)]
struct Change {
    right: MemberRight,
    /// What the one who acts must still be.
    least: MemberRole,
    target: Uuid,
    entry_id: Uuid,
    trace: Trace,
    ledger: Ledger,
}

impl Change {
    fn account(&self) -> Uuid {
        self.right.account_id()
    }

    fn member(&self) -> (Uuid, Uuid) {
        (self.account(), self.target)
    }

    /// Locks the account and answers what the member is now, if the change is allowed: whoever acts still may, and an OWNER
    /// remains.
    async fn lock(
        &self,
        tx: &DatabaseTransaction,
        becomes: Option<MemberRole>,
    ) -> Result<MemberRole, Failure<MemberError>> {
        let account: Account = lock_account(tx, &self.ledger, self.account()).await?;
        let actor = store::account::find_member_role(tx, account.id, self.right.user_id()).await?;
        let actor = actor.ok_or(Failure::Fault(Error::NotFound))?;
        if actor < self.least {
            let (feature, level) = self.least.right();
            return Err(Error::Forbidden { feature, level }.into());
        }
        let found = store::account::find_member_role(tx, account.id, self.target).await?;
        let role = found.ok_or(Failure::Refused(MemberError::NotFound))?;
        let owners = store::member::count_owners(tx, account.id).await?;
        check_change(account.personal_user_id, (self.target, role), becomes, owners).map_err(Failure::Refused)?;
        Ok(role)
    }

    async fn audit(
        &self,
        tx: &DatabaseTransaction,
        action: &'static str,
        words: [Option<String>; 2],
    ) -> Result<(), Internal> {
        let entry = self.trace.entry(self.entry_id, action, ("user", self.target), words);
        Ok(insert_entry(tx, &entry).await?)
    }
}

/// The account, locked after its ledger as everywhere. Refuses: `NotFound`.
pub(super) async fn lock_account(tx: &DatabaseTransaction, ledger: &Ledger, id: Uuid) -> Result<Account, Error> {
    ledger.lock_in(tx, &[id]).await?;
    store::account::lock_account(tx, id).await?.ok_or(Error::NotFound)
}

impl Auth {
    fn member_change(&self, right: MemberRight, least: MemberRole, target: Uuid, request_id: Option<String>) -> Change {
        let (account_id, at) = (right.account_id(), self.0.clock.now());
        let trace = Trace { account_id, actor: Actor::User(right.user_id()), request_id, at };
        Change { right, least, target, entry_id: self.0.ids.uuid(), trace, ledger: self.0.ledger.clone() }
    }

    /// The members of an account, the latest first. The caller has authorised by holding the account.
    pub async fn list_members(&self, account: Uuid, page: &PageArgs<(Micros, Uuid)>) -> Result<Page<Member>, Error> {
        Ok(store::member::list_members(self.0.db.reader(), account, page).await?)
    }

    /// Those of `wanted` (account and person, at most 500) who are members. The caller has authorised.
    pub async fn load_members(&self, wanted: &[(Uuid, Uuid)]) -> Result<Vec<Member>, Error> {
        Ok(store::member::load_members(self.0.db.reader(), wanted).await?)
    }

    /// Gives a member another role and answers them. The same role again changes nothing. What they have open closes, and
    /// their next request finds the new role. Refuses: see [`MemberError`]; `NotFound` and `Forbidden` when whoever asks has
    /// left or is no OWNER any more.
    pub async fn change_member_role(
        &self,
        right: MemberRight,
        target: Uuid,
        role: MemberRole,
        request_id: Option<String>,
    ) -> Result<Member, Failure<MemberError>> {
        let change = self.member_change(right, MemberRole::Owner, target, request_id);
        let (member, changed) = self
            .0
            .db
            .write(change, move |tx, change| {
                Box::pin(async move {
                    let before = change.lock(tx, Some(role)).await?;
                    if before != role {
                        store::member::update_role(tx, change.member(), role).await?;
                        store::member::raise_access(tx, change.target, change.trace.at).await?;
                        let words = [before, role].map(|role| Some(role.as_str().to_owned()));
                        change.audit(tx, "member.change_role", words).await?;
                    }
                    let found = store::member::load_members(tx, &[change.member()]).await?.pop();
                    Ok((found.ok_or(Failure::Refused(MemberError::NotFound))?, before != role))
                })
            })
            .await?;
        if changed {
            self.hint(target);
        }
        Ok(member)
    }

    /// Takes a member out of an account: an OWNER another one, or anybody themselves. Their caps there end; what they have
    /// under way goes on, since it is the account's. Refuses: see [`MemberError`]; `NotFound` and `Forbidden` when whoever
    /// asks has left or is no OWNER any more.
    pub async fn remove_member(
        &self,
        right: MemberRight,
        target: Uuid,
        request_id: Option<String>,
    ) -> Result<(), Failure<MemberError>> {
        let least = if right.user_id() == target { MemberRole::Viewer } else { MemberRole::Owner };
        let change = self.member_change(right, least, target, request_id);
        self.0
            .db
            .write(change, move |tx, change| {
                Box::pin(async move {
                    let before = change.lock(tx, None).await?;
                    let caps = change.ledger.end_caps_in(tx, change.account(), change.target).await?;
                    store::member::delete_member(tx, change.member()).await?;
                    store::member::raise_access(tx, change.target, change.trace.at).await?;
                    let caps: Vec<String> = caps.iter().map(|(period, limit)| format!("{period} {limit}")).collect();
                    let before = serde_json::json!({"role": before.as_str(), "caps": caps}).to_string();
                    change.audit(tx, "member.remove", [Some(before), None]).await?;
                    Ok::<_, Failure<MemberError>>(())
                })
            })
            .await?;
        self.hint(target);
        Ok(())
    }
}
