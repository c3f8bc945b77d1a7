//! Files on their way in: an address is signed for one person and purpose, the file is sent to it once, and whoever
//! needs it reads it by its id. It lies in the database: every process finds it there, and it goes with its row.

use std::sync::Arc;

use bytes::Bytes;
use ring::digest;
use uuid::Uuid;

use super::{SignatureRefusal, UrlSigner, store};
use crate::{
    clock::{Clock, Micros, SECOND},
    db::Db,
    error::{Error, Failure, Never},
    ids::Ids,
    viewer::{Feature, FeatureRight, Level, SignedIn},
};

/// The most bytes of one file.
pub const UPLOAD_BYTES_MAX: usize = 5 * 1024 * 1024;
/// How long a file may be sent, seconds.
pub const UPLOAD_LIFETIME_SECONDS: u32 = 15 * 60;
/// How long it is kept to be read, from the moment its address was made.
const KEPT: Micros = 3_600 * SECOND;
/// How many uploads of one person are kept at a time.
pub const UPLOADS_PER_USER: i64 = 20;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadPurpose {
    /// System prompts to be imported.
    PromptImport,
    /// Keywords to be imported.
    KeywordImport,
}

impl UploadPurpose {
    /// Every purpose.
    pub const ALL: [Self; 2] = [Self::PromptImport, Self::KeywordImport];

    /// The word in tables and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PromptImport => "PROMPT_IMPORT",
            Self::KeywordImport => "KEYWORD_IMPORT",
        }
    }

    /// Reads the word. `None` when there is no such purpose.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }

    /// The right without which nobody has use for such a file.
    #[must_use]
    pub fn feature(self) -> (Feature, Level) {
        match self {
            Self::PromptImport => (Feature::SystemPromptsManage, Level::Admin),
            // Whose account the keywords are for is asked when they are imported.
            Self::KeywordImport => (Feature::DashboardView, Level::Read),
        }
    }
}

/// A file on its way, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// What for.
    pub purpose: UploadPurpose,
    /// The most bytes that are received.
    pub bytes_max: i64,
    /// When its address was made.
    pub created_at: Micros,
    /// From then on nothing is received.
    pub expires_at: Micros,
    /// Its bytes, once they were received.
    pub bytes: Option<i64>,
}

/// Why no address was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CreateUploadError {
    /// Too many are kept.
    #[error(
        "You have {UPLOADS_PER_USER} uploads of the last hour, which is the most; use one of them, or wait until the oldest is an hour old."
    )]
    TooMany,
}

/// Why a file was not received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveUploadError {
    /// It has no bytes.
    #[error("the file is empty")]
    Empty,
    /// It has too many bytes.
    #[error("the file has more than {UPLOAD_BYTES_MAX} bytes")]
    TooLarge,
    /// There is no such upload, or its time is over.
    #[error("this address has expired; ask for a new one")]
    Expired,
    /// Another file was received.
    #[error("another file was received at this address; ask for a new one")]
    Received,
}

/// Why a file could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadUploadError {
    /// There is no such upload of this person and purpose, or it is an hour old.
    #[error("there is no such upload; uploads are kept for an hour")]
    NotFound,
    /// Nothing was received yet.
    #[error("nothing was sent to the upload's address yet; send the file with PUT first")]
    NotReceived,
}

/// Files on their way in. Cloning is cheap.
#[derive(Clone)]
pub struct Uploads {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    signer: Arc<UrlSigner>,
}

