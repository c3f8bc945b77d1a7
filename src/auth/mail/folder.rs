//! Letters as files that mail programs open, for installations without a mail server and for tests.

use std::path::PathBuf;

use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::{fs, io::AsyncWriteExt as _};

use super::{MailError, Mailer, Written};

/// Writes each letter into a file of the folder, which only its owner can read: `<time>-<id>.eml`.
pub struct FolderMailer(PathBuf);

impl FolderMailer {
    /// Into `folder`, which is made when it is missing.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    async fn make(&self) -> Result<(), std::io::Error> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(&self.0).await
    }

    async fn write(&self, letter: &Written) -> Result<(), std::io::Error> {
        self.make().await?;
        let name = format!("{:016}-{}", letter.at, letter.id.simple());
        let (part, whole) = (self.0.join(format!(".{name}.part")), self.0.join(format!("{name}.eml")));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&part).await?;
        file.write_all(&letter.message.formatted()).await?;
        file.flush().await?;
        fs::rename(part, whole).await
    }
}

impl Mailer for FolderMailer {
    fn send<'a>(&'a self, letter: &'a Written) -> BoxFuture<'a, Result<(), MailError>> {
        async move { self.write(letter).await.map_err(MailError::later) }.boxed()
    }

    fn reaches_people(&self) -> bool {
        false
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), MailError>> {
        async move { self.make().await.map_err(MailError::later) }.boxed()
    }
}
