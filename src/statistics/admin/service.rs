//! Looking at the whole installation.

use std::sync::Arc;

use super::{
    model::{ACTIVE_DAYS, AdminCharts, AdminStats, ChartSpan, DAYS_MAX, MonthSpans},
    store,
};
use crate::{
    auth::activity::utc_day,
    calendar::SiteZone,
    clock::Clock,
    db::{Db, read_again},
    error::Error,
    viewer::{Feature, FeatureRight, Level},
};

/// What the installation comes to. Cloning is cheap.
#[derive(Clone)]
pub struct AdminStatistics {
    db: Db,
    clock: Arc<dyn Clock>,
}

fn demand(right: FeatureRight) -> Result<(), Error> {
    match right.feature {
        Feature::AnalyticsView => Ok(()),
        _ => Err(Error::Forbidden { feature: Feature::AnalyticsView, level: Level::Read }),
    }
}

impl AdminStatistics {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>) -> Self {
        Self { db, clock }
    }

    /// The totals as they are now, all of one moment; months are those of `zone`. Refuses: `Forbidden` when the right is of another
    /// feature.
    pub async fn stats(&self, right: FeatureRight, zone: SiteZone) -> Result<AdminStats, Error> {
        demand(right)?;
        let as_of = self.clock.now();
        let months = MonthSpans::at(zone, as_of);
        let today = utc_day(as_of);
        let active = (today.saturating_sub(ACTIVE_DAYS - 1), today);
        let totals = read_again(|| store::load_totals(self.db.reader(), &months, active)).await?;
        Ok(AdminStats { totals, as_of, zone, months })
    }

    /// The last `days` (1–366) of `zone`, today included, all as they are at one moment. Refuses: `BadUserInput` for another number of
    /// days; `Forbidden` when the right is of another feature.
    pub async fn charts(&self, right: FeatureRight, days: i32, zone: SiteZone) -> Result<AdminCharts, Error> {
        demand(right)?;
        if !(1..=DAYS_MAX).contains(&days) {
            return Err(Error::bad_input(format!("`days` is {days}; it must be 1–{DAYS_MAX}."), &["days"]));
        }
        let span = ChartSpan::last(days, zone, self.clock.now());
        let tally = read_again(|| store::load_tally(self.db.reader(), &span)).await?;
        Ok(AdminCharts::of(span, tally))
    }
}
