//! Invitations into accounts. Inviting does the same whether or not anybody has the address; the letter alone holds the
//! link, and only the person whose address it went to can use it.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{Auth, MemberRight, TryLimits, letter::Delivery, member::lock_account, tries::Attempt};
use crate::{
    audit::{Actor, Trace, store::insert_entry},
    auth::{
        mail::Occasion,
        model::{
            Account, INVITATION_DAYS, INVITATION_LIFETIME, INVITATIONS_MAX, Invitation, InviteError, InviteMember,
            LinkInvalid, MemberRole, Origin,
        },
        store,
        token::{OpaqueToken, sha256},
    },
    clock::{Micros, SECOND},
    error::{Error, Failure, Internal, Never},
    jobs::{self, Lane},
    ledger::Ledger,
    page::{Page, PageArgs},
    viewer::{Feature, Level, SignedInRight, Viewer},
};

/// The kind of job that writes an invitation.
pub(in crate::auth) const INVITATION_LETTER: &str = "mail.invitation";

/// What one account may send in an hour.
const PER_ACCOUNT: TryLimits = TryLimits { window: 3_600 * SECOND, per_identity: 50, per_address: 50 };
/// What one address may get in an hour, whoever sends it.
const PER_ADDRESS: TryLimits = TryLimits { window: 3_600 * SECOND, per_identity: 5, per_address: 5 };

/// An invitation is counted under what stands for the account, or for the address: no limit keeps an address in clear.
fn counted(what: &str) -> Attempt {
    let digest = sha256(what.as_bytes());
    let short = digest.iter().take(16).fold(String::from("invitation "), |text, byte| text + &format!("{byte:02x}"));
    Attempt { identity_key: digest, address: short }
}

fn demand_owner(right: MemberRight) -> Result<(), Error> {
    if right.role() >= MemberRole::Owner {
        return Ok(());
    }
    let (feature, level) = MemberRole::Owner.right();
    Err(Error::Forbidden { feature, level })
}

/// A use of a link.
#[derive(Clone)]
struct Use {
    token: OpaqueToken,
    user: Uuid,
    entry_id: Uuid,
    request_id: Option<String>,
    now: Micros,
    ledger: Ledger,
}

impl Use {
    /// Decides under the account's lock, so that of any number of uses one wins. `None` when it is refused; nothing is used up
    /// then.
    async fn take(&self, tx: &DatabaseTransaction) -> Result<Option<Account>, Failure<Never>> {
        let Some((found, _)) = store::invitation::find_by_token(tx, &self.token, self.now).await? else {
            return Ok(None);
        };
        let account = lock_account(tx, &self.ledger, found.account_id).await?;
        let Some(user) = store::user::lock_user(tx, self.user).await? else { return Ok(None) };
        let Some((found, email_key)) = store::invitation::find_by_token(tx, &self.token, self.now).await? else {
            return Ok(None);
        };
        if user.email.to_lowercase() != email_key {
            return Ok(None);
        }
        // An invitation is worth what whoever sent it may still give.
        let inviter = store::account::find_member_role(tx, account.id, found.invited_by).await?;
        if inviter.is_none_or(|inviter| inviter < MemberRole::Owner || inviter < found.role) {
            return Ok(None);
        }
        store::invitation::delete_invitation(tx, found.id).await?;
        if store::account::find_member_role(tx, account.id, user.id).await?.is_some() {
            return Ok(Some(account));
        }
        let row = store::account::member_effect(account.id, user.id, found.role, self.now);
        store::write_effects(tx, &[row], self.now).await.map_err(Internal::from)?;
        let (actor, request_id) = (Actor::User(user.id), self.request_id.clone());
        let trace = Trace { account_id: account.id, actor, request_id, at: self.now };
        let words = [None, Some(found.role.as_str().to_owned())];
        let entry = trace.entry(self.entry_id, "member.join", ("user", user.id), words);
        insert_entry(tx, &entry).await.map_err(Internal::from)?;
        Ok(Some(account))
    }
}

