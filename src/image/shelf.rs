//! The gallery as the place where AI work puts its images and takes those it starts from. Bytes are safe before anything
//! is made of them, and everything is made before anyone is charged; a run after a crash makes it again from the same
//! bytes, under the same keys.

use std::sync::Arc;

use bytes::Bytes;
use ring::digest;
use tokio::task::{JoinError, spawn_blocking};
use uuid::Uuid;

use super::{
    Gallery, VariantFailure, VariantKind,
    derive::{Derived, Encoded, NotMade, derive},
    mark::Unmarkable,
    pixels::{self, CheckedPixels, CorruptImage, Decoded},
    store,
};
use crate::{
    ai::shelf::{
        Enlargeable, ImageRecord, ImageShelf, KeepError, KeptImage, KeptObject, KeptVariant, OriginalBytes,
        ShelfFuture, Slot,
    },
    db::effect::Effect,
    error::{Error, Internal},
    flag::Flag,
    storage::{ObjectKey, Place, StorageError},
};

const ORIGINAL: &str = "original";
const EXTENSIONS: [&str; 3] = ["png", "jpg", "webp"];

type Cause = Box<dyn std::error::Error + Send + Sync>;

fn store_down(context: &'static str, error: impl Into<Cause>) -> KeepError {
    KeepError::StoreDown(Internal::new(context, error).into())
}

/// What came of making the copies; `Err` of the outer kind is a panic in foreign code.
type Making = Result<Result<Derived, Unmarkable>, JoinError>;

impl Gallery {
    async fn keep_image(&self, slot: Slot, bytes: Bytes) -> Result<KeptImage, KeepError> {
        let watermark = self.mark_of(&slot).await.map_err(KeepError::StoreDown)?;
        let turn = Arc::clone(&self.decoders).acquire_owned().await;
        let decoded = match self.decode(bytes.clone()).await {
            Ok(Ok(decoded)) => decoded,
            Ok(Err(corrupt)) => return Err(KeepError::Corrupt(corrupt.to_string())),
            Err(_) => return Err(KeepError::Corrupt("the decoder ended early".to_owned())),
        };
        let checked = decoded.checked.clone();
        let key = ObjectKey::image(slot.account, slot.image, ORIGINAL, checked.format.extension())
            .map_err(|error| store_down("naming an image", error))?;
        // One store for all of its objects, whatever is switched meanwhile.
        let place = self.storage.target();
        place.put(&key, bytes).await.map_err(|error| store_down("storing an image", error))?;
        if !self.switches.is_on(Flag::ImageProcessing) {
            return unprocessed(&slot, (&key, place), &checked, watermark);
        }
        let wanted = watermark.clone();
        let made: Making = spawn_blocking(move || derive(decoded, wanted.as_deref())).await;
        drop(turn);
        let mut kept = kept(slot.image, (&key, place), &checked).map_err(KeepError::StoreDown)?;
        kept.watermark = watermark;
        self.put_copies((&slot, place), &mut kept, made).await?;
        Ok(kept)
    }

    /// What the image is marked with: for ever what its original is marked with, if it has one that is marked.
    async fn mark_of(&self, slot: &Slot) -> Result<Option<String>, Error> {
        let original = match slot.original {
            Some(original) => store::find_original(self.db.reader(), slot.account, original).await?,
            None => None,
        };
        Ok(original.and_then(|original| original.watermark).or_else(|| slot.watermark.clone()))
    }

    async fn decode(&self, bytes: Bytes) -> Result<Result<Decoded, CorruptImage>, JoinError> {
        // Decoding is foreign code on foreign bytes: a panic in it means that the image is no good.
        spawn_blocking(move || pixels::decode(&bytes)).await
    }

