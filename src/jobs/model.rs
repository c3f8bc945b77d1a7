//! Values of the engine: lanes, jobs, leases and how a run of a job ends.

use std::time::Duration;

use uuid::Uuid;

use crate::clock::Micros;

/// Which queue a job waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Somebody waits for it.
    Interactive,
    /// Runs and imports.
    Bulk,
    /// The server's own work.
    System,
}

impl Lane {
    /// Every lane, in the order in which workers look.
    pub const ALL: [Self; 3] = [Self::Interactive, Self::System, Self::Bulk];

    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Bulk => "bulk",
            Self::System => "system",
        }
    }

    /// Reads the word. `None` when there is no such lane.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.as_str() == text)
    }
}

/// What a job is about: a row of another table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The kind of row, such as `ai_task`.
    pub kind: String,
    /// Which one.
    pub id: Uuid,
}

/// A job to be put in a queue.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its id.
    pub id: Uuid,
    /// The handler's stable name, such as `ai_task.run`.
    pub kind: &'static str,
    /// Which queue.
    pub lane: Lane,
    /// Whose work it is; all zeros for the system.
    pub account_id: Uuid,
    /// The kind of row it is about.
    pub subject_kind: &'static str,
    /// The row it is about.
    pub subject_id: Uuid,
    /// Ids rather than content, at most 64 KiB.
    pub payload: String,
    /// Not before this time, microseconds.
    pub ready_at: Micros,
    /// How many failed runs end it.
    pub attempts_max: i32,
    /// Now.
    pub created_at: Micros,
}

impl NewJob {
    /// Unique among unfinished jobs: one of a kind for each subject.
    pub fn dedupe_key(&self) -> String {
        format!("{}:{}", self.kind, self.subject_id)
    }
}

/// The right to run a job, until it lapses. Every write of the job is guarded by id and fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job_id: Uuid,
    /// Raised by every claim.
    pub fence: i64,
    /// Whose work it is.
    pub account_id: Uuid,
    /// Its queue.
    pub lane: Lane,
}

/// A claimed job.
#[derive(Debug, Clone)]
pub struct Job {
    /// The right to run it.
    pub lease: Lease,
    /// The handler's name.
    pub kind: String,
    /// What it is about.
    pub subject: Subject,
    /// As enqueued.
    pub payload: String,
    /// Failed runs so far.
    pub attempts: i32,
    /// How many failed runs end it.
    pub attempts_max: i32,
    /// Processes that died with it so far.
    pub crashes: i32,
}

/// How a job leaves the queue for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It did what it was for.
    Done,
    /// It will never succeed, and said so.
    Failed,
    /// It failed too often, or killed too many processes.
    Dead,
    /// Its subject was cancelled.
    Cancelled,
}

impl End {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How one run of a job ended, chosen where it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Finished; if its last transaction has ended the job already, nothing more is written.
    Done,
    /// Failed, and worth another run; counts as an attempt.
    Retry {
        /// How long to wait.
        after: Duration,
        /// Why.
        code: &'static str,
    },
    /// Failed for good.
    Fail {
        /// Why.
        code: &'static str,
    },
    /// Not now: does not count as an attempt.
    Defer {
        /// How long to wait.
        after: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_every_lane() {
        for lane in Lane::ALL {
            assert_eq!(Lane::parse(lane.as_str()), Some(lane));
        }
        assert_eq!(Lane::parse("fast"), None);
    }
}
