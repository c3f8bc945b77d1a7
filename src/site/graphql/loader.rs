//! Loads sites and sectors for many fields at once. The caller has authorised by holding the parent, or compares the
//! account.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    error::Error,
    site::{Sector, Site, Sites},
};

/// Loads by id.
pub struct SiteLoader(pub Sites);

/// A site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SiteOf(pub(super) Uuid);

/// A sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SectorOf(pub(super) Uuid);

impl Loader<SiteOf> for SiteLoader {
    type Value = Site;
    type Error = Error;

    async fn load(&self, keys: &[SiteOf]) -> Result<HashMap<SiteOf, Site>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_sites(&ids).await?.into_iter().map(|(id, site)| (SiteOf(id), site)).collect())
    }
}

impl Loader<SectorOf> for SiteLoader {
    type Value = Sector;
    type Error = Error;

    async fn load(&self, keys: &[SectorOf]) -> Result<HashMap<SectorOf, Sector>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_sectors(&ids).await?.into_iter().map(|(id, sector)| (SectorOf(id), sector)).collect())
    }
}
