//! Sites and their sectors: what content is made for. A site belongs to an account, and everything of the pipeline below
//! it to the site. It must never know keywords, content or runs.

pub mod context;
pub mod erase;
pub mod graphql;
pub mod model;
pub mod service;
mod store;

pub use model::{Sector, Site};
pub use service::Sites;
