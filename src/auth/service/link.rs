//! Links by mail: asking for one, signing in with one, setting a password with one. Asking answers alike, in words and in
//! what it does, whether or not anybody has the address: the job that writes the letter finds that out.

use uuid::Uuid;

use super::{Auth, TryLimits, tries::Attempt};
use crate::{
    audit::{Actor, Entry, store::insert_entry},
    auth::{
        model::{
            Email, IssuedSession, LinkInvalid, LinkPurpose, Origin, ResetPassword, ResetPasswordError, SignInError,
            User,
        },
        store::{self, session::EndReason},
        token::{OpaqueToken, sha256},
    },
    clock::Micros,
    error::{Error, Failure, Internal, Never},
    jobs::{self, Lane, NewJob},
};

/// The kind of job that tells somebody that their password was changed.
pub(in crate::auth) const PASSWORD_CHANGED: &str = "mail.password_changed";

/// What stands for the person of an address that nobody has: the same for the same address, and nobody's id.
fn nobody(email_key: &str) -> Uuid {
    let digest = sha256(&[b"nobody ".as_slice(), email_key.as_bytes()].concat());
    digest.first_chunk::<16>().map_or(Uuid::nil(), |bytes| uuid::Builder::from_custom_bytes(*bytes).into_uuid())
}

impl Auth {
    /// A job that writes a letter about `subject`. At most one for each subject waits.
    pub(super) fn letter_job(
        &self,
        kind: &'static str,
        subject_kind: &'static str,
        subject_id: Uuid,
        now: Micros,
    ) -> NewJob {
        NewJob {
            id: self.0.ids.uuid(),
            kind,
            lane: Lane::Interactive,
            account_id: Uuid::nil(),
            subject_kind,
            subject_id,
            payload: "{}".to_owned(),
            ready_at: now,
            attempts_max: 8,
            created_at: now,
        }
    }

    /// Sends a link to whoever has the address, soon. Nothing tells whether anybody has. Refuses: `RateLimited` after five
    /// tries about one address in 15 minutes from one network address, or fifty from one network address.
    pub async fn request_link(&self, purpose: LinkPurpose, email: &Email, origin: &Origin) -> Result<(), Error> {
        let attempt = Attempt::letter(&format!("{} {}", purpose.as_str(), email.key()), origin);
        self.record::<Never>(&attempt, self.0.settings.tries).await?;
        let found = store::user::find_credentials(self.0.db.reader(), email.as_str()).await?;
        let subject = found.map_or_else(|| nobody(&email.key()), |found| found.user.id);
        let job = self.letter_job(purpose.job(), "app_user", subject, self.0.clock.now());
        self.0
            .db
            .write(job, |tx, job| Box::pin(async move { Ok::<_, Failure<Never>>(jobs::enqueue(tx, job).await?) }))
            .await?;
        self.0.jobs.wake(Lane::Interactive);
        Ok(())
    }

    /// Signs in by a link from [`Self::request_link`]; `None` is a text that is no token. Of any number of uses one wins. Whoever uses it has the mailbox, so
    /// the address counts as proven; where it was not before, every other session, key and password of the user ends, since they
    /// may be somebody else's. Refuses: `SignInError` for every cause alike; `RateLimited` after too many wrong ones.
    pub async fn sign_in_with_link(
        &self,
        token: Option<OpaqueToken>,
        origin: &Origin,
    ) -> Result<IssuedSession, Failure<SignInError>> {
        let attempt = Attempt::link("sign_in", token.as_ref(), origin);
        attempt.refuse_limited(self.0.db.reader(), self.0.settings.tries, self.0.clock.now()).await?;
        let new = self.new_session(origin);
        let Some(token) = token else {
            self.record_failure(&attempt).await?;
            return Err(Failure::Refused(SignInError));
        };
        let written = self
            .0
            .db
            .write((new, token), |tx, (new, token)| {
                Box::pin(async move {
                    let purpose = LinkPurpose::SignIn;
                    let Some((user, was_proven)) = used_by(tx, purpose, token, new.now).await? else { return Ok(None) };
                    if !was_proven {
                        // Whoever signed up with the address need not be who has it: what they know ends here.
                        let reason = EndReason::PasswordChanged;
                        store::user::clear_password(tx, user.id, new.now).await?;
                        store::session::end_sessions_of(tx, user.id, None, true, reason, new.now).await?;
                    }
                    new.write(tx, user.id).await?;
                    Ok::<_, Failure<Never>>(Some((user, new.clone())))
                })
            })
            .await
            .map_err(Error::from)?;
        match written {
            Some((user, new)) => {
                self.hint(user.id);
                Ok(self.issue_new(user, &new)?)
            }
            None => {
                self.record_failure(&attempt).await?;
                Err(Failure::Refused(SignInError))
            }
        }
    }

