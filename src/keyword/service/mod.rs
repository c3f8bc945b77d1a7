//! Reading and changing keywords and clusters. The member's right was checked; the row is decided here.

pub(super) mod assign;
mod cluster;
mod import;
mod keyword;
mod lexical;

use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use super::{
    model::{Cluster, ClusterFigures, ClusterFilter, Keyword, KeywordFilter},
    store,
};
use crate::{
    audit::{Actor, Trace},
    auth::MemberRight,
    clock::Clock,
    compute::Computing,
    db::Db,
    error::Error,
    ids::Ids,
    page::{Page, PageArgs},
};

pub use assign::use_keywords;
pub use cluster::lock_cluster_in;
pub use import::{ImportKeywords, ImportKeywordsError, ImportedRows, RowOutcome};
pub use lexical::{ClusterLexicallyError, ClusteredLexically};

/// Keywords and clusters. Cloning is cheap.
#[derive(Clone)]
pub struct Keywords {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    computing: Computing,
}

impl Keywords {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { db, clock, ids, computing: Computing::default() }
    }

    /// A site's keywords, newest first. The caller has authorised by holding the site.
    pub async fn list_keywords(
        &self,
        site: Uuid,
        filter: &KeywordFilter,
        args: &PageArgs<Uuid>,
    ) -> Result<Page<Keyword>, Error> {
        Ok(store::keyword::list_keywords(self.db.reader(), site, filter, args).await?)
    }

    /// A site's clusters, newest first. The caller has authorised by holding the site.
    pub async fn list_clusters(
        &self,
        site: Uuid,
        filter: &ClusterFilter,
        args: &PageArgs<Uuid>,
    ) -> Result<Page<Cluster>, Error> {
        Ok(store::cluster::list_clusters(self.db.reader(), site, filter, args).await?)
    }

    /// Keywords by id; the caller compares the account.
    pub async fn load_keywords(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Keyword>, Error> {
        Ok(store::keyword::load_keywords(self.db.reader(), ids).await?)
    }

    /// Clusters by id; the caller compares the account.
    pub async fn load_clusters(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Cluster>, Error> {
        Ok(store::cluster::load_clusters(self.db.reader(), ids).await?)
    }

    /// What the keywords of clusters come to, which the caller holds; one without keywords has no entry.
    pub async fn load_figures(&self, clusters: &[Uuid]) -> Result<HashMap<Uuid, ClusterFigures>, Error> {
        Ok(store::cluster::load_figures(self.db.reader(), clusters).await?)
    }

    fn trace(&self, right: MemberRight, request_id: Option<String>) -> Trace {
        let actor = Actor::User(right.user_id());
        Trace { account_id: right.account_id(), actor, request_id, at: self.clock.now() }
    }
}
