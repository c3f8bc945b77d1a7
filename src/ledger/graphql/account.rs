//! The credit fields of `Account`, which identity's type hands on: who holds the parent may see them.

use async_graphql::{Context, InputObject, Result, dataloader::DataLoader};
use uuid::Uuid;

use super::{
    grant::{CreditGrant, CreditGrantConnection, CreditGrantFilter},
    hold::{CreditHold, CreditHoldConnection, CreditHoldFilter},
    loader::{BalanceOf, LedgerLoader},
    types::{CreditBalance, CreditTransaction, CreditTransactionConnection, CreditTransactionKind},
};
use crate::{
    graphql::{context::service, page::ConnectionArgs, scalars::DateTime},
    ledger::{HoldPlace, Ledger, TransactionFilter},
    page::PageArgs,
};

/// Which credit transactions. Omitted fields do not filter.
#[derive(Debug, Clone, Default, InputObject)]
pub struct CreditTransactionFilter {
    /// Only these kinds, at most 9.
    pub kinds: Option<Vec<CreditTransactionKind>>,
    /// Only those at this instant or later.
    pub from: Option<DateTime>,
    /// Only those before this instant.
    pub until: Option<DateTime>,
}

impl From<CreditTransactionFilter> for TransactionFilter {
    fn from(filter: CreditTransactionFilter) -> Self {
        Self {
            kinds: filter.kinds.unwrap_or_default().into_iter().map(Into::into).collect(),
            actor: None,
            from: filter.from.map(|at| at.0),
            until: filter.until.map(|at| at.0),
        }
    }
}

/// `Account.balance`.
pub async fn balance(ctx: &Context<'_>, account: Uuid) -> Result<Option<CreditBalance>> {
    let loader = service::<DataLoader<LedgerLoader>>(ctx)?;
    Ok(loader.load_one(BalanceOf(account)).await?.as_ref().map(CreditBalance::from))
}

/// `Account.balanceAt`.
pub async fn balance_at(ctx: &Context<'_>, account: Uuid, at: DateTime) -> Result<Option<CreditBalance>> {
    Ok(service::<Ledger>(ctx)?.balance_at(account, at.0).await?.map(CreditBalance::from))
}

/// `Account.creditGrants`, newest first.
pub async fn credit_grants(
    ctx: &Context<'_>,
    account: Uuid,
    args: ConnectionArgs,
    filter: Option<CreditGrantFilter>,
) -> Result<CreditGrantConnection> {
    let args: PageArgs<i64> = args.check(ctx)?;
    let page = service::<Ledger>(ctx)?.grants_page(account, &filter.unwrap_or_default().into(), &args).await?;
    Ok(page.map(CreditGrant).into())
}

/// `Account.creditHolds`, newest first.
pub async fn credit_holds(
    ctx: &Context<'_>,
    account: Uuid,
    args: ConnectionArgs,
    filter: Option<CreditHoldFilter>,
) -> Result<CreditHoldConnection> {
    let args: PageArgs<HoldPlace> = args.check(ctx)?;
    let page = service::<Ledger>(ctx)?.holds_page(account, &filter.unwrap_or_default().check()?, &args).await?;
    Ok(page.map(CreditHold).into())
}

/// `Account.creditTransactions`, newest first.
pub async fn credit_transactions(
    ctx: &Context<'_>,
    account: Uuid,
    args: ConnectionArgs,
    filter: Option<CreditTransactionFilter>,
) -> Result<CreditTransactionConnection> {
    let args: PageArgs<i64> = args.check(ctx)?;
    let filter = filter.unwrap_or_default().into();
    let page = service::<Ledger>(ctx)?.transactions_page(account, &filter, &args).await?;
    Ok(page.map(CreditTransaction).into())
}
