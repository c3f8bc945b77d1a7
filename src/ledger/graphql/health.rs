//! How the ledger is, for administrators.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};

use crate::{
    auth::graphql::Account,
    db::Engine,
    graphql::{
        context::service,
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        scalars::{Credits, DateTime, SafeInt},
    },
    ledger::{Diagnosis, FullCheck, Health, LaneHealth, Ledger, model::Balance, model::Standing, verify::Violation},
};

/// The kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Engine")]
pub enum DatabaseEngine {
    /// One file, one process.
    Sqlite,
    /// A server, many processes.
    Postgres,
}

/// Whether an account may be given credits and may hold them for new work. What is under way always ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Standing")]
pub enum CreditStanding {
    /// Everything works.
    Open,
    /// A rule was found broken; an operator must look.
    Frozen,
    /// Ended.
    Closed,
}

/// A number, and microseconds, never above 2^53.
fn safe(number: impl TryInto<i64>) -> SafeInt {
    SafeInt(number.try_into().unwrap_or(crate::graphql::scalars::SAFE_MAX))
}

/// How a lane of the ledger's writer in one process is: it carries the commands of its share of the accounts out, batch by batch.
pub struct LedgerLane(LaneHealth);

/// How a lane of the ledger's writer in one process is: it carries the commands of its share of the accounts out, batch by batch.
#[Object]
impl LedgerLane {
    /// Commands that have not begun.
    async fn queued(&self) -> SafeInt {
        safe(self.0.queued)
    }

    /// How long the oldest of them waits, microseconds; null when none does.
    async fn oldest_wait_us(&self) -> Option<SafeInt> {
        self.0.oldest_wait.map(|wait| safe(wait.as_micros()))
    }

    /// Commands in a batch: half of the last 512 batches had no more; null before the first.
    async fn batch_size_p50(&self) -> Option<SafeInt> {
        self.0.batch_size.map(|(half, _)| safe(half))
    }

    /// Commands in a batch: 99 in 100 of the last 512 batches had no more; null before the first.
    async fn batch_size_p99(&self) -> Option<SafeInt> {
        self.0.batch_size.map(|(_, most)| safe(most))
    }

    /// How long a batch's transaction took with its commit, microseconds: half of the last 512 took no longer; null before the first.
    async fn commit_time_us_p50(&self) -> Option<SafeInt> {
        self.0.commit_time.map(|(half, _)| safe(half.as_micros()))
    }

    /// How long a batch's transaction took with its commit, microseconds: 99 in 100 of the last 512 took no longer; null before the
    /// first.
    async fn commit_time_us_p99(&self) -> Option<SafeInt> {
        self.0.commit_time.map(|(_, most)| safe(most.as_micros()))
    }

    /// Commands refused with `LEDGER_BUSY` since the process began.
    async fn busy(&self) -> SafeInt {
        safe(self.0.busy)
    }

    /// Batches carried out in parts since the process began, because one of their commands kept the others from it.
    async fn fallbacks(&self) -> SafeInt {
        safe(self.0.fallbacks)
    }

    /// Batches whose connection broke, so that what they had done was looked up, since the process began.
    async fn unknown_commits(&self) -> SafeInt {
        safe(self.0.unknown_commits)
    }
}

/// A check of every rule and every hash of the ledger.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct LedgerCheck {
    /// When it began.
    pub started_at: DateTime,
    /// When it ended.
    pub finished_at: DateTime,
    /// Accounts that it saw.
    pub accounts: SafeInt,
    /// Credit transactions whose hash it recomputed.
    pub transactions: SafeInt,
    /// Their entries.
    pub entries: SafeInt,
    /// Broken rules that it found; 0 is clean.
    pub violations: SafeInt,
}

impl From<FullCheck> for LedgerCheck {
    fn from(check: FullCheck) -> Self {
        Self {
            started_at: DateTime(check.started_at),
            finished_at: DateTime(check.finished_at),
            accounts: SafeInt(check.accounts),
            transactions: SafeInt(check.transactions),
            entries: SafeInt(check.entries),
            violations: SafeInt(check.violations),
        }
    }
}

/// How the ledger is. The lanes and the gap fills are those of the process that answers; all else is the database's.
pub struct LedgerHealth(Health);

/// How the ledger is. The lanes and the gap fills are those of the process that answers; all else is the database's.
#[Object]
impl LedgerHealth {
    /// The kind of database.
    async fn engine(&self) -> DatabaseEngine {
        self.0.engine.into()
    }

    /// The restore epoch: 1, and one more with every restore of a backup.
    async fn epoch(&self) -> SafeInt {
        SafeInt(self.0.epoch)
    }

    /// The lanes of the writer, 1 on SQLite and 2 on PostgreSQL.
    async fn lanes(&self) -> Option<Vec<LedgerLane>> {
        Some(self.0.lanes.iter().copied().map(LedgerLane).collect())
    }

    /// How often what live subscribers missed was read from the journal, since the process began.
    async fn gap_fills(&self) -> SafeInt {
        safe(self.0.gap_fills)
    }

    /// Grants with available credits that are past their end and not written off yet, at most 10,000.
    async fn overdue_grants(&self) -> SafeInt {
        SafeInt(self.0.overdue_grants)
    }

