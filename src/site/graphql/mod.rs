//! Sites and sectors in the API.

mod loader;
mod mutation;
mod query;
mod types;

pub use loader::SiteLoader;
pub use mutation::{SiteMutation, edited_site, editor_of};
pub use query::SiteQuery;
pub use types::{Sector, Site};
