//! Where a content task and an image of a content are in their lives.

use crate::{
    keyword::model::IllegalTransition,
    words::{states, words},
};

/// How often a failed content task is taken up again.
pub const RETRIES_MAX: i32 = 3;

states! {
    /// Where a content task is in its life.
    ContentTaskState {
        /// Waiting to be written.
        Queued "QUEUED" to [InProgress],
        /// Being written; back to waiting when that is cancelled.
        InProgress "IN_PROGRESS" to [Completed, Failed, Queued],
        /// Written.
        Completed "COMPLETED" to [],
        /// Writing it failed.
        Failed "FAILED" to [Queued],
    }
}

/// Why a content task is not taken up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RetryError {
    /// It has not failed.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// It failed too often.
    #[error("Writing this failed {tries} times. It is not tried again.")]
    TriesExhausted {
        /// How often it failed.
        tries: i32,
    },
}

impl RetryError {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Illegal(illegal) => illegal.code(),
            Self::TriesExhausted { .. } => "TRIES_EXHAUSTED",
        }
    }
}

impl ContentTaskState {
    /// The state of a failed task that is taken up again, after `tries` failures. Refuses: `Illegal`, and
    /// `TriesExhausted` after three retries.
    pub fn retried(self, tries: i32) -> Result<Self, RetryError> {
        if self != Self::Failed {
            return Err(RetryError::Illegal(IllegalTransition { from: self.as_str(), to: Self::Queued.as_str() }));
        }
        if tries > RETRIES_MAX {
            return Err(RetryError::TriesExhausted { tries });
        }
        Ok(self.become_state(Self::Queued)?)
    }
}

words! {
    /// Where in a content an image stands.
    ContentImageKind {
        /// At its head.
        Featured "FEATURED",
        /// Inside it.
        InArticle "IN_ARTICLE",
    }
}

states! {
    /// Where an image of a content is in its life.
    ContentImageState {
        /// Described, not drawn.
        Pending "PENDING" to [Generating],
        /// Being drawn; back to described when that is cancelled.
        Generating "GENERATING" to [Generated, Failed, Uncertain, Pending],
        /// Drawn and in our store.
        Generated "GENERATED" to [],
        /// Drawing it failed.
        Failed "FAILED" to [Pending],
        /// Whether it was drawn is not known yet.
        Uncertain "UNCERTAIN" to [Pending, Generated, Failed],
    }
}

impl ContentImageState {
    /// Whether it is clear what became of it.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Generated | Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_task_changes_as_specified_and_not_otherwise() {
        use ContentTaskState::{Completed, Failed, InProgress, Queued};
        let legal = [
            (Queued, InProgress),
            (InProgress, Completed),
            (InProgress, Failed),
            (InProgress, Queued),
            (Failed, Queued),
        ];
        for from in ContentTaskState::ALL {
            for to in ContentTaskState::ALL {
                assert_eq!(from.become_state(*to).is_ok(), legal.contains(&(*from, *to)), "{from:?} {to:?}");
            }
            assert_eq!(ContentTaskState::parse(from.as_str()), Some(*from));
        }
    }

    #[test]
    fn a_failed_task_is_taken_up_three_times() {
        for tries in 1..=3 {
            assert_eq!(ContentTaskState::Failed.retried(tries), Ok(ContentTaskState::Queued));
        }
        let error = ContentTaskState::Failed.retried(4).unwrap_err();
        assert_eq!((error, error.code()), (RetryError::TriesExhausted { tries: 4 }, "TRIES_EXHAUSTED"));
        assert_eq!(ContentTaskState::InProgress.retried(1).unwrap_err().code(), "ILLEGAL_TRANSITION");
    }

    #[test]
    fn an_image_changes_as_specified_and_not_otherwise() {
        use ContentImageState::{Failed, Generated, Generating, Pending, Uncertain};
        let legal = [
            (Pending, Generating),
            (Generating, Generated),
            (Generating, Failed),
            (Failed, Pending),
            (Generating, Uncertain),
            (Uncertain, Pending),
            (Uncertain, Generated),
            (Uncertain, Failed),
            (Generating, Pending),
        ];
        for from in ContentImageState::ALL {
            for to in ContentImageState::ALL {
                assert_eq!(from.become_state(*to).is_ok(), legal.contains(&(*from, *to)), "{from:?} {to:?}");
            }
        }
        assert_eq!(ContentImageKind::parse("IN_ARTICLE"), Some(ContentImageKind::InArticle));
    }
}
