//! How long things take, in the API.

use async_graphql::{Object, SimpleObject};

use crate::{
    graphql::scalars::{DateTime, SafeInt},
    performance::{Report, Timing},
};

/// What one name took. Times are in whole microseconds.
#[derive(Debug, SimpleObject)]
pub struct AdminTiming {
    /// What was timed: a root field as `query users`, or a statement as `SELECT app_user`; `other` is all that came after 400 names.
    name: String,
    /// How often.
    count: SafeInt,
    /// All of them together.
    total_micros: SafeInt,
    /// What half of them did not exceed, at most an eighth too high.
    p50_micros: SafeInt,
    /// What 95 in 100 did not exceed, at most an eighth too high.
    p95_micros: SafeInt,
    /// What 99 in 100 did not exceed, at most an eighth too high.
    p99_micros: SafeInt,
    /// The longest.
    max_micros: SafeInt,
}

fn whole(number: u64) -> SafeInt {
    SafeInt(i64::try_from(number).unwrap_or(i64::MAX).min(crate::graphql::scalars::SAFE_MAX))
}

impl From<Timing> for AdminTiming {
    fn from(timing: Timing) -> Self {
        Self {
            name: timing.name,
            count: whole(timing.count),
            total_micros: whole(timing.total),
            p50_micros: whole(timing.p50),
            p95_micros: whole(timing.p95),
            p99_micros: whole(timing.p99),
            max_micros: whole(timing.max),
        }
    }
}

/// Names that are answered of each kind.
const SHOWN_MAX: usize = 100;

fn shown(timings: &[Timing]) -> Vec<AdminTiming> {
    timings.iter().take(SHOWN_MAX).cloned().map(Into::into).collect()
}

/// How long things took in the process that answers, since it began to watch itself.
#[derive(Debug)]
pub struct AdminPerformance(pub Report);

/// How long things took in the process that answers, since it began to watch itself. Other processes have figures of their own.
#[Object]
impl AdminPerformance {
    /// Since when, at the earliest the start of the process.
    async fn since(&self) -> DateTime {
        DateTime(self.0.since)
    }

    /// Root fields of queries and mutations, each with all below it: those first that took most together, at most 100.
    async fn fields(&self) -> Vec<AdminTiming> {
        shown(&self.0.fields)
    }

    /// Statements of the database by what they do to which table: those first that took most together, at most 100.
    async fn statements(&self) -> Vec<AdminTiming> {
        shown(&self.0.statements)
    }
}
