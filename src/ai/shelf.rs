//! Where delivered images go. The feature that owns images implements it; AI work only needs these three steps.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use uuid::Uuid;

use crate::{clock::Micros, db::effect::Effect, error::Error};

/// A boxed step.
pub type ShelfFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An image that lies in the object store, with nothing in the database yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptImage {
    /// Its id, chosen before.
    pub id: Uuid,
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

/// Why an image was not kept.
#[derive(Debug)]
pub enum KeepError {
    /// The bytes are no image we accept.
    Corrupt(String),
    /// The store is down; the cause for the log.
    StoreDown(Error),
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
    /// Now.
    pub now: Micros,
}

/// Keeps delivered images.
pub trait ImageShelf: Send + Sync {
    /// Checks `bytes` and stores them under the image's key, before anyone is charged. Repeating is safe.
    fn keep(&self, account: Uuid, image: Uuid, bytes: Bytes) -> ShelfFuture<'_, Result<KeptImage, KeepError>>;

    /// Finds an image that was stored before a crash, and checks it again.
    fn find_kept(&self, account: Uuid, image: Uuid) -> ShelfFuture<'_, Result<Option<KeptImage>, Error>>;

    /// The image's rows, to be written with the settlement.
    fn effects(&self, kept: &KeptImage, record: &ImageRecord) -> Vec<Effect>;
}
