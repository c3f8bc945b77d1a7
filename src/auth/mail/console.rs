//! Letters on standard error, for trying things out.

use std::io::Write as _;

use futures_util::future::{BoxFuture, FutureExt as _};

use super::{MailError, Mailer, Written};

/// Prints letters. Whoever sees the terminal can sign in by what they say.
pub struct ConsoleMailer;

impl Mailer for ConsoleMailer {
    fn send<'a>(&'a self, letter: &'a Written) -> BoxFuture<'a, Result<(), MailError>> {
        async move {
            let to = letter.message.envelope().to().first().map(ToString::to_string).unwrap_or_default();
            let shown = format!("--- a letter to {to}: {}\n{}\n---\n", letter.subject, letter.text);
            std::io::stderr().write_all(shown.as_bytes()).map_err(MailError::later)
        }
        .boxed()
    }

    fn reaches_people(&self) -> bool {
        false
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), MailError>> {
        async { Ok(()) }.boxed()
    }
}
