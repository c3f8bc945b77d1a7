//! The use cases of identity. Each one checks the right, applies the rules and opens one transaction; whoever could be
//! connected meanwhile is told over the bus after the commit.

mod access;
mod account;
mod api_key;
mod claim;
mod credential;
mod erase;
mod invitation;
mod letter;
mod link;
mod member;
mod people;
mod profile;
mod refresh;
mod session;
mod sign_in;
mod sign_up;
mod tenant;
mod tries;
mod verify;

use std::{path::PathBuf, pin::Pin, sync::Arc};

use futures_util::FutureExt as _;
use sea_orm::DatabaseTransaction;
use uuid::Uuid;

pub use access::{AccountRight, MemberRight};
pub(super) use invitation::INVITATION_LETTER;
pub use letter::Delivery;
pub(super) use link::PASSWORD_CHANGED;
pub(super) use verify::SIGN_UP_LETTER;

use super::{
    keys::KeyRing,
    mail::Post,
    model::{IssuedSession, KEY_PREFIX, User},
    password::Passwords,
    store::{self, api_key::KeyStanding, session::Standing},
    token::{self, OpaqueToken, TokenRules},
};
use crate::{
    bus::{Bus, Hint},
    clock::{Clock, Micros, SECOND},
    db::{Db, read_again},
    error::{AuthReason, Error, Internal},
    ids::Ids,
    jobs::Jobs,
    ledger::Ledger,
    together::Together,
    viewer::{SignedIn, Viewer},
};

/// The topic of hints about a person's access; the key is the person's id.
pub const ACCESS_TOPIC: &str = "access";

/// How many failed tries are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryLimits {
    /// The time failures count for, microseconds.
    pub window: Micros,
    /// Failures about one identity from one address.
    pub per_identity: u32,
    /// Failures from one address.
    pub per_address: u32,
}

impl TryLimits {
    /// `most` tries to sign up per address and hour.
    pub fn sign_ups_per_hour(most: u32) -> Self {
        Self { window: 3_600 * SECOND, per_identity: most, per_address: most }
    }
}

/// What can be set about identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthSettings {
    /// What access tokens say.
    pub tokens: TokenRules,
    /// How long a refresh token lives when it is not used, microseconds.
    pub refresh_lifetime: Micros,
    /// How long the refresh token just before the current one is forgiven, microseconds.
    pub refresh_grace: Micros,
    /// How long the link for the first HERO lives, microseconds.
    pub claim_lifetime: Micros,
    /// How many failed tries are taken.
    pub tries: TryLimits,
    /// How many tries to sign up are taken from one address.
    pub sign_ups: TryLimits,
    /// Credits granted at sign-up, whole units; 0 is none.
    pub signup_credits: i64,
    /// Whether an address must be proven by a link before somebody is signed up.
    pub verify_sign_ups: bool,
    /// The file that lists deleted people outside the database; `None` keeps no list.
    pub erased_file: Option<PathBuf>,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            tokens: TokenRules::default(),
            refresh_lifetime: 30 * 86_400 * SECOND,
            refresh_grace: 30 * SECOND,
            claim_lifetime: 7 * 86_400 * SECOND,
            tries: TryLimits { window: 15 * 60 * SECOND, per_identity: 5, per_address: 50 },
            sign_ups: TryLimits::sign_ups_per_hour(30),
            signup_credits: 25,
            verify_sign_ups: false,
            erased_file: None,
        }
    }
}

/// An erasure that takes a while.
pub type ErasureFuture<'t> = Pin<Box<dyn Future<Output = Result<(), Internal>> + Send + 't>>;

/// Takes the things of a deleted person out of a feature that stands to the right of identity.
pub trait AccountEraser: Send + Sync {
    /// Erases what the personal `account` has, in the transaction that deletes its person. Repeating is safe.
    fn erase_in<'t>(&'t self, tx: &'t DatabaseTransaction, account: Uuid, now: Micros) -> ErasureFuture<'t>;
}

