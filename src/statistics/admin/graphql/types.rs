//! The objects of administrators' figures.

use async_graphql::{Context, Object, Result, SimpleObject};

use crate::{
    ai::graphql::{AiFunction, AiModel},
    graphql::scalars::{Credits, Date, DateTime, Decimal, SafeInt},
    statistics::admin::model::{
        self, ChartDay, ChartShare, DayFigures, NOT_TRACKED, WorkFigures, date_of, known_cost, percent,
    },
};

/// The totals of the installation. What is not counted is null and named in `notTracked`.
#[derive(Debug)]
pub struct AdminStats(pub model::AdminStats);

/// The totals of the installation. What is not counted is null and named in `notTracked`.
#[Object]
impl AdminStats {
    /// The moment that all figures are of.
    async fn as_of(&self) -> DateTime {
        DateTime(self.0.as_of)
    }

    /// The zone whose months count.
    async fn time_zone(&self) -> &str {
        self.0.zone.name()
    }

    /// The first instant of this month in the zone.
    async fn month_began_at(&self) -> DateTime {
        DateTime(self.0.months.this_from)
    }

    /// People, without deleted ones.
    async fn users(&self) -> SafeInt {
        SafeInt(self.0.totals.users)
    }

    /// Of those, the ones with the role ADMIN or HERO.
    async fn admins(&self) -> SafeInt {
        SafeInt(self.0.totals.admins)
    }

    /// People who signed up this month, whether or not they are still here.
    async fn new_users_this_month(&self) -> SafeInt {
        SafeInt(self.0.totals.new_users)
    }

    /// People who signed up last month up to the same day and time; up to its end, where it has no such day.
    async fn new_users_same_span_last_month(&self) -> SafeInt {
        SafeInt(self.0.totals.new_users_before)
    }

    /// How many more signed up this month than in the same span of the last one: percent with one decimal, such as "12.5" or
    /// "-50.0"; null if nobody did then.
    async fn growth(&self) -> Option<String> {
        self.0.totals.growth()
    }

    /// Images that were generated, without deleted ones.
    async fn images(&self) -> SafeInt {
        SafeInt(self.0.totals.images)
    }

    /// Credits that were charged for AI work, as the ledger settled them. What was given back later is not taken off.
    async fn credits_spent(&self) -> Credits {
        Credits(self.0.totals.credits_spent)
    }

    /// Credits that were given back after they had been charged.
    async fn credits_refunded(&self) -> Credits {
        Credits(self.0.totals.credits_refunded)
    }

    /// What all requests to AI providers cost, USD; null while nobody knows the cost of any.
    async fn provider_cost(&self) -> Option<Decimal> {
        known_cost(self.0.totals.attempts, self.0.totals.cost_nanousd).map(Decimal)
    }

    /// Items of AI work that were delivered.
    async fn items_delivered(&self) -> SafeInt {
        SafeInt(self.0.totals.delivered)
    }

    /// Items of AI work that failed. Cancelled ones count nowhere.
    async fn items_failed(&self) -> SafeInt {
        SafeInt(self.0.totals.failed)
    }

    /// Delivered items among those that were delivered or failed: percent with one decimal, such as "98.7"; null without any.
    async fn success_rate(&self) -> Option<String> {
        let totals = &self.0.totals;
        percent(totals.delivered, totals.delivered.saturating_add(totals.failed))
    }

    /// People who asked for something while signed in, since midnight UTC, whatever the zone; null before the count began. A few may
    /// be missing for a moment.
    async fn active_users_today(&self) -> Option<SafeInt> {
        self.0.totals.active_since.map(|_| SafeInt(self.0.totals.active_today))
    }

    /// People who did on this UTC day or the 29 before it, each once; of fewer days, where `activeUsersSince` is later. Null before the
    /// count began.
    #[graphql(name = "activeUsers30Days")]
    async fn active_users_30_days(&self) -> Option<SafeInt> {
        self.0.totals.active_since.map(|_| SafeInt(self.0.totals.active_month))
    }

