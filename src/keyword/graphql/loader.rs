//! Loads keywords and clusters for many fields at once. The caller has authorised by holding the parent, or compares the
//! account.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    error::Error,
    keyword::{Cluster, Keyword, Keywords, model::ClusterFigures},
};

/// Loads by id.
pub struct KeywordLoader(pub Keywords);

/// A keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct KeywordOf(pub(super) Uuid);

/// A cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClusterOf(pub(super) Uuid);

/// What a cluster's keywords come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FiguresOf(pub(super) Uuid);

impl Loader<KeywordOf> for KeywordLoader {
    type Value = Keyword;
    type Error = Error;

    async fn load(&self, keys: &[KeywordOf]) -> Result<HashMap<KeywordOf, Keyword>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_keywords(&ids).await?.into_iter().map(|(id, found)| (KeywordOf(id), found)).collect())
    }
}

impl Loader<ClusterOf> for KeywordLoader {
    type Value = Cluster;
    type Error = Error;

    async fn load(&self, keys: &[ClusterOf]) -> Result<HashMap<ClusterOf, Cluster>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_clusters(&ids).await?.into_iter().map(|(id, found)| (ClusterOf(id), found)).collect())
    }
}

impl Loader<FiguresOf> for KeywordLoader {
    type Value = ClusterFigures;
    type Error = Error;

    async fn load(&self, keys: &[FiguresOf]) -> Result<HashMap<FiguresOf, ClusterFigures>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_figures(&ids).await?.into_iter().map(|(id, found)| (FiguresOf(id), found)).collect())
    }
}
