//! The calendar, and the slots to come.

use std::sync::Arc;

use uuid::Uuid;

use super::model::{Calendar, Days, ENTRIES_MAX, TRAY_MAX};
use crate::{
    clock::Clock,
    content::{
        Contents,
        model::{CalendarFilter, Preview, PreviewRefusal, preview},
        service::Span,
    },
    db::Db,
    error::{Error, Failure, Never},
    site::{
        Site,
        model::{EditSchedule, ScheduleRefusal},
        service::load_site_in,
    },
};

/// The calendar and the slots to come. Cloning is cheap.
#[derive(Clone)]
pub struct Publishing {
    db: Db,
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
    pub fn new(db: Db, contents: Contents, clock: Arc<dyn Clock>) -> Self {
        Self { db, contents, clock }
    }

    /// What a site, which the caller holds, has on some of its days, all of it read at one moment.
    pub async fn calendar(&self, site: Uuid, days: Days, filter: CalendarFilter) -> Result<Calendar, Error> {
        let context = (self.contents.clone(), self.clock.clone(), filter);
        let read = self.db.snapshot(context, move |tx, (contents, clock, filter)| {
            Box::pin(async move {
                let site = load_site_in(tx, site).await?.ok_or(Failure::Fault(Error::NotFound))?;
                let (zone, now) = (site.settings.time_zone, clock.now());
                let size = |most: usize| i64::try_from(most).unwrap_or(i64::MAX);
                let span = Span {
                    from: zone.day_start(days.from),
                    to: zone.day_start(days.to),
                    now,
                    entries_max: size(ENTRIES_MAX + 1),
                    tray_max: size(TRAY_MAX),
                };
                let dated = contents.load_dated_in(tx, site.id, &span, filter).await?;
                Ok::<_, Failure<Never>>(Calendar::new(&site, now, dated))
            })
        });
        Ok(read.await?)
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
