//! Refreshing a session: each refresh token is good once, and using an old one ends the family.

use secrecy::SecretString;
use uuid::Uuid;

use super::Auth;
use crate::{
    auth::{
        model::{IssuedSession, RefreshSessionError, User},
        store::{
            self,
            session::{EndReason, RefreshToken, TokenState},
        },
        token::OpaqueToken,
    },
    clock::Micros,
    error::{Failure, Internal, Never},
};

/// A refresh token that is presented, and the one that follows it.
#[derive(Clone)]
struct Turn {
    token: OpaqueToken,
    next: OpaqueToken,
    next_id: Uuid,
    now: Micros,
    expires_at: Micros,
    grace: Micros,
}

/// What came of it.
enum Outcome {
    Went { user: User, session_id: Uuid, expires_at: Micros },
    Reused { user_id: Uuid, session_id: Uuid },
    Refused,
}

impl Auth {
    /// Answers a new pair of tokens. The refresh token just before the current one is forgiven for 30 s while the current
    /// one is unused: it gets the current one again, so an answer that was lost, or tabs that ask at once, end no
    /// session. Any other use of an old token ends the session. Refuses: `RefreshSessionError`
    /// (`REFRESH_TOKEN_INVALID`), for every cause alike.
    pub async fn refresh_session(&self, token: SecretString) -> Result<IssuedSession, Failure<RefreshSessionError>> {
        let token = OpaqueToken::parse(&token).ok_or(Failure::Refused(RefreshSessionError))?;
        let (settings, now) = (&self.0.settings, self.0.clock.now());
        let turn = Turn {
            next: token.successor(&self.0.keys),
            token,
            next_id: self.0.ids.uuid(),
            now,
            expires_at: now.saturating_add(settings.refresh_lifetime),
            grace: settings.refresh_grace,
        };
        let outcome = self.0.db.write(turn.clone(), |tx, turn| Box::pin(turn.take(tx))).await;
        match outcome.map_err(|failure: Failure<Never>| crate::error::Error::from(failure))? {
            Outcome::Went { user, session_id, expires_at } => {
                Ok(self.issue(user, session_id, &turn.next, expires_at, now)?)
            }
            Outcome::Refused => Err(Failure::Refused(RefreshSessionError)),
            Outcome::Reused { user_id, session_id } => {
                tracing::warn!(session.id = %session_id, user.id = %user_id, "an old refresh token was used; its session ended");
                self.hint(user_id);
                Err(Failure::Refused(RefreshSessionError))
            }
        }
    }
}

impl Turn {
    /// Decides under the lock of the session, so that of several at once each sees what the one before did.
    async fn take(&self, tx: &sea_orm::DatabaseTransaction) -> Result<Outcome, Failure<Never>> {
        let Some((user_id, found)) = store::session::lock_family(tx, &self.token).await? else {
            return Ok(Outcome::Refused);
        };
        let Some(user) = store::user::find_user(tx, user_id).await? else { return Ok(Outcome::Refused) };
        if found.expires_at <= self.now {
            return Ok(Outcome::Refused);
        }
        let session_id = found.session_id;
        match found.state {
            TokenState::Current => self.rotate(tx, user, &found).await,
            TokenState::Previous if self.is_forgiven(&found) => {
                // Being previous means that the current one is unused. It is not found when the signing key was replaced
                // meanwhile; then this client cannot be given it, and others keep their session.
                let current = store::session::find_current(tx, session_id, &self.next).await?;
                Ok(current.map_or(Outcome::Refused, |current| Outcome::Went {
                    user,
                    session_id,
                    expires_at: current.expires_at,
                }))
            }
            TokenState::Previous | TokenState::Spent => {
                store::session::end_session(tx, session_id, EndReason::TokenReused, self.now).await?;
                Ok(Outcome::Reused { user_id, session_id })
            }
        }
    }

    fn is_forgiven(&self, found: &RefreshToken) -> bool {
        found.rotated_at.is_some_and(|rotated_at| self.now.saturating_sub(rotated_at) <= self.grace)
    }

    async fn rotate(
        &self,
        tx: &sea_orm::DatabaseTransaction,
        user: User,
        found: &RefreshToken,
    ) -> Result<Outcome, Failure<Never>> {
        if !store::session::rotate(tx, found, self.now).await? {
            return Ok(Outcome::Refused);
        }
        let number = found.number.saturating_add(1);
        let (session_id, expires_at) = (found.session_id, self.expires_at);
        let next = store::session::token_effect(self.next_id, session_id, number, &self.next, self.now, expires_at);
        store::write_effects(tx, &[next], self.now).await.map_err(Internal::from)?;
        Ok(Outcome::Went { user, session_id, expires_at })
    }
}
