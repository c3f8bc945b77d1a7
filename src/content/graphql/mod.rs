//! Content in the API.

mod input;
mod loader;
mod make;
mod mutation;
mod query;
mod types;

pub use loader::ContentLoader;
pub use make::WritingMutation;
pub use mutation::ContentMutation;
pub use query::ContentQuery;
pub use types::{Content, ContentImage, ContentState};
