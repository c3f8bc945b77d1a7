//! Letters through an SMTP server (RFC 5321), with TLS by default.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor, transport::smtp::PoolConfig};
use secrecy::{ExposeSecret, SecretString};

use super::{MailError, Mailer, Written};
use crate::error::Internal;

/// How long one step of the dialogue may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the server is.
#[derive(Debug, Clone)]
pub struct SmtpOptions {
    /// `smtps://user:password@host:465` or `smtp://user:password@host:587?tls=required`.
    pub url: SecretString,
}

/// Hands letters to an SMTP server.
pub struct SmtpMailer(AsyncSmtpTransport<Tokio1Executor>);

impl SmtpMailer {
    /// Does not connect yet. Refuses an address that is none.
    pub fn new(options: &SmtpOptions) -> Result<Self, Internal> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(options.url.expose_secret())
            .map_err(|_| Internal::new("reading mail.smtp_url", "it is not the address of an SMTP server"))?;
        let pool = PoolConfig::new().max_size(4).min_idle(0).idle_timeout(Duration::from_secs(60));
        Ok(Self(builder.timeout(Some(PATIENCE)).pool_config(pool).build()))
    }
}

impl Mailer for SmtpMailer {
    fn send<'a>(&'a self, letter: &'a Written) -> BoxFuture<'a, Result<(), MailError>> {
        async move {
            match self.0.send(letter.message.clone()).await {
                Ok(_) => Ok(()),
                Err(error) if error.is_permanent() => Err(MailError::refused(error)),
                Err(error) => Err(MailError::later(error)),
            }
        }
        .boxed()
    }

    fn reaches_people(&self) -> bool {
        true
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), MailError>> {
        async move {
            match self.0.test_connection().await {
                Ok(true) => Ok(()),
                Ok(false) => Err(MailError::later(std::io::Error::other("the server hung up"))),
                Err(error) => Err(MailError::later(error)),
            }
        }
        .boxed()
    }
}
