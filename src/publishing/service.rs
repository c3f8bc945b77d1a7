//! The slots to come.

use std::sync::Arc;

use super::{
    model::{Preview, PreviewRefusal, preview},
    store,
};
use crate::{
    clock::Clock,
    db::Db,
    error::Failure,
    site::{
        Site,
        model::{EditSchedule, ScheduleRefusal},
    },
};

/// Approval, slots and the calendar. Cloning is cheap.
#[derive(Clone)]
pub struct Publishing {
    db: Db,
    clock: Arc<dyn Clock>,
}

/// Why no preview is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchedulePreviewError {
    /// The schedule is at fault; every fault found.
    #[error("The schedule is at fault.")]
    Schedule(Vec<ScheduleRefusal>),
    /// The number of slots is.
    #[error(transparent)]
    Preview(#[from] PreviewRefusal),
}

impl Publishing {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>) -> Self {
        Self { db, clock }
    }

    /// The next slots (1–30) of a site, which the caller holds, with its schedule as `edit` would make it. Writes nothing.
    /// Refuses: see [`SchedulePreviewError`].
    pub async fn schedule_preview(
        &self,
        site: &Site,
        edit: &EditSchedule,
        count: i32,
    ) -> Result<Preview, Failure<SchedulePreviewError>> {
        let settings = edit.apply(&site.settings.schedule);
        let settings = settings.map_err(|faults| Failure::Refused(SchedulePreviewError::Schedule(faults)))?;
        let (now, zone) = (self.clock.now(), site.settings.time_zone);
        let today = zone.day_start(zone.date(now));
        let occupied = store::load_occupied(self.db.reader(), site.id, zone, today).await?;
        preview(&settings, occupied, now, count).map_err(|refusal| Failure::Refused(refusal.into()))
    }
}
