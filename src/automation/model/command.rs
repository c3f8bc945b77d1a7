//! Why commands to runs are refused, and what makes two of them the same.

use ring::digest::{SHA256, digest};
use uuid::Uuid;

use super::{CREDIT_CAP_MAX, RunCommand, RunState, Stage};

/// Why no run started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Another one of the site has not ended.
    #[error("A run of this site has not ended. Resume it or cancel it first.")]
    RunActive {
        /// Which.
        run_id: Uuid,
    },
    /// The site is not in use.
    #[error("The site is not active, so nothing is done for it. Activate it first.")]
    SiteInactive,
    /// The account is suspended.
    #[error("The account is suspended, so no run starts.")]
    AccountSuspended,
}

/// Why a command to a run was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The table of commands does not know it.
    #[error("A run that is {} cannot {}.", current.as_str(), match command {
        Some(RunCommand::Pause) => "pause",
        Some(RunCommand::Resume) => "be resumed",
        Some(RunCommand::Cancel) => "be cancelled",
        None => "get another cap: only a paused one can",
    })]
    IllegalState {
        /// Where the run is.
        current: RunState,
        /// What was asked; `None` is another cap.
        command: Option<RunCommand>,
    },
    /// The run would pause again at once.
    #[error("Insufficient credits. Required: {required}, Available: {available}")]
    InsufficientCredits {
        /// What the next hold takes.
        required: i64,
        /// What is there.
        available: i64,
    },
    /// The run would pause again at once.
    #[error("The next item takes {next} credits, and the run's cap leaves {left}. Raise the cap first.")]
    CapReached {
        /// What the next hold takes.
        next: i64,
        /// What the cap leaves.
        left: i64,
    },
    /// The account is suspended.
    #[error("The account is suspended, so no run goes on.")]
    AccountSuspended,
    /// The site is not in use.
    #[error("The site is not active, so nothing is done for it. Activate it first.")]
    SiteInactive,
    /// It would not be raised.
    #[error("`creditCap` is {given}; it must be above {current} and at most {CREDIT_CAP_MAX}. Choose a higher one.")]
    CapNotRaised {
        /// What was given.
        given: i64,
        /// What it is.
        current: i64,
    },
    /// There is none to be raised.
    #[error("The run has no credit cap, so there is none to raise.")]
    NoCap,
}

/// Why a run was not forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// As for any start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Its source has not ended.
    #[error("A run that is {} cannot be forked: only one that has ended can.", current.as_str())]
    IllegalState {
        /// Where the source is.
        current: RunState,
    },
    /// Before the first stage there is nothing.
    #[error("`fromStage` is {}; it must be one of the stages 2–7.", .0.as_str())]
    StageInvalid(Stage),
}

/// What makes two requests with one key the same: what is asked, of what, with which figures.
pub fn request_hash(act: &str, subject: Uuid, details: &str) -> Vec<u8> {
    let text = format!("inkledger/automation/1\n{act}\n{subject}\n{details}");
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_illegal_command_is_told_in_words() {
        let said = |command| CommandError::IllegalState { current: RunState::Failed, command }.to_string();
        assert_eq!(said(Some(RunCommand::Cancel)), "A run that is FAILED cannot be cancelled.");
        assert_eq!(said(None), "A run that is FAILED cannot get another cap: only a paused one can.");
    }

    #[test]
    fn requests_differ_by_all_they_are_about() {
        let one = Uuid::from_u128(1);
        let hash = request_hash("pause", one, "");
        assert_eq!(hash, request_hash("pause", one, ""));
        for other in
            [request_hash("resume", one, ""), request_hash("pause", Uuid::nil(), ""), request_hash("pause", one, "5")]
        {
            assert_ne!(hash, other);
        }
    }
}
