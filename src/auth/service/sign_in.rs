//! Signing in with a password, and out.

use super::{Auth, tries::Attempt};
use crate::{
    auth::{
        model::{IssuedSession, Origin, SignIn, SignInError, User},
        password::Verdict,
        store::{self, session::EndReason, user::Credentials},
    },
    error::{Error, Failure, Never},
    viewer::SignedInRight,
};

/// How often a password is compared anew because the stored one changed meanwhile.
const LOOKS_MAX: usize = 3;

/// What became of a session that was to be written.
enum Written {
    Session(Box<IssuedSession>),
    /// The person was deleted meanwhile.
    Gone,
    /// The stored password is another one by now.
    Changed,
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
        for _ in 0..LOOKS_MAX {
            let found = store::user::find_credentials(self.0.db.reader(), &command.identity).await?;
            let stored = found.as_ref().and_then(|found| found.password_hash.as_deref());
            let verdict = self.0.passwords.verify(stored, &command.password).await?;
            let stronger = match verdict {
                Verdict::Wrong => break,
                Verdict::Right => None,
                Verdict::RightButWeak(hash) => Some(hash),
            };
            let Some(found) = found else { break };
            match self.write_session((attempt.clone(), origin), found, stronger).await? {
                Written::Session(session) => return Ok(*session),
                Written::Gone => break,
                Written::Changed => {}
            }
        }
        self.record_failure(&attempt).await?;
        Err(Failure::Refused(SignInError))
    }

    /// Writes a session of a person whose password was right.
    async fn write_session(
        &self,
        (attempt, origin): (Attempt, &Origin),
        found: Credentials,
        stronger: Option<String>,
    ) -> Result<Written, Failure<SignInError>> {
        let (new, now, limits) = (self.new_session(origin), self.0.clock.now(), self.0.settings.tries);
        let context = (new.clone(), attempt, found, stronger);
        let user: Result<User, Written> = self
            .0
            .db
            .write(context, move |tx, (new, attempt, found, stronger)| {
                Box::pin(async move {
                    store::tries::lock_address(tx, &attempt.address).await?;
                    attempt.refuse_limited(tx, limits, now).await?;
                    let Some(user) = store::user::lock_user(tx, found.user.id).await? else {
                        return Ok(Err(Written::Gone));
                    };
                    // A password that was changed while this one was compared ended all sessions; this is not to be one more.
                    if store::user::find_password_hash(tx, user.id).await? != found.password_hash {
                        return Ok(Err(Written::Changed));
                    }
                    if let Some(stronger) = stronger {
                        store::user::update_password_hash(tx, user.id, stronger).await?;
                    }
                    store::tries::delete_failures(tx, &attempt.identity_key, &attempt.address).await?;
                    new.write(tx, user.id).await?;
                    Ok::<_, Failure<Never>>(Ok(user))
                })
            })
            .await
            .map_err(Error::from)?;
        Ok(match user {
            Ok(user) => Written::Session(Box::new(self.issue_new(user, &new)?)),
            Err(other) => other,
        })
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
                    let ended = store::session::end_sessions_of(tx, who.user_id, spared, false, reason, now).await?;
                    Ok::<_, Failure<Never>>(ended)
                })
            })
            .await?;
        self.hint(who.user_id);
        Ok(ended)
    }
}
