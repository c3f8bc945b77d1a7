//! Keywords and the clusters they form: imported, grouped by hand or by a model, put away. A keyword belongs to a sector of
//! a site, or to the site where it has none. It must never know ideas, content or runs.

pub mod graphql;
mod maker;
pub mod model;
pub mod service;
mod store;

pub use maker::ClusterMaker;
pub use model::{Cluster, Keyword};
pub use service::Keywords;
pub use store::effect as effects;
pub use store::{cluster::load_clusters, select::keyword_texts};