impl Uploads {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, signer: Arc<UrlSigner>) -> Self {
        Self { db, clock, ids, signer }
    }

    /// Makes an address for one file of `who`, good for 15 minutes. Each call makes another one.
    /// Refuses: `Forbidden` when the right is not the purpose's; `TooMany`.
    pub async fn create(
        &self,
        right: FeatureRight,
        purpose: UploadPurpose,
    ) -> Result<Upload, Failure<CreateUploadError>> {
        let (feature, level) = purpose.feature();
        let Some(who) = right.who.filter(|_| right.feature == feature) else {
            return Err(Error::Forbidden { feature, level }.into());
        };
        let now = self.clock.now();
        let upload = Upload {
            id: self.ids.uuid(),
            user_id: who.user_id,
            purpose,
            bytes_max: i64::try_from(UPLOAD_BYTES_MAX).unwrap_or(i64::MAX),
            created_at: now,
            // Whole seconds, as the address says them.
            expires_at: (now / SECOND + i64::from(UPLOAD_LIFETIME_SECONDS)) * SECOND,
            bytes: None,
        };
        self.db
            .write(upload.clone(), |tx, upload| {
                Box::pin(async move {
                    let kept = store::count_uploads(tx, upload.user_id, upload.created_at - KEPT).await?;
                    if kept >= UPLOADS_PER_USER {
                        return Err(Failure::Refused(CreateUploadError::TooMany));
                    }
                    store::insert_upload(tx, upload).await?;
                    Ok(())
                })
            })
            .await?;
        Ok(upload)
    }

    /// An upload of `who` that is still kept; another one's is `None`.
    pub async fn find(&self, who: SignedIn, id: Uuid) -> Result<Option<Upload>, Error> {
        let since = self.clock.now() - KEPT;
        Ok(store::find_upload(self.db.reader(), id, since).await?.filter(|upload| upload.user_id == who.user_id))
    }

    /// The path with query that the file is sent to; `None` once it was received or the time is over.
    #[must_use]
    pub fn path(&self, upload: &Upload) -> Option<String> {
        let open = upload.bytes.is_none() && self.clock.now() < upload.expires_at;
        open.then(|| self.signer.sign_upload(upload.id, upload.expires_at.div_euclid(SECOND)))
    }

    /// The upload that `path` and `query`, both as received, are the address of. Reads nothing but the clock.
    ///
    /// # Errors
    /// [`SignatureRefusal`].
    pub fn admit(&self, path: &str, query: &str) -> Result<Uuid, SignatureRefusal> {
        self.signer.verify_upload(path, query, self.clock.now())
    }

    /// Keeps the bytes of an upload that [`Uploads::admit`] has admitted. Receiving the same bytes again is safe.
    /// Refuses: [`ReceiveUploadError`].
    pub async fn receive(&self, id: Uuid, bytes: Bytes) -> Result<(), Failure<ReceiveUploadError>> {
        if bytes.is_empty() {
            return Err(Failure::Refused(ReceiveUploadError::Empty));
        }
        if bytes.len() > UPLOAD_BYTES_MAX {
            return Err(Failure::Refused(ReceiveUploadError::TooLarge));
        }
        let sha256 = digest::digest(&digest::SHA256, &bytes).as_ref().to_vec();
        let context = (id, bytes, sha256, self.clock.now());
        self.db
            .write(context, |tx, (id, bytes, sha256, now)| {
                Box::pin(async move {
                    if store::receive_upload(tx, *id, bytes, sha256, *now).await? {
                        return Ok(());
                    }
                    match store::find_upload_hash(tx, *id).await? {
                        Some(Some(received)) if received == *sha256 => Ok(()),
                        Some(Some(_)) => Err(Failure::Refused(ReceiveUploadError::Received)),
                        _ => Err(Failure::Refused(ReceiveUploadError::Expired)),
                    }
                })
            })
            .await
    }

    /// The bytes of an upload of `user` for `purpose`. They stay until the upload is an hour old, so that a trial run
    /// and the real one read the same. Refuses: [`ReadUploadError`].
    pub async fn read(&self, id: Uuid, user: Uuid, purpose: UploadPurpose) -> Result<Bytes, Failure<ReadUploadError>> {
        let since = self.clock.now() - KEPT;
        match store::find_upload_content(self.db.reader(), id, user, purpose, since).await? {
            None => Err(Failure::Refused(ReadUploadError::NotFound)),
            Some(None) => Err(Failure::Refused(ReadUploadError::NotReceived)),
            Some(Some(content)) => Ok(content.into()),
        }
    }

    /// Removes what is no longer kept, and answers how many that was.
    pub async fn remove_old(&self) -> Result<u64, Error> {
        let before = self.clock.now() - KEPT;
        // Most of the time there is nothing, and SQLite has one writer.
        if !store::has_old_uploads(self.db.reader(), before).await? {
            return Ok(0);
        }
        let removed = self.db.write(before, |tx, before| {
            Box::pin(async move { Ok::<_, Failure<Never>>(store::delete_old_uploads(tx, *before).await?) })
        });
        Ok(removed.await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_sentence_with_the_limit() {
        let text = CreateUploadError::TooMany.to_string();
        assert!(text.starts_with("You have 20 uploads") && text.ends_with('.'), "{text}");
    }
}
