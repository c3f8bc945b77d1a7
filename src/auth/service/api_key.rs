//! Keys of servers. A key stands for its person and may do no more than its scopes say; it never makes keys, ends sessions
//! or changes who its person is.

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::Auth;
use crate::{
    audit::{Actor, Entry, store::insert_entry},
    auth::{
        model::{ApiKey, CreateApiKey, CreateApiKeyError, KEY_PREFIX, KEYS_MAX},
        store::{self, api_key::KeyStanding, session::EndReason},
        token::OpaqueToken,
    },
    clock::{Micros, SECOND},
    error::{AuthReason, Error, Failure, Internal, Never},
    page::{Page, PageArgs},
    viewer::{SignedIn, SignedInRight, Viewer},
};

/// How exactly the last use of a key is known.
const USE_NOTED_EVERY: Micros = 3_600 * SECOND;

/// When connections by a key that never ends would end.
const TEN_YEARS: Micros = 3_650 * 86_400 * SECOND;

impl Auth {
    /// Who sends the key `token`, which begins with [`KEY_PREFIX`]. Key, person and role are read anew each time.
    pub(super) async fn authenticate_key(&self, token: &str) -> Result<Viewer, Error> {
        let now = self.0.clock.now();
        let secret = token.strip_prefix(KEY_PREFIX).unwrap_or_default().to_owned();
        let hash = OpaqueToken::parse(&SecretString::from(secret)).map(|token| token.hash());
        let Some(hash) = hash.and_then(|hash| <[u8; 32]>::try_from(hash).ok()) else {
            return Ok(Viewer::Anonymous(AuthReason::TokenInvalid));
        };
        let Some(standing) = self.2.ask(hash).await? else { return Ok(Viewer::Anonymous(AuthReason::SessionEnded)) };
        if standing.expires_at.is_some_and(|at| at <= now) {
            return Ok(Viewer::Anonymous(AuthReason::TokenExpired));
        }
        self.note_use(&standing, now);
        Ok(Viewer::User(SignedIn {
            user_id: standing.user_id,
            session_id: standing.session_id,
            role: standing.scopes.lowered(standing.role),
            access_version: standing.access_version,
            token_expires_at: standing.expires_at.unwrap_or(now.saturating_add(TEN_YEARS)),
            scopes: Some(standing.scopes),
        }))
    }

    /// Notes the use of a key, beside the request; losing it costs nothing but the note.
    fn note_use(&self, standing: &KeyStanding, now: Micros) {
        if standing.last_used_at.is_some_and(|at| now.saturating_sub(at) < USE_NOTED_EVERY) {
            return;
        }
        let (db, id) = (self.0.db.clone(), standing.session_id);
        tokio::spawn(async move {
            let noted = db.write(id, move |tx, id| {
                Box::pin(async move { Ok::<_, Failure<Never>>(store::api_key::update_last_used(tx, *id, now).await?) })
            });
            if let Err(error) = noted.await.map_err(Error::from) {
                tracing::warn!(error = ?error, "the use of a key was not noted");
            }
        });
    }

    /// Makes a key for the viewer and answers it with its secret, which nobody can see again. Refuses: see
    /// [`CreateApiKeyError`].
    pub async fn create_api_key(
        &self,
        right: SignedInRight,
        command: CreateApiKey,
        request_id: Option<String>,
    ) -> Result<(ApiKey, SecretString), Failure<CreateApiKeyError>> {
        let CreateApiKey { name, scopes, days } = command.checked().map_err(Failure::Refused)?;
        let (user_id, session_id, now) = (right.who().user_id, right.who().session_id, self.0.clock.now());
        let token = OpaqueToken::draw(self.0.ids.as_ref());
        let text = format!("{KEY_PREFIX}{}", token.reveal().expose_secret());
        let key = ApiKey {
            id: self.0.ids.uuid(),
            user_id,
            name,
            hint: text.chars().take(KEY_PREFIX.len() + 4).collect(),
            scopes,
            created_at: now,
            expires_at: days.map(|days| now.saturating_add(i64::from(days) * 86_400 * SECOND)),
            last_used_at: None,
        };
        let entry = key_entry(self.0.ids.uuid(), &key, "api_key.create", request_id, now);
        self.0
            .db
            .write((key.clone(), token.hash(), entry), move |tx, (key, hash, entry)| {
                Box::pin(async move {
                    // A session that a reset has ended meanwhile must not leave a key behind.
                    let is_there = store::user::lock_user(tx, user_id).await?.is_some();
                    if !is_there || !store::session::lock_living(tx, session_id, user_id).await? {
                        return Err(Error::Unauthenticated(AuthReason::SessionEnded).into());
                    }
                    if store::api_key::count_keys(tx, user_id, now).await? >= KEYS_MAX {
                        return Err(Failure::Refused(CreateApiKeyError::TooMany));
                    }
                    let rows =
                        [store::session::session_effect(key.id, user_id, now), store::api_key::key_effect(key, hash)];
                    store::write_effects(tx, &rows, now).await.map_err(Internal::from)?;
                    Ok(insert_entry(tx, entry).await.map_err(Internal::from)?)
                })
            })
            .await?;
        Ok((key, text.into()))
    }

    /// Ends a key of the viewer and answers it. Repeating refuses. Refuses: `NotFound`.
    pub async fn revoke_api_key(
        &self,
        right: SignedInRight,
        id: Uuid,
        request_id: Option<String>,
    ) -> Result<ApiKey, Error> {
        let (user_id, now) = (right.who().user_id, self.0.clock.now());
        let entry_id = self.0.ids.uuid();
        let revoked = self
            .0
            .db
            .write(request_id, move |tx, request_id| {
                Box::pin(async move {
                    let Some(key) = store::api_key::find_key(tx, user_id, id).await? else { return Ok(None) };
                    if !store::session::end_session(tx, id, EndReason::SignedOut, now).await? {
                        return Ok(None);
                    }
                    let entry = key_entry(entry_id, &key, "api_key.revoke", request_id.clone(), now);
                    insert_entry(tx, &entry).await.map_err(Internal::from)?;
                    Ok::<_, Failure<Never>>(Some(key))
                })
            })
            .await?;
        let key = revoked.ok_or(Error::NotFound)?;
        self.hint(user_id);
        Ok(key)
    }

    /// The keys of `user` that were not revoked, newest first. The caller has authorised by holding the person.
    pub async fn list_api_keys(&self, user: Uuid, page: &PageArgs<Uuid>) -> Result<Page<ApiKey>, Error> {
        Ok(store::api_key::list_keys(self.0.db.reader(), user, page).await?)
    }

    /// A key of the viewer that was not revoked.
    pub async fn own_api_key(&self, right: SignedInRight, id: Uuid) -> Result<Option<ApiKey>, Error> {
        Ok(store::api_key::find_key(self.0.db.reader(), right.who().user_id, id).await?)
    }
}

fn key_entry(id: Uuid, key: &ApiKey, action: &'static str, request_id: Option<String>, at: Micros) -> Entry {
    let kept = key.scopes.names().join(" ");
    let is_made = action == "api_key.create";
    Entry {
        id,
        account_id: None,
        actor: Actor::User(key.user_id),
        action,
        target_kind: "api_key",
        target_id: Some(key.id),
        before: (!is_made).then(|| kept.clone()),
        after: is_made.then_some(kept),
        request_id,
        at,
    }
}
