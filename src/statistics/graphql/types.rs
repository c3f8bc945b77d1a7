//! What a site's pipeline came to.

use async_graphql::{Context, Enum, Object, Result, SimpleObject};

use crate::{
    ai::graphql::AiFunction,
    graphql::{
        context::viewer,
        scalars::{Credits, DateTime, Decimal, SafeInt},
    },
    site::graphql::{Sector, Site},
    statistics::model::{Counts, OperationUsage, SectorCounts, Usage, WorkflowStats as Stats},
    viewer::{Feature, Level},
};

/// How far back is counted, in days of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::calendar::Period")]
pub enum WorkflowPeriod {
    /// Since the day began.
    Today,
    /// Today and the 6 days before.
    #[graphql(name = "DAYS_7")]
    Days7,
    /// Today and the 29 days before.
    #[graphql(name = "DAYS_30")]
    Days30,
    /// Today and the 89 days before.
    #[graphql(name = "DAYS_90")]
    Days90,
    /// Since ever.
    All,
}

/// What was planned in a period.
#[derive(Debug, SimpleObject)]
pub struct PlannerStats {
    /// Keywords that were added, without those that are put away.
    keywords: SafeInt,
    /// Of those, keywords in a cluster.
    keywords_clustered: SafeInt,
    /// The share of clustered keywords in whole percent; null without keywords.
    clustered_percent: Option<i32>,
    /// Clusters that were made.
    clusters: SafeInt,
    /// Ideas that were had.
    ideas: SafeInt,
    /// Of those, ideas that became content tasks, completed ones included.
    ideas_queued: SafeInt,
    /// The share of queued ideas in whole percent; null without ideas.
    queued_percent: Option<i32>,
}

/// What was written in a period.
#[derive(Debug, SimpleObject)]
pub struct WriterStats {
    /// Content tasks that were made.
    content_tasks: SafeInt,
    /// Of those, completed ones.
    content_tasks_completed: SafeInt,
    /// Content that was made.
    content: SafeInt,
    /// Content for each hundred content tasks, a whole number; null without content tasks.
    written_percent: Option<i32>,
    /// Content that was made and is in review.
    in_review: SafeInt,
    /// Content that was made and is approved, without a slot.
    approved: SafeInt,
    /// Images that content asked for and that are there.
    images_generated: SafeInt,
    /// Images that content asked for and that are still to be generated.
    images_pending: SafeInt,
    /// The share of generated images in whole percent; null without images.
    generated_percent: Option<i32>,
}

/// What was published in a period.
#[derive(Debug, SimpleObject)]
pub struct PublisherStats {
    /// Content that was made and has a slot to come.
    scheduled: SafeInt,
    /// Content that was published, whenever it was made.
    published: SafeInt,
    /// Content that was made and whose publication failed.
    failed: SafeInt,
    /// Published content for each hundred contents made, a whole number; null without content.
    published_percent: Option<i32>,
}

fn planner(counts: &Counts) -> PlannerStats {
    PlannerStats {
        keywords: SafeInt(counts.keywords),
        keywords_clustered: SafeInt(counts.keywords_clustered),
        clustered_percent: counts.clustered_percent(),
        clusters: SafeInt(counts.clusters),
        ideas: SafeInt(counts.ideas),
        ideas_queued: SafeInt(counts.ideas_queued),
        queued_percent: counts.queued_percent(),
    }
}

fn writer(counts: &Counts) -> WriterStats {
    WriterStats {
        content_tasks: SafeInt(counts.content_tasks),
        content_tasks_completed: SafeInt(counts.content_tasks_completed),
        content: SafeInt(counts.content),
        written_percent: counts.written_percent(),
        in_review: SafeInt(counts.content_in_review),
        approved: SafeInt(counts.content_approved),
        images_generated: SafeInt(counts.images_generated),
        images_pending: SafeInt(counts.images_pending),
        generated_percent: counts.generated_percent(),
    }
}

fn publisher(counts: &Counts) -> PublisherStats {
    PublisherStats {
        scheduled: SafeInt(counts.content_scheduled),
        published: SafeInt(counts.content_published),
        failed: SafeInt(counts.content_failed),
        published_percent: counts.published_percent(),
    }
}

/// The figures of a sector.
#[derive(Debug)]
pub struct SectorStats(SectorCounts);