    /// Stores the copies. Without the marked one the image must not be shown at all; any other may be missing.
    async fn put_copies(
        &self,
        (slot, place): (&Slot, &Place),
        kept: &mut KeptImage,
        made: Making,
    ) -> Result<(), KeepError> {
        let derived = match made {
            Ok(Ok(derived)) => derived,
            Ok(Err(unmarkable)) => return Err(KeepError::Unmarkable(unmarkable.to_string())),
            Err(_) if kept.watermark.is_some() => {
                return Err(KeepError::Unmarkable("the encoder ended early".to_owned()));
            }
            Err(error) => {
                tracing::warn!(image.id = %slot.image, error = %error, "the copies of an image could not be made");
                kept.variants = all_missing(kept.width, VariantFailure::EncodingFailed);
                return Ok(());
            }
        };
        kept.placeholder = derived.placeholder;
        if let Some(marked) = derived.marked {
            let put = put_copy((slot, place), VariantKind::Marked, marked).await;
            let object = put.map_err(|error| store_down("storing a marked image", error))?;
            kept.variants.push(KeptVariant { variant: VariantKind::Marked.as_str(), made: Ok(object) });
        }
        let thumbnails = derived.thumbnails.into_iter().filter_map(|(width, copy)| {
            let of_width =
                |kind: &&VariantKind| kind.thumbnail_width().and_then(|w| u32::try_from(w).ok()) == Some(width);
            Some((*VariantKind::ALL.iter().find(of_width)?, copy))
        });
        for (kind, copy) in thumbnails.chain([(VariantKind::Webp, derived.webp)]) {
            let variant = match copy {
                Err(NotMade::NotSmaller) => missing(kind, VariantFailure::NotSmaller),
                Err(NotMade::Failed) => missing(kind, VariantFailure::EncodingFailed),
                Ok(copy) => match put_copy((slot, place), kind, copy).await {
                    Ok(object) => KeptVariant { variant: kind.as_str(), made: Ok(object) },
                    Err(error) => {
                        tracing::warn!(image.id = %slot.image, error = %error, "a copy of an image was not stored");
                        missing(kind, VariantFailure::StoreUnavailable)
                    }
                },
            };
            kept.variants.push(variant);
        }
        Ok(())
    }

    async fn find_stored(&self, slot: Slot) -> Result<Option<KeptImage>, Error> {
        for extension in EXTENSIONS {
            let key = ObjectKey::image(slot.account, slot.image, ORIGINAL, extension)
                .map_err(|error| Internal::new("naming an image", error))?;
            match self.storage.find(&key).await {
                Ok(bytes) => {
                    return match self.keep_image(slot, bytes).await {
                        Ok(kept) => Ok(Some(kept)),
                        Err(KeepError::Corrupt(_) | KeepError::Unmarkable(_)) => Ok(None),
                        Err(KeepError::StoreDown(error)) => Err(error),
                    };
                }
                Err(StorageError::NotFound) => {}
                Err(error) => return Err(Internal::new("looking for a stored image", error).into()),
            }
        }
        Ok(None)
    }

    async fn read_bytes(&self, account: Uuid, image: Uuid) -> Result<OriginalBytes, Error> {
        let Some(original) = store::find_original(self.db.reader(), account, image).await? else {
            return Ok(OriginalBytes::NoImage);
        };
        let key: ObjectKey =
            original.object_key.parse().map_err(|error| Internal::new("reading an original", error))?;
        match self.storage.get_from(&original.store, &key).await {
            Ok(bytes) => Ok(OriginalBytes::Here(bytes, original.content_type)),
            // Deleted while it was read, or lost: what the rows say now decides.
            Err(StorageError::NotFound) if store::find_original(self.db.reader(), account, image).await?.is_none() => {
                Ok(OriginalBytes::NoImage)
            }
            Err(StorageError::NotFound) => {
                tracing::error!(image.id = %image, store = original.store, "the store has lost the original of an image");
                Ok(OriginalBytes::Lost)
            }
            Err(error) => Err(Internal::new("reading an original", error).into()),
        }
    }
}

