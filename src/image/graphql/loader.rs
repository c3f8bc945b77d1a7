//! Loads images and their variants for many fields at once. The caller has authorised by holding the parent.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    error::Error,
    image::{Gallery, Image, Variant},
};

/// Loads by id.
pub struct ImageLoader(pub Gallery);

/// An image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ImageOf(pub(super) Uuid);

/// The enlargement of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct EnlargementOf(pub(super) Uuid);

/// The stored variants of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct VariantsOf(pub(super) Uuid);

impl Loader<ImageOf> for ImageLoader {
    type Value = Image;
    type Error = Error;

    async fn load(&self, keys: &[ImageOf]) -> Result<HashMap<ImageOf, Image>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.load(&ids).await?;
        Ok(found.into_iter().map(|(id, image)| (ImageOf(id), image)).collect())
    }
}

impl Loader<EnlargementOf> for ImageLoader {
    type Value = Image;
    type Error = Error;

    async fn load(&self, keys: &[EnlargementOf]) -> Result<HashMap<EnlargementOf, Image>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.load_enlargements(&ids).await?;
        Ok(found.into_iter().map(|(id, image)| (EnlargementOf(id), image)).collect())
    }
}

impl Loader<VariantsOf> for ImageLoader {
    type Value = Vec<Variant>;
    type Error = Error;

    async fn load(&self, keys: &[VariantsOf]) -> Result<HashMap<VariantsOf, Vec<Variant>>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.load_variants(&ids).await?;
        Ok(found.into_iter().map(|(id, variants)| (VariantsOf(id), variants)).collect())
    }
}