    /// Open holds that are past their end, at most 10,000.
    async fn overdue_holds(&self) -> SafeInt {
        SafeInt(self.0.overdue_holds)
    }

    /// Credits of work that was delivered in the last 24 hours and could not be charged.
    async fn shortfall_last_day(&self) -> Credits {
        Credits(self.0.shortfall)
    }

    /// Accounts that were found to break a rule and take no new credits and no new work, the first 100.
    async fn frozen_accounts(&self, ctx: &Context<'_>) -> Result<Option<Vec<Account>>> {
        let mut accounts = Vec::with_capacity(self.0.frozen.len());
        for id in &self.0.frozen {
            accounts.extend(Account::find(ctx, *id).await?);
        }
        Ok(Some(accounts))
    }

    /// How many accounts are frozen.
    async fn frozen_count(&self) -> SafeInt {
        SafeInt(self.0.frozen_count)
    }

    /// The number of the last anchor; null before the first.
    async fn last_anchor_number(&self) -> Option<SafeInt> {
        self.0.last_anchor.map(|(number, _)| SafeInt(number))
    }

    /// When the last anchor was made; null before the first.
    async fn last_anchored_at(&self) -> Option<DateTime> {
        self.0.last_anchor.map(|(_, at)| DateTime(at))
    }

    /// The last check of everything that ended; null before the first.
    async fn last_check(&self) -> Option<LedgerCheck> {
        self.0.last_check.map(Into::into)
    }
}

/// Sums of credits by where they are: issued = available + held + spent + expired + revoked.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct CreditSums {
    /// All that was ever given.
    pub issued: Credits,
    /// Free to be spent.
    pub available: Credits,
    /// Reserved for work.
    pub held: Credits,
    /// Charged.
    pub spent: Credits,
    /// Ended by time.
    pub expired: Credits,
    /// Taken back.
    pub revoked: Credits,
}

impl From<Balance> for CreditSums {
    fn from(balance: Balance) -> Self {
        Self {
            issued: Credits(balance.issued),
            available: Credits(balance.available),
            held: Credits(balance.held),
            spent: Credits(balance.spent),
            expired: Credits(balance.expired),
            revoked: Credits(balance.revoked),
        }
    }
}

/// A rule of the ledger that an account breaks.
#[derive(Debug, Clone, SimpleObject)]
pub struct LedgerViolation {
    /// The rule: `I1` to `I18`, or `HASH`.
    pub rule: String,
    /// The number of the credit transaction; null when it is not about one.
    pub sequence: Option<SafeInt>,
}

impl From<Violation> for LedgerViolation {
    fn from(violation: Violation) -> Self {
        Self { rule: violation.code, sequence: violation.sequence.map(SafeInt) }
    }
}

/// One account's figures from three sides, and the rules that it breaks.
pub struct CreditDiagnosis(Diagnosis);

/// One account's figures from three sides, and the rules that it breaks.
#[Object]
impl CreditDiagnosis {
    /// Whether all sides agree and no rule is broken. While the account is being used, sides may differ for a moment.
    async fn is_consistent(&self) -> bool {
        self.0.is_consistent()
    }

    /// Whether the account may be used.
    async fn standing(&self) -> CreditStanding {
        self.0.standing.into()
    }

    /// The number of its last credit transaction; 0 before the first.
    async fn sequence(&self) -> SafeInt {
        SafeInt(self.0.sequence)
    }

    /// The sums on its own row, which everything else is judged by.
    async fn recorded(&self) -> CreditSums {
        self.0.recorded.into()
    }

    /// The sums of the entries of its credit transactions.
    async fn journal(&self) -> CreditSums {
        self.0.journal.into()
    }

    /// The sums of its grants.
    async fn grants(&self) -> CreditSums {
        self.0.lots.into()
    }

    /// How many holds are open.
    async fn open_holds(&self) -> SafeInt {
        SafeInt(self.0.open_holds)
    }

    /// What they hold.
    async fn open_held(&self) -> Credits {
        Credits(self.0.open_held)
    }

    /// The rules that it breaks, its chain of hashes included, the first 1,000; empty when all is well.
    async fn violations(&self) -> Option<Vec<LedgerViolation>> {
        Some(self.0.violations.iter().cloned().map(Into::into).collect())
    }
}

/// Queries about the ledger as a whole.
#[derive(Default)]
pub struct HealthQuery;

#[Object]
impl HealthQuery {
    /// How the ledger is: its writer, what is overdue, which accounts are frozen, when it was anchored and checked. For administrators.
    #[graphql(guard = "QueryPolicy", visible = "visible::credits_manage")]
    async fn ledger_health(&self, ctx: &Context<'_>) -> Result<Option<LedgerHealth>> {
        Ok(Some(LedgerHealth(service::<Ledger>(ctx)?.health().await?)))
    }

    /// Compares one account's balance with its journal, its grants and its open holds, and recomputes its chain of hashes; null when
    /// there is no such account. It changes nothing. For administrators.
    #[graphql(guard = "QueryPolicy", visible = "visible::credits_manage")]
    async fn diagnose_credits(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose credits.")] account_id: ID,
    ) -> Result<Option<CreditDiagnosis>> {
        let account = node::decode(NodeKind::Account, &account_id, &["accountId"])?;
        Ok(service::<Ledger>(ctx)?.diagnose(account).await?.map(CreditDiagnosis))
    }
}
