//! The ledger checks itself: accounts of one batch in a thousand, and everything once a day. An account that is found at fault is
//! frozen for new credits and new work, and named; all others go on.

use std::collections::BTreeSet;

use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    Ledger, WeakLedger,
    model::{Standing, State},
    store::{self, FullCheck},
    verify::{Violation, verify},
};
use crate::{
    audit::{Actor, Entry, store::insert_entry},
    clock::Micros,
    error::{Error, Failure, Internal, Never},
};

/// Accounts with more transactions are left to the check of everything.
const SAMPLED_TRANSACTIONS_MAX: i64 = 10_000;

/// Accounts of one batch that are looked at.
const SAMPLED_ACCOUNTS_MAX: usize = 8;

/// Hands accounts of some batches on to be checked. What comes while others are checked is passed over.
pub(super) struct Sampler {
    every: u64,
    batches: u64,
    chosen: mpsc::Sender<Vec<Uuid>>,
}

impl Sampler {
    /// Takes one batch in `every`; none at all when 0.
    pub(super) fn new(every: u64) -> (Self, mpsc::Receiver<Vec<Uuid>>) {
        let (chosen, to_check) = mpsc::channel(1);
        (Self { every, batches: 0, chosen }, to_check)
    }

    /// Another sampler that hands on to the same place.
    pub(super) fn another(&self) -> Self {
        Self { every: self.every, batches: 0, chosen: self.chosen.clone() }
    }

    /// A batch has left accounts like this.
    pub(super) fn saw(&mut self, states: &[State]) {
        self.batches += 1;
        if self.batches.checked_rem(self.every) == Some(0) {
            let small = states.iter().filter(|state| state.account.sequence <= SAMPLED_TRANSACTIONS_MAX);
            let accounts: Vec<Uuid> = small.map(|state| state.account.id).take(SAMPLED_ACCOUNTS_MAX).collect();
            if !accounts.is_empty() {
                let _ = self.chosen.try_send(accounts);
            }
        }
    }
}

/// Checks what samplers choose, until none is left.
pub(super) async fn check_chosen(ledger: WeakLedger, mut to_check: mpsc::Receiver<Vec<Uuid>>) {
    while let Some(accounts) = to_check.recv().await {
        let Some(ledger) = ledger.upgrade() else { return };
        let closing = ledger.closing().clone();
        for account in accounts {
            match closing.run_until_cancelled(ledger.check_account(account)).await {
                Some(Ok(_)) => {}
                Some(Err(error)) => tracing::warn!(account.id = %account, error = ?error, "an account was not checked"),
                None => return,
            }
        }
    }
}

impl Ledger {
    /// Checks one account by all rules and freezes it when it breaks one. Answers the rules that it breaks.
    pub async fn check_account(&self, account: Uuid) -> Result<Vec<Violation>, Error> {
        let report = verify(self.db(), self.clock(), Some(account)).await?;
        if report.clean() {
            return Ok(Vec::new());
        }
        for (account, rules) in &report.broken {
            self.freeze(*account, rules).await?;
        }
        Ok(report.violations)
    }

    /// Notes that a check of everything has begun, and goes on with it in the background until the ledger closes.
    pub(super) async fn begin_check(&self) -> Result<(), Error> {
        let (id, started_at) = (self.ids().uuid(), self.clock().now());
        self.write_check(id, None, started_at).await?;
        let ledger = self.clone();
        tokio::spawn(async move {
            let closing = ledger.closing().clone();
            if let Some(Err(error)) = closing.run_until_cancelled(ledger.check_all(id, started_at)).await {
                tracing::error!(error = ?error, "the ledger was not checked");
            }
        });
        Ok(())
    }

    /// Checks everything, freezes the accounts that break a rule, and keeps what it found.
    async fn check_all(&self, id: Uuid, started_at: Micros) -> Result<(), Error> {
        let report = verify(self.db(), self.clock(), None).await?;
        for (account, rules) in &report.broken {
            if let Err(error) = self.freeze(*account, rules).await {
                tracing::error!(account.id = %account, error = ?error, "an account that breaks rules could not be frozen");
            }
        }
        let homeless = report.violations.iter().filter(|one| one.account.is_none()).count();
        if homeless > 0 {
            tracing::error!(violations = homeless, "the ledger breaks rules that are no single account's");
        }
        let found = FullCheck {
            started_at,
            finished_at: self.clock().now(),
            accounts: report.accounts,
            transactions: report.transactions,
            entries: report.entries,
            violations: i64::try_from(report.violations_count).unwrap_or(i64::MAX),
        };
        self.write_check(id, Some(found), started_at).await?;
        tracing::info!(
            accounts = found.accounts,
            transactions = found.transactions,
            violations = found.violations,
            "the ledger was checked"
        );
        Ok(())
    }

    async fn write_check(&self, id: Uuid, found: Option<FullCheck>, now: Micros) -> Result<(), Error> {
        let written = self.db().write(found, move |tx, found| {
            Box::pin(async move {
                match found {
                    None => store::insert_check(tx, id, now).await?,
                    Some(found) => store::update_check(tx, id, found).await?,
                }
                Ok::<_, Failure<Never>>(())
            })
        });
        Ok(written.await?)
    }

    /// Freezes an account: nothing is granted to it and nothing is held for new work, what is under way ends.
    async fn freeze(&self, account: Uuid, rules: &BTreeSet<String>) -> Result<(), Error> {
        let codes = rules.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        metrics::counter!("inkledger_ledger_violations_total").increment(1);
        tracing::error!(account.id = %account, rules = codes, "an account of the ledger breaks rules and is frozen");
        self.set_standing(account, (Standing::Open, Standing::Frozen), ("credits.freeze", Some(codes))).await?;
        Ok(())
    }

    /// Lets a frozen account be used again, after an operator looked and the rules hold. `false` when it was not frozen.
    pub async fn unfreeze(&self, account: Uuid) -> Result<bool, Error> {
        self.set_standing(account, (Standing::Frozen, Standing::Open), ("credits.unfreeze", None)).await
    }

    async fn set_standing(
        &self,
        account: Uuid,
        way: (Standing, Standing),
        (action, note): (&'static str, Option<String>),
    ) -> Result<bool, Error> {
        let (audit_id, now) = (self.ids().uuid(), self.clock().now());
        let written = self.db().write(note, move |tx, note| {
            Box::pin(async move {
                store::lock_accounts(tx, &[account]).await?;
                if !store::update_standing(tx, account, way).await? {
                    return Ok::<_, Failure<Never>>(false);
                }
                let entry = Entry {
                    id: audit_id,
                    account_id: Some(account),
                    actor: Actor::System,
                    action,
                    target_kind: "account",
                    target_id: Some(account),
                    before: Some(way.0.as_str().to_owned()),
                    after: note.clone().or(Some(way.1.as_str().to_owned())),
                    request_id: None,
                    at: now,
                };
                insert_entry(tx, &entry).await.map_err(Internal::from)?;
                Ok(true)
            })
        });
        Ok(written.await?)
    }
}
