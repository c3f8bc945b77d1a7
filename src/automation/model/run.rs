//! A run, its stages and items as values.

use uuid::Uuid;

use super::{Desired, PauseReason, RunSettings, RunState, Stage, StageStatus, Trigger, percent};
use crate::clock::Micros;

/// The figures of a pause for money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PauseFigures {
    /// What the next hold takes.
    pub next: i64,
    /// What of it is missing.
    pub short: i64,
    /// What the rest of the stage takes.
    pub to_finish: i64,
}

/// Why a run pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// The reason.
    pub reason: PauseReason,
    /// The figures, for money only.
    pub figures: Option<PauseFigures>,
    /// The cap that was reached, where it is the account's or the member's and not the run's own. It is told, not kept.
    pub cap: Option<i64>,
}

impl Pause {
    /// A pause without figures.
    pub fn plain(reason: PauseReason) -> Self {
        Self { reason, figures: None, cap: None }
    }

    /// The next hold was not covered by `available` credits.
    pub fn short_of_credits(next: i64, available: i64, to_finish: i64) -> Self {
        let figures = PauseFigures { next, short: next.saturating_sub(available).max(0), to_finish };
        Self { reason: PauseReason::InsufficientCredits, figures: Some(figures), cap: None }
    }

    /// The next hold would take a run that has `left` of its cap above it.
    pub fn above_cap(next: i64, left: i64, to_finish: i64) -> Self {
        let figures = PauseFigures { next, short: next.saturating_sub(left).max(0), to_finish };
        Self { reason: PauseReason::RunCap, figures: Some(figures), cap: None }
    }

    /// It is not the run's own cap that was reached.
    #[must_use]
    pub fn by(self, cap: i64) -> Self {
        Self { cap: Some(cap), ..self }
    }
}

/// A run of the pipeline over a site.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the columns, which the migration describes")]
pub struct AutomationRun {
    pub id: Uuid,
    pub account_id: Uuid,
    pub site_id: Uuid,
    pub trigger: Trigger,
    pub user_id: Option<Uuid>,
    pub source_run_id: Option<Uuid>,
    pub from_stage: Option<Stage>,
    pub is_redo: bool,
    pub state: RunState,
    pub desired: Desired,
    pub fence: i64,
    pub event_seq: i64,
    pub settings: RunSettings,
    pub current_stage: Option<Stage>,
    pub pause: Option<Pause>,
    pub pauses: i32,
    pub credits_start: i64,
    pub credits_used: i64,
    /// Used and held.
    pub credits_committed: i64,
    pub credit_cap: Option<i64>,
    pub active_us: i64,
    pub active_since: Option<Micros>,
    pub error_code: Option<String>,
    pub error_text: Option<String>,
    pub created_at: Micros,
    pub updated_at: Micros,
    pub started_at: Option<Micros>,
    pub finished_at: Option<Micros>,
}

impl AutomationRun {
    /// How long it has been at work, pauses not counted.
    pub fn active_for(&self, now: Micros) -> Micros {
        self.active_us.saturating_add(self.active_since.map_or(0, |since| now.saturating_sub(since).max(0)))
    }

    /// Whether it was at work for as long as it may be.
    pub fn is_overdue(&self, now: Micros) -> bool {
        self.active_for(now) > self.settings.active_max()
    }

    /// Stops the clock of its deadlines.
    pub fn stop_clock(&mut self, now: Micros) {
        self.active_us = self.active_for(now);
        self.active_since = None;
    }

    /// What its cap leaves after what was used and what is held; `None` without a cap.
    pub fn cap_left(&self) -> Option<i64> {
        self.credit_cap.map(|cap| cap.saturating_sub(self.credits_committed).max(0))
    }

    /// Credits that are held for it.
    pub fn held(&self) -> i64 {
        self.credits_committed.saturating_sub(self.credits_used).max(0)
    }

    /// Whether it goes through `stage` at all.
    pub fn goes_through(&self, stage: Stage) -> bool {
        self.settings.of(stage).is_enabled && self.from_stage.is_none_or(|from| stage >= from)
    }
}

/// How far a stage of a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the columns, which the migration describes")]
pub struct StageProgress {
    pub run_id: Uuid,
    pub account_id: Uuid,
    pub stage: Stage,
    pub status: StageStatus,
    pub total: i32,
    pub succeeded: i32,
    pub failed: i32,
    pub skipped: i32,
    pub credits_used: i64,
    pub last_error: Option<String>,
    pub ai_task_id: Option<Uuid>,
    pub started_at: Option<Micros>,
    pub finished_at: Option<Micros>,
}

impl StageProgress {
    /// A stage that has not begun.
    pub fn new(run_id: Uuid, account_id: Uuid, stage: Stage) -> Self {
        Self {
            run_id,
            account_id,
            stage,
            status: StageStatus::Pending,
            total: 0,
            succeeded: 0,
            failed: 0,
            skipped: 0,
            credits_used: 0,
            last_error: None,
            ai_task_id: None,
            started_at: None,
            finished_at: None,
        }
    }