/// The figures of a sector.
#[Object]
impl SectorStats {
    /// Which; null is what belongs to no sector.
    async fn sector(&self, ctx: &Context<'_>) -> Result<Option<Sector>> {
        match self.0.sector_id {
            Some(id) => Ok(Sector::load(ctx, id).await?),
            None => Ok(None),
        }
    }

    /// What was planned.
    async fn planner(&self) -> PlannerStats {
        planner(&self.0.counts)
    }

    /// What was written.
    async fn writer(&self) -> WriterStats {
        writer(&self.0.counts)
    }

    /// What was published.
    async fn publisher(&self) -> PublisherStats {
        publisher(&self.0.counts)
    }
}

/// What one AI function was charged and cost for a site in a period.
#[derive(Debug)]
pub struct OperationStats(OperationUsage);

/// What one AI function was charged and cost for a site in a period.
#[Object]
impl OperationStats {
    /// Which.
    async fn function(&self) -> AiFunction {
        self.0.function.into()
    }

    /// Credits charged in the period.
    async fn credits(&self) -> Credits {
        Credits(self.0.credits)
    }

    /// What the delivered attempts cost us at the provider, in US dollars; null while not known, and for those who may not
    /// see figures of the business.
    async fn provider_cost(&self, ctx: &Context<'_>) -> Result<Option<Decimal>> {
        let may_see = viewer(ctx)?.can(Feature::AnalyticsView, Level::Read);
        Ok(self.0.provider_cost_nanousd.filter(|_| may_see).map(Decimal))
    }
}

/// What AI work for a site came to in a period.
#[derive(Debug)]
pub struct UsageStats<'a>(&'a Usage);

/// What AI work for a site came to in a period.
#[Object]
impl UsageStats<'_> {
    /// Each AI function that was charged, in the order of the pipeline, at most 8.
    async fn operations(&self) -> Vec<OperationStats> {
        self.0.operations.iter().copied().map(OperationStats).collect()
    }

    /// AI tasks that ended in the period and delivered something.
    async fn tasks_succeeded(&self) -> SafeInt {
        SafeInt(self.0.tasks_succeeded)
    }

    /// AI tasks that ended in the period and delivered nothing; cancelled ones are not counted.
    async fn tasks_failed(&self) -> SafeInt {
        SafeInt(self.0.tasks_failed)
    }
}

/// What a site's pipeline came to in a period, all of it as it was at one moment.
#[derive(Debug)]
pub struct WorkflowStats {
    pub(super) site: Site,
    pub(super) stats: Stats,
}

/// What a site's pipeline came to in a period, all of it as it was at one moment.
#[Object]
impl WorkflowStats {
    /// Of which site.
    async fn site(&self) -> &Site {
        &self.site
    }

    /// In which period.
    async fn period(&self) -> WorkflowPeriod {
        self.stats.period.into()
    }

    /// The time zone whose days are counted, an IANA name.
    async fn time_zone(&self) -> &str {
        self.stats.zone.name()
    }

    /// The first instant that counts: one at which a day of the site begins; null is since ever.
    async fn from(&self) -> Option<DateTime> {
        self.stats.from.map(DateTime)
    }

    /// The first instant that does not count any more: the moment of the look.
    async fn to(&self) -> DateTime {
        DateTime(self.stats.as_of)
    }

    /// The moment of the look.
    async fn as_of(&self) -> DateTime {
        DateTime(self.stats.as_of)
    }

    /// What was planned.
    async fn planner(&self) -> PlannerStats {
        planner(&self.stats.counts)
    }

    /// What was written.
    async fn writer(&self) -> WriterStats {
        writer(&self.stats.counts)
    }

    /// What was published.
    async fn publisher(&self) -> PublisherStats {
        publisher(&self.stats.counts)
    }

    /// What its AI work was charged and cost, and how it ended. Work for no site in particular is in no site's figures.
    async fn usage(&self) -> UsageStats<'_> {
        UsageStats(&self.stats.usage)
    }

    /// The same by sector, oldest first, at most 201: the last is what belongs to no sector. Every count sums to the site's.
    async fn by_sector(&self) -> Option<Vec<SectorStats>> {
        let sectors = self.stats.by_sector.as_ref()?;
        Some(sectors.iter().copied().map(SectorStats).collect())
    }
}
