//! `recordsAudit`: the verification queries, for operators without a shell.

use async_graphql::{Context, Enum, Object, Result, SimpleObject};

use super::environment::EnvironmentAudit;
use crate::{
    doctor::{
        EnvironmentAuditor,
        records::{self, RecordsAuditor},
    },
    graphql::{
        context::service,
        guard::{QueryPolicy, visible},
    },
};

/// How a query or check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::doctor::records::Verdict")]
pub enum RecordsVerdict {
    /// It says what the base tables say.
    Pass,
    /// It answers nothing, and there is nothing to answer.
    Empty,
    /// It says something else.
    Fail,
}

/// One verification query, or one further check.
#[derive(SimpleObject)]
pub struct RecordsFinding {
    /// The query's number, 1–5; null for a further check.
    query: Option<i32>,
    /// What it verifies.
    title: String,
    /// How it came out.
    verdict: RecordsVerdict,
    /// Rows that are not as expected, at most 50: `+` is there and should not be, `-` should be there and is not.
    differences: Vec<String>,
}

/// What the three records say, against the base tables, in one snapshot.
#[derive(SimpleObject)]
pub struct RecordsAudit {
    /// Whether nothing failed.
    passed: bool,
    /// The queries and checks in order, at most 20.
    findings: Vec<RecordsFinding>,
}

/// The most differing rows of one finding that are answered.
const DIFFERENCES_MAX: usize = 50;

impl From<records::Finding> for RecordsFinding {
    fn from(finding: records::Finding) -> Self {
        Self {
            query: finding.query.and_then(|number| i32::try_from(number).ok()),
            title: finding.title,
            verdict: finding.verdict.into(),
            differences: finding.differences.into_iter().take(DIFFERENCES_MAX).collect(),
        }
    }
}

/// Queries about the installation.
#[derive(Default)]
pub struct DoctorQuery;

#[Object]
impl DoctorQuery {
    /// Examines the installation as `inkledger doctor` does: settings, database, ledger, objects, keys, providers. It looks and mends
    /// nothing; it takes at most 20 seconds. One look runs at a time; who asks meanwhile shares it.
    #[graphql(guard = "QueryPolicy", visible = "visible::system_settings_view")]
    async fn environment_audit(&self, ctx: &Context<'_>) -> Result<Option<EnvironmentAudit>> {
        let report = service::<EnvironmentAuditor>(ctx)?.audit().await?;
        Ok(Some(report.as_ref().into()))
    }

    /// Runs the five verification queries word for word, and the further checks of the records. Reads only.
    #[graphql(guard = "QueryPolicy", visible = "visible::system_settings_view")]
    async fn records_audit(&self, ctx: &Context<'_>) -> Result<Option<RecordsAudit>> {
        let report = service::<RecordsAuditor>(ctx)?.audit().await?;
        let passed = report.passes(false);
        Ok(Some(RecordsAudit { passed, findings: report.findings.into_iter().map(Into::into).collect() }))
    }
}
