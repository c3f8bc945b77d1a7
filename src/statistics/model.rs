//! Counts of a site's pipeline, their shares, and how counts of parts add up.

use std::ops::AddAssign;

use uuid::Uuid;

use crate::{
    ai::model::AiFunction,
    calendar::{Period, SiteZone},
    clock::Micros,
};

/// Declares counts, and how those of two parts are added.
macro_rules! counts {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name { $($(#[$fdoc])* pub $field: i64,)* }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)*
            }
        }
    };
}

counts! {
    /// What was made in the period, by what it is now; published content by when it was published.
    Counts {
        /// Keywords that are not put away.
        keywords,
        /// Of those, keywords in a cluster.
        keywords_clustered,
        /// Clusters.
        clusters,
        /// Ideas.
        ideas,
        /// Of those, ideas that became content tasks, completed ones included.
        ideas_queued,
        /// Content tasks.
        content_tasks,
        /// Of those, completed ones.
        content_tasks_completed,
        /// Content.
        content,
        /// Of that, content in review.
        content_in_review,
        /// Of that, approved content without a slot.
        content_approved,
        /// Images of content that are there.
        images_generated,
        /// Images of content that are still to be generated.
        images_pending,
        /// Content with a slot to come.
        content_scheduled,
        /// Content that was published in the period, whenever it was made.
        content_published,
        /// Content whose publication failed.
        content_failed,
    }
}

/// A share in whole percent, half up; `None` where there is nothing to have a share in, or beyond 2^31.
pub fn percent(part: i64, whole: i64) -> Option<i32> {
    let percent = part.checked_mul(200)?.checked_add(whole)?.checked_div(whole.checked_mul(2)?)?;
    i32::try_from(percent).ok()
}

impl Counts {
    /// Keywords in a cluster among keywords.
    pub fn clustered_percent(&self) -> Option<i32> {
        percent(self.keywords_clustered, self.keywords)
    }

    /// Ideas that became content tasks among ideas.
    pub fn queued_percent(&self) -> Option<i32> {
        percent(self.ideas_queued, self.ideas)
    }

    /// Content for each hundred content tasks.
    pub fn written_percent(&self) -> Option<i32> {
        percent(self.content, self.content_tasks)
    }

    /// Images that are there among those that are there or to come.
    pub fn generated_percent(&self) -> Option<i32> {
        percent(self.images_generated, self.images_generated.saturating_add(self.images_pending))
    }

    /// Published content for each hundred contents.
    pub fn published_percent(&self) -> Option<i32> {
        percent(self.content_published, self.content)
    }
}

/// The counts of a sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectorCounts {
    /// Which; `None` is what belongs to no sector.
    pub sector_id: Option<Uuid>,
    /// Its counts.
    pub counts: Counts,
}

/// What one AI function was charged and cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationUsage {
    /// Which.
    pub function: AiFunction,
    /// Credits charged.
    pub credits: i64,
    /// What the delivered attempts cost us, nano-dollars; `None` while no cost is known.
    pub provider_cost_nanousd: Option<i64>,
}

/// What AI work for a site came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Each function that was charged, in the order of the pipeline.
    pub operations: Vec<OperationUsage>,
    /// AI tasks that ended and delivered something.
    pub tasks_succeeded: i64,
    /// AI tasks that ended and delivered nothing, cancelled ones aside.
    pub tasks_failed: i64,
}

/// What a site's pipeline came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowStats {
    /// In which period.
    pub period: Period,
    /// Whose days it counts.
    pub zone: SiteZone,
    /// The first instant that counts; `None` is since ever.
    pub from: Option<Micros>,
    /// The moment of the look, and the first instant that does not count any more.
    pub as_of: Micros,
    /// Of the whole site.
    pub counts: Counts,
    /// What its AI work came to.
    pub usage: Usage,
    /// Of each sector, oldest first, then of what belongs to none; they add up to the site's. `None` unless asked for.
    pub by_sector: Option<Vec<SectorCounts>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_in_whole_percent_and_none_of_nothing() {
        for (part, whole, expected) in [
            (0, 0, None),
            (3, 0, None),
            (0, 7, Some(0)),
            (1, 3, Some(33)),
            (2, 3, Some(67)),
            (1, 200, Some(1)),
            (1, 201, Some(0)),
            (5, 2, Some(250)),
            (i64::MAX, 1, None),
            (1, i64::MAX, None),
        ] {
            assert_eq!(percent(part, whole), expected, "{part} of {whole}");
        }
    }
}
