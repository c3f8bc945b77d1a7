//! Stored objects: bytes under a key, in one place for all features.
//!
//! It knows keys and bytes. Content types, sizes, hashes and owners live in the database with whoever stores; who may
//! see an object is decided before its URL is signed.

mod key;
mod local;
pub mod secret;
mod signed;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};

pub use self::key::{InvalidKey, ObjectKey};
pub use self::signed::{LIFETIME_SECONDS_MAX, PATH_PREFIX, SignatureRefusal, UrlSigner};

/// Why an object could not be stored, read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no object under this key.
    #[error("there is no such object")]
    NotFound,
    /// The store cannot do it now: full, unreachable, not permitted.
    #[error("the object store is unavailable")]
    Unavailable(#[source] object_store::Error),
    /// The folder cannot be made ready.
    #[error("the object folder cannot be prepared")]
    Folder(#[source] std::io::Error),
}

/// A store of objects. Clones share it.
#[derive(Debug, Clone)]
pub struct Storage {
    name: &'static str,
    store: Arc<dyn ObjectStore>,
}

impl Storage {
    /// Objects as files in `<data folder>/objects`, which is created if it is not there. Blocks; called at start.
    ///
    /// # Errors
    /// `Folder` if it cannot be created, `Unavailable` if it cannot be opened.
    pub fn local(data_folder: &Path) -> Result<Self, StorageError> {
        Ok(Self { name: "local", store: Arc::new(local::open(data_folder)?) })
    }

    /// The name kept beside a key in the database, such as `local`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Stores `bytes` under `key`, durable on return and never visible in part. Replaces what was there, so repeating
    /// it is safe.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StorageError> {
        self.store.put(&key.to_path(), PutPayload::from_bytes(bytes)).await.map_err(StorageError::from_store)?;
        Ok(())
    }

    /// The bytes under `key`.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    pub async fn get(&self, key: &ObjectKey) -> Result<Bytes, StorageError> {
        let found = self.store.get(&key.to_path()).await.map_err(StorageError::from_store)?;
        found.bytes().await.map_err(StorageError::from_store)
    }

    /// Removes the object under `key`. Removing what is not there succeeds, so repeating it is safe.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        match self.store.delete(&key.to_path()).await.map_err(StorageError::from_store) {
            Err(StorageError::NotFound) => Ok(()),
            outcome => outcome,
        }
    }

    /// Whether there is an object under `key`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn exists(&self, key: &ObjectKey) -> Result<bool, StorageError> {
        match self.store.head(&key.to_path()).await.map_err(StorageError::from_store) {
            Ok(_) => Ok(true),
            Err(StorageError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl StorageError {
    fn from_store(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            other => Self::Unavailable(other),
        }
    }
}
