//! The ledger as the rest of the server sees it: commands in, answers out. Commands are carried out by the lanes of the
//! writer, so dropping the caller drops only the reply.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::FutureExt as _;
use sea_orm::DatabaseTransaction;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    bus::Bus,
    clock::{Clock, Micros},
    db::{Db, is_in_transaction, read_again},
    error::{Error, Failure, Internal, Never},
    ids::Ids,
    page::{Page, PageArgs},
    together::Together,
};

use super::{
    check::{Sampler, check_chosen},
    hub::Hub,
    model::{Account, Cap, InvalidKey, Refusal, Threshold, Transaction},
    store::{self, Scope, Slice, TransactionFilter},
    writer::{Command, EFFECTS_MAX, Lane, LaneHealth, LowBalance, Parts, Posting, Sender},
};

/// How much the ledger takes on.
#[derive(Debug, Clone, Copy)]
pub struct LedgerOptions {
    /// What is written when available credits fall below a level.
    pub low_balance: Option<LowBalance>,
    /// Commands that wait in one lane.
    pub queued_max: usize,
    /// Bytes of the commands that one lane has accepted and not answered.
    pub queued_bytes_max: usize,
    /// Commands in one transaction.
    pub batch_max: usize,
    /// Bytes of the commands in one transaction; one alone may be larger.
    pub batch_bytes_max: usize,
    /// A command that has not begun by then is refused as busy.
    pub begin_within: Duration,
    /// One batch in so many has its accounts checked; none at all when 0.
    pub check_every: u64,
    /// How long [`Ledger::close`] lets the queues empty themselves.
    pub drain_within: Duration,
}

const MIB: usize = 1024 * 1024;

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            low_balance: None,
            queued_max: 4096,
            queued_bytes_max: 64 * MIB,
            batch_max: 1024,
            batch_bytes_max: 4 * MIB,
            begin_within: Duration::from_secs(10),
            check_every: 1000,
            drain_within: Duration::from_secs(10),
        }
    }
}

/// Lots whose accounts are looked up in one statement.
const OWNERS_AT_ONCE: usize = 256;

/// The credit ledger. Cloning is cheap.
#[derive(Clone)]
pub struct Ledger(Arc<Inner>);

/// A ledger that lives only as long as others hold it.
pub(super) struct WeakLedger(Weak<Inner>);

impl WeakLedger {
    pub(super) fn upgrade(&self) -> Option<Ledger> {
        self.0.upgrade().map(Ledger)
    }
}

struct Inner {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    hub: Hub,
    epoch: i64,
    options: LedgerOptions,
    lanes: Vec<Sender>,
    /// Whose lots they are.
    owners: Together<Uuid, Uuid>,
    tasks: TaskTracker,
    closing: CancellationToken,
    abandon: CancellationToken,
}

impl Ledger {
    /// Opens the ledger of a migrated database: names the database if it has no name yet, reads its epoch and starts
    /// to listen to the bus.
    pub async fn open(
        db: Db,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        bus: Arc<dyn Bus>,
        options: LedgerOptions,
    ) -> Result<Self, Error> {
        let (database_id, now) = (ids.uuid(), clock.now());
        db.write((), move |tx, ()| {
            Box::pin(async move {
                store::insert_meta(tx, database_id, now).await?;
                Ok::<_, Failure<Never>>(())
            })
        })
        .await?;
        let (_, epoch) = store::get_meta(db.reader()).await?;
        let hub = Hub::start(db.clone(), bus, epoch);
        let (closing, abandon, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let parts = Parts {
            db: db.clone(),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            hub: hub.clone(),
            options,
            closing: closing.clone(),
            abandon: abandon.clone(),
        };
        let (sampler, to_check) = Sampler::new(options.check_every);
        let lanes = (0..db.lanes()).map(|_| {
            let (sender, lane) = Lane::new(parts.clone(), sampler.another());
            tasks.spawn(lane.run());
            sender
        });
        let lanes = lanes.collect();
        let reader = db.clone();
        let owners = Together::start(OWNERS_AT_ONCE, move |grants: Vec<Uuid>| {
            let db = reader.clone();
            async move { Ok(read_again(|| store::list_grant_accounts(db.reader(), &grants)).await?) }.boxed()
        });
        let inner = Inner { db, clock, ids, hub, epoch, options, lanes, owners, tasks, closing, abandon };
        let ledger = Self(Arc::new(inner));
        ledger.0.tasks.spawn(check_chosen(WeakLedger(Arc::downgrade(&ledger.0)), to_check));
        Ok(ledger)
    }

    /// Carries `command` out, once per account and key, and answers a repeat with the first answer. Dropping the
    /// future drops only the answer, which the same key fetches later. Never called inside a transaction.
    ///
    /// Refuses with the codes of the ledger. `LedgerBusy` and `LedgerClosing` are certain to have had no effect; a
    /// refusal for lack of credits has written the command's `otherwise` rows.
    pub async fn submit(&self, command: Command) -> Result<Posting, Failure<Refusal>> {
        debug_assert!(!is_in_transaction(), "a ledger command waits inside a transaction");
        let inner = &self.0;
        if inner.closing.is_cancelled() {
            return Err(Failure::Refused(Refusal::LedgerClosing));
        }
        if command.effects.len() > EFFECTS_MAX || command.otherwise.len() > EFFECTS_MAX {
            return Err(Internal::new("a ledger command was built", "it carries more than 256 effects").into());
        }
        let lane = inner.lanes.get(lane_of(command.account, inner.lanes.len()));
        let lane = lane.ok_or_else(|| Internal::new("a ledger command was sent", "there is no lane"))?;
        let answer = match lane.send(command) {
            Ok(waiting) => waiting.answer(&inner.abandon).await,
            Err(refused) => Err(refused),
        };
        if let Err(Failure::Refused(Refusal::LedgerBusy { .. })) = &answer {
            lane.count_busy();
        }
        answer
    }

    /// Opens an account's ledger inside the caller's transaction, for an account that begins without credits.
    /// Repeating is safe.
    pub async fn open_in(&self, tx: &DatabaseTransaction, account: Uuid, now: Micros) -> Result<(), Error> {
        store::insert_account(tx, account, now).await?;
        Ok(())
    }

    /// Closes an account's ledger inside the caller's transaction: nothing is granted or held any more
    /// (`AccountClosed`), what is held can still be settled and given back. Repeating is safe.
    pub async fn close_in(&self, tx: &DatabaseTransaction, account: Uuid) -> Result<(), Error> {
        store::close_account(tx, account).await?;
        Ok(())
    }

    /// The low-balance levels of many accounts at once, highest first, for a loader. The caller authorises.
    pub async fn thresholds_of(&self, accounts: &[Uuid]) -> Result<HashMap<Uuid, Vec<Threshold>>, Error> {
        Ok(store::load_thresholds(self.0.db.reader(), accounts).await?)
    }

    /// The caps of accounts, as their last periods have them.
    pub async fn caps_of(&self, accounts: &[Uuid]) -> Result<HashMap<Uuid, Vec<Cap>>, Error> {
        Ok(store::list_caps(self.0.db.reader(), accounts).await?)
    }

    /// Live balances.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// The database, for what this feature reads and writes beside the journal.
    pub(super) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.0.clock.as_ref()
    }

