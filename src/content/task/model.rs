//! A content task as a value, and why one is not made.

use uuid::Uuid;

use crate::{
    clock::Micros,
    content::model::ContentTaskState,
    idea::model::{Plan, PlanFault},
    words::IllegalTransition,
};

/// The most ideas that one command makes content tasks of.
pub const QUEUE_MAX: usize = 50;
/// The highest priority; the lowest is its negative.
pub const PRIORITY_MAX: i32 = 100;

/// Something that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentTask {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// For which site.
    pub site_id: Uuid,
    /// In which sector of it.
    pub sector_id: Option<Uuid>,
    /// The idea it was made of.
    pub idea_id: Option<Uuid>,
    /// The cluster it is for.
    pub cluster_id: Option<Uuid>,
    /// What is to be written.
    pub plan: Plan,
    /// The higher, the sooner; -100 to 100.
    pub priority: i32,
    /// How often writing it failed, 0–4.
    pub tries: i32,
    /// Where it is in its life.
    pub state: ContentTaskState,
    /// When it was made, microseconds.
    pub created_at: Micros,
    /// When it was last changed, microseconds.
    pub updated_at: Micros,
}

/// A change of a content task's state. There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStep {
    /// Writing begins.
    Begin,
    /// It was written.
    Complete,
    /// Writing it failed.
    Fail,
    /// Writing was cancelled: it waits again.
    Back,
    /// It is taken up again after it failed.
    Retry,
}

impl TaskStep {
    /// Every step.
    pub const ALL: [Self; 5] = [Self::Begin, Self::Complete, Self::Fail, Self::Back, Self::Retry];

    /// The state it leads from, and the one it leads to.
    pub fn ends(self) -> (ContentTaskState, ContentTaskState) {
        use ContentTaskState::{Completed, Failed, InProgress, Queued};
        match self {
            Self::Begin => (Queued, InProgress),
            Self::Complete => (InProgress, Completed),
            Self::Fail => (InProgress, Failed),
            Self::Back => (InProgress, Queued),
            Self::Retry => (Failed, Queued),
        }
    }
}

/// Which content tasks are listed; `None` does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentTaskFilter {
    /// Only in this state.
    pub state: Option<ContentTaskState>,
    /// Only of this sector; `Some(None)` is those without one.
    pub sector: Option<Option<Uuid>>,
    /// Only of this cluster.
    pub cluster: Option<Uuid>,
    /// Only those whose title holds this text, in any case.
    pub search: Option<String>,
}

/// A content task that is made by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateContentTask {
    /// For which site.
    pub site_id: Uuid,
    /// In which sector of it; with a cluster, `None` is the cluster's.
    pub sector_id: Option<Uuid>,
    /// For which cluster of the sector.
    pub cluster_id: Option<Uuid>,
    /// What is to be written.
    pub plan: Plan,
    /// The higher, the sooner.
    pub priority: i32,
}

/// Why a content task was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateContentTaskError {
    /// What is said of it cannot be taken.
    #[error(transparent)]
    Plan(#[from] PlanFault),
    /// The priority is out of range.
    #[error("The priority is {0}; it must be -{PRIORITY_MAX} to {PRIORITY_MAX}.")]
    PriorityInvalid(i32),
    /// The cluster is not there, or belongs to another sector or site.
    #[error("There is no such cluster in the sector. Choose one of it.")]
    ClusterNotFound,
}

/// What is wrong with an idea of which a content task was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueueFault {
    /// It is not there, or not of the site.
    #[error("There is no such idea in the site.")]
    NotFound,
    /// It was turned down.
    #[error("{0}")]
    IllegalTransition(#[from] IllegalTransition),
}

/// Why no content tasks were made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueIdeasError {
    /// The number of ideas is out of range.
    #[error("Name 1–{QUEUE_MAX} ideas.")]
    CountOutOfRange,
    /// Some of the ideas will not do: which ones, from 1, in the order of the command.
    #[error("{} of the ideas cannot be queued.", .0.len())]
    Ideas(Vec<(usize, QueueFault)>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_one_of_the_legal_changes_and_each_change_has_a_step() {
        for from in ContentTaskState::ALL {
            for to in ContentTaskState::ALL {
                let steps = TaskStep::ALL.iter().filter(|step| step.ends() == (*from, *to)).count();
                assert_eq!(steps == 1, from.may_become(*to), "{from:?} {to:?}");
                assert!(steps <= 1, "{from:?} {to:?}");
            }
        }
    }
}