impl Auth {
    /// Invites an address into an account for seven days; an earlier invitation of it ends. The letter follows soon. Refuses:
    /// `AlreadyMember`, `TooMany`; `Forbidden` when the member is no OWNER; `RateLimited` after 50 invitations of one account,
    /// or five of one address, in an hour.
    pub async fn invite_member(
        &self,
        right: MemberRight,
        command: InviteMember,
        request_id: Option<String>,
    ) -> Result<Invitation, Failure<InviteError>> {
        demand_owner(right)?;
        let (account, now) = (right.account_id(), self.0.clock.now());
        self.record(&counted(&format!("account {account}")), PER_ACCOUNT).await?;
        self.record(&counted(&format!("address {}", command.email.key())), PER_ADDRESS).await?;
        let invitation = Invitation {
            id: self.0.ids.uuid(),
            account_id: account,
            email: command.email.as_str().to_owned(),
            role: command.role,
            invited_by: right.user_id(),
            created_at: now,
            expires_at: now.saturating_add(INVITATION_LIFETIME),
        };
        let job = self.letter_job(INVITATION_LETTER, "account_invitation", invitation.id, now);
        let trace = Trace { account_id: account, actor: Actor::User(right.user_id()), request_id, at: now };
        let context = (invitation, command.email, job, trace, self.0.ids.uuid(), self.0.ledger.clone());
        let invited = self
            .0
            .db
            .write(context, move |tx, (invitation, email, job, trace, entry_id, ledger)| {
                Box::pin(async move {
                    lock_account(tx, ledger, account).await?;
                    let inviter = store::account::find_member_role(tx, account, invitation.invited_by).await?;
                    let inviter = inviter.ok_or(Failure::Fault(Error::NotFound))?;
                    if inviter < MemberRole::Owner || inviter < invitation.role {
                        let (feature, level) = MemberRole::Owner.right();
                        return Err(Error::Forbidden { feature, level }.into());
                    }
                    if store::invitation::is_member(tx, account, email).await? {
                        return Err(Failure::Refused(InviteError::AlreadyMember));
                    }
                    if store::invitation::replace(tx, account, email, now).await? >= u64::from(INVITATIONS_MAX) {
                        return Err(Failure::Refused(InviteError::TooMany));
                    }
                    let row = store::invitation::invitation_effect(invitation, &email.key());
                    store::write_effects(tx, &[row], now).await.map_err(Internal::from)?;
                    // The trail outlives people, so it names the invitation and no address.
                    let words = [None, Some(invitation.role.as_str().to_owned())];
                    let entry = trace.entry(*entry_id, "member.invite", ("account_invitation", invitation.id), words);
                    insert_entry(tx, &entry).await.map_err(Internal::from)?;
                    jobs::enqueue(tx, job).await?;
                    Ok(invitation.clone())
                })
            })
            .await?;
        self.0.jobs.wake(Lane::Interactive);
        Ok(invited)
    }

    /// Writes an invitation to its address, with a new link. `letter` is the letter's id.
    pub async fn send_invitation(&self, id: Uuid, letter: Uuid) -> Result<Delivery, Error> {
        let (reader, now) = (self.0.db.reader(), self.0.clock.now());
        let Some(found) = store::invitation::find_invitation(reader, id, now).await? else {
            return Ok(Delivery::Nobody);
        };
        let inviter = store::user::find_user(reader, found.invited_by).await?;
        let account = store::account::find_account(reader, store::account::AccountScope::All, found.account_id).await?;
        let (Some(inviter), Some(account)) = (inviter, account) else { return Ok(Delivery::Nobody) };
        let token = OpaqueToken::draw(self.0.ids.as_ref());
        let expires_at = now.saturating_add(INVITATION_LIFETIME);
        self.0
            .db
            .write(token.clone(), move |tx, token| {
                Box::pin(async move {
                    Ok::<_, Failure<Never>>(store::invitation::update_token(tx, id, token, expires_at).await?)
                })
            })
            .await?;
        let occasion = Occasion::Invitation {
            link: self.0.post.link("invitation", &token),
            days: INVITATION_DAYS,
            account: account.name,
            inviter: inviter.username,
            role: found.role.as_str().to_owned(),
        };
        Ok(self.deliver(self.letter(letter, &found.email, None, occasion)).await)
    }

