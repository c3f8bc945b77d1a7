//! One store: a folder or a bucket.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream::BoxStream};
use object_store::{
    Attribute, Attributes, ObjectStore, ObjectStoreExt as _, PutOptions, PutPayload,
    aws::AmazonS3,
    path::Path,
    signer::{Method, Signer as _},
};

use super::{LIFETIME_SECONDS_MAX, ObjectKey, S3Options, StorageError, local, s3, s3::Patience};
use crate::clock::Micros;

/// Which store, as rows name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StoreName {
    /// The folder `objects` in the data folder.
    Local,
    /// The S3-compatible store.
    S3,
}

impl StoreName {
    /// Every store.
    pub const ALL: [Self; 2] = [Self::Local, Self::S3];

    /// The word in tables and settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::S3 => "s3",
        }
    }

    /// Reads the word. `None` when there is no such store.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }
}

/// What a listing tells of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key; `None` for what is none of ours.
    pub key: Option<ObjectKey>,
    /// When it was written, by the store's clock.
    pub written_at: Micros,
}

/// One store. Clones share it.
#[derive(Clone)]
pub struct Place(Arc<Inner>);

struct Inner {
    name: StoreName,
    store: Arc<dyn ObjectStore>,
    // Signs addresses as browsers reach the store; a folder has none.
    outward: Option<AmazonS3>,
    folder: Option<PathBuf>,
    prefix: Path,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.0.name).finish()
    }
}

/// The object that says whose store it is.
const OWNER: &str = "inkledger.owner";

impl Place {
    /// Objects as files in `<data folder>/objects`, which is created if it is not there. Blocks; called at start.
    ///
    /// # Errors
    /// `Folder` if it cannot be created, `Unavailable` if it cannot be opened.
    pub fn local(data_folder: &std::path::Path) -> Result<Self, StorageError> {
        let (store, folder) = local::open(data_folder)?;
        Ok(Self(Arc::new(Inner {
            name: StoreName::Local,
            store: Arc::new(store),
            outward: None,
            folder: Some(folder),
            prefix: Path::default(),
        })))
    }

    /// Objects in a bucket. Sends nothing, so it succeeds while the service is down.
    ///
    /// # Errors
    /// `Settings` if no client can be built from `options`.
    pub fn s3(options: &S3Options, patience: Patience) -> Result<Self, StorageError> {
        let (store, outward) = s3::open(options, patience)?;
        let prefix = Path::from(options.prefix.as_deref().unwrap_or_default());
        let (store, outward) = (Arc::new(store), Some(outward));
        Ok(Self(Arc::new(Inner { name: StoreName::S3, store, outward, folder: None, prefix })))
    }

    /// Which store it is.
    #[must_use]
    pub fn name(&self) -> StoreName {
        self.0.name
    }

    fn path(&self, key: &ObjectKey) -> Path {
        self.below(&key.to_path())
    }

    fn below(&self, path: &Path) -> Path {
        self.0.prefix.parts().chain(path.parts()).collect()
    }