    /// The UTC day since when active people are counted; null before the first.
    async fn active_users_since(&self) -> Option<Date> {
        self.0.totals.active_since.map(|day| Date(date_of(day)))
    }

    /// Always null: payments are not taken here.
    async fn revenue(&self) -> Option<Decimal> {
        None
    }

    /// Always null: nobody is told apart by device.
    async fn devices(&self) -> Option<SafeInt> {
        None
    }

    /// The names of the figures that are null because nobody counts them, at most 10.
    async fn not_tracked(&self) -> &[&str] {
        &NOT_TRACKED
    }
}

/// What AI work came to in a time.
#[derive(Debug, SimpleObject)]
pub struct AdminWorkFigures {
    /// Credits that were charged.
    credits_spent: Credits,
    /// Credits that were given back, by the time that they were, whenever they had been charged.
    credits_refunded: Credits,
    /// What requests to AI providers cost, USD; null while nobody knows the cost of any.
    provider_cost: Option<Decimal>,
    /// Items that were delivered.
    items_delivered: SafeInt,
    /// Items that failed. Cancelled ones count nowhere.
    items_failed: SafeInt,
}

impl From<WorkFigures> for AdminWorkFigures {
    fn from(work: WorkFigures) -> Self {
        Self {
            credits_spent: Credits(work.spent),
            credits_refunded: Credits(work.refunded),
            provider_cost: work.cost().map(Decimal),
            items_delivered: SafeInt(work.delivered),
            items_failed: SafeInt(work.failed),
        }
    }
}

/// The figures of all days of the charts.
#[derive(Debug, SimpleObject)]
pub struct AdminChartTotals {
    /// What AI work came to.
    work: Option<AdminWorkFigures>,
    /// Images that were generated, without deleted ones.
    images: SafeInt,
    /// People who signed up.
    new_users: SafeInt,
}

impl From<DayFigures> for AdminChartTotals {
    fn from(figures: DayFigures) -> Self {
        Self { work: Some(figures.work.into()), images: SafeInt(figures.images), new_users: SafeInt(figures.new_users) }
    }
}

/// One day of a chart. A figure is 0 where it was measured, and null where it was not.
#[derive(Debug, SimpleObject)]
pub struct AdminChartDay {
    /// The day.
    date: Date,
    /// Credits that were charged.
    credits_spent: Option<Credits>,
    /// Credits that were given back on this day.
    credits_refunded: Option<Credits>,
    /// What requests to AI providers cost, USD; null also while nobody knows the cost of any.
    provider_cost: Option<Decimal>,
    /// Images that were generated, without those that were deleted since.
    images: Option<SafeInt>,
    /// Items of AI work that were delivered.
    items_delivered: Option<SafeInt>,
    /// Items of AI work that failed.
    items_failed: Option<SafeInt>,
    /// People who signed up.
    new_users: Option<SafeInt>,
    /// People who asked for something while signed in, on the UTC day of this date, whatever the zone.
    active_users: Option<SafeInt>,
}

impl From<ChartDay> for AdminChartDay {
    fn from(day: ChartDay) -> Self {
        let (figures, work) = (day.figures, day.figures.map(|figures| figures.work));
        Self {
            date: Date(day.date),
            credits_spent: work.map(|work| Credits(work.spent)),
            credits_refunded: work.map(|work| Credits(work.refunded)),
            provider_cost: work.and_then(|work| work.cost()).map(Decimal),
            images: figures.map(|figures| SafeInt(figures.images)),
            items_delivered: work.map(|work| SafeInt(work.delivered)),
            items_failed: work.map(|work| SafeInt(work.failed)),
            new_users: figures.map(|figures| SafeInt(figures.new_users)),
            active_users: day.active.map(SafeInt),
        }
    }
}

