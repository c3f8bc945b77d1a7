//! Images in the API.

mod loader;
mod mutation;
mod query;
mod types;

pub use loader::ImageLoader;
pub use mutation::ImageMutation;
pub use query::ImageQuery;
pub use types::{Image, ImageConnection};
