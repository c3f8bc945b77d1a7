//! Two versions of a prompt side by side: who gets which, and when the new one is taken back.

use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::clock::Micros;

/// The widest a budget can be, credits.
pub const BUDGET_MAX: i64 = 1_000_000_000_000;

/// What sends everybody back to the control version. `None` is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Failed of ended items, percent; crossed above it.
    pub failure_percent_max: Option<i32>,
    /// Refunded of charged credits, percent; crossed above it.
    pub refund_percent_max: Option<i32>,
    /// Provider cost per ended item, nano-dollars; crossed above it.
    pub cost_nanousd_max: Option<i64>,
    /// Ended items before a bound is judged, 1 or more.
    pub sample_min: i32,
}

/// Why a split ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Somebody kept the control version.
    KeptControl,
    /// Somebody kept the new version.
    KeptNew,
    /// Another version was activated, or the prompt was disabled, meanwhile.
    Superseded,
    /// The new version used up its credits.
    BudgetSpent,
    /// Too many items failed.
    Failures,
    /// Too many credits were refunded.
    Refunds,
    /// The provider cost too much.
    Cost,
}

impl EndReason {
    const ALL: [Self; 7] = [
        Self::KeptControl,
        Self::KeptNew,
        Self::Superseded,
        Self::BudgetSpent,
        Self::Failures,
        Self::Refunds,
        Self::Cost,
    ];

    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeptControl => "KEPT_CONTROL",
            Self::KeptNew => "KEPT_NEW",
            Self::Superseded => "SUPERSEDED",
            Self::BudgetSpent => "BUDGET_SPENT",
            Self::Failures => "FAILURES",
            Self::Refunds => "REFUNDS",
            Self::Cost => "COST",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// What work under a version came to, counted from the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// AI tasks composed from it.
    pub tasks: i64,
    /// Items delivered.
    pub items_delivered: i64,
    /// Items failed.
    pub items_failed: i64,
    /// Credits charged, refunds not taken off.
    pub credits_charged: i64,
    /// Credits given back.
    pub credits_refunded: i64,
    /// Credits still held for work under way.
    pub credits_held: i64,
    /// What providers cost, nano-dollars; `None` while no cost is known.
    pub cost_nanousd: Option<i64>,
}

/// A split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Its id; with the account's it decides who gets which version.
    pub id: Uuid,
    /// Of which prompt.
    pub prompt_id: Uuid,
    /// The version that was active when it started.
    pub control_version_id: Uuid,
    /// The version on trial.
    pub new_version_id: Uuid,
    /// How many of 100 accounts get the new version, 1–99.
    pub share_percent: i32,
    /// Credits the new version may use.
    pub credit_budget: i64,
    /// What takes it back.
    pub bounds: Bounds,
    /// Why it ended; `None` while it runs.
    pub end_reason: Option<EndReason>,
    /// Who started it; `None` is the operator on the host.
    pub started_by: Option<Uuid>,
    /// Who ended it; `None` while it runs, or when the server did.
    pub ended_by: Option<Uuid>,
    /// When it started, microseconds.
    pub started_at: Micros,
    /// When it ended, microseconds.
    pub ended_at: Option<Micros>,
}

/// `part` of `whole` is more than `percent` of 100. Nothing of nothing is not.
fn is_above(part: i64, whole: i64, percent: i32) -> bool {
    i128::from(part) * 100 > i128::from(whole) * i128::from(percent)
}

impl Split {
    /// Whether `account` gets the new version: always the same answer for the same account and split.
    pub fn takes(&self, account: Uuid) -> bool {
        let mut bytes = [0_u8; 32];
        let (left, right) = bytes.split_at_mut(16);
        left.copy_from_slice(self.id.as_bytes());
        right.copy_from_slice(account.as_bytes());
        let hash = digest(&SHA256, &bytes);
        // 64 bits by 100: the bias is below one in 10^17.
        let drawn = hash.as_ref().iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        i64::try_from(drawn % 100).unwrap_or(0) < i64::from(self.share_percent)
    }

    /// Why the new version must be taken back, given what work under it came to; `None` lets it go on. Held credits count
    /// as used, so that work under way is within the budget too.
    pub fn verdict(&self, usage: &Usage) -> Option<EndReason> {
        if usage.credits_charged.saturating_add(usage.credits_held) >= self.credit_budget {
            return Some(EndReason::BudgetSpent);
        }
        let ended = usage.items_delivered.saturating_add(usage.items_failed);
        if ended < i64::from(self.bounds.sample_min) {
            return None;
        }
        if self.bounds.failure_percent_max.is_some_and(|max| is_above(usage.items_failed, ended, max)) {
            return Some(EndReason::Failures);
        }
        let refunded = usage.credits_refunded;
        if self.bounds.refund_percent_max.is_some_and(|max| is_above(refunded, usage.credits_charged, max)) {
            return Some(EndReason::Refunds);
        }
        let cost = i128::from(usage.cost_nanousd.unwrap_or(0));
        if self.bounds.cost_nanousd_max.is_some_and(|max| cost > i128::from(max) * i128::from(ended)) {
            return Some(EndReason::Cost);
        }
        None
    }
}

