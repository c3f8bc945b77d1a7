//! Generated images: their bytes in the object store, their rows in the database, signed addresses for those who may see
//! them. It must never know how an image came to be, beyond the record it is given.

pub mod derive;
mod erase;
pub mod graphql;
pub mod mark;
pub mod model;
pub mod pixels;
pub mod service;
mod shelf;
pub mod store;

pub use erase::{ImageEraser, ImageSweep};
pub use model::{Image, ImageFilter, ImageKind, Variant, VariantFailure, VariantKind, VariantObject, Visibility};
pub use service::{DeleteRight, Gallery};
