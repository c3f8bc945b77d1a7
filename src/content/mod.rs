//! Content tasks, and the content that is written for them, with its places for images.
//!
//! A content task says what is to be written; content is the article, in versions, with what search engines and pages
//! show of it. What a model writes is cleaned before it is kept: HTML by an allow-list, titles and descriptions by
//! their lengths; the address is ours alone. Review, approval and slots are states of content and change here.
//! It must never know images themselves, who sends content out, nor runs.

pub mod graphql;
mod maker;
pub mod model;
pub mod service;
mod store;
pub mod task;

pub use maker::{ArticleMaker, ContentImageMaker, ImagePromptMaker, OptimizeMaker};
pub use service::Contents;
