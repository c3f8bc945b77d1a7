//! Values and rules of content tasks and content. They must never know the database, the providers or the clock.

pub mod article;
pub mod html;
pub mod image_prompts;
pub mod optimize;
pub mod score;
pub mod slug;
mod state;
pub mod words;

pub use state::{ContentImageKind, ContentImageState, ContentTaskState, RETRIES_MAX, RetryError};
