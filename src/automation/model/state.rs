//! Where a run is in its life, and what each command makes of it.

crate::words::states! {
    /// Where a run is in its life.
    RunState {
        /// Accepted, waiting for a worker.
        Pending "PENDING" to [Running, Paused, Cancelled, Failed],
        /// At work.
        Running "RUNNING" to [Pausing, Paused, Cancelling, Cancelled, Completed, CompletedWithErrors, Failed],
        /// No new item begins; those in flight end.
        Pausing "PAUSING" to [Running, Paused, Cancelling, Failed],
        /// Nothing is in flight and nothing is held.
        Paused "PAUSED" to [Running, Cancelled],
        /// No request leaves; those in flight end or are aborted.
        Cancelling "CANCELLING" to [Cancelled],
        /// Ended by command.
        Cancelled "CANCELLED" to [],
        /// Ended; every item succeeded or was left out.
        Completed "COMPLETED" to [],
        /// Ended; some items failed.
        CompletedWithErrors "COMPLETED_WITH_ERRORS" to [],
        /// Ended by a fault or a deadline.
        Failed "FAILED" to [],
    }
}

crate::words::words! {
    /// What is asked of a run.
    Desired {
        /// To go on.
        Run "run",
        /// To stop at the next item.
        Pause "pause",
        /// To end.
        Cancel "cancel",
    }
}

crate::words::words! {
    /// Why a run pauses or is paused.
    PauseReason {
        /// Somebody asked for it, or took the site out of use.
        User "USER",
        /// The next hold was not covered.
        InsufficientCredits "INSUFFICIENT_CREDITS",
        /// The next hold would have taken the run above its cap, or its account or member above one of theirs.
        RunCap "RUN_CAP",
        /// No provider answers.
        ProviderDown "PROVIDER_DOWN",
        /// The connected site does not answer.
        IntegrationError "INTEGRATION_ERROR",
        /// The account is suspended.
        AccountSuspended "ACCOUNT_SUSPENDED",
    }
}

crate::words::words! {
    /// What made a run start.
    Trigger {
        /// Somebody.
        Manual "MANUAL",
        /// The site's schedule.
        Scheduled "SCHEDULED",
        /// Somebody, over what another run made.
        Fork "FORK",
    }
}

/// What somebody asks of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunCommand {
    /// No new item.
    Pause,
    /// Go on.
    Resume,
    /// End.
    Cancel,
}

impl RunCommand {
    /// The word in messages and audit rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }
}

/// What becomes of a command in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// The run goes to this state.
    Become(RunState),
    /// It is there, or on its way: nothing is written.
    Nothing,
    /// It cannot be done any more, or not yet.
    Illegal,
}

impl RunState {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Completed | Self::CompletedWithErrors | Self::Failed)
    }

    /// The table of commands.
    pub fn rule(self, command: RunCommand) -> Ruling {
        use Ruling::{Become, Illegal, Nothing};
        use RunCommand::{Cancel, Pause, Resume};
        match (self, command) {
            (Self::Pending, Pause) => Become(Self::Paused),
            (Self::Running, Pause) => Become(Self::Pausing),
            (Self::Pausing | Self::Paused, Pause) => Nothing,
            (Self::Running, Resume) => Nothing,
            (Self::Pausing | Self::Paused, Resume) => Become(Self::Running),
            (Self::Pending | Self::Paused, Cancel) => Become(Self::Cancelled),
            (Self::Running | Self::Pausing, Cancel) => Become(Self::Cancelling),
            (Self::Cancelling | Self::Cancelled, Cancel) => Nothing,
            (Self::Pending, Resume)
            | (Self::Cancelling | Self::Cancelled, Pause | Resume)
            | (Self::Completed | Self::CompletedWithErrors | Self::Failed, _) => Illegal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // REQ-B-29
    #[test]
    fn every_cell_of_the_table_of_commands_is_as_written() {
        use RunState::*;
        let (go, no, bad) = (Ruling::Become, Ruling::Nothing, Ruling::Illegal);
        let table = [
            (Pending, [go(Paused), bad, go(Cancelled)]),
            (Running, [go(Pausing), no, go(Cancelling)]),
            (Pausing, [no, go(Running), go(Cancelling)]),
            (Paused, [no, go(Running), go(Cancelled)]),
            (Cancelling, [bad, bad, no]),
            (Cancelled, [bad, bad, no]),
            (Completed, [bad, bad, bad]),
            (CompletedWithErrors, [bad, bad, bad]),
            (Failed, [bad, bad, bad]),
        ];
        assert_eq!(table.map(|(state, _)| state).as_slice(), RunState::ALL);
        for (state, cells) in table {
            for (command, cell) in [RunCommand::Pause, RunCommand::Resume, RunCommand::Cancel].into_iter().zip(cells) {
                assert_eq!(state.rule(command), cell, "{} {}", state.as_str(), command.as_str());
                if let Ruling::Become(next) = cell {
                    assert!(state.may_become(next), "{} to {}", state.as_str(), next.as_str());
                }
            }
        }
    }

    #[test]
    fn nothing_follows_an_end() {
        for state in RunState::ALL {
            assert_eq!(state.is_final(), RunState::ALL.iter().all(|next| !state.may_become(*next)));
        }
    }
}
