//! Loads sites and sectors for many fields at once. The caller has authorised by holding the parent, or compares the
//! account.

use crate::{
    graphql::loaders::loads,
    site::{Sector, Site, Sites},
};

/// Loads by id.
pub struct SiteLoader(pub Sites);

loads! {
    SiteLoader:
    /// A site.
    pub(super) SiteOf => Site, load_sites;
    /// A sector.
    pub(super) SectorOf => Sector, load_sectors;
}