async fn put_copy((slot, place): (&Slot, &Place), kind: VariantKind, copy: Encoded) -> Result<KeptObject, Cause> {
    let key = ObjectKey::image(slot.account, slot.image, kind.as_str(), copy.format.extension())?;
    let hash = digest::digest(&digest::SHA256, &copy.bytes);
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(hash.as_ref());
    let object = KeptObject {
        object_key: key.as_str().to_owned(),
        content_type: copy.format.content_type(),
        width: i32::try_from(copy.width)?,
        height: i32::try_from(copy.height)?,
        bytes: i64::try_from(copy.bytes.len())?,
        sha256,
    };
    place.put(&key, copy.bytes.into()).await?;
    Ok(object)
}

/// What is kept while image processing is off: the original alone. Without its mark an image must not be shown, so one that was
/// accepted with a mark is not kept.
fn unprocessed(
    slot: &Slot,
    at: (&ObjectKey, &Place),
    checked: &CheckedPixels,
    watermark: Option<String>,
) -> Result<KeptImage, KeepError> {
    if watermark.is_some() {
        return Err(KeepError::Unmarkable("image processing is switched off".to_owned()));
    }
    let mut kept = kept(slot.image, at, checked).map_err(KeepError::StoreDown)?;
    kept.variants = all_missing(kept.width, VariantFailure::SwitchedOff);
    Ok(kept)
}

/// Every variant that an image of `width` would have beside its mark, missing.
fn all_missing(width: i32, failure: VariantFailure) -> Vec<KeptVariant> {
    let kinds = VariantKind::ALL.iter().filter(|kind| kind.thumbnail_width().is_none_or(|narrow| narrow < width));
    kinds.filter(|kind| **kind != VariantKind::Marked).map(|kind| missing(*kind, failure)).collect()
}

fn missing(kind: VariantKind, failure: VariantFailure) -> KeptVariant {
    KeptVariant { variant: kind.as_str(), made: Err(failure.as_str()) }
}

fn kept(image: Uuid, (key, place): (&ObjectKey, &Place), checked: &CheckedPixels) -> Result<KeptImage, Error> {
    let small = |value: u32| i32::try_from(value).map_err(|error| Internal::new("measuring an image", error));
    Ok(KeptImage {
        id: image,
        store: place.name().as_str(),
        object_key: key.as_str().to_owned(),
        content_type: checked.format.content_type(),
        width: small(checked.width)?,
        height: small(checked.height)?,
        bytes: i64::try_from(checked.size).map_err(|error| Internal::new("measuring an image", error))?,
        sha256: checked.sha256,
        watermark: None,
        placeholder: None,
        variants: Vec::new(),
    })
}

impl ImageShelf for Gallery {
    fn watermark(&self, account: Uuid) -> ShelfFuture<'_, Result<Option<String>, Error>> {
        Box::pin(async move { Ok(store::find_watermark(self.db.reader(), account).await?) })
    }

    fn keep(&self, slot: Slot, bytes: Bytes) -> ShelfFuture<'_, Result<KeptImage, KeepError>> {
        Box::pin(self.keep_image(slot, bytes))
    }

    fn find_kept(&self, slot: Slot) -> ShelfFuture<'_, Result<Option<KeptImage>, Error>> {
        Box::pin(self.find_stored(slot))
    }

    fn effects(&self, kept: &KeptImage, record: &ImageRecord) -> Vec<Effect> {
        store::insert_effects(kept, record, kept.store)
    }

    fn enlargeable(&self, account: Uuid, ids: &[Uuid]) -> ShelfFuture<'_, Result<Vec<Enlargeable>, Error>> {
        let ids = ids.to_vec();
        Box::pin(async move { Ok(store::list_enlargeable(self.db.reader(), account, &ids).await?) })
    }

    fn read_original(&self, account: Uuid, image: Uuid) -> ShelfFuture<'_, Result<OriginalBytes, Error>> {
        Box::pin(self.read_bytes(account, image))
    }
}
