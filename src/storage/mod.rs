//! Stored objects: bytes under a key, in one place for all features; new ones go to the store of the settings, older
//! ones stay readable where they are.
//!
//! It knows keys and bytes. Content types, sizes, hashes and owners live in the database with whoever stores; who may
//! see an object is decided before its URL is signed.

pub mod graphql;
mod key;
mod local;
mod place;
pub mod purge;
mod s3;
mod signed;
pub mod store;
pub mod sweep;
pub mod upload;
mod wire;

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::{
    clock::Micros,
    flag::{Flag, Switches},
};

pub use self::key::{InvalidKey, ObjectKey};
pub use self::place::{Listed, Place, StoreName};
pub use self::s3::{Patience, S3Options};
pub use self::signed::{LIFETIME_SECONDS_MAX, PATH_PREFIX, SignatureRefusal, UPLOAD_PREFIX, UrlSigner};
pub use self::sweep::{ObjectSweep, StillNeeded};
pub use self::upload::Uploads;

/// Why an object could not be stored, read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no object under this key.
    #[error("there is no such object")]
    NotFound,
    /// The store knows us not, or does not let us.
    #[error("the object store refuses the credentials, or they lack the right")]
    Denied(#[source] object_store::Error),
    /// The store has no such bucket.
    #[error("the object store has no such bucket")]
    NoBucket,
    /// The store cannot do it now: full, unreachable, too slow.
    #[error("the object store is unavailable")]
    Unavailable(#[source] object_store::Error),
    /// The folder cannot be made ready or read through.
    #[error("the object folder cannot be used")]
    Folder(#[source] std::io::Error),
    /// No client can be built from the settings.
    #[error("the settings of the object store make no sense")]
    Settings(#[source] object_store::Error),
    /// A row names a store that this process has no settings for.
    #[error("the object lies in the store `{0}`, which has no settings here; set INKLEDGER_STORAGE_S3_… again")]
    NotConfigured(String),
}

impl StorageError {
    pub(self) fn from_store(error: object_store::Error) -> Self {
        match error {
            // Both a missing object and a missing bucket are 404; the body tells them apart.
            object_store::Error::NotFound { source, .. } if source.to_string().contains("NoSuchBucket") => {
                Self::NoBucket
            }
            object_store::Error::NotFound { .. } => Self::NotFound,
            error @ (object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }) => {
                Self::Denied(error)
            }
            other => Self::Unavailable(other),
        }
    }
}

/// Where objects go and where they may be.
#[derive(Debug, Clone)]
pub struct StorageOptions {
    /// Where new objects go.
    pub target: StoreName,
    /// The S3-compatible store; there whenever `target` is it, and also where older objects are still in it.
    pub s3: Option<S3Options>,
}

/// How long the answer of a probe counts.
const PROBE_COUNTS: Duration = Duration::from_secs(5);
/// How long a probe may take.
const PROBE_MAX: Duration = Duration::from_millis(800);

/// All stores of an installation. Clones share them. While the flag `cloudServices` is off, new objects go to the folder.
#[derive(Debug, Clone)]
pub struct Storage(Arc<Set>, Option<Switches>);

#[derive(Debug)]
struct Set {
    target: StoreName,
    local: Place,
    s3: Option<Place>,
    probed: Mutex<Option<(Instant, Vec<String>)>>,
}

impl Storage {
    /// Objects as files in `<data folder>/objects`, which is created if it is not there. Blocks; called at start.
    ///
    /// # Errors
    /// `Folder` if it cannot be created, `Unavailable` if it cannot be opened.
    pub fn local(data_folder: &Path) -> Result<Self, StorageError> {
        Self::open(data_folder, &StorageOptions { target: StoreName::Local, s3: None }, Patience::default())
    }

    /// The folder and, where there are settings for it, the bucket. Blocks and sends nothing; called at start.
    ///
    /// # Errors
    /// `Folder`, `Unavailable` for the folder; `Settings`; `NotConfigured` if new objects are to go to a bucket that
    /// there are no settings for.
    pub fn open(data_folder: &Path, options: &StorageOptions, patience: Patience) -> Result<Self, StorageError> {
        let local = Place::local(data_folder)?;
        let s3 = options.s3.as_ref().map(|options| Place::s3(options, patience)).transpose()?;
        if options.target == StoreName::S3 && s3.is_none() {
            return Err(StorageError::NotConfigured(StoreName::S3.as_str().to_owned()));
        }
        Ok(Self(Arc::new(Set { target: options.target, local, s3, probed: Mutex::new(None) }), None))
    }

    /// The same stores, which from now on heed the flag `cloudServices`.
    #[must_use]
    pub fn heeding(self, switches: Switches) -> Self {
        Self(self.0, Some(switches))
    }

    /// Every store that there are settings for.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        std::iter::once(&self.0.local).chain(self.0.s3.as_ref())
    }

    /// The store that a row names.
    ///
    /// # Errors
    /// `NotConfigured`.
    pub fn at(&self, store: &str) -> Result<&Place, StorageError> {
        let found = self.places().find(|place| place.name().as_str() == store);
        found.ok_or_else(|| StorageError::NotConfigured(store.to_owned()))
    }

    /// Where new objects go, at this moment: who stores several that belong together asks once.
    #[must_use]
    pub fn target(&self) -> &Place {
        let is_cloudy = self.1.as_ref().is_none_or(|switches| switches.is_on(Flag::CloudServices));
        if is_cloudy { self.configured() } else { &self.0.local }
    }

    /// Where new objects go by the settings. What the installation keeps of its own, such as anchors, is always there: proofs
    /// do not move with a switch.
    fn configured(&self) -> &Place {
        match (self.0.target, &self.0.s3) {
            (StoreName::S3, Some(s3)) => s3,
            _ => &self.0.local,
        }
    }

    /// The name of the store where new objects go, kept beside a key in the database, such as `local`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.target().name().as_str()
    }

    /// Whether the settings have objects go to another machine than this one.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.configured().name() != StoreName::Local
    }

    /// Stores `bytes` of the installation's own under `name` in the store of the settings. See [`Place::put_beside`].
    ///
    /// # Errors
    /// As [`Place::put_beside`].
    pub async fn put_beside(&self, name: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.configured().put_beside(name, bytes).await
    }

    /// What of the installation's own is there under `name`. See [`Place::find_beside`].
    ///
    /// # Errors
    /// As [`Place::find_beside`].
    pub async fn find_beside(&self, name: &str) -> Result<Option<Bytes>, StorageError> {
        self.configured().find_beside(name).await
    }

    /// Stores `bytes` under `key` where new objects go. See [`Place::put`].
    ///
    /// # Errors
    /// As [`Place::put`].
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StorageError> {
        self.target().put(key, bytes).await
    }

    /// The bytes under `key` where new objects go.
    ///
    /// # Errors
    /// As [`Place::get`].
    pub async fn get(&self, key: &ObjectKey) -> Result<Bytes, StorageError> {
        self.target().get(key).await
    }

    /// The bytes under `key` in whatever store has them, where new objects go first: for what was stored before a crash,
    /// and has no row yet.
    ///
    /// # Errors
    /// As [`Place::get`].
    pub async fn find(&self, key: &ObjectKey) -> Result<Bytes, StorageError> {
        let target = self.target();
        let others = self.places().filter(|place| place.name() != target.name());
        for place in std::iter::once(target).chain(others) {
            match place.get(key).await {
                Err(StorageError::NotFound) => {}
                outcome => return outcome,
            }
        }
        Err(StorageError::NotFound)
    }

    /// The bytes under `key` in the store that its row names.
    ///
    /// # Errors
    /// `NotConfigured`, and as [`Place::get`].
    pub async fn get_from(&self, store: &str, key: &ObjectKey) -> Result<Bytes, StorageError> {
        self.at(store)?.get(key).await
    }

    /// Removes the object under `key` where new objects go.
    ///
    /// # Errors
    /// As [`Place::delete`].
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        self.target().delete(key).await
    }

    /// Whether there is an object under `key` where new objects go.
    ///
    /// # Errors
    /// As [`Place::exists`].
    pub async fn exists(&self, key: &ObjectKey) -> Result<bool, StorageError> {
        self.target().exists(key).await
    }

    /// An address that opens the object under `key` for `lifetime_seconds` (1 to 3,600, taken into that range) from
    /// `now`: the bucket's own where it lies in one, else a path of ours with query. Sends nothing.
    ///
    /// # Errors
    /// `NotConfigured`, `Unavailable` if it cannot be signed.
    pub async fn signed_url(
        &self,
        signer: &UrlSigner,
        store: &str,
        key: &ObjectKey,
        now: Micros,
        lifetime_seconds: u32,
    ) -> Result<SignedUrl, StorageError> {
        let presigned = self.at(store)?.presigned(key, lifetime_seconds).await?;
        Ok(match presigned {
            Some(url) => SignedUrl::Elsewhere(url),
            None => SignedUrl::Here(signer.sign(key, now, lifetime_seconds)),
        })
    }

    /// The names of stores that do not work now, for `/readyz`: asked at most every five seconds, answered within one.
    pub async fn degraded(&self) -> Vec<String> {
        let mut probed = self.0.probed.lock().await;
        if let Some((at, degraded)) = probed.as_ref().filter(|(at, _)| at.elapsed() < PROBE_COUNTS) {
            let _ = at;
            return degraded.clone();
        }
        let mut degraded = Vec::new();
        // The folder is the disk's: where it fails, much else does.
        for place in self.places().filter(|place| place.name() != StoreName::Local) {
            let answer = timeout(PROBE_MAX, place.probe()).await;
            if let Ok(Err(error)) = &answer {
                tracing::warn!(store = place.name().as_str(), error = %chain(error), "an object store does not work");
            }
            if !matches!(answer, Ok(Ok(()))) {
                degraded.push(format!("storage.{}", place.name().as_str()));
            }
        }
        *probed = Some((Instant::now(), degraded.clone()));
        degraded
    }
}

/// An error with its causes, on one line, for the log and for operators. It holds no credential: the library leaves
/// headers out, and addresses are signed by header.
#[must_use]
pub fn chain(error: &StorageError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// Where an object can be read without further proof, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedUrl {
    /// A path of ours, with query.
    Here(String),
    /// A whole address of the store.
    Elsewhere(String),
}

impl SignedUrl {
    /// The whole address, where ours begin with `base_url`, which has no final slash.
    #[must_use]
    pub fn whole(self, base_url: &str) -> String {
        match self {
            Self::Here(path) => format!("{base_url}{path}"),
            Self::Elsewhere(url) => url,
        }
    }
}