/// What identity is made of.
#[derive(Clone)]
pub struct AuthParts {
    /// Where people and sessions are.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and random bytes.
    pub ids: Arc<dyn Ids>,
    /// Tells what changed.
    pub bus: Arc<dyn Bus>,
    /// Opens accounts and grants sign-up credits.
    pub ledger: Ledger,
    /// Signs and verifies.
    pub keys: KeyRing,
    /// Hashes and compares.
    pub passwords: Arc<Passwords>,
    /// Where letters wait to be written.
    pub jobs: Jobs,
    /// How letters go out.
    pub post: Post,
    /// Who erases a deleted person's things.
    pub erasers: Vec<Arc<dyn AccountEraser>>,
    /// What can be set.
    pub settings: AuthSettings,
}

/// Sessions that are looked up in one statement.
const STANDINGS_AT_ONCE: usize = 256;

/// Identity. Cloning is cheap.
#[derive(Clone)]
pub struct Auth(Arc<AuthParts>, Together<Uuid, Standing>, Together<[u8; 32], KeyStanding>);

impl Auth {
    /// Puts the parts together, inside a runtime.
    pub fn new(parts: AuthParts) -> Self {
        let db = parts.db.clone();
        let standings = Together::start(STANDINGS_AT_ONCE, move |sessions: Vec<Uuid>| {
            let db = db.clone();
            async move { Ok(read_again(|| store::session::load_standings(db.reader(), &sessions)).await?) }.boxed()
        });
        let db = parts.db.clone();
        let keys = Together::start(STANDINGS_AT_ONCE, move |hashes: Vec<[u8; 32]>| {
            let db = db.clone();
            async move { Ok(read_again(|| store::api_key::load_standings(db.reader(), &hashes)).await?) }.boxed()
        });
        Self(Arc::new(parts), standings, keys)
    }

    /// Who sends `token`, which is an access token or the key of a server, without `Bearer`. What cannot be verified is anonymous, with the
    /// reason; session, user and role are read anew each time, in one statement with those of other requests. An error
    /// means that they could not be read, never that the token is bad.
    pub async fn authenticate(&self, token: Option<&str>) -> Result<Viewer, Error> {
        let Some(token) = token else { return Ok(Viewer::Anonymous(AuthReason::Missing)) };
        if token.starts_with(KEY_PREFIX) {
            return self.authenticate_key(token).await;
        }
        let parts = &self.0;
        let claims = match token::verify(&parts.keys, &parts.settings.tokens, token, parts.clock.now()) {
            Ok(claims) => claims,
            Err(reason) => return Ok(Viewer::Anonymous(reason)),
        };
        let standing = self.1.ask(claims.session_id).await?.filter(|standing| standing.user_id == claims.user_id);
        Ok(match standing {
            None => Viewer::Anonymous(AuthReason::SessionEnded),
            Some(Standing { role, access_version, .. }) => Viewer::User(SignedIn {
                user_id: claims.user_id,
                session_id: claims.session_id,
                role,
                access_version,
                token_expires_at: claims.expires_at,
                scopes: None,
            }),
        })
    }

    /// As [`Self::authenticate`], from an `Authorization` header. Another scheme than `Bearer` is an invalid token.
    pub async fn authenticate_header(&self, header: Option<&str>) -> Result<Viewer, Error> {
        match header.map(token::bearer).transpose() {
            Ok(token) => self.authenticate(token).await,
            Err(reason) => Ok(Viewer::Anonymous(reason)),
        }
    }

    /// The two tokens of a session whose rows are written.
    fn issue(
        &self,
        user: User,
        session_id: Uuid,
        refresh: &OpaqueToken,
        refresh_token_expires_at: Micros,
        now: Micros,
    ) -> Result<IssuedSession, Internal> {
        let (access_token, access_token_expires_at) =
            token::issue(&self.0.keys, &self.0.settings.tokens, user.id, session_id, now)?;
        Ok(IssuedSession {
            who: SignedIn {
                user_id: user.id,
                session_id,
                role: user.role,
                access_version: user.access_version,
                token_expires_at: access_token_expires_at,
                scopes: None,
            },
            user,
            access_token,
            access_token_expires_at,
            refresh_token: refresh.reveal(),
            refresh_token_expires_at,
        })
    }

    /// Says that what `user` may do has changed.
    fn hint(&self, user: Uuid) {
        self.0.bus.publish(Hint {
            topic: ACCESS_TOPIC.to_owned(),
            key: user.to_string(),
            sequence: 0,
            origin: self.0.bus.origin().to_owned(),
            body: String::new(),
        });
    }
}