    /// Makes the viewer a member by the link of a letter that went to their address, and answers the account. Of any number of
    /// uses one wins. Refuses: `LinkInvalid` for every cause alike: unknown, over, used, withdrawn, another's address, or sent by
    /// somebody who is no OWNER any more; `RateLimited` after too many wrong ones.
    pub async fn accept_invitation(
        &self,
        right: SignedInRight,
        token: Option<OpaqueToken>,
        origin: &Origin,
        request_id: Option<String>,
    ) -> Result<Account, Failure<LinkInvalid>> {
        let attempt = Attempt::link("invitation", token.as_ref(), origin);
        attempt.refuse_limited(self.0.db.reader(), self.0.settings.tries, self.0.clock.now()).await?;
        let joined = match token {
            None => None,
            Some(token) => {
                let (user, entry_id, now) = (right.who().user_id, self.0.ids.uuid(), self.0.clock.now());
                let using = Use { token, user, entry_id, request_id, now, ledger: self.0.ledger.clone() };
                let joined = self.0.db.write(using, |tx, using| Box::pin(using.take(tx))).await;
                joined.map_err(Error::from)?
            }
        };
        match joined {
            Some(account) => Ok(account),
            None => {
                self.record_failure(&attempt).await?;
                Err(Failure::Refused(LinkInvalid))
            }
        }
    }

    /// Withdraws an invitation; its link is worth nothing from then on. Answers whether it was there. Refuses: `Forbidden` when
    /// the member is no OWNER.
    pub async fn withdraw_invitation(
        &self,
        right: MemberRight,
        invitation: Uuid,
        request_id: Option<String>,
    ) -> Result<bool, Error> {
        demand_owner(right)?;
        let (account, at) = (right.account_id(), self.0.clock.now());
        let trace = Trace { account_id: account, actor: Actor::User(right.user_id()), request_id, at };
        let context = (trace, self.0.ids.uuid(), self.0.ledger.clone());
        let withdrawn = self.0.db.write(context, move |tx, (trace, entry_id, ledger)| {
            Box::pin(async move {
                lock_account(tx, ledger, account).await?;
                let found = store::invitation::find_invitation(tx, invitation, at).await?;
                if found.is_none_or(|found| found.account_id != account) {
                    return Ok::<_, Failure<Never>>(false);
                }
                store::invitation::delete_invitation(tx, invitation).await?;
                let entry = trace.entry(*entry_id, "member.withdraw", ("account_invitation", invitation), [None, None]);
                insert_entry(tx, &entry).await.map_err(Internal::from)?;
                Ok(true)
            })
        });
        Ok(withdrawn.await?)
    }

    /// An open invitation. The caller authorises by its account.
    pub async fn invitation(&self, id: Uuid) -> Result<Option<Invitation>, Error> {
        Ok(store::invitation::find_invitation(self.0.db.reader(), id, self.0.clock.now()).await?)
    }

    /// Sees that the viewer may look at an account's invitations: as OWNER, or with `users:view`. Refuses: `Unauthenticated`,
    /// `NotFound`, `Forbidden`.
    pub async fn require_invitations(&self, viewer: &Viewer, account: Uuid) -> Result<(), Error> {
        if viewer.can(Feature::UsersView, Level::Read) {
            return Ok(());
        }
        self.require_member(viewer, account, MemberRole::Owner).await.map(|_| ())
    }

    /// The open invitations of an account, newest first. Refuses as [`Self::require_invitations`].
    pub async fn list_invitations(
        &self,
        viewer: &Viewer,
        account: Uuid,
        page: &PageArgs<Uuid>,
    ) -> Result<Page<Invitation>, Error> {
        self.require_invitations(viewer, account).await?;
        Ok(store::invitation::list_invitations(self.0.db.reader(), account, self.0.clock.now(), page).await?)
    }
}