    pub(super) fn ids(&self) -> &dyn Ids {
        self.0.ids.as_ref()
    }

    /// How the lanes of this process are.
    pub fn lanes(&self) -> Vec<LaneHealth> {
        self.0.lanes.iter().map(Sender::health).collect()
    }

    /// Cancelled when the ledger closes.
    pub(super) fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }

    /// The restore epoch of the database.
    pub fn epoch(&self) -> i64 {
        self.0.epoch
    }

    /// An account's totals and version. The caller has made sure that the viewer may see the account.
    pub async fn account(&self, account: Uuid) -> Result<Option<Account>, Error> {
        Ok(store::find_account(self.0.db.reader(), account).await?)
    }

    /// What an account may hold at `now`: its available credits but for those whose time is over. 0 when there is no such account.
    pub async fn usable(&self, account: Uuid, now: Micros) -> Result<i64, Error> {
        let Some(found) = self.account(account).await? else { return Ok(0) };
        let due = store::sum_due_lots(self.0.db.reader(), account, now).await?;
        Ok(found.balance.available.saturating_sub(due).max(0))
    }

    /// Whose lot it is, for administrators.
    pub async fn account_of_grant(&self, grant: Uuid) -> Result<Option<Uuid>, Error> {
        self.0.owners.ask(grant).await
    }

    /// One transaction, if `scope` has it.
    pub async fn transaction(&self, scope: Scope, id: Uuid) -> Result<Option<Transaction>, Error> {
        Ok(store::find_transaction(self.0.db.reader(), scope, id).await?)
    }

    /// An account's transactions that match `filter`.
    pub async fn transactions(
        &self,
        account: Uuid,
        filter: &TransactionFilter,
        slice: Slice,
    ) -> Result<Vec<Transaction>, Error> {
        Ok(store::list_transactions(self.0.db.reader(), account, filter, slice).await?)
    }

    /// The totals of many accounts at once, for a loader. The caller authorises.
    pub async fn accounts(&self, accounts: &[Uuid]) -> Result<HashMap<Uuid, Account>, Error> {
        Ok(store::load_by_account(self.0.db.reader(), accounts).await?)
    }

    /// One page of an account's transactions that match `filter`, newest first.
    pub async fn transactions_page(
        &self,
        account: Uuid,
        filter: &TransactionFilter,
        args: &PageArgs<i64>,
    ) -> Result<Page<Transaction>, Error> {
        let slice = Slice::of_page(args);
        let rows = self.transactions(account, filter, slice).await?;
        let total = if args.with_total { Some(self.count_transactions(account, filter).await?) } else { None };
        Ok(Page::from_rows(rows, args, total))
    }

    /// How many transactions match `filter`.
    pub async fn count_transactions(&self, account: Uuid, filter: &TransactionFilter) -> Result<i64, Error> {
        Ok(store::count_transactions(self.0.db.reader(), account, filter).await?)
    }

    /// Refuses new commands with `LedgerClosing`, lets the queue empty itself, refuses what has not begun by then, and
    /// ends live subscriptions.
    pub async fn close(&self) {
        let inner = &self.0;
        inner.closing.cancel();
        inner.tasks.close();
        if tokio::time::timeout(inner.options.drain_within, inner.tasks.wait()).await.is_err() {
            tracing::warn!("the ledger's queue did not empty in time; what has not begun is refused");
        }
        inner.abandon.cancel();
        inner.tasks.wait().await;
        inner.hub.close().await;
    }
}

fn lane_of(account: Uuid, lanes: usize) -> usize {
    // The last bytes of an id are its random ones.
    let [.., low] = account.into_bytes();
    usize::from(low).checked_rem(lanes).unwrap_or_default()
}

impl From<InvalidKey> for Error {
    fn from(error: InvalidKey) -> Self {
        Self::bad_input(error.to_string(), &["input", "idempotencyKey"])
    }
}
