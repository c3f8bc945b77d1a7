//! Where an idea is in its life, and the limits of what it says.

use crate::words::{IllegalTransition, states};

/// Characters of a title at least.
pub const TITLE_CHARS_MIN: usize = 5;
/// Characters of a title at most.
pub const TITLE_CHARS_MAX: usize = 200;
/// Words of an article that nobody gave a length.
pub const TARGET_WORDS: i32 = 1_000;
/// Words of an article at least.
pub const TARGET_WORDS_MIN: i32 = 50;
/// Words of an article at most.
pub const TARGET_WORDS_MAX: i32 = 10_000;

/// Why a text is no title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TitleFault {
    /// It is too short or too long.
    #[error("The title has {length} characters; it must have {TITLE_CHARS_MIN}–{TITLE_CHARS_MAX}.")]
    Length {
        /// Its length, blanks collapsed.
        length: usize,
    },
    /// It has no letter, or a control character.
    #[error("The title holds a control character, or no letter or digit at all.")]
    Letters,
}

states! {
    /// Where an idea is in its life.
    IdeaState {
        /// Found, and nothing more.
        New "NEW" to [Queued, Rejected],
        /// A content task was made of it.
        Queued "QUEUED" to [Completed],
        /// Its content was written.
        Completed "COMPLETED" to [],
        /// Turned down.
        Rejected "REJECTED" to [],
    }
}

/// A change of an idea's state. There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdeaStep {
    /// A content task is made of it.
    Queue,
    /// Its content was written.
    Complete,
    /// It is turned down.
    Reject,
}

impl IdeaStep {
    /// The state it leads from, and the one it leads to.
    pub fn ends(self) -> (IdeaState, IdeaState) {
        match self {
            Self::Queue => (IdeaState::New, IdeaState::Queued),
            Self::Complete => (IdeaState::Queued, IdeaState::Completed),
            Self::Reject => (IdeaState::New, IdeaState::Rejected),
        }
    }

    /// Whether an idea in `state` may take it. Refuses: any other state than the one it leads from.
    pub fn check(self, state: IdeaState) -> Result<(), IllegalTransition> {
        state.become_state(self.ends().1).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idea_is_queued_and_completed_or_rejected() {
        use IdeaState::{Completed, New, Queued, Rejected};
        let legal = [(New, Queued), (Queued, Completed), (New, Rejected)];
        for from in IdeaState::ALL {
            for to in IdeaState::ALL {
                assert_eq!(from.become_state(*to).is_ok(), legal.contains(&(*from, *to)), "{from:?} {to:?}");
            }
            assert_eq!(IdeaState::parse(from.as_str()), Some(*from));
        }
    }

    #[test]
    fn each_step_is_one_of_the_legal_changes() {
        for step in [IdeaStep::Queue, IdeaStep::Complete, IdeaStep::Reject] {
            let (from, to) = step.ends();
            for state in IdeaState::ALL {
                assert_eq!(step.check(*state).is_ok(), *state == from, "{step:?} {state:?}");
            }
            assert!(from.may_become(to));
        }
    }
}
