//! Credit queries that stand at the root.

use async_graphql::{Context, ID, Object, Result};

use super::{
    account::{self, CreditTransactionFilter},
    receipt::CreditReceipt,
    types::{CreditTransaction, CreditTransactionConnection},
};
use crate::{
    error::Error,
    graphql::{
        context::service,
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        page::ConnectionArgs,
    },
    ledger::proof::Anchors,
};

/// Credit queries.
#[derive(Default)]
pub struct LedgerQuery;

#[Object]
impl LedgerQuery {
    /// The signed proof of one credit transaction, for whoever may see its account. It can be checked without this server.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn credit_receipt(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which transaction.")] transaction_id: ID,
    ) -> Result<Option<CreditReceipt>> {
        let id = node::decode(NodeKind::CreditTransaction, &transaction_id, &["transactionId"])?;
        let found = CreditTransaction::find(ctx, id).await?.ok_or(Error::NotFound)?;
        let receipt = service::<Anchors>(ctx)?.receipt(&found.0).await?;
        Ok(Some(CreditReceipt { transaction: found, receipt }))
    }

    /// Any account's credit transactions, newest first, for administrators. Members use `Account.creditTransactions`.
    /// Answers an empty page for an account that is not there.
    #[expect(clippy::too_many_arguments, reason = "the four page arguments are the field's own")]
    #[graphql(guard = "QueryPolicy", visible = "visible::credits_manage")]
    async fn credit_transactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose.")] account_id: ID,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<CreditTransactionFilter>,
    ) -> Result<Option<CreditTransactionConnection>> {
        let id = node::decode(NodeKind::Account, &account_id, &["accountId"])?;
        let args = ConnectionArgs { first, after, last, before };
        Ok(Some(account::credit_transactions(ctx, id, args, filter).await?))
    }
}
