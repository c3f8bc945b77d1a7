//! Letters to people, and the ways they go out: an SMTP server, a folder, or the terminal. It knows what is said to whom and
//! nothing of users, tables or jobs. Letters hold links that sign people in: their text is never logged.

mod console;
mod folder;
mod letter;
mod smtp;

use std::{error::Error as StdError, sync::Arc};

use futures_util::future::BoxFuture;
use lettre::message::Mailbox;
use secrecy::ExposeSecret;

use super::token::OpaqueToken;
use crate::error::Internal;

pub use console::ConsoleMailer;
pub use folder::FolderMailer;
pub use letter::{Letter, Occasion, Written};
pub use smtp::{SmtpMailer, SmtpOptions};

/// Why a letter did not go out. The cause is for the log; it names no address.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MailError {
    /// It may go out later.
    #[error("the letter could not be handed over now")]
    Later(#[source] Arc<dyn StdError + Send + Sync>),
    /// It never will.
    #[error("the letter was refused")]
    Refused(#[source] Arc<dyn StdError + Send + Sync>),
    /// It could not even be written.
    #[error(transparent)]
    Unwritable(#[from] Internal),
}

impl MailError {
    fn later(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Later(Arc::new(source))
    }

    fn refused(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Refused(Arc::new(source))
    }

    /// The whole chain on one line, for the log.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = StdError::source(self);
        while let Some(next) = cause {
            text.push_str(": ");
            text.push_str(&next.to_string());
            cause = next.source();
        }
        text
    }
}

/// How this installation writes: the way out, who it writes as, and where links lead. Cloning is cheap.
#[derive(Clone)]
pub struct Post {
    mailer: Arc<dyn Mailer>,
    from: Mailbox,
    link_url: Arc<str>,
}

impl Post {
    /// Writes as `from` (`Name <address>` or an address); links lead below `link_url`. Refuses a sender that is none.
    pub fn new(mailer: Arc<dyn Mailer>, from: &str, link_url: &str) -> Result<Self, Internal> {
        let from = from.parse().map_err(|_| Internal::new("reading mail.from", "it is not a sender of mail"))?;
        Ok(Self { mailer, from, link_url: link_url.trim_end_matches('/').into() })
    }

    /// What the product is called in letters.
    pub fn product(&self) -> &str {
        self.from.name.as_deref().unwrap_or("Inkledger")
    }

    /// The address of a page with a secret behind the `#`, which no browser sends to a server.
    pub fn link(&self, page: &str, token: &OpaqueToken) -> String {
        format!("{}/{page}#{}", self.link_url, token.reveal().expose_secret())
    }

    /// Writes a letter and hands it over.
    pub async fn deliver(&self, letter: &Letter) -> Result<(), MailError> {
        self.mailer.send(&letter.write(&self.from)?).await
    }

    /// Whether letters get to people.
    pub fn reaches_people(&self) -> bool {
        self.mailer.reaches_people()
    }
}

/// A way for letters to go out.
pub trait Mailer: Send + Sync {
    /// Hands a letter over. Repeating sends it again, under the same message id.
    fn send<'a>(&'a self, letter: &'a Written) -> BoxFuture<'a, Result<(), MailError>>;

    /// Whether letters get to people, so that an address can be proven by one.
    fn reaches_people(&self) -> bool;

    /// Whether letters could go out now; nothing is sent.
    fn probe(&self) -> BoxFuture<'_, Result<(), MailError>>;
}