    /// How many items have ended, well or not.
    pub fn processed(&self) -> i32 {
        self.succeeded.saturating_add(self.failed).saturating_add(self.skipped)
    }

    /// How many items are left.
    pub fn remaining(&self) -> i32 {
        self.total.saturating_sub(self.processed()).max(0)
    }

    /// How much is done, 0–100; of nothing it is all.
    pub fn percent(&self) -> i32 {
        percent(self.processed(), self.total)
    }

    /// The status of the stage when its last item has ended.
    pub fn ended_as(&self) -> StageStatus {
        let all_failed = self.total > 0 && self.failed == self.total;
        if all_failed { StageStatus::Failed } else { StageStatus::Completed }
    }
}

crate::words::words! {
    /// Where an item of a stage is in its life.
    ItemState {
        /// Not begun.
        Pending "PENDING",
        /// In flight.
        Running "RUNNING",
        /// It delivered.
        Succeeded "SUCCEEDED",
        /// It failed; not charged.
        Failed "FAILED",
        /// There was nothing to do for it any more.
        Skipped "SKIPPED",
    }
}

/// One of the fixed set that a stage is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunItem {
    /// Its place in the stage: 0, 1, 2 …
    pub position: i32,
    /// A keyword, cluster, idea, content task, content or place for an image.
    pub subject_id: Uuid,
    /// Items of different groups are never in one step.
    pub group_id: Option<Uuid>,
    /// Which item of AI work carries it out, while its credits are held and after.
    pub ai_task_item_id: Option<Uuid>,
    /// Where it is in its life.
    pub state: ItemState,
}

/// The items of the next step: those at the front that are of one group, at most `batch`. None is left alone in its group
/// where a step needs `least` 2.
pub fn next_batch(pending: &[RunItem], batch: i32, least: i32) -> Vec<RunItem> {
    let [most, least] = [batch, least].map(|count| usize::try_from(count).unwrap_or(1).max(1));
    let Some(first) = pending.first() else { return Vec::new() };
    let of_group: Vec<&RunItem> = pending.iter().filter(|item| item.group_id == first.group_id).collect();
    let leaves_one = of_group.len() == most + 1 && most > least && least > 1;
    let taken = if leaves_one { most - 1 } else { most };
    of_group.into_iter().take(taken).cloned().collect()
}

/// How many steps `items` come to.
pub fn count_steps(items: &[RunItem], batch: i32, least: i32) -> i32 {
    let mut left = items.to_vec();
    let mut steps = 0;
    while !left.is_empty() {
        let taken = next_batch(&left, batch, least);
        left.retain(|item| !taken.contains(item));
        steps += 1;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_holds_one_group_and_no_more_than_it_may() {
        let item = |position, group: u128| RunItem {
            position,
            subject_id: Uuid::from_u128(99),
            group_id: Some(Uuid::from_u128(group)),
            ai_task_item_id: None,
            state: ItemState::Pending,
        };
        let pending = [item(0, 1), item(1, 1), item(2, 2), item(3, 1)];
        let positions = |batch| next_batch(&pending, batch, 1).iter().map(|item| item.position).collect::<Vec<_>>();
        assert_eq!((positions(40), positions(2), positions(0)), (vec![0, 1, 3], vec![0, 1], vec![0]));
        assert_eq!(next_batch(&[], 3, 1), []);
        let sizes = |count: i32, batch| {
            let mut left: Vec<_> = (0..count).map(|at| item(at, 1)).collect();
            let mut sizes = Vec::new();
            while !left.is_empty() {
                let taken = next_batch(&left, batch, 2);
                left.retain(|item| !taken.contains(item));
                sizes.push(taken.len());
            }
            assert_eq!(
                count_steps(&(0..count).map(|at| item(at, 1)).collect::<Vec<_>>(), batch, 2) as usize,
                sizes.len()
            );
            sizes
        };
        assert_eq!((sizes(41, 40), sizes(81, 40), sizes(80, 40)), (vec![39, 2], vec![40, 39, 2], vec![40, 40]));
        assert_eq!((sizes(4, 3), sizes(3, 2), sizes(1, 40)), (vec![2, 2], vec![2, 1], vec![1]));
    }

    #[test]
    fn a_stage_of_which_nothing_succeeded_failed() {
        let mut stage = StageProgress::new(Uuid::nil(), Uuid::nil(), Stage::Ideas);
        assert_eq!((stage.percent(), stage.ended_as()), (100, StageStatus::Completed));
        (stage.total, stage.failed) = (3, 2);
        assert_eq!((stage.remaining(), stage.percent(), stage.ended_as()), (1, 66, StageStatus::Completed));
        stage.failed = 3;
        assert_eq!((stage.remaining(), stage.ended_as()), (0, StageStatus::Failed));
    }

    #[test]
    fn the_figures_of_a_pause_are_what_is_missing() {
        let pause = Pause::short_of_credits(5, 2, 25);
        assert_eq!(pause.figures, Some(PauseFigures { next: 5, short: 3, to_finish: 25 }));
        assert_eq!(Pause::above_cap(5, 4, 5).figures.map(|figures| figures.short), Some(1));
    }
}