    /// Stores `bytes` under `key`, durable on return and never visible in part. Replaces what was there, so repeating
    /// it is safe.
    ///
    /// # Errors
    /// `Denied`, `NoBucket`, `Unavailable`.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StorageError> {
        let mut options = PutOptions::default();
        // A folder refuses attributes, and its objects are served by us, with the type that the database knows.
        if self.0.name == StoreName::S3 {
            options.attributes = Attributes::from_iter([
                (Attribute::ContentType, key.content_type()),
                (Attribute::CacheControl, "private, max-age=3600, immutable"),
            ]);
        }
        self.write(&self.path(key), bytes, options).await
    }

    async fn write(&self, path: &Path, bytes: Bytes, options: PutOptions) -> Result<(), StorageError> {
        let stored = self.0.store.put_opts(path, PutPayload::from_bytes(bytes), options).await;
        match stored.map_err(StorageError::from_store) {
            Ok(_) => Ok(()),
            // What was to be written cannot be missing; the bucket is, on services that do not say so.
            Err(StorageError::NotFound) => Err(StorageError::NoBucket),
            Err(error) => Err(error),
        }
    }

    /// Stores `bytes` of the installation's own under `name`, which is none of an object's, durable on return.
    ///
    /// # Errors
    /// `Denied`, `NoBucket`, `Unavailable`.
    pub async fn put_beside(&self, name: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.write(&self.below(&Path::from(name)), bytes, PutOptions::default()).await
    }

    /// What [`Self::put_beside`] stored under `name`. `None` when nothing is there.
    ///
    /// # Errors
    /// `Denied`, `NoBucket`, `Unavailable`.
    pub async fn find_beside(&self, name: &str) -> Result<Option<Bytes>, StorageError> {
        match self.read(&self.below(&Path::from(name))).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StorageError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The bytes under `key`.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `NoBucket`, `Unavailable`.
    pub async fn get(&self, key: &ObjectKey) -> Result<Bytes, StorageError> {
        self.read(&self.path(key)).await
    }

    async fn read(&self, path: &Path) -> Result<Bytes, StorageError> {
        let found = self.0.store.get(path).await.map_err(StorageError::from_store)?;
        found.bytes().await.map_err(StorageError::from_store)
    }

    /// Removes the object under `key`. Removing what is not there succeeds, so repeating it is safe.
    ///
    /// # Errors
    /// `Denied`, `NoBucket`, `Unavailable`.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        match self.0.store.delete(&self.path(key)).await.map_err(StorageError::from_store) {
            Err(StorageError::NotFound) => Ok(()),
            outcome => outcome,
        }
    }

    /// Whether there is an object under `key`.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`.
    pub async fn exists(&self, key: &ObjectKey) -> Result<bool, StorageError> {
        match self.0.store.head(&self.path(key)).await.map_err(StorageError::from_store) {
            Ok(_) => Ok(true),
            Err(StorageError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Everything that lies where images do, in no order, read page by page as it is taken.
    pub fn list_images(&self) -> BoxStream<'static, Result<Listed, StorageError>> {
        let folder = self.below(&Path::from("images"));
        let before = self.0.prefix.parts().count();
        let found = self.0.store.list(Some(&folder)).map(move |object| {
            let object = object.map_err(StorageError::from_store)?;
            let path: Path = object.location.parts().skip(before).collect();
            Ok(Listed { key: path.as_ref().parse().ok(), written_at: object.last_modified.timestamp_micros() })
        });
        found.boxed()
    }

    /// Removes what writes left that a crash cut off before `before`, and answers how many files that was. A bucket
    /// never shows such a thing.
    ///
    /// # Errors
    /// `Folder`.
    pub async fn remove_staged(&self, before: Micros) -> Result<u64, StorageError> {
        let Some(folder) = self.0.folder.clone() else { return Ok(0) };
        let removed = tokio::task::spawn_blocking(move || local::remove_staged(&folder, before)).await;
        removed.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(StorageError::Folder)
    }

    /// An address that opens the object under `key` for `lifetime_seconds` (1 to 3,600, taken into that range) from
    /// now, whether or not it is there. `None` for a folder. Sends nothing.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be signed.
    pub async fn presigned(&self, key: &ObjectKey, lifetime_seconds: u32) -> Result<Option<String>, StorageError> {
        let Some(outward) = &self.0.outward else { return Ok(None) };
        let lifetime = Duration::from_secs(lifetime_seconds.clamp(1, LIFETIME_SECONDS_MAX).into());
        let url = outward.signed_url(Method::GET, &self.path(key), lifetime).await;
        url.map(|url| Some(url.into())).map_err(StorageError::from_store)
    }

    /// Whether the store answers, and to us.
    ///
    /// # Errors
    /// `Denied`, `NoBucket`, `Unavailable`.
    pub async fn probe(&self) -> Result<(), StorageError> {
        self.owner().await.map(|_| ())
    }

    /// Whose store it is, as the first who cleaned it up has written. `None` while nobody has.
    ///
    /// # Errors
    /// `Denied`, `NoBucket`, `Unavailable`.
    pub async fn owner(&self) -> Result<Option<String>, StorageError> {
        match self.read(&self.below(&Path::from(OWNER))).await {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(StorageError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes whose store it is.
    ///
    /// # Errors
    /// `Denied`, `NoBucket`, `Unavailable`.
    pub async fn claim(&self, owner: &str) -> Result<(), StorageError> {
        let path = self.below(&Path::from(OWNER));
        self.write(&path, Bytes::from(format!("{owner}\n")), PutOptions::default()).await
    }
}
