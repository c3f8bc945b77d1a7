//! Loads keywords and clusters for many fields at once. The caller has authorised by holding the parent, or compares the
//! account.

use crate::{
    graphql::loaders::loads,
    keyword::{Cluster, Keyword, Keywords, model::ClusterFigures},
};

/// Loads by id.
pub struct KeywordLoader(pub Keywords);

loads! {
    KeywordLoader:
    /// A keyword.
    pub(super) KeywordOf => Keyword, load_keywords;
    /// A cluster.
    pub(super) ClusterOf => Cluster, load_clusters;
    /// What a cluster's keywords come to.
    pub(super) FiguresOf => ClusterFigures, load_figures;
}
