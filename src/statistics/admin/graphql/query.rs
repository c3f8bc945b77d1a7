//! Queries about what the installation comes to.

use async_graphql::{Context, Object, Result};

use super::{
    performance::AdminPerformance,
    types::{AdminCharts, AdminStats},
};
use crate::{
    calendar::SiteZone,
    error::Error,
    flag::{Flag, Flags},
    graphql::{
        context::{service, viewer},
        guard::{QueryPolicy, visible},
    },
    performance::Monitoring,
    statistics::admin::AdminStatistics,
    viewer::{Feature, Level},
};

/// Reads the argument `timeZone`.
fn zone_of(name: &str) -> Result<SiteZone, Error> {
    SiteZone::parse(name).map_err(|unknown| Error::bad_input(unknown.to_string(), &["timeZone"]))
}

/// Queries about what the installation comes to.
#[derive(Default)]
pub struct AdminStatisticsQuery;

#[Object]
impl AdminStatisticsQuery {
    /// The totals of the installation since ever, as they are at one moment. `BAD_USER_INPUT` for a zone that there is not.
    #[graphql(guard = "QueryPolicy", visible = "visible::analytics_view")]
    async fn admin_stats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose months count: an IANA name, such as Europe/Berlin.", default = "UTC")]
        time_zone: String,
    ) -> Result<Option<AdminStats>> {
        let right = viewer(ctx)?.may(Feature::AnalyticsView, Level::Read)?;
        let stats = service::<AdminStatistics>(ctx)?.stats(right, zone_of(&time_zone)?).await?;
        Ok(Some(AdminStats(stats)))
    }

    /// Figures day by day, ready to plot: every day is there, today included. `BAD_USER_INPUT` for a zone that there is not, or
    /// another number of days; `FEATURE_DISABLED` while the flag charts is off.
    #[graphql(guard = "QueryPolicy", visible = "visible::analytics_view")]
    async fn admin_charts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many days, 1–366.", default = 30)] days: i32,
        #[graphql(desc = "Whose days: an IANA name, such as Europe/Berlin.", default = "UTC")] time_zone: String,
    ) -> Result<Option<AdminCharts>> {
        let right = viewer(ctx)?.may(Feature::AnalyticsView, Level::Read)?;
        service::<Flags>(ctx)?.require(Flag::Charts)?;
        let charts = service::<AdminStatistics>(ctx)?.charts(right, days, zone_of(&time_zone)?).await?;
        Ok(Some(AdminCharts::from(charts)))
    }

    /// How long root fields and statements of the database take in the process that answers; null while it does not watch itself.
    #[graphql(guard = "QueryPolicy", visible = "visible::analytics_view")]
    async fn admin_performance(&self, ctx: &Context<'_>) -> Result<Option<AdminPerformance>> {
        viewer(ctx)?.may(Feature::AnalyticsView, Level::Read)?;
        Ok(service::<Monitoring>(ctx)?.report().map(AdminPerformance))
    }
}
