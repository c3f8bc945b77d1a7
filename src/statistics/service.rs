//! Looking at a site's pipeline.

use std::sync::Arc;

use super::{
    model::{Counts, SectorCounts, WorkflowStats},
    store,
};
use crate::{
    calendar::Period,
    clock::Clock,
    db::Db,
    error::{Error, Failure, Never},
    site::Site,
};

/// What sites come to. Cloning is cheap.
#[derive(Clone)]
pub struct Statistics {
    db: Db,
    clock: Arc<dyn Clock>,
}

impl Statistics {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>) -> Self {
        Self { db, clock }
    }

    /// What the pipeline of a site, which the caller holds, came to in the period that ends now; all of it as it was at one
    /// moment.
    pub async fn workflow_stats(&self, site: &Site, period: Period, by_sector: bool) -> Result<WorkflowStats, Error> {
        let (zone, as_of, id) = (site.settings.time_zone, self.clock.now(), site.id);
        let bounds = period.bounds(zone, as_of);
        let looked = self.db.snapshot((), move |tx, ()| {
            Box::pin(async move {
                store::plan_for_period(tx).await?;
                let counts = store::load_counts(tx, id, bounds).await?;
                let sectors = if by_sector { store::list_sectors(tx, id).await? } else { Vec::new() };
                let usage = store::load_usage(tx, id, bounds).await?;
                Ok::<_, Failure<Never>>((counts, sectors, usage))
            })
        });
        let (found, sectors, usage) = looked.await?;
        let mut counts = Counts::default();
        found.values().for_each(|part| counts += *part);
        let buckets = sectors.into_iter().map(Some).chain([None]);
        let buckets = buckets
            .map(|sector_id| SectorCounts { sector_id, counts: found.get(&sector_id).copied().unwrap_or_default() });
        let by_sector = by_sector.then(|| buckets.collect());
        Ok(WorkflowStats { period, zone, from: bounds.from, as_of, counts, usage, by_sector })
    }
}
