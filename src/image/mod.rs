//! Generated images: their bytes in the object store, their rows in the database, signed addresses for those who may see
//! them. It must never know how an image came to be, beyond the record it is given.

pub mod graphql;
pub mod model;
pub mod pixels;
pub mod service;
pub mod store;

pub use model::{Image, ImageKind};
pub use service::Gallery;
