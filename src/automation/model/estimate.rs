//! What a run would take: a guess from what waits, what is allowed and what was. Nothing is held by it.

use super::{Stage, StageSetting};

/// What the last runs of a site came to in one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StageHistory {
    /// How many runs went through the stage.
    pub runs: i64,
    /// How many items they took in all.
    pub items: i64,
    /// How many of them succeeded.
    pub succeeded: i64,
    /// What they cost.
    pub credits: i64,
}

/// The least, the likely and the most of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// At least.
    pub min: i64,
    /// Likely; `None` without history.
    pub expected: Option<i64>,
    /// At most.
    pub max: i64,
}

/// What one stage would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageEstimate {
    /// Which.
    pub stage: Stage,
    /// Items.
    pub items: Range,
    /// Credits.
    pub credits: Range,
}

/// What a whole run would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// Every stage, in order.
    pub stages: Vec<StageEstimate>,
    /// The sum of all stages' credits; expected is `None` when nothing is known of any.
    pub credits: Range,
    /// Credits that are available now.
    pub available: i64,
    /// The first stage that the available credits do not cover: by what is expected where that is known, else by the most.
    pub runs_out_at: Option<Stage>,
}

/// What an estimate of one stage starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageFacts {
    /// What the site says of the stage.
    pub setting: StageSetting,
    /// Items that wait for it now.
    pub waiting: i64,
    /// What one step would hold; 0 for local stages.
    pub hold: i64,
    /// What was.
    pub history: StageHistory,
}

fn steps(items: i64, batch: i32) -> i64 {
    let batch = i64::from(batch.max(1));
    items.saturating_add(batch - 1) / batch
}

/// `part / whole`, half up; `None` of nothing.
fn mean(part: i64, whole: i64) -> Option<i64> {
    (whole > 0).then(|| part.saturating_add(whole / 2) / whole)
}

impl StageFacts {
    fn estimate(self) -> StageEstimate {
        let Self { setting, waiting, hold, history } = self;
        let cap = if setting.is_enabled { i64::from(setting.cap) } else { 0 };
        let min = waiting.clamp(0, cap);
        let expected = mean(history.items, history.runs).map(|items| items.clamp(min, cap));
        let items = Range { min, expected, max: cap };
        let price = |items: i64| steps(items, setting.batch).saturating_mul(hold);
        let (least, most) = (price(min), price(cap));
        // What an item has cost says more than what a step would hold.
        let credits = expected.map(|items| {
            let paid = history.credits.saturating_mul(items);
            mean(paid, history.items).unwrap_or_else(|| price(items)).clamp(least, most)
        });
        StageEstimate { stage: setting.stage, items, credits: Range { min: least, expected: credits, max: most } }
    }
}

/// The estimate of a run over `stages`, in order, with `available` credits.
pub fn estimate(stages: &[StageFacts], available: i64) -> Estimate {
    let stages: Vec<StageEstimate> = stages.iter().map(|facts| facts.estimate()).collect();
    let sum = |of: fn(&Range) -> i64| stages.iter().fold(0_i64, |sum, stage| sum.saturating_add(of(&stage.credits)));
    let is_known = stages.iter().any(|stage| stage.credits.expected.is_some());
    // Of a stage that no run went through, no more is likely than waits for it.
    let credits = Range {
        min: sum(|range| range.min),
        expected: is_known.then(|| sum(|range| range.expected.unwrap_or(range.min))),
        max: sum(|range| range.max),
    };
    let mut spent = 0_i64;
    let runs_out_at = stages.iter().find(|stage| {
        let range = &stage.credits;
        let likely = if is_known { range.expected.unwrap_or(range.min) } else { range.max };
        spent = spent.saturating_add(likely);
        spent > available
    });
    let runs_out_at = runs_out_at.map(|stage| stage.stage);
    Estimate { credits, available, runs_out_at, stages }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(stage: Stage, waiting: i64, hold: i64) -> StageFacts {
        StageFacts { setting: stage.default_setting(), waiting, hold, history: StageHistory::default() }
    }

    // REQ-B-38
    #[test]
    fn without_history_there_is_no_expectation() {
        let found = estimate(&[facts(Stage::Cluster, 41, 6), facts(Stage::Ideas, 0, 3)], 20);
        let cluster = found.stages[0];
        assert_eq!(cluster.items, Range { min: 41, expected: None, max: 200 });
        assert_eq!(cluster.credits, Range { min: 12, expected: None, max: 30 });
        assert_eq!(found.credits, Range { min: 12, expected: None, max: 90 });
        assert_eq!(found.runs_out_at, Some(Stage::Cluster), "by the most: 30 of 20");
        assert_eq!(estimate(&[facts(Stage::Ideas, 0, 3)], 60).runs_out_at, None);
    }

    #[test]
    fn what_was_says_what_is_likely() {
        let mut images = facts(Stage::Images, 4, 5);
        images.history = StageHistory { runs: 2, items: 15, succeeded: 15, credits: 75 };
        let found = estimate(&[images, facts(Stage::Review, 3, 0)], 39);
        assert_eq!(found.stages[0].items, Range { min: 4, expected: Some(8), max: 30 });
        assert_eq!(found.stages[0].credits, Range { min: 20, expected: Some(40), max: 150 });
        assert_eq!((found.credits.expected, found.runs_out_at), (Some(40), Some(Stage::Images)));
        let mut off = images;
        off.setting.is_enabled = false;
        assert_eq!(estimate(&[off], 0).stages[0].credits, Range { min: 0, expected: Some(0), max: 0 });
    }

    proptest! {
        // REQ-B-38
        #[test]
        fn the_likely_lies_between_the_least_and_the_most(
            waiting in 0_i64..5_000, hold in 0_i64..1_000, runs in 0_i64..50, items in 0_i64..100_000,
            credits in 0_i64..1_000_000, batch in 1..50_i32, cap in 1..2_000_i32, is_enabled in any::<bool>(),
        ) {
            let setting = StageSetting { stage: Stage::Cluster, is_enabled, batch, cap };
            let history = StageHistory { runs, items, succeeded: items, credits };
            let found = estimate(&[StageFacts { setting, waiting, hold, history }], 1_000);
            for range in [found.stages[0].items, found.stages[0].credits, found.credits] {
                let likely = range.expected.unwrap_or(range.min);
                prop_assert!(range.min <= likely && likely <= range.max, "{range:?}");
            }
            prop_assert_eq!(found.stages[0].items.expected.is_some(), runs > 0);
        }
    }
}