/// What one function or model came to on one day of a chart. A figure is 0 where it was measured, and null where it was not.
#[derive(Debug, SimpleObject)]
pub struct AdminWorkDay {
    /// The day.
    date: Date,
    /// Credits that were charged.
    credits_spent: Option<Credits>,
    /// Credits that were given back on this day.
    credits_refunded: Option<Credits>,
    /// What requests to AI providers cost, USD; null also while nobody knows the cost of any.
    provider_cost: Option<Decimal>,
    /// Items that were delivered.
    items_delivered: Option<SafeInt>,
    /// Items that failed.
    items_failed: Option<SafeInt>,
}

fn work_days<K>(share: &ChartShare<K>, days: &[ChartDay]) -> Vec<AdminWorkDay> {
    let days = days.iter().zip(&share.days);
    days.map(|(day, work)| AdminWorkDay {
        date: Date(day.date),
        credits_spent: work.map(|work| Credits(work.spent)),
        credits_refunded: work.map(|work| Credits(work.refunded)),
        provider_cost: work.and_then(|work| work.cost()).map(Decimal),
        items_delivered: work.map(|work| SafeInt(work.delivered)),
        items_failed: work.map(|work| SafeInt(work.failed)),
    })
    .collect()
}

/// What one AI function came to.
#[derive(Debug, SimpleObject)]
pub struct AdminFunctionChart {
    /// Which.
    function: AiFunction,
    /// Of all days.
    total: Option<AdminWorkFigures>,
    /// Each day, oldest first, at most 366.
    days: Vec<AdminWorkDay>,
}

/// What one AI model came to.
#[derive(Debug)]
pub struct AdminModelChart {
    share: ChartShare<uuid::Uuid>,
    days: std::sync::Arc<[ChartDay]>,
}

/// What one AI model came to. A delivered item counts for the model that delivered it, a failed one for the model that was asked for.
#[Object]
impl AdminModelChart {
    /// Which.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<AiModel>> {
        Ok(AiModel::find(ctx, self.share.of).await?)
    }

    /// Of all days.
    async fn total(&self) -> Option<AdminWorkFigures> {
        Some(self.share.total.into())
    }

    /// Each day, oldest first, at most 366.
    async fn days(&self) -> Vec<AdminWorkDay> {
        work_days(&self.share, &self.days)
    }
}

/// Figures of the installation day by day, all as they are at one moment.
#[derive(Debug, SimpleObject)]
pub struct AdminCharts {
    /// The moment that all figures are of.
    as_of: DateTime,
    /// The zone whose days they are.
    time_zone: String,
    /// The first instant that counts.
    from: DateTime,
    /// The first instant after today, which does not count any more.
    to: DateTime,
    /// When the installation began, before which nothing was measured; null when nobody knows.
    measured_since: Option<DateTime>,
    /// The UTC day since when active people are counted; null before the first.
    active_users_since: Option<Date>,
    /// Of all days.
    total: Option<AdminChartTotals>,
    /// Each day, oldest first, at most 366.
    days: Vec<AdminChartDay>,
    /// Each AI function that did something in this time, in the order of the pipeline, at most 8.
    by_function: Vec<AdminFunctionChart>,
    /// Each AI model that did something in this time, at most 100: those first that were charged most for.
    by_model: Vec<AdminModelChart>,
}

impl From<model::AdminCharts> for AdminCharts {
    fn from(charts: model::AdminCharts) -> Self {
        let days: std::sync::Arc<[ChartDay]> = charts.days.into();
        let by_function = charts.by_function.iter().map(|share| AdminFunctionChart {
            function: share.of.into(),
            total: Some(share.total.into()),
            days: work_days(share, &days),
        });
        Self {
            as_of: DateTime(charts.span.as_of),
            time_zone: charts.span.zone.name().to_owned(),
            from: DateTime(charts.span.from),
            to: DateTime(charts.span.to),
            measured_since: charts.installed_at.map(DateTime),
            active_users_since: charts.active_since.map(|day| Date(date_of(day))),
            total: Some(charts.total.into()),
            by_function: by_function.collect(),
            by_model: (charts.by_model.into_iter())
                .map(|share| AdminModelChart { share, days: std::sync::Arc::clone(&days) })
                .collect(),
            days: days.iter().copied().map(Into::into).collect(),
        }
    }
}
