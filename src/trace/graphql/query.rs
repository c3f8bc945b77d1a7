//! `creditTrace`.

use async_graphql::{Context, Object, Result};

use super::types::{CreditTrace, CreditTraceInput, Subject};
use crate::{
    ai::graphql::AiTask,
    content::graphql::Content,
    error::Error,
    graphql::{
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
    },
    ledger::graphql::{CreditGrant, CreditTransaction},
};

/// Traces of credits.
#[derive(Default)]
pub struct TraceQuery;

#[Object]
impl TraceQuery {
    /// Where credits went: from an article, an AI task or a credit transaction to the grants that paid, or from a grant to the
    /// work that it paid for. Answers `NOT_FOUND` for what is not there, or not yours.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn credit_trace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is traced.")] of: CreditTraceInput,
    ) -> Result<Option<CreditTrace>> {
        let subject = match of {
            CreditTraceInput::ContentId(id) => {
                let id = node::decode(NodeKind::Content, &id, &["of", "contentId"])?;
                Content::find(ctx, id).await?.map(Subject::Content)
            }
            CreditTraceInput::TaskId(id) => {
                let id = node::decode(NodeKind::AiTask, &id, &["of", "taskId"])?;
                AiTask::find(ctx, id).await?.map(Subject::Task)
            }
            CreditTraceInput::TransactionId(id) => {
                let id = node::decode(NodeKind::CreditTransaction, &id, &["of", "transactionId"])?;
                CreditTransaction::find(ctx, id).await?.map(Subject::Transaction)
            }
            CreditTraceInput::GrantId(id) => {
                let id = node::decode(NodeKind::CreditGrant, &id, &["of", "grantId"])?;
                CreditGrant::find(ctx, id).await?.map(Subject::Grant)
            }
        };
        Ok(Some(CreditTrace(subject.ok_or(Error::NotFound)?)))
    }
}
