//! Signing up: person, personal account, membership, session and sign-up grant, all or none.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::Auth;
use crate::{
    auth::{
        model::{Account, AccountState, Email, IssuedSession, MemberRole, Origin, SignUp, SignUpError, User, Username},
        store,
        token::OpaqueToken,
    },
    clock::Micros,
    db::{
        constraint::violated,
        effect::{Effect, EffectError},
    },
    error::{Error, Failure, Internal},
    ledger::{
        Command, IdemKey, Refusal,
        model::{Actor, Credits, GrantSource, NewGrant, Operation},
    },
    viewer::PlatformRole,
};

/// A new person with everything that is theirs from the start.
pub(super) struct Newcomer {
    pub user: User,
    pub account_id: Uuid,
    pub session_id: Uuid,
    pub refresh: OpaqueToken,
    pub refresh_expires_at: Micros,
    pub effects: Vec<Effect>,
}

impl Newcomer {
    /// The same, with what their client calls itself.
    pub fn with_client(mut self, origin: &Origin) -> Self {
        self.effects.iter_mut().for_each(|effect| store::session::name_client(effect, origin.client.as_deref()));
        self
    }
}

/// Why a newcomer's rows were not written.
#[derive(Debug, Clone, Copy)]
pub(super) enum NotWritten {
    /// A name or address was taken meanwhile.
    Taken(SignUpError),
    /// A guarded row was not as expected.
    Guard,
}

impl Auth {
    /// Makes a person with their personal account, signs them in and grants the sign-up credits, in one transaction.
    /// Repeating it refuses the username. Refuses: `UsernameTaken`, `EmailTaken`; by two that come at once, one gets it;
    /// `RateLimited` after too many tries from one address.
    pub async fn sign_up(&self, person: SignUp, origin: &Origin) -> Result<IssuedSession, Failure<Vec<SignUpError>>> {
        self.record_sign_up(origin).await?;
        self.refuse_taken(&person).await?;
        let hash = self.0.passwords.hash(&person.password).await?;
        let newcomer = self.newcomer(&person.username, &person.email, PlatformRole::User, &hash, None);
        let newcomer = newcomer.with_client(origin);
        self.write_newcomer(newcomer).await.map_err(|failure| match failure {
            Failure::Refused(NotWritten::Taken(taken)) => Failure::Refused(vec![taken]),
            Failure::Refused(NotWritten::Guard) => unguarded().into(),
            Failure::Fault(error) => Failure::Fault(error),
        })
    }

    /// Spares the hash of a person who cannot sign up. The unique keys decide, not this look.
    pub(super) async fn refuse_taken(&self, person: &SignUp) -> Result<(), Failure<Vec<SignUpError>>> {
        let (username, email) = store::user::find_taken(self.0.db.reader(), person).await?;
        let taken: Vec<SignUpError> = [(username, SignUpError::UsernameTaken), (email, SignUpError::EmailTaken)]
            .into_iter()
            .filter_map(|(is_taken, refusal)| is_taken.then_some(refusal))
            .collect();
        if taken.is_empty() { Ok(()) } else { Err(Failure::Refused(taken)) }
    }