/// What starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartPromptSplit {
    /// Of which prompt.
    pub prompt_id: Uuid,
    /// The version on trial, not the active one.
    pub new_version_id: Uuid,
    /// The number of the active version, which becomes the control.
    pub expected_version: i32,
    /// How many of 100 accounts get the new version, 1–99.
    pub share_percent: i32,
    /// Credits the new version may use.
    pub credit_budget: i64,
    /// What takes it back.
    pub bounds: Bounds,
}

/// Why a split was not started or ended; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// There is no such prompt, version or split.
    #[error("There is no such prompt or split, or this version is not one of the prompt's own.")]
    NotFound,
    /// Somebody was faster.
    #[error("The prompt is at version {current} by now, not {expected}. Read it again and repeat the request.")]
    VersionConflict {
        /// The version the request was made from.
        expected: i32,
        /// The active one.
        current: i32,
    },
    /// Look-ups do not find the prompt, so neither version would be given out.
    #[error("The prompt is disabled, so neither version is given out. Enable it first, or keep the control version.")]
    Disabled,
    /// The new version is the active one.
    #[error("The version on trial is the active one already. Name another version.")]
    SameVersion,
    /// A split is running.
    #[error("A split of this prompt is running. End it first.")]
    Running,
    /// It has ended already.
    #[error("This split has ended already.")]
    Ended,
    /// A figure is out of range.
    #[error(
        "{0} is out of range: share 1–99 percent, budget 1–1000000000000 credits, bounds 0–100 percent or 0 USD and more, sample 1–1000000."
    )]
    OutOfRange(&'static str),
}

impl StartPromptSplit {
    /// Refuses: `OutOfRange`, naming the input field.
    pub fn check(&self) -> Result<(), SplitError> {
        let percent = |value: Option<i32>| value.is_none_or(|value| (0..=100).contains(&value));
        let rules = [
            ("sharePercent", (1..=99).contains(&self.share_percent)),
            ("creditBudget", (1..=BUDGET_MAX).contains(&self.credit_budget)),
            ("failurePercentMax", percent(self.bounds.failure_percent_max)),
            ("refundPercentMax", percent(self.bounds.refund_percent_max)),
            ("costMax", self.bounds.cost_nanousd_max.is_none_or(|cost| cost >= 0)),
            ("sampleMin", (1..=1_000_000).contains(&self.bounds.sample_min)),
        ];
        match rules.into_iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(SplitError::OutOfRange(field)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(share_percent: i32) -> Split {
        Split {
            id: Uuid::from_u128(7),
            prompt_id: Uuid::nil(),
            control_version_id: Uuid::nil(),
            new_version_id: Uuid::nil(),
            share_percent,
            credit_budget: 100,
            bounds: Bounds {
                failure_percent_max: Some(20),
                refund_percent_max: Some(10),
                cost_nanousd_max: Some(1_000),
                sample_min: 10,
            },
            end_reason: None,
            started_by: None,
            ended_by: None,
            started_at: 0,
            ended_at: None,
        }
    }

    #[test]
    fn the_share_is_kept_and_each_account_keeps_its_side() {
        let (ten, half) = (split(10), split(50));
        let accounts: Vec<Uuid> = (0..10_000_u128).map(Uuid::from_u128).collect();
        let taken = |split: &Split| accounts.iter().filter(|account| split.takes(**account)).count();
        assert!((900..1_100).contains(&taken(&ten)), "{}", taken(&ten));
        assert!((4_800..5_200).contains(&taken(&half)), "{}", taken(&half));
        assert!(accounts.iter().all(|account| ten.takes(*account) == split(10).takes(*account)));
        // Whoever is within a small share is within a larger one of the same split.
        assert!(accounts.iter().all(|account| !ten.takes(*account) || half.takes(*account)));
        let other = Split { id: Uuid::from_u128(8), ..half.clone() };
        assert!(accounts.iter().any(|account| other.takes(*account) != half.takes(*account)));
    }

    #[test]
    fn each_bound_is_judged_when_it_is_crossed_and_not_before() {
        let usage = Usage { tasks: 10, items_delivered: 8, items_failed: 2, credits_charged: 50, ..Usage::default() };
        assert_eq!(split(10).verdict(&usage), None);
        assert_eq!(split(10).verdict(&Usage { items_failed: 3, ..usage }), Some(EndReason::Failures));
        assert_eq!(split(10).verdict(&Usage { items_delivered: 1, items_failed: 8, ..usage }), None, "too few");
        assert_eq!(split(10).verdict(&Usage { credits_refunded: 5, ..usage }), None);
        assert_eq!(split(10).verdict(&Usage { credits_refunded: 6, ..usage }), Some(EndReason::Refunds));
        assert_eq!(split(10).verdict(&Usage { cost_nanousd: Some(10_000), ..usage }), None);
        assert_eq!(split(10).verdict(&Usage { cost_nanousd: Some(10_001), ..usage }), Some(EndReason::Cost));
        assert_eq!(split(10).verdict(&Usage { credits_charged: 99, ..usage }), None);
        assert_eq!(split(10).verdict(&Usage { credits_charged: 100, ..usage }), Some(EndReason::BudgetSpent));
        assert_eq!(split(10).verdict(&Usage { credits_held: 50, ..usage }), Some(EndReason::BudgetSpent));
    }
}
