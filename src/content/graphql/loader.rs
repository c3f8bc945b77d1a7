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
};

/// Loads by id.
pub struct ContentLoader(pub Contents);

/// Content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ContentOf(pub(super) Uuid);

/// The text of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TextOf(pub(super) Uuid);

/// The places for images of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ImagesOf(pub(super) Uuid);

/// A place for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ContentImageOf(pub(super) Uuid);

/// The text of a version of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RevisionTextOf(pub(super) Uuid, pub(super) i32);

impl Loader<ContentOf> for ContentLoader {
    type Value = Content;
    type Error = Error;

    async fn load(&self, keys: &[ContentOf]) -> Result<HashMap<ContentOf, Content>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_contents(&ids).await?.into_iter().map(|(id, found)| (ContentOf(id), found)).collect())
    }
}

impl Loader<TextOf> for ContentLoader {
    type Value = String;
    type Error = Error;

    async fn load(&self, keys: &[TextOf]) -> Result<HashMap<TextOf, String>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_texts(&ids).await?.into_iter().map(|(id, found)| (TextOf(id), found)).collect())
    }
}

impl Loader<ImagesOf> for ContentLoader {
    type Value = Vec<ContentImage>;
    type Error = Error;

    async fn load(&self, keys: &[ImagesOf]) -> Result<HashMap<ImagesOf, Vec<ContentImage>>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_images_of(&ids).await?.into_iter().map(|(id, found)| (ImagesOf(id), found)).collect())
    }
}

impl Loader<ContentImageOf> for ContentLoader {
    type Value = ContentImage;
    type Error = Error;

    async fn load(&self, keys: &[ContentImageOf]) -> Result<HashMap<ContentImageOf, ContentImage>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_images(&ids).await?.into_iter().map(|(id, found)| (ContentImageOf(id), found)).collect())
    }
}

impl Loader<RevisionTextOf> for ContentLoader {
    type Value = String;
    type Error = Error;

    async fn load(&self, keys: &[RevisionTextOf]) -> Result<HashMap<RevisionTextOf, String>, Error> {
        let pairs: Vec<(Uuid, i32)> = keys.iter().map(|key| (key.0, key.1)).collect();
        let found = self.0.load_revision_texts(&pairs).await?;
        Ok(found.into_iter().map(|((content, version), text)| (RevisionTextOf(content, version), text)).collect())
    }
}
