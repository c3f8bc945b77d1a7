//! Signing up with proof of the address: nobody learns whether an address has a user, and nobody gets one by an address
//! that is not theirs. What is typed waits for the link; the user begins to exist when the link is used, with the
//! password of whoever signed up.

use super::{Auth, sign_up::NotWritten, tries::Attempt};
use crate::{
    auth::{
        model::{
            Email, IssuedSession, Origin, SIGN_UP_MINUTES, SignUp, SignUpError, Username, VerifyEmail, VerifyEmailError,
        },
        password::Verdict,
        store,
        token::OpaqueToken,
    },
    clock::{Micros, SECOND},
    db::constraint::violated,
    db::effect::EffectError,
    error::{Error, Failure, Internal},
    jobs::{self, Lane},
    viewer::PlatformRole,
};

/// The kind of job that writes to somebody who signed up.
pub(in crate::auth) const SIGN_UP_LETTER: &str = "mail.sign_up";

/// How long what was typed waits, microseconds.
pub(super) const SIGN_UP_LIFETIME: Micros = SIGN_UP_MINUTES * 60 * SECOND;

impl Auth {
    /// Whether an address must be proven before somebody is signed up.
    pub fn verifies_sign_ups(&self) -> bool {
        self.0.settings.verify_sign_ups
    }

    /// Keeps what was typed and writes to the address: a link, or, where the address has a user, that it has. The answer is
    /// the same. Refuses: `UsernameTaken`; `RateLimited` after too many tries from one address.
    pub async fn sign_up_by_mail(&self, person: SignUp, origin: &Origin) -> Result<(), Failure<Vec<SignUpError>>> {
        let taken = || Failure::Refused(vec![SignUpError::UsernameTaken]);
        self.record_sign_up(origin).await?;
        let now = self.0.clock.now();
        let (username, _) = store::user::find_taken(self.0.db.reader(), &person).await?;
        if username || store::pending::find_reserved(self.0.db.reader(), &person.username.key(), now).await? {
            return Err(taken());
        }
        let hash = self.0.passwords.hash(&person.password).await?;
        let id = self.0.ids.uuid();
        let job = self.letter_job(SIGN_UP_LETTER, "pending_sign_up", id, now);
        let row = store::pending::pending_effect(id, &person, &hash, now, now.saturating_add(SIGN_UP_LIFETIME));
        self.0
            .db
            .write((person.username.key(), row, job), move |tx, (username_key, row, job)| {
                Box::pin(async move {
                    store::pending::delete_over(tx, username_key, now).await?;
                    store::write_effects(tx, std::slice::from_ref(row), now).await.map_err(reserved)?;
                    Ok(jobs::enqueue(tx, job).await?)
                })
            })
            .await?;
        self.0.jobs.wake(Lane::Interactive);
        Ok(())
    }

    /// Makes the person who signed up, with a proven address, and signs them in. The password is asked for again: a link
    /// that somebody else caused is worth nothing to whoever reads the mail, and the other way round. Of any number of uses
    /// one wins. Refuses: `VerifyEmailError` for every cause alike; `RateLimited` after too many wrong ones.
    pub async fn verify_email(
        &self,
        command: VerifyEmail,
        origin: &Origin,
    ) -> Result<IssuedSession, Failure<VerifyEmailError>> {
        let token = OpaqueToken::parse(&command.token);
        let attempt = Attempt::link("verify_email", token.as_ref(), origin);
        let now = self.0.clock.now();
        attempt.refuse_limited(self.0.db.reader(), self.0.settings.tries, now).await?;
        let pending = match &token {
            Some(token) => store::pending::find_by_token(self.0.db.reader(), token, now).await?,
            None => None,
        };
        let stored = pending.as_ref().map(|pending| pending.password_hash.as_str());
        let verdict = self.0.passwords.verify(stored, &command.password).await?;
        let (Some(token), Some(pending)) = (token, pending.filter(|_| verdict != Verdict::Wrong)) else {
            self.record_failure(&attempt).await?;
            return Err(Failure::Refused(VerifyEmailError));
        };
        self.judge(&attempt).await?;
        let kept = |_| Internal::new("reading what was typed at sign-up", "it is not what was checked then");
        let (username, email) =
            (Username::new(&pending.username).map_err(kept)?, Email::new(&pending.email).map_err(kept)?);
        let newcomer = self.newcomer(&username, &email, PlatformRole::User, &pending.password_hash, Some(now));
        let mut newcomer = newcomer.with_client(origin);
        newcomer.effects.push(store::pending::use_effect(&token));
        self.write_newcomer(newcomer).await.map_err(|failure| match failure {
            // The link was used meanwhile, or somebody else has the name or the address by now.
            Failure::Refused(NotWritten::Taken(_) | NotWritten::Guard) => Failure::Refused(VerifyEmailError),
            Failure::Fault(error) => Failure::Fault(error),
        })
    }
}

/// Of two who want a username at once, one gets it.
fn reserved(error: EffectError) -> Failure<Vec<SignUpError>> {
    match error {
        EffectError::Db(error) if violated(&error).as_deref() == Some("pending_sign_up_username_key_key") => {
            Failure::Refused(vec![SignUpError::UsernameTaken])
        }
        other => Failure::Fault(Error::Internal(Internal::from(other))),
    }
}
