//! Where delivered images go, and where the images that work starts from come from. The feature that owns images
//! implements it; AI work only needs these steps.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use uuid::Uuid;

use super::model::{AspectRatio, Quality};
use crate::{clock::Micros, db::effect::Effect, error::Error};

/// A boxed step.
pub type ShelfFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The place of an image that is to be kept, and how it is marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Whose.
    pub account: Uuid,
    /// Its id, chosen before.
    pub image: Uuid,
    /// The text that is drawn on whatever is shown of it, as [`ImageShelf::watermark`] answered when the command was
    /// accepted; `None` leaves it unmarked.
    pub watermark: Option<String>,
    /// The image it is an enlargement of. What that one was marked with goes before `watermark`: an enlargement never
    /// shows what its original hides.
    pub original: Option<Uuid>,
}

/// An object of an image beside its original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptVariant {
    /// Which, as in the table `image_variant`.
    pub variant: &'static str,
    /// What was stored; else why there is none, as a code.
    pub made: Result<KeptObject, &'static str>,
}

/// An object in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptObject {
    /// Its key in the store.
    pub object_key: String,
    /// Its media type, by its bytes.
    pub content_type: &'static str,
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
    /// Its size in bytes.
    pub bytes: i64,
    /// The hash of its bytes.
    pub sha256: [u8; 32],
}

/// An image that lies in the object store, with nothing in the database yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptImage {
    /// Its id, chosen before.
    pub id: Uuid,
    /// The store that all its objects are in.
    pub store: &'static str,
    /// Its key in the store.
    pub object_key: String,
    /// Its media type, by its bytes.
    pub content_type: &'static str,
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
    /// Its size in bytes.
    pub bytes: i64,
    /// The hash of its bytes.
    pub sha256: [u8; 32],
    /// What it is marked with.
    pub watermark: Option<String>,
    /// A ThumbHash in base64, to show while the image loads.
    pub placeholder: Option<String>,
    /// Smaller, lighter and marked copies, or why there are none.
    pub variants: Vec<KeptVariant>,
}

/// Why an image was not kept.
#[derive(Debug)]
pub enum KeepError {
    /// The bytes are no image we accept.
    Corrupt(String),
    /// It must be marked and cannot be.
    Unmarkable(String),
    /// The store is down; the cause for the log.
    StoreDown(Error),
}

/// What an image shows, as far as others may know it too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageAbout {
    /// The kind of event, such as `BIRTHDAY_PARTY`.
    pub event_type: Option<String>,
    /// The style's key, such as `Cyberpunk`.
    pub style: Option<String>,
    /// The shape that was asked for.
    pub ratio: AspectRatio,
    /// The care that was asked for.
    pub quality: Quality,
}

/// An image that may be enlarged, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enlargeable {
    /// Its id.
    pub id: Uuid,
    /// What was asked.
    pub prompt: String,
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
    /// Its media type.
    pub content_type: String,
    /// Whether a mark is drawn on whatever is shown of it.
    pub is_marked: bool,
    /// Its enlargement, when there is one already.
    pub enlarged: Option<Uuid>,
    /// What it shows; an enlargement shows the same.
    pub about: ImageAbout,
}

/// What an image row says beside the image itself.
#[derive(Debug, Clone)]
pub struct ImageRecord {
    /// Whose.
    pub account_id: Uuid,
    /// The task that delivered it.
    pub ai_task_id: Uuid,
    /// What was asked.
    pub prompt: String,
    /// Which model drew it.
    pub ai_model_id: Uuid,
    /// Its name.
    pub model_name: String,
    /// Whose model it is.
    pub provider: String,
    /// The seed that was sent, if one was.
    pub seed: Option<i64>,
    /// The image it is an enlargement of.
    pub original_id: Option<Uuid>,
    /// What it shows.
    pub about: ImageAbout,
    /// Now.
    pub now: Micros,
}

/// The unmarked bytes of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginalBytes {
    /// They are here, with their media type.
    Here(Bytes, String),
    /// The account has no such image.
    NoImage,
    /// There is such an image, and the store has lost its bytes.
    Lost,
}

/// Keeps delivered images.
pub trait ImageShelf: Send + Sync {
    /// What new images of the account are marked with from now on; `None` when they are not. Asked once, when a command
    /// is accepted, so that a change of the setting splits no task.
    fn watermark(&self, account: Uuid) -> ShelfFuture<'_, Result<Option<String>, Error>>;

    /// Checks `bytes`, stores them under the image's key, and makes what is shown of them, before anyone is charged.
    /// Repeating is safe.
    fn keep(&self, slot: Slot, bytes: Bytes) -> ShelfFuture<'_, Result<KeptImage, KeepError>>;

    /// Finds an image that was stored before a crash, and makes what is shown of it again. `None`: there is none, or it
    /// is no good.
    fn find_kept(&self, slot: Slot) -> ShelfFuture<'_, Result<Option<KeptImage>, Error>>;

    /// The image's rows, to be written with the settlement. The command is refused with an effect conflict when the
    /// original of an enlargement was deleted meanwhile, or has another enlargement by now.
    fn effects(&self, kept: &KeptImage, record: &ImageRecord) -> Vec<Effect>;

    /// Those of `ids` that are images of the account, whole, and not enlargements themselves; in no order.
    fn enlargeable(&self, account: Uuid, ids: &[Uuid]) -> ShelfFuture<'_, Result<Vec<Enlargeable>, Error>>;

    /// The unmarked bytes of an image of the account.
    fn read_original(&self, account: Uuid, image: Uuid) -> ShelfFuture<'_, Result<OriginalBytes, Error>>;
}
