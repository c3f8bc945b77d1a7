//! The durable work of identity: letters, and forgetting what is over.

use std::time::Duration;

use super::{
    Auth,
    model::LinkPurpose,
    service::{Delivery, INVITATION_LETTER, PASSWORD_CHANGED, SIGN_UP_LETTER},
};
use crate::{
    error::Error,
    jobs::{Claimed, Handler, HandlerFuture, Outcome, Sweep},
};

/// The longest wait between two tries of a letter.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// Which letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterKind {
    /// A link.
    Link(LinkPurpose),
    /// To somebody who signed up.
    SignUp,
    /// That a password was changed.
    PasswordChanged,
    /// Into an account.
    Invitation,
}

impl LetterKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Link(LinkPurpose::SignIn),
        Self::Link(LinkPurpose::ResetPassword),
        Self::SignUp,
        Self::PasswordChanged,
        Self::Invitation,
    ];

    fn job(self) -> &'static str {
        match self {
            Self::Link(purpose) => purpose.job(),
            Self::SignUp => SIGN_UP_LETTER,
            Self::PasswordChanged => PASSWORD_CHANGED,
            Self::Invitation => INVITATION_LETTER,
        }
    }
}

/// Sends letters of one kind.
pub struct SendLetter(pub Auth, pub LetterKind);

impl SendLetter {
    async fn send(&self, claimed: &Claimed) -> Result<Delivery, Error> {
        let (subject, letter) = (claimed.job.subject.id, claimed.job.lease.job_id);
        match self.1 {
            LetterKind::Link(purpose) => self.0.send_link(purpose, subject, letter).await,
            LetterKind::SignUp => self.0.send_sign_up_letter(subject, letter).await,
            LetterKind::PasswordChanged => self.0.send_password_changed(subject, letter).await,
            LetterKind::Invitation => self.0.send_invitation(subject, letter).await,
        }
    }
}

impl Handler for SendLetter {
    fn kind(&self) -> &'static str {
        self.1.job()
    }

    fn run<'a>(&'a self, claimed: &'a Claimed) -> HandlerFuture<'a, Outcome> {
        Box::pin(async move {
            let doubled = u32::try_from(claimed.job.attempts).unwrap_or(0).min(8);
            let after = Duration::from_secs(10 << doubled).min(WAIT_MAX);
            match self.send(claimed).await {
                Ok(Delivery::Sent | Delivery::Nobody | Delivery::TooMany) => Outcome::Done,
                Ok(Delivery::Later) => Outcome::Retry { after, code: "MAIL_UNAVAILABLE" },
                Ok(Delivery::Refused) => Outcome::Fail { code: "MAIL_REFUSED" },
                Err(error) => {
                    tracing::error!(job.id = %claimed.job.lease.job_id, error = ?error, "a letter could not be written");
                    Outcome::Retry { after, code: "INTERNAL" }
                }
            }
        })
    }

    fn give_up<'a>(&'a self, _: &'a Claimed, _: &'static str) -> HandlerFuture<'a, Result<(), Error>> {
        // Whoever waits for the letter asks for another one; nothing is held for it.
        Box::pin(async { Ok(()) })
    }
}

/// Forgets links, sign-ups and tries that are over.
pub struct IdentitySweep(pub Auth);

impl Sweep for IdentitySweep {
    fn name(&self) -> &'static str {
        "identity"
    }

    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.0.forget_old_links().await?;
            self.0.forget_old_failures().await.map(|_| ())
        })
    }
}
