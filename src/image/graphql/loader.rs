//! Loads images and their variants for many fields at once. The caller has authorised by holding the parent.

use crate::{
    graphql::loaders::loads,
    image::{Gallery, Image, Variant},
};

/// Loads by id.
pub struct ImageLoader(pub Gallery);

loads! {
    ImageLoader:
    /// An image.
    pub(super) ImageOf => Image, load;
    /// The enlargement of an image.
    pub(super) EnlargementOf => Image, load_enlargements;
    /// The stored variants of an image.
    pub(super) VariantsOf => Vec<Variant>, load_variants;
}
