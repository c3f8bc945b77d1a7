//! The ledger as the rest of the server sees it: commands in, answers out. A command is carried out on a task of its
//! own, so dropping the caller drops only the reply.

use std::{collections::HashMap, sync::Arc, time::Duration};

use sea_orm::{DatabaseTransaction, DbErr};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    bus::Bus,
    clock::{Clock, Micros},
    db::{Db, constraint::code_of},
    error::{Error, Failure, Internal, Never},
    ids::{Ids, random},
    page::{Page, PageArgs},
};

use super::{
    hub::Hub,
    model::{Account, InvalidKey, Operation, Refusal, Request, Stamp, Transaction, note_hash},
    store::{self, Order, Scope, Slice, TransactionFilter},
    writer::{Command, EFFECTS_MAX, Job, Outcome, Posting, carry_out},
};

/// How much the ledger takes on.
#[derive(Debug, Clone, Copy)]
pub struct LedgerOptions {
    /// Commands in their transaction at once.
    pub in_flight_max: usize,
    /// Commands accepted and not answered yet.
    pub queued_max: usize,
    /// A command that has not begun by then is refused as busy.
    pub begin_within: Duration,
    /// How long [`Ledger::close`] lets the queue empty itself.
    pub drain_within: Duration,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            in_flight_max: 4,
            queued_max: 4096,
            begin_within: Duration::from_secs(10),
            drain_within: Duration::from_secs(10),
        }
    }
}

/// Commands on one account follow one another in the order of arrival, so that a busy account takes one connection of
/// the pool and not all of them. Accounts share a lane by chance only.
const LANES: usize = 64;

/// How often a command is carried out anew after its connection broke. Its key makes that safe.
const TRIES: u32 = 3;

