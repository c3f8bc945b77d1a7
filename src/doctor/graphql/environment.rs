//! `environmentAudit`: what `inkledger doctor` finds, for administrators without a shell.

use async_graphql::{Enum, SimpleObject};

use crate::doctor::{Check, Report};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::doctor::Status")]
pub enum EnvironmentStatus {
    /// There was nothing to look at.
    Skipped,
    /// As it should be.
    Ok,
    /// It works, but not as it should.
    Warn,
    /// It does not work, or data is in danger.
    Fail,
}

/// One check of the installation.
#[derive(SimpleObject)]
pub struct EnvironmentCheck {
    /// Its stable name, such as `database.lock`.
    name: String,
    /// How it ended.
    status: EnvironmentStatus,
    /// What was found, without secrets.
    finding: String,
    /// What to do, naming the variable or command; there is one for every `WARN` and `FAIL`.
    remedy: Option<String>,
    /// How long it took, milliseconds.
    took_ms: i32,
}

/// The checks of `inkledger doctor`, carried out by the server that answers.
#[derive(SimpleObject)]
pub struct EnvironmentAudit {
    /// The most serious status of all.
    status: EnvironmentStatus,
    /// The checks in their order, about twenty.
    checks: Vec<EnvironmentCheck>,
    /// How long they took together, milliseconds.
    took_ms: i32,
}

fn whole(millis: u64) -> i32 {
    i32::try_from(millis).unwrap_or(i32::MAX)
}

impl From<&Check> for EnvironmentCheck {
    fn from(check: &Check) -> Self {
        Self {
            name: check.id.to_owned(),
            status: check.finding.status.into(),
            finding: check.finding.text.clone(),
            remedy: check.finding.remedy.clone(),
            took_ms: whole(check.took_ms),
        }
    }
}

impl From<&Report> for EnvironmentAudit {
    fn from(report: &Report) -> Self {
        Self {
            status: report.status().into(),
            checks: report.checks.iter().map(Into::into).collect(),
            took_ms: whole(report.took_ms),
        }
    }
}
