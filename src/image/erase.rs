//! The images of people who are deleted.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{Gallery, store};
use crate::{
    auth::{AccountEraser, ErasureFuture},
    clock::Micros,
    error::Error,
    jobs::{HandlerFuture, Sweep},
};

/// Deletes a personal account's images with its person.
pub struct ImageEraser;

impl AccountEraser for ImageEraser {
    fn erase_in<'t>(&'t self, tx: &'t DatabaseTransaction, account: Uuid, now: Micros) -> ErasureFuture<'t> {
        Box::pin(async move { Ok(store::delete_images_of(tx, account, now).await?) })
    }
}

/// Deletes what was delivered after that: work under way is finished and charged, but nobody is left to see it.
pub struct ImageSweep(pub Gallery);

impl Sweep for ImageSweep {
    fn name(&self) -> &'static str {
        "image"
    }

    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>> {
        Box::pin(async move { self.0.delete_unowned().await.map(|_| ()) })
    }
}
