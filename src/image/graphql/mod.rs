//! Images in the API.

mod types;

pub use types::{Image, ImageConnection, ImageLoader, ImageQuery};
