//! Keeping images and reading them. The caller has made sure that the person may see the account.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{Image, pixels, store};
use crate::{
    ai::shelf::{ImageRecord, ImageShelf, KeepError, KeptImage, ShelfFuture},
    clock::Clock,
    db::{Db, effect::Effect},
    error::{Error, Internal},
    page::{Page, PageArgs},
    storage::{ObjectKey, Storage, StorageError, UrlSigner},
};

/// How many images are decoded at once: each may take a core and 512 MiB for seconds.
const DECODERS: usize = 2;

/// How long a signed address works, seconds.
pub const URL_LIFETIME_SECONDS: u32 = 3600;

const VARIANT: &str = "original";
const EXTENSIONS: [&str; 3] = ["png", "jpg", "webp"];

/// Images. Cloning is cheap.
#[derive(Clone)]
pub struct Gallery {
    db: Db,
    clock: Arc<dyn Clock>,
    storage: Storage,
    signer: Arc<UrlSigner>,
    decoders: Arc<Semaphore>,
}

impl Gallery {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>, storage: Storage, signer: Arc<UrlSigner>) -> Self {
        Self { db, clock, storage, signer, decoders: Arc::new(Semaphore::new(DECODERS)) }
    }

    /// An account's images, newest first.
    pub async fn list(&self, account: Uuid, args: &PageArgs<Uuid>) -> Result<Page<Image>, Error> {
        Ok(store::list_images(self.db.reader(), account, args).await?)
    }

    /// Images by id; the caller compares the account.
    pub async fn load(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Image>, Error> {
        Ok(store::load_images(self.db.reader(), ids).await?)
    }

    /// The media type of a stored object; `None` when there is none under that key.
    pub async fn content_type(&self, object_key: &str) -> Result<Option<String>, Error> {
        Ok(store::find_content_type(self.db.reader(), object_key).await?)
    }

    /// An address, relative to the server's own, that shows the image for an hour to whoever has it.
    pub fn signed_url(&self, image: &Image) -> Result<String, Error> {
        let key: ObjectKey =
            image.object_key.parse().map_err(|error| Internal::new("signing an image's address", error))?;
        Ok(self.signer.sign(&key, self.clock.now(), URL_LIFETIME_SECONDS))
    }

    async fn check(&self, bytes: Bytes) -> Result<Result<pixels::CheckedPixels, pixels::CorruptImage>, Error> {
        let turn = Arc::clone(&self.decoders).acquire_owned().await;
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            pixels::check(&bytes)
        });
        // Decoding is foreign code on foreign bytes: a panic in it means that the image is no good.
        checked.await.map_err(|error| Internal::new("an image's decoder ended early", error).into())
    }

    async fn keep_checked(&self, account: Uuid, image: Uuid, bytes: Bytes) -> Result<KeptImage, KeepError> {
        let checked = match self.check(bytes.clone()).await {
            Ok(Ok(checked)) => checked,
            Ok(Err(corrupt)) => return Err(KeepError::Corrupt(corrupt.to_string())),
            Err(_) => return Err(KeepError::Corrupt("the decoder ended early".to_owned())),
        };
        let fault = |context, error: Box<dyn std::error::Error + Send + Sync>| {
            KeepError::StoreDown(Internal::new(context, error).into())
        };
        let key = ObjectKey::image(account, image, VARIANT, checked.format.extension())
            .map_err(|error| fault("naming an image", error.into()))?;
        let kept = kept(image, &key, &checked).map_err(KeepError::StoreDown)?;
        self.storage.put(&key, bytes).await.map_err(|error| fault("storing an image", error.into()))?;
        Ok(kept)
    }

    async fn find_stored(&self, account: Uuid, image: Uuid) -> Result<Option<KeptImage>, Error> {
        for extension in EXTENSIONS {
            let key = ObjectKey::image(account, image, VARIANT, extension)
                .map_err(|error| Internal::new("naming an image", error))?;
            match self.storage.get(&key).await {
                Ok(bytes) => {
                    let checked = self.check(bytes).await?;
                    return checked.ok().map(|checked| kept(image, &key, &checked)).transpose();
                }
                Err(StorageError::NotFound) => {}
                Err(error) => return Err(Internal::new("looking for a stored image", error).into()),
            }
        }
        Ok(None)
    }
}

fn kept(image: Uuid, key: &ObjectKey, checked: &pixels::CheckedPixels) -> Result<KeptImage, Error> {
    let small = |value: u32| i32::try_from(value).map_err(|error| Internal::new("measuring an image", error));
    Ok(KeptImage {
        id: image,
        object_key: key.as_str().to_owned(),
        content_type: checked.format.content_type(),
        width: small(checked.width)?,
        height: small(checked.height)?,
        bytes: i64::try_from(checked.size).map_err(|error| Internal::new("measuring an image", error))?,
        sha256: checked.sha256,
    })
}

impl ImageShelf for Gallery {
    fn keep(&self, account: Uuid, image: Uuid, bytes: Bytes) -> ShelfFuture<'_, Result<KeptImage, KeepError>> {
        Box::pin(self.keep_checked(account, image, bytes))
    }

    fn find_kept(&self, account: Uuid, image: Uuid) -> ShelfFuture<'_, Result<Option<KeptImage>, Error>> {
        Box::pin(self.find_stored(account, image))
    }

    fn effects(&self, kept: &KeptImage, record: &ImageRecord) -> Vec<Effect> {
        store::insert_effects(kept, record, self.storage.name())
    }
}
