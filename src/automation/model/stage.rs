//! The seven stages of a run, in order, and how far each is.

use super::ConfigFault;
use crate::ai::model::AiFunction;

crate::words::words! {
    /// A stage of a run.
    Stage {
        /// Keywords into clusters.
        Cluster "CLUSTER",
        /// Clusters into ideas.
        Ideas "IDEAS",
        /// Ideas into content tasks.
        ContentTasks "CONTENT_TASKS",
        /// Content tasks into content.
        Content "CONTENT",
        /// Prompts for the images of content.
        ImagePrompts "IMAGE_PROMPTS",
        /// The images.
        Images "IMAGES",
        /// Approval and schedule.
        Review "REVIEW",
    }
}

impl Stage {
    /// Its place in a run, 1–7.
    pub fn position(self) -> i32 {
        1 + self as i32
    }

    /// The AI function that it carries out; `None` for one without a model.
    pub fn function(self) -> Option<AiFunction> {
        Some(match self {
            Self::Cluster => AiFunction::ClusterKeywords,
            Self::Ideas => AiFunction::GenerateIdeas,
            Self::Content => AiFunction::GenerateContent,
            Self::ImagePrompts => AiFunction::GenerateImagePrompts,
            Self::Images => AiFunction::GenerateImages,
            Self::ContentTasks | Self::Review => return None,
        })
    }

    /// Whether no AI model has a part in it, so that it costs nothing.
    pub fn is_local(self) -> bool {
        self.function().is_none()
    }

    /// The stage whose products it takes; `None` for the first, which takes what was imported.
    pub fn fed_by(self) -> Option<Self> {
        Some(match self {
            Self::Cluster => return None,
            Self::Ideas => Self::Cluster,
            Self::ContentTasks => Self::Ideas,
            Self::Content => Self::ContentTasks,
            Self::ImagePrompts | Self::Review => Self::Content,
            Self::Images => Self::ImagePrompts,
        })
    }

    /// What it has unless the site says otherwise.
    pub fn default_setting(self) -> StageSetting {
        let (batch, cap) = match self {
            Self::Cluster => (40, 200),
            Self::Ideas => (1, 20),
            Self::ContentTasks => (20, 60),
            Self::Content | Self::ImagePrompts => (1, 10),
            Self::Images => (1, 30),
            Self::Review => (20, 50),
        };
        StageSetting { stage: self, is_enabled: true, batch, cap }
    }

    /// The most items of one step: what its AI function takes in one call, or a transaction of a local stage.
    pub fn batch_max(self) -> i32 {
        match self {
            Self::Cluster => 40,
            Self::ContentTasks | Self::Review => 50,
            Self::Ideas | Self::Content | Self::ImagePrompts | Self::Images => 1,
        }
    }

    /// The least items of one step.
    pub fn batch_min(self) -> i32 {
        if self == Self::Cluster { 2 } else { 1 }
    }

    /// The most items of one run.
    pub fn cap_max(self) -> i32 {
        if self == Self::Cluster { 2_000 } else { 500 }
    }
}

/// What a site says of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageSetting {
    /// Which.
    pub stage: Stage,
    /// Whether runs go through it.
    pub is_enabled: bool,
    /// How many items one step takes at most.
    pub batch: i32,
    /// How many items one run takes at most.
    pub cap: i32,
}

impl StageSetting {
    /// Every fault of it.
    pub fn faults(self) -> Vec<ConfigFault> {
        let Self { stage, batch, cap, .. } = self;
        let mut faults = Vec::new();
        if !(stage.batch_min()..=stage.batch_max()).contains(&batch) {
            faults.push(ConfigFault::BatchOutOfRange { stage, value: batch });
        }
        if !(1..=stage.cap_max()).contains(&cap) {
            faults.push(ConfigFault::CapOutOfRange { stage, value: cap });
        }
        faults
    }
}

crate::words::words! {
    /// Where a stage is in its life.
    StageStatus {
        /// Not begun.
        Pending "PENDING",
        /// At work.
        Running "RUNNING",
        /// Waiting with its run.
        Paused "PAUSED",
        /// Ended: everything was looked at.
        Completed "COMPLETED",
        /// Nothing to do, switched off, or before the stage that a fork begins with.
        Skipped "SKIPPED",
        /// Nothing of it succeeded, or the run failed in it.
        Failed "FAILED",
    }
}

impl StageStatus {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Skipped | Self::Failed)
    }
}

/// How much of a stage is done, 0–100, rounded down; of nothing it is all.
pub fn percent(processed: i32, total: i32) -> i32 {
    if total <= 0 {
        return 100;
    }
    i32::try_from(i64::from(processed.clamp(0, total)) * 100 / i64::from(total)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_have_the_defaults_of_the_product() {
        let found: Vec<_> = Stage::ALL
            .iter()
            .map(|stage| {
                let setting = stage.default_setting();
                assert_eq!(setting.faults(), []);
                (stage.position(), stage.as_str(), setting.batch, setting.cap, stage.is_local())
            })
            .collect();
        assert_eq!(
            found,
            [
                (1, "CLUSTER", 40, 200, false),
                (2, "IDEAS", 1, 20, false),
                (3, "CONTENT_TASKS", 20, 60, true),
                (4, "CONTENT", 1, 10, false),
                (5, "IMAGE_PROMPTS", 1, 10, false),
                (6, "IMAGES", 1, 30, false),
                (7, "REVIEW", 20, 50, true),
            ]
        );
    }

    #[test]
    fn every_stage_is_fed_by_an_earlier_one() {
        for stage in Stage::ALL {
            assert_eq!(stage.fed_by().is_none(), *stage == Stage::Cluster);
            assert!(stage.fed_by().is_none_or(|feed| feed < *stage));
            assert_eq!(Stage::parse(stage.as_str()), Some(*stage));
        }
    }

    #[test]
    fn percent_is_rounded_down_and_of_nothing_it_is_all() {
        assert_eq!([percent(0, 0), percent(0, 3), percent(2, 3), percent(3, 3)], [100, 0, 66, 100]);
        assert_eq!(percent(i32::MAX, i32::MAX), 100);
    }
}
