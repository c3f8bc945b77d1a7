//! Signing in with a password, and out.

use uuid::Uuid;

use super::{Auth, tries::Attempt};
use crate::{
    auth::{
        model::{IssuedSession, Origin, SignIn, SignInError, User},
        password::Verdict,
        store::{self, session::EndReason, user::Credentials},
        token::OpaqueToken,
    },
    clock::Micros,
    error::{Error, Failure, Internal, Never},
    viewer::SignedInRight,
};

/// A session about to be written.
#[derive(Clone)]
struct NewSession {
    attempt: Attempt,
    user_id: Uuid,
    session_id: Uuid,
    token_id: Uuid,
    refresh: OpaqueToken,
    client: Option<String>,
    expires_at: Micros,
    /// The old hash and the stronger one that takes its place.
    rehash: Option<(String, String)>,
}

impl Auth {
    /// Signs in by username or e-mail address. Unknown, deleted and wrong take the same time and get the same answer.
    /// Refuses: `SignInError` (`SIGN_IN_FAILED`); `RateLimited` after five failures in 15 minutes about one identity from
    /// one address, or fifty from one address.
    pub async fn sign_in(&self, command: SignIn, origin: &Origin) -> Result<IssuedSession, Failure<SignInError>> {
        let attempt = Attempt::new(&command.identity, origin);
        let limits = self.0.settings.tries;
        // Spares the hash of those who are over the limit already; the transaction below decides.
        attempt.refuse_limited(self.0.db.reader(), limits, self.0.clock.now()).await?;
        let found = store::user::find_credentials(self.0.db.reader(), &command.identity).await?;
        let stored = found.as_ref().and_then(|found| found.password_hash.as_deref());
        let verdict = self.0.passwords.verify(stored, &command.password).await?;
        let signed_in = match (found, verdict) {
            (None, _) | (_, Verdict::Wrong) => None,
            (Some(found), Verdict::Right) => self.write_session((attempt.clone(), origin), found, None).await?,
            (Some(found), Verdict::RightButWeak(hash)) => {
                self.write_session((attempt.clone(), origin), found, Some(hash)).await?
            }
        };
        match signed_in {
            Some(session) => Ok(session),
            None => {
                self.record_failure(&attempt).await?;
                Err(Failure::Refused(SignInError))
            }
        }
    }

    /// Writes a session of a person whose password was right. `None` when they were deleted meanwhile.
    async fn write_session(
        &self,
        (attempt, origin): (Attempt, &Origin),
        found: Credentials,
        stronger: Option<String>,
    ) -> Result<Option<IssuedSession>, Failure<SignInError>> {
        let (ids, now, limits) = (self.0.ids.as_ref(), self.0.clock.now(), self.0.settings.tries);
        let new = NewSession {
            attempt,
            user_id: found.user.id,
            session_id: ids.uuid(),
            token_id: ids.uuid(),
            refresh: OpaqueToken::draw(ids),
            client: origin.client.clone(),
            expires_at: now.saturating_add(self.0.settings.refresh_lifetime),
            rehash: found.password_hash.zip(stronger),
        };
        let user: Option<User> = self
            .0
            .db
            .write(new.clone(), move |tx, new| {
                Box::pin(async move {
                    store::tries::lock_address(tx, &new.attempt.address).await?;
                    new.attempt.refuse_limited(tx, limits, now).await?;
                    let Some(user) = store::user::lock_user(tx, new.user_id).await? else { return Ok(None) };
                    if let Some((old, stronger)) = &new.rehash {
                        store::user::update_password_hash(tx, user.id, old, stronger).await?;
                    }
                    store::tries::delete_failures(tx, &new.attempt.identity_key, &new.attempt.address).await?;
                    let rows = [
                        store::session::client_session_effect(new.session_id, user.id, new.client.as_deref(), now),
                        store::session::token_effect(
                            new.token_id,
                            new.session_id,
                            1,
                            &new.refresh,
                            now,
                            new.expires_at,
                        ),
                    ];
                    store::write_effects(tx, &rows, now).await.map_err(Internal::from)?;
                    Ok(Some(user))
                })
            })
            .await?;
        let issued =
            user.map(|user| self.issue(user, new.session_id, &new.refresh, new.expires_at, now)).transpose()?;
        Ok(issued)
    }

    /// Ends the viewer's own session and answers whether it lived. Repeating is safe.
    pub async fn sign_out(&self, right: SignedInRight) -> Result<bool, Error> {
        let (who, now) = (right.who(), self.0.clock.now());
        let ended = self
            .0
            .db
            .write((), move |tx, ()| {
                Box::pin(async move {
                    let ended = store::session::end_session(tx, who.session_id, EndReason::SignedOut, now).await?;
                    Ok::<_, Failure<Never>>(ended)
                })
            })
            .await?;
        if ended {
            self.hint(who.user_id);
        }
        Ok(ended)
    }

    /// Ends all sessions of the viewer, except this one when `keep_current`. Answers how many there were.
    pub async fn sign_out_everywhere(&self, right: SignedInRight, keep_current: bool) -> Result<u64, Error> {
        let (who, now) = (right.who(), self.0.clock.now());
        let spared = keep_current.then_some(who.session_id);
        let ended = self
            .0
            .db
            .write((), move |tx, ()| {
                Box::pin(async move {
                    let reason = EndReason::SignedOut;
                    let ended = store::session::end_sessions_of(tx, who.user_id, spared, reason, now).await?;
                    Ok::<_, Failure<Never>>(ended)
                })
            })
            .await?;
        self.hint(who.user_id);
        Ok(ended)
    }
}
