//! How the ledger is, for operators, and whether one account's figures agree.

use uuid::Uuid;

use super::{
    Ledger,
    model::{Balance, Standing},
    store::{self, FullCheck},
    verify::{Violation, verify},
    writer::LaneHealth,
};
use crate::{clock::Micros, db::Engine, error::Error};

/// Frozen accounts that are named.
const FROZEN_MAX: u32 = 100;

const DAY: Micros = 86_400_000_000;

/// How the ledger is. The lanes and the gap fills are those of one process; all else is the database's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The database's kind.
    pub engine: Engine,
    /// The restore epoch.
    pub epoch: i64,
    /// The lanes.
    pub lanes: Vec<LaneHealth>,
    /// How often what live subscribers missed was read from the journal, since the process began.
    pub gap_fills: u64,
    /// Lots with available credits that are past their end and not written off, at most 10,000.
    pub overdue_grants: i64,
    /// Open holds that are past their end, at most 10,000.
    pub overdue_holds: i64,
    /// What was delivered in the last 24 hours and could not be charged.
    pub shortfall: i64,
    /// The first hundred frozen accounts.
    pub frozen: Vec<Uuid>,
    /// How many there are.
    pub frozen_count: i64,
    /// The number of the last anchor, and when it was made.
    pub last_anchor: Option<(i64, Micros)>,
    /// The last check of everything that ended.
    pub last_check: Option<FullCheck>,
}

/// One account's figures from three sides, and the rules that it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// Whether it may be used.
    pub standing: Standing,
    /// The number of its last transaction.
    pub sequence: i64,
    /// The sums on its own row.
    pub recorded: Balance,
    /// The sums of its journal's entries.
    pub journal: Balance,
    /// The sums of its lots.
    pub lots: Balance,
    /// How many holds are open.
    pub open_holds: i64,
    /// What they hold.
    pub open_held: i64,
    /// The rules that it breaks, chain of hashes included: the first thousand.
    pub violations: Vec<Violation>,
}

impl Diagnosis {
    /// Whether all sides agree and no rule is broken.
    pub fn is_consistent(&self) -> bool {
        let sides = [self.journal, self.lots].iter().all(|side| *side == self.recorded);
        sides && self.open_held == self.recorded.held && self.violations.is_empty()
    }
}

impl Ledger {
    /// How the ledger is.
    pub async fn health(&self) -> Result<Health, Error> {
        let (db, now) = (self.db(), self.clock().now());
        let (overdue_grants, overdue_holds) = store::count_overdue(db.reader(), now).await?;
        let (frozen, frozen_count) = store::list_frozen(db.reader(), FROZEN_MAX).await?;
        Ok(Health {
            engine: db.engine(),
            epoch: self.epoch(),
            lanes: self.lanes(),
            gap_fills: self.hub().gap_fills(),
            overdue_grants,
            overdue_holds,
            shortfall: store::sum_shortfall(db.reader(), now.saturating_sub(DAY)).await?,
            frozen,
            frozen_count,
            last_anchor: store::find_last_anchor(db.reader()).await?,
            last_check: store::find_last_check(db.reader()).await?,
        })
    }

    /// Looks at one account from all sides; `None` when it has no ledger. It changes nothing. While the account is being used, sides
    /// that are read one after the other may differ.
    pub async fn diagnose(&self, account: Uuid) -> Result<Option<Diagnosis>, Error> {
        let db = self.db();
        let Some(found) = self.account(account).await? else { return Ok(None) };
        let (open_holds, open_held) = store::sum_open_holds(db.reader(), account).await?;
        Ok(Some(Diagnosis {
            standing: found.standing,
            sequence: found.sequence,
            recorded: found.balance,
            journal: store::sum_journal(db.reader(), account).await?,
            lots: store::sum_lots(db.reader(), account).await?,
            open_holds,
            open_held,
            violations: verify(db, self.clock(), Some(account)).await?.violations,
        }))
    }
}
