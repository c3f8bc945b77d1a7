//! `CreditGrant`.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result};

use super::{
    loader::{GrantOf, LedgerLoader},
    types::CreditTransaction,
};
use crate::{
    clock::NEVER,
    connection,
    graphql::{
        loaders::owned,
        node::{self, NodeKind},
        scalars::{Credits, DateTime},
    },
    ledger::{Grant, GrantFilter, model::GrantKind},
};

/// Why credits were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::ledger::model::GrantKind")]
pub enum CreditGrantKind {
    /// They were bought.
    Purchase,
    /// They came with a period of a plan.
    Plan,
    /// A promotion.
    Promo,
    /// An administrator added them.
    Admin,
    /// They came with signing up.
    Signup,
    /// They were given back for a charge.
    Refund,
}

/// Which grants. Omitted fields do not filter.
#[derive(Debug, Clone, Default, InputObject)]
pub struct CreditGrantFilter {
    /// Only these kinds, at most 6.
    pub kinds: Option<Vec<CreditGrantKind>>,
    /// True: only those that have available credits. False: only those that have none.
    pub has_available: Option<bool>,
}

impl From<CreditGrantFilter> for GrantFilter {
    fn from(filter: CreditGrantFilter) -> Self {
        Self {
            kinds: filter.kinds.unwrap_or_default().into_iter().map(Into::into).collect(),
            has_available: filter.has_available,
        }
    }
}

/// Credits that were given at once and are used up, by their priority, before or after others.
#[derive(Debug, Clone)]
pub struct CreditGrant(pub Grant);

owned!(CreditGrant: LedgerLoader, GrantOf);

/// Credits that were given at once: a lot, with a priority and mostly with an end. What was given is always the sum of what is
/// available, held, spent, expired and revoked.
#[Object]
impl CreditGrant {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::CreditGrant, self.0.lot.id)
    }

    /// Why it was given.
    async fn kind(&self) -> CreditGrantKind {
        self.0.lot.kind.into()
    }

    /// Credits that were given, 1 or more.
    async fn amount(&self) -> Credits {
        Credits(self.0.lot.balance.issued)
    }

    /// Credits of it that can be spent.
    async fn available(&self) -> Credits {
        Credits(self.0.lot.balance.available)
    }

    /// Credits of it that are reserved for work under way.
    async fn held(&self) -> Credits {
        Credits(self.0.lot.balance.held)
    }

    /// Credits of it that were charged.
    async fn spent(&self) -> Credits {
        Credits(self.0.lot.balance.spent)
    }

    /// Credits of it that nobody used in time.
    async fn expired(&self) -> Credits {
        Credits(self.0.lot.balance.expired)
    }

    /// Credits of it that were taken back.
    async fn revoked(&self) -> Credits {
        Credits(self.0.lot.balance.revoked)
    }

    /// Which grants are used first: those of the smallest priority, 0–1000, and of these those that end first.
    async fn priority(&self) -> i32 {
        self.0.lot.priority
    }

    /// When what is still available of it ends; null when it never does.
    async fn expires_at(&self) -> Option<DateTime> {
        (self.0.lot.expires_at < NEVER).then_some(DateTime(self.0.lot.expires_at))
    }

    /// The payment's number at the payment provider, as on the receipt, at most 200 characters; null for what was not bought.
    async fn payment_reference(&self) -> Option<&str> {
        (self.0.lot.kind == GrantKind::Purchase).then_some(self.0.lot.source_ref.as_str())
    }

    /// When it was given.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.lot.created_at)
    }

    /// The transaction that made it; null only when it cannot be read.
    async fn transaction(&self, ctx: &Context<'_>) -> Result<Option<CreditTransaction>> {
        Ok(CreditTransaction::numbered(ctx, self.0.account_id, Some(self.0.lot.granted_seq)).await?)
    }

    /// The charge that it gives back; null unless it is a refund.
    async fn refunded_transaction(&self, ctx: &Context<'_>) -> Result<Option<CreditTransaction>> {
        Ok(CreditTransaction::numbered(ctx, self.0.account_id, self.0.lot.refunds_seq).await?)
    }
}

connection!(CreditGrantConnection, CreditGrantEdge, CreditGrant, "credit grants", |grant: &CreditGrant| grant
    .0
    .lot
    .granted_seq);