    /// Sets a password by a link from [`Self::request_link`] and ends every session of the person. Answers how many there
    /// were. Refuses: `LinkInvalid` for every cause alike; `RateLimited` after too many wrong ones.
    pub async fn reset_password(
        &self,
        command: ResetPassword,
        origin: &Origin,
        request_id: Option<String>,
    ) -> Result<u64, Failure<ResetPasswordError>> {
        let token = OpaqueToken::parse(&command.token);
        let attempt = Attempt::link("reset_password", token.as_ref(), origin);
        let now = self.0.clock.now();
        attempt.refuse_limited(self.0.db.reader(), self.0.settings.tries, now).await?;
        let purpose = LinkPurpose::ResetPassword;
        let is_open = match &token {
            Some(token) => store::link::find_open_link(self.0.db.reader(), purpose, token, now).await?,
            None => false,
        };
        let Some(token) = token.filter(|_| is_open) else {
            self.record_failure(&attempt).await?;
            return Err(Failure::Refused(LinkInvalid.into()));
        };
        let hash = self.0.passwords.hash(&command.password).await?;
        let job = self.letter_job(PASSWORD_CHANGED, "app_user", Uuid::nil(), now);
        let context = (token, hash, job, self.0.ids.uuid(), request_id);
        let done = self
            .0
            .db
            .write(context, move |tx, (token, hash, job, entry_id, request_id)| {
                Box::pin(async move {
                    let Some((user, _)) = used_by(tx, purpose, token, now).await? else { return Ok(None) };
                    store::link::delete_links_of(tx, user.id, None).await?;
                    store::user::set_password(tx, user.id, hash, now).await?;
                    let reason = EndReason::PasswordChanged;
                    let ended = store::session::end_sessions_of(tx, user.id, None, true, reason, now).await?;
                    let entry = password_entry(*entry_id, user.id, "user.reset_password", request_id.clone(), now);
                    insert_entry(tx, &entry).await.map_err(Internal::from)?;
                    jobs::enqueue(tx, &NewJob { subject_id: user.id, ..job.clone() }).await?;
                    Ok::<_, Failure<Never>>(Some((user.id, ended)))
                })
            })
            .await
            .map_err(Error::from)?;
        let Some((user, ended)) = done else { return Err(Failure::Refused(LinkInvalid.into())) };
        self.hint(user);
        self.0.jobs.wake(Lane::Interactive);
        Ok(ended)
    }

    /// Forgets links and sign-ups that are over.
    pub async fn forget_old_links(&self) -> Result<u64, Error> {
        let now = self.0.clock.now();
        let forgotten = self.0.db.write((), move |tx, ()| {
            Box::pin(async move {
                let links = store::link::delete_links_until(tx, now).await?;
                let invitations = store::invitation::delete_until(tx, now).await?;
                Ok::<_, Failure<Never>>(links + invitations + store::pending::delete_until(tx, now).await?)
            })
        });
        Ok(forgotten.await?)
    }
}

/// What the audit trail keeps of a password that was set: that it was.
pub(super) fn password_entry(
    id: Uuid,
    user: Uuid,
    action: &'static str,
    request_id: Option<String>,
    at: Micros,
) -> Entry {
    Entry {
        id,
        account_id: None,
        actor: Actor::User(user),
        action,
        target_kind: "user",
        target_id: Some(user),
        before: None,
        after: None,
        request_id,
        at,
    }
}

/// Uses a link up and answers whose it is, locked, with the address proven, and whether it was so before. `None` when it is unknown, over or used, when
/// the address was changed since, or nobody is there any more.
async fn used_by(
    tx: &sea_orm::DatabaseTransaction,
    purpose: LinkPurpose,
    token: &OpaqueToken,
    now: Micros,
) -> Result<Option<(User, bool)>, Failure<Never>> {
    let Some((user_id, sent_to)) = store::link::take_link(tx, purpose, token, now).await? else { return Ok(None) };
    let Some(user) = store::user::lock_user(tx, user_id).await? else { return Ok(None) };
    if store::link::address_hash(&user.email.to_lowercase()) != sent_to {
        return Ok(None);
    }
    store::link::delete_links_of(tx, user.id, Some(purpose)).await?;
    if user.email_verified_at.is_some() {
        return Ok(Some((user, true)));
    }
    store::user::update_email_verified(tx, user.id, now).await?;
    Ok(Some((User { email_verified_at: Some(now), ..user }, false)))
}

impl Attempt {
    /// A use of a link. Each text is limited by itself, so that nobody's bad links are held against the good ones of others
    /// behind the same address, and bad links apart from passwords.
    pub(super) fn link(what: &str, token: Option<&OpaqueToken>, origin: &Origin) -> Self {
        let token = token.map(OpaqueToken::hash).unwrap_or_default();
        let identity_key = sha256(&[what.as_bytes(), b" ", &token].concat());
        Self { identity_key, address: format!("link {}", origin.address) }
    }

    /// A wish for a letter. Its address stands apart, so that it does not count as a failed sign-in.
    pub(super) fn letter(about: &str, origin: &Origin) -> Self {
        Self { identity_key: sha256(about.as_bytes()), address: format!("letter {}", origin.address) }
    }
}

/// The most letters of one purpose to one person in 15 minutes, wherever they are asked for.
pub(super) const LETTERS_MAX: i64 = 5;

/// The time that [`LETTERS_MAX`] counts for.
pub(super) fn letters_since(limits: TryLimits, now: Micros) -> Micros {
    now.saturating_sub(limits.window)
}
