//! Ideas: things that could be written for a cluster, each with a title, an outline and the keywords it serves.
//!
//! A model finds them or a person writes them down. An idea that is taken up becomes a content task; one that is turned
//! down stays, so that it is not found again: within a cluster no two ideas have one title.
//! It must never know content, which is made of ideas.

pub mod graphql;
mod maker;
pub mod model;
pub mod service;
mod store;

pub use maker::IdeaMaker;
pub use model::Idea;
pub use service::Ideas;
pub use store::effect as effects;
pub use store::{keyword_list, plan_of};
