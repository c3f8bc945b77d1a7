//! Content in the API.

mod content;
mod image;
mod input;
mod loader;
mod make;
mod mutation;
mod query;
mod revision;
mod state;

pub use content::Content;
pub use image::ContentImage;
pub use loader::ContentLoader;
pub use make::WritingMutation;
pub use mutation::ContentMutation;
pub use query::ContentQuery;
pub use state::ContentState;