    /// The rows of a new person, in the order their keys need. `verified_at` is when the address was proven.
    pub(super) fn newcomer(
        &self,
        username: &Username,
        email: &Email,
        role: PlatformRole,
        password_hash: &str,
        verified_at: Option<Micros>,
    ) -> Newcomer {
        let (ids, now) = (self.0.ids.as_ref(), self.0.clock.now());
        let user = User {
            id: ids.uuid(),
            username: username.as_str().to_owned(),
            email: email.as_str().to_owned(),
            role,
            access_version: 0,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            email_verified_at: verified_at,
        };
        let account = Account {
            id: ids.uuid(),
            name: user.username.clone(),
            personal_user_id: Some(user.id),
            time_zone: "UTC".to_owned(),
            state: AccountState::Active,
            watermark_text: None,
            is_watermarked: false,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let (session_id, refresh) = (ids.uuid(), OpaqueToken::draw(ids));
        let refresh_expires_at = now.saturating_add(self.0.settings.refresh_lifetime);
        let effects = vec![
            store::user::user_effect((username, email), &user, password_hash),
            store::account::account_effect(&account),
            store::account::member_effect(account.id, user.id, MemberRole::Owner, now),
            store::session::session_effect(session_id, user.id, now),
            store::session::token_effect(ids.uuid(), session_id, 1, &refresh, now, refresh_expires_at),
        ];
        Newcomer { user, account_id: account.id, session_id, refresh, refresh_expires_at, effects }
    }

    /// Writes the rows and opens the account's ledger, with the sign-up grant if there is one.
    pub(super) async fn write_newcomer(&self, newcomer: Newcomer) -> Result<IssuedSession, Failure<NotWritten>> {
        let Newcomer { user, account_id, session_id, refresh, refresh_expires_at, effects } = newcomer;
        match Credits::new(self.0.settings.signup_credits) {
            Ok(amount) => {
                let source = GrantSource::Signup(user.id);
                let command = Command {
                    account: account_id,
                    key: IdemKey::server("signup", user.id),
                    actor: Actor::System,
                    operation: Operation::Grant(NewGrant { source, amount, expires_at: None, note: None }),
                    open_account: true,
                    effects,
                    otherwise: Vec::new(),
                };
                self.0.ledger.submit(command).await.map_err(refusal)?;
            }
            // No grant; the setting's range leaves only 0 for this.
            Err(_) => self.write_without_grant(account_id, effects, user.created_at).await?,
        }
        let now = user.created_at;
        Ok(self.issue(user, session_id, &refresh, refresh_expires_at, now)?)
    }

    async fn write_without_grant(
        &self,
        account_id: Uuid,
        effects: Vec<Effect>,
        now: Micros,
    ) -> Result<(), Failure<NotWritten>> {
        let ledger = self.0.ledger.clone();
        self.0
            .db
            .write((ledger, effects), move |tx: &DatabaseTransaction, (ledger, effects)| {
                Box::pin(async move {
                    ledger.open_in(tx, account_id, now).await?;
                    store::write_effects(tx, effects, now).await.map_err(not_written)
                })
            })
            .await
    }
}

fn unguarded() -> Internal {
    Internal::new("signing up", "a guard failed although there is none")
}

fn not_written(error: EffectError) -> Failure<NotWritten> {
    match error {
        EffectError::GuardFailed { .. } => Failure::Refused(NotWritten::Guard),
        EffectError::Db(error) => match violated(&error).as_deref().and_then(SignUpError::of_constraint) {
            Some(taken) => Failure::Refused(NotWritten::Taken(taken)),
            None => error.into(),
        },
        EffectError::Unknown { .. } => Internal::from(error).into(),
    }
}

/// What a refusal of the ledger means here.
fn refusal(failure: Failure<Refusal>) -> Failure<NotWritten> {
    match failure {
        Failure::Fault(error) => Failure::Fault(error),
        Failure::Refused(Refusal::LedgerBusy { retry_after_ms }) => Error::RateLimited { retry_after_ms }.into(),
        Failure::Refused(Refusal::LedgerClosing) => Error::ShuttingDown.into(),
        Failure::Refused(Refusal::EffectRefused { .. }) => Failure::Refused(NotWritten::Guard),
        Failure::Refused(Refusal::EffectConflict { constraint }) => match SignUpError::of_constraint(&constraint) {
            Some(taken) => Failure::Refused(NotWritten::Taken(taken)),
            None => Internal::new("writing a newcomer's rows", constraint).into(),
        },
        Failure::Refused(refusal) => Internal::new("granting the sign-up credits", refusal).into(),
    }
}
