//! A session about to be written, for everyone who is signed in by something else than a password.

use uuid::Uuid;

use super::Auth;
use crate::{
    auth::{
        model::{IssuedSession, Origin, User},
        store,
        token::OpaqueToken,
    },
    clock::Micros,
    error::{Failure, Internal, Never},
};

/// The ids and the first refresh token of a session.
#[derive(Clone)]
pub(super) struct NewSession {
    pub session_id: Uuid,
    pub token_id: Uuid,
    pub refresh: OpaqueToken,
    pub client: Option<String>,
    pub now: Micros,
    pub expires_at: Micros,
}

impl NewSession {
    /// Writes its rows in the caller's transaction.
    pub async fn write(&self, tx: &sea_orm::DatabaseTransaction, user: Uuid) -> Result<(), Failure<Never>> {
        let mut session = store::session::session_effect(self.session_id, user, self.now);
        store::session::name_client(&mut session, self.client.as_deref());
        let rows = [
            session,
            store::session::token_effect(self.token_id, self.session_id, 1, &self.refresh, self.now, self.expires_at),
        ];
        Ok(store::write_effects(tx, &rows, self.now).await.map_err(Internal::from)?)
    }
}

impl Auth {
    pub(super) fn new_session(&self, origin: &Origin) -> NewSession {
        let (ids, now) = (self.0.ids.as_ref(), self.0.clock.now());
        NewSession {
            session_id: ids.uuid(),
            token_id: ids.uuid(),
            refresh: OpaqueToken::draw(ids),
            client: origin.client.clone(),
            now,
            expires_at: now.saturating_add(self.0.settings.refresh_lifetime),
        }
    }

    /// The tokens of a session whose rows are written.
    pub(super) fn issue_new(&self, user: User, new: &NewSession) -> Result<IssuedSession, Internal> {
        self.issue(user, new.session_id, &new.refresh, new.expires_at, new.now)
    }
}
