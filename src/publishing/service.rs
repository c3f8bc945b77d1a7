//! The slots to come.

use std::sync::Arc;

use crate::{
    clock::Clock,
    content::{
        Contents,
        model::{Preview, PreviewRefusal, preview},
    },
    error::Failure,
    site::{
        Site,
        model::{EditSchedule, ScheduleRefusal},
    },
};

/// The calendar and the slots to come. Cloning is cheap.
#[derive(Clone)]
pub struct Publishing {
    contents: Contents,
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
    pub fn new(contents: Contents, clock: Arc<dyn Clock>) -> Self {
        Self { contents, clock }
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
        let now = self.clock.now();
        let occupied = self.contents.load_occupied(site, now).await?;
        preview(&settings, occupied, now, count).map_err(|refusal| Failure::Refused(refusal.into()))
    }
}