/// The credit ledger. Cloning is cheap.
#[derive(Clone)]
pub struct Ledger(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    hub: Hub,
    epoch: i64,
    options: LedgerOptions,
    queue: Arc<Semaphore>,
    flight: Semaphore,
    lanes: Vec<Mutex<()>>,
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
        Ok(Self(Arc::new(Inner {
            hub: Hub::start(db.clone(), bus, epoch),
            db,
            clock,
            ids,
            epoch,
            options,
            queue: Arc::new(Semaphore::new(options.queued_max)),
            flight: Semaphore::new(options.in_flight_max),
            lanes: (0..LANES).map(|_| Mutex::new(())).collect(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            abandon: CancellationToken::new(),
        })))
    }

    /// Carries `command` out, once per account and key, and answers a repeat with the first answer. Dropping the
    /// future drops only the answer, which the same key fetches later.
    ///
    /// Refuses with the codes of the ledger. `LedgerBusy` and `LedgerClosing` are certain to have had no effect; a
    /// refusal for lack of credits has written the command's `otherwise` rows.
    pub async fn submit(&self, command: Command) -> Result<Posting, Failure<Refusal>> {
        if self.0.closing.is_cancelled() {
            return Err(Failure::Refused(Refusal::LedgerClosing));
        }
        if command.effects.len() > EFFECTS_MAX || command.otherwise.len() > EFFECTS_MAX {
            return Err(Internal::new("a ledger command was built", "it carries more than 256 effects").into());
        }
        let place = Arc::clone(&self.0.queue).try_acquire_owned();
        let place = place.map_err(|_| Failure::Refused(self.busy()))?;
        let ledger = self.clone();
        let running = self.0.tasks.spawn(async move { ledger.process(command, place).await });
        running.await.unwrap_or_else(|joined| Err(Internal::new("a ledger command's task ended early", joined).into()))
    }

    fn busy(&self) -> Refusal {
        Refusal::LedgerBusy { retry_after_ms: 1000 }
    }

    async fn process(&self, command: Command, place: OwnedSemaphorePermit) -> Result<Posting, Failure<Refusal>> {
        let inner = &self.0;
        let lane = lane_of(command.account);
        let begin = async {
            // There are LANES lanes and the number is below it.
            let lane = match inner.lanes.get(lane) {
                Some(lane) => Some(lane.lock().await),
                None => None,
            };
            (lane, inner.flight.acquire().await)
        };
        let begun = tokio::select! {
            biased;
            () = inner.abandon.cancelled() => return Err(Failure::Refused(Refusal::LedgerClosing)),
            begun = tokio::time::timeout(inner.options.begin_within, begin) => begun,
        };
        let Ok(turn) = begun else { return Err(Failure::Refused(self.busy())) };
        let outcome = self.run(self.prepare(command)).await;
        // Still in the lane, so that events leave in the order of their numbers.
        let answer = match outcome {
            Ok(outcome) => {
                inner.hub.publish(outcome.written);
                outcome.done.map_err(Failure::Refused)
            }
            Err(failure) => Err(failure),
        };
        drop((turn, place));
        answer
    }

    fn prepare(&self, command: Command) -> Job {
        let ids = &self.0.ids;
        let salt: [u8; 16] = random(ids.as_ref());
        let note_hash = match &command.operation {
            Operation::Grant(grant) => grant.note.as_ref().map(|note| note_hash(&salt, note.as_str())),
            _ => None,
        };
        Job {
            account: command.account,
            request: Request { key: command.key, actor: command.actor, operation: command.operation },
            open_account: command.open_account,
            effects: command.effects,
            otherwise: command.otherwise,
            stamp: Stamp { transaction_id: ids.uuid(), grant_id: ids.uuid(), note_hash, now: self.0.clock.now() },
            salt,
            epoch: self.0.epoch,
            ids: Arc::clone(ids),
        }
    }

    /// Runs the job's transaction, and again when the connection broke: whether a lost COMMIT took place is decided by
    /// looking the key up, never by guessing.
    async fn run(&self, job: Job) -> Result<Outcome, Failure<Refusal>> {
        let job = Arc::new(job);
        let account = job.account;
        let mut tried = 1;
        loop {
            let result = self.0.db.write(Arc::clone(&job), |tx, job| Box::pin(carry_out(tx, job.as_ref()))).await;
            match result {
                Err(failure) if tried < TRIES && connection_broke(&failure) => {
                    tracing::warn!(account.id = %account, tried, "a ledger command runs again on a new connection");
                    tokio::time::sleep(Duration::from_millis(u64::from(50 * tried))).await;
                    tried += 1;
                }
                Ok(outcome) => {
                    if tried > 1 {
                        self.0.hub.look_again(account);
                    }
                    return Ok(outcome);
                }
                // No connection was free, so nothing had begun.
                Err(failure) if found_no_connection(&failure) => return Err(Failure::Refused(self.busy())),
                Err(failure) => return Err(failure),
            }
        }
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

    /// Live balances.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// The restore epoch of the database.
    pub fn epoch(&self) -> i64 {
        self.0.epoch
    }

    /// An account's totals and version. The caller has made sure that the viewer may see the account.
    pub async fn account(&self, account: Uuid) -> Result<Option<Account>, Error> {
        Ok(store::find_account(self.0.db.reader(), account, self.0.epoch).await?)
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
        Ok(store::load_by_account(self.0.db.reader(), accounts, self.0.epoch).await?)
    }

    /// One page of an account's transactions that match `filter`, newest first.
    pub async fn transactions_page(
        &self,
        account: Uuid,
        filter: &TransactionFilter,
        args: &PageArgs<i64>,
    ) -> Result<Page<Transaction>, Error> {
        let slice = Slice {
            above: args.before,
            below: args.after,
            order: if args.from_end { Order::OldestFirst } else { Order::NewestFirst },
            limit: u64::from(args.limit) + 1,
        };
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

fn lane_of(account: Uuid) -> usize {
    // The last bytes of an id are its random ones.
    let [.., low] = account.into_bytes();
    usize::from(low) % LANES
}

fn database_error<R>(failure: &Failure<R>) -> Option<&DbErr> {
    let Failure::Fault(Error::Internal(internal)) = failure else { return None };
    internal.source.downcast_ref()
}

fn found_no_connection<R>(failure: &Failure<R>) -> bool {
    matches!(database_error(failure), Some(DbErr::ConnectionAcquire(_)))
}

/// Whether the connection broke, so that it is not known if the transaction took place.
fn connection_broke<R>(failure: &Failure<R>) -> bool {
    let Some(error) = database_error(failure) else { return false };
    match code_of(error) {
        // Connection exceptions, and a server that is ending or starting.
        Some(code) => code.starts_with("08") || code.starts_with("57P"),
        None => matches!(error, DbErr::Conn(_) | DbErr::Exec(_) | DbErr::Query(_)),
    }
}

impl From<InvalidKey> for Error {
    fn from(error: InvalidKey) -> Self {
        Self::bad_input(error.to_string(), &["input", "idempotencyKey"])
    }
}
