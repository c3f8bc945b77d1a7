//! The ledger's objects in the API.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject, dataloader::DataLoader};
use uuid::Uuid;

use super::loader::{LedgerLoader, TransactionAt};
use crate::{
    connection,
    error::Error,
    graphql::{
        context::{service, viewer},
        node::{self, NodeKind},
        scalars::{Credits, DateTime, SafeInt},
    },
    jobs::event::Event,
    ledger::{
        BalanceEvent as LiveEvent, BalanceEventKind, Ledger, PastBalance, Scope, Tenants,
        model::{self, Kind, Transaction},
    },
};

/// An account's credits at one moment.
#[derive(Debug, Clone, SimpleObject)]
pub struct CreditBalance {
    /// Credits that can be spent.
    pub available: Credits,
    /// Credits reserved for work under way.
    pub held: Credits,
    /// The number of the last credit transaction; 0 before the first.
    pub sequence: SafeInt,
    /// The time of the last credit transaction by the account's own clock; before the first, that from which on it is so.
    pub as_of: DateTime,
}

impl From<&model::Account> for CreditBalance {
    fn from(account: &model::Account) -> Self {
        Self {
            available: Credits(account.balance.available),
            held: Credits(account.balance.held),
            sequence: SafeInt(account.sequence),
            as_of: DateTime(account.ledger_now),
        }
    }
}

impl From<PastBalance> for CreditBalance {
    fn from(past: PastBalance) -> Self {
        Self {
            available: Credits(past.balance.available),
            held: Credits(past.balance.held),
            sequence: SafeInt(past.sequence),
            as_of: DateTime(past.as_of),
        }
    }
}

impl CreditBalance {
    /// The balance after an event that moved credits; `None` for others.
    pub fn after<T>(event: &Event<T>) -> Option<Self> {
        let (sequence, available, held) = event.balance?;
        Some(Self {
            available: Credits(available),
            held: Credits(held),
            sequence: SafeInt(sequence),
            as_of: DateTime(event.at),
        })
    }
}

/// What a credit transaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::ledger::model::Kind")]
pub enum CreditTransactionKind {
    /// Credits were added.
    Grant,
    /// Credits were reserved for work.
    Hold,
    /// Reserved credits were charged for delivered work; the rest came back.
    Settle,
    /// Reserved credits came back.
    Release,
    /// Reserved credits came back because nobody ended the hold in time.
    ExpireHold,
    /// Credits reached the end of their life.
    ExpireLot,
    /// Charged credits were given back as a new grant.
    Refund,
    /// Unspent credits were taken back.
    Revoke,
    /// An operator's correction on the host.
    Adjust,
}

/// One operation on an account's credits: numbered, immutable.
#[derive(Debug, Clone)]
pub struct CreditTransaction(pub Transaction);

/// One operation on an account's credits: numbered, immutable.
#[Object]
impl CreditTransaction {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::CreditTransaction, self.0.id)
    }

    /// Its number in the account: 1, 2, 3 … without gap.
    async fn sequence(&self) -> SafeInt {
        SafeInt(self.0.sequence)
    }

    /// What it did.
    async fn kind(&self) -> CreditTransactionKind {
        self.0.kind.into()
    }

    /// Credits by which the account's total changed: negative when charged, expired or revoked, positive when granted
    /// or refunded, 0 when they only moved between available and held.
    async fn amount(&self) -> Credits {
        Credits(signed_amount(&self.0))
    }

    /// Credits that a hold reserved (positive) or that a release or an expired hold gave back (negative); null for the
    /// other kinds.
    async fn held_amount(&self) -> Option<Credits> {
        match self.0.kind {
            Kind::Hold => Some(Credits(self.0.amount)),
            Kind::Release | Kind::ExpireHold => Some(Credits(self.0.amount.saturating_neg())),
            Kind::Grant | Kind::Settle | Kind::ExpireLot | Kind::Refund | Kind::Revoke | Kind::Adjust => None,
        }
    }

    /// Available credits after it.
    async fn available_after(&self) -> Credits {
        Credits(self.0.balance.available)
    }

    /// Held credits after it.
    async fn held_after(&self) -> Credits {
        Credits(self.0.balance.held)
    }

    /// When, by the account's own clock, which never runs backwards.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.at)
    }
}

impl CreditTransaction {
    /// Transaction `sequence` of an account that the caller may see; `None` for no number.
    pub async fn numbered(ctx: &Context<'_>, account: Uuid, sequence: Option<i64>) -> Result<Option<Self>, Error> {
        let Some(sequence) = sequence else { return Ok(None) };
        let loader = service::<DataLoader<LedgerLoader>>(ctx)?;
        Ok(loader.load_one(TransactionAt(account, sequence)).await?.map(Self))
    }

    /// The transaction of that id, if the viewer may see its account. Refuses: `NotFound`, `Unauthenticated`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        let Some(found) = service::<Ledger>(ctx)?.transaction(Scope::Everyone, id).await? else { return Ok(None) };
        service::<Arc<dyn Tenants>>(ctx)?.see(*viewer(ctx)?, found.account_id).await?;
        Ok(Some(Self(found)))
    }
}

/// The change of the account's total, by kind.
pub fn signed_amount(transaction: &Transaction) -> i64 {
    let amount = transaction.amount;
    match transaction.kind {
        Kind::Grant | Kind::Refund => amount,
        Kind::Settle | Kind::ExpireLot | Kind::Revoke => amount.saturating_neg(),
        Kind::Hold | Kind::Release | Kind::ExpireHold => 0,
        // A correction says which way it went by the lot it made.
        Kind::Adjust if transaction.answer().is_some_and(|answer| answer.grant.is_some()) => amount,
        Kind::Adjust => amount.saturating_neg(),
    }
}

connection!(
    CreditTransactionConnection,
    CreditTransactionEdge,
    CreditTransaction,
    "credit transactions",
    |transaction: &CreditTransaction| transaction.0.sequence
);

/// What an event of a balance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum CreditBalanceEventKind {
    /// The balance as it is; what follows continues it.
    Snapshot,
    /// One credit transaction and the balance after it.
    Transaction,
    /// A snapshot that replaces all that the client holds.
    Resync,
}

/// One event of an account's balance. Events are numbered without a gap.
#[derive(Debug, Clone, SimpleObject)]
pub struct CreditBalanceEvent {
    /// What it is.
    pub kind: CreditBalanceEventKind,
    /// The number of the credit transaction, or of the last one in a snapshot.
    pub sequence: SafeInt,
    /// Give it as `after` to continue from here.
    pub cursor: String,
    /// The balance after it.
    pub balance: CreditBalance,
    /// The credit transaction; null in a snapshot.
    pub transaction: Option<CreditTransaction>,
}

impl From<LiveEvent> for CreditBalanceEvent {
    fn from(event: LiveEvent) -> Self {
        Self {
            kind: match event.kind {
                BalanceEventKind::Snapshot => CreditBalanceEventKind::Snapshot,
                BalanceEventKind::Transaction => CreditBalanceEventKind::Transaction,
                BalanceEventKind::Resync => CreditBalanceEventKind::Resync,
            },
            sequence: SafeInt(event.sequence),
            cursor: event.cursor.to_text(),
            balance: CreditBalance {
                available: Credits(event.balance.available),
                held: Credits(event.balance.held),
                sequence: SafeInt(event.sequence),
                as_of: DateTime(event.at),
            },
            transaction: event.transaction.map(|transaction| CreditTransaction((*transaction).clone())),
        }
    }
}
