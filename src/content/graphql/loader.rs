//! Loads content, its texts and its places for images for many fields at once. The caller has authorised by holding the
//! parent, or compares the account.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    content::{
        Contents,
        model::{Content, ContentImage},
    },
    error::Error,
    graphql::loaders::loads,
};

/// Loads by id.
pub struct ContentLoader(pub Contents);

loads! {
    ContentLoader:
    /// Content.
    pub(super) ContentOf => Content, load_contents;
    /// The text of a content.
    pub(super) TextOf => String, load_texts;
    /// The places for images of a content.
    pub(super) ImagesOf => Vec<ContentImage>, load_images_of;
    /// A place for an image.
    pub(super) ContentImageOf => ContentImage, load_images;
}

/// The text of a version of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RevisionTextOf(pub(super) Uuid, pub(super) i32);

impl Loader<RevisionTextOf> for ContentLoader {
    type Value = String;
    type Error = Error;

    async fn load(&self, keys: &[RevisionTextOf]) -> Result<HashMap<RevisionTextOf, String>, Error> {
        let pairs: Vec<(Uuid, i32)> = keys.iter().map(|key| (key.0, key.1)).collect();
        let found = self.0.load_revision_texts(&pairs).await?;
        Ok(found.into_iter().map(|((content, version), text)| (RevisionTextOf(content, version), text)).collect())
    }
}
