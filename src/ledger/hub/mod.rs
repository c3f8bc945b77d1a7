//! Live balances: after each commit the transactions of an account go, in order and without a gap, to everyone who
//! watches it. The journal is the outbox, so whatever is missing here is read there. Must never write.

mod cursor;
mod hint;
mod subscriber;

pub use cursor::Cursor;
pub use subscriber::{BalanceEvent, BalanceEventKind};

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::Stream;
use tokio::sync::broadcast;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{bus::Bus, db::Db, error::Error};

use super::{
    model::Transaction,
    store::{self, Order, Slice, TransactionFilter},
};

use subscriber::Subscriber;

/// Commits that wait for the subscribers of an account; one that lags further reads the journal. Each account that is watched has room for
/// all of them.
const QUEUE: usize = 32;

/// Rows of the journal that are read at once.
const PAGE: usize = 64;

/// A subscriber further behind than this gets a snapshot instead of what it missed.
pub const BEHIND_MAX: i64 = 10_000;

/// How often the sequences of all watched accounts are compared with the database.
const NET: Duration = Duration::from_secs(1);

/// Transactions of one account, numbered without a gap. All who watch share it.
type Run = Arc<[Arc<Transaction>]>;

/// What a subscriber is told.
#[derive(Debug, Clone)]
enum Signal {
    /// What was committed together.
    Transactions(Run),
    /// The account has reached this sequence: read the journal.
    Reached(i64),
}

/// One account that somebody watches.
struct Watched {
    sender: broadcast::Sender<Signal>,
    /// The sequence that continues what was sent; `None` until the first.
    next: Option<i64>,
    /// Transactions that came before their predecessors, at most [`PAGE`].
    parked: BTreeMap<i64, Arc<Transaction>>,
    /// Whether the journal is being read for what is missing.
    filling: bool,
}

struct Inner {
    db: Db,
    bus: Arc<dyn Bus>,
    epoch: i64,
    watched: Mutex<HashMap<Uuid, Watched>>,
    tasks: TaskTracker,
    ending: CancellationToken,
    gap_fills: AtomicU64,
}

/// Fans transactions out to subscribers. Cloning is cheap.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

impl Hub {
    /// Starts to listen to the bus and to compare sequences once a second.
    pub(super) fn start(db: Db, bus: Arc<dyn Bus>, epoch: i64) -> Self {
        let hub = Self(Arc::new(Inner {
            db,
            bus,
            epoch,
            watched: Mutex::default(),
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
            gap_fills: AtomicU64::new(0),
        }));
        // Both hold the hub until `close` ends them.
        hub.0.tasks.spawn(hub.clone().listen());
        hub.0.tasks.spawn(hub.clone().compare());
        hub
    }

    /// Streams an account's balance: a snapshot first, or with `after` what came since, then every transaction in
    /// order. The stream is numbered without a gap; it ends with the process, or with an error after which a new
    /// subscription with the last cursor continues.
    ///
    /// The caller has made sure that the viewer may see the account. Errors: `BadUserInput` for a cursor of another
    /// account, `NotFound` for an account without a ledger.
    pub async fn subscribe(
        &self,
        account: Uuid,
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<BalanceEvent, Error>> + Send + use<>, Error> {
        // Registered before the snapshot is read: what commits in between is seen twice and dropped once.
        let subscriber = Subscriber::begin(self.clone(), account, after).await?;
        Ok(futures_util::stream::unfold(subscriber, |mut subscriber| async move {
            let event = subscriber.next().await?;
            Some((event, subscriber))
        }))
    }

    /// How many accounts are watched.
    pub fn watched(&self) -> usize {
        self.lock().len()
    }

    /// Delivers the transactions of one commit and tells the other processes. Called after the commit, in the order of
    /// an account's commits within this process.
    pub(super) fn publish(&self, transactions: Vec<Transaction>) {
        if transactions.is_empty() {
            return;
        }
        let transactions: Vec<Arc<Transaction>> = transactions.into_iter().map(Arc::new).collect();
        self.deliver(&transactions);
        if let Some(hint) = hint::write(&transactions, self.0.bus.origin()) {
            self.0.bus.publish(hint);
        }
    }

    /// Compares one account with the database soon, for a commit whose answer was lost.
    pub(super) fn look_again(&self, account: Uuid) {
        let hub = self.clone();
        self.0.tasks.spawn(async move { hub.compare_some(&[account]).await });
    }

    /// Ends all subscriptions and waits for the hub's own tasks.
    pub(super) async fn close(&self) {
        self.0.ending.cancel();
        self.lock().clear();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Watched>> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&self, account: Uuid) -> broadcast::Receiver<Signal> {
        let mut watched = self.lock();
        let entry = watched.entry(account).or_insert_with(|| Watched {
            sender: broadcast::Sender::new(QUEUE),
            next: None,
            parked: BTreeMap::new(),
            filling: false,
        });
        entry.sender.subscribe()
    }

    /// Forgets an account that nobody watches any more.
    fn leave(&self, account: Uuid) {
        let mut watched = self.lock();
        if watched.get(&account).is_some_and(|entry| entry.sender.receiver_count() == 0) {
            watched.remove(&account);
        }
    }

    fn deliver(&self, transactions: &[Arc<Transaction>]) {
        let Some(account) = transactions.first().map(|transaction| transaction.account_id) else { return };
        let gap = {
            let mut watched = self.lock();
            let Some(entry) = watched.get_mut(&account) else { return };
            entry.offer(transactions);
            entry.begin_fill()
        };
        if gap {
            self.fill(account);
        }
    }

    /// How often what subscribers missed was read from the journal.
    pub fn gap_fills(&self) -> u64 {
        self.0.gap_fills.load(Relaxed)
    }

    /// Reads what is missing once for all subscribers of the account.
    fn fill(&self, account: Uuid) {
        self.0.gap_fills.fetch_add(1, Relaxed);
        let hub = self.clone();
        self.0.tasks.spawn(async move {
            loop {
                let after = hub.lock().get(&account).and_then(|entry| entry.next).map(|next| next - 1);
                let Some(after) = after else { return };
                let read = hub.read_page(account, after).await;
                let mut watched = hub.lock();
                let Some(entry) = watched.get_mut(&account) else { return };
                entry.filling = false;
                match read {
                    // The comparison once a second tries again.
                    Ok(page) if page.is_empty() => return,
                    Ok(page) => entry.offer(&page),
                    Err(error) => {
                        tracing::debug!(account.id = %account, error = ?error, "filling a gap failed");
                        return;
                    }
                }
                if !entry.begin_fill() {
                    return;
                }
            }
        });
    }

    /// The transactions after `after`, as many as a subscriber may hold.
    async fn read_page(&self, account: Uuid, after: i64) -> Result<Run, Error> {
        let limit = u64::try_from(PAGE).unwrap_or(1);
        let slice = Slice { above: Some(after), below: None, order: Order::OldestFirst, limit };
        let filter = TransactionFilter::default();
        let page = store::list_transactions(self.0.db.reader(), account, &filter, slice).await?;
        Ok(page.into_iter().map(Arc::new).collect())
    }

    /// Takes hints of other processes.
    async fn listen(self) {
        let mut hints = self.0.bus.subscribe();
        loop {
            let hint = tokio::select! {
                () = self.0.ending.cancelled() => return,
                hint = hints.recv() => hint,
            };
            match hint {
                Ok(hint) if hint.topic == hint::TOPIC && hint.origin != self.0.bus.origin() => self.take(&hint),
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => self.compare_all().await,
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    fn take(&self, hint: &crate::bus::Hint) {
        let Some(account) = hint::account(hint) else { return };
        if !self.lock().contains_key(&account) {
            return;
        }
        match hint::read(hint, account, self.0.epoch) {
            Some(transactions) if !transactions.is_empty() => self.deliver(&transactions),
            Some(_) => self.reached(account, hint.sequence),
            None => {}
        }
    }

    /// The net below lost hints.
    async fn compare(self) {
        let mut ticks = tokio::time::interval(NET);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.0.ending.cancelled() => return,
                _ = ticks.tick() => self.compare_all().await,
            }
        }
    }

    async fn compare_all(&self) {
        let accounts: Vec<Uuid> = self.lock().keys().copied().collect();
        self.compare_some(&accounts).await;
    }

    async fn compare_some(&self, accounts: &[Uuid]) {
        for some in accounts.chunks(1000) {
            match store::list_sequences(self.0.db.reader(), some).await {
                Ok(found) => found.into_iter().for_each(|(account, sequence)| self.reached(account, sequence)),
                Err(error) => tracing::debug!(error = %error, "comparing sequences failed"),
            }
        }
    }

    /// The database has `sequence` of `account`.
    fn reached(&self, account: Uuid, sequence: i64) {
        let gap = {
            let mut watched = self.lock();
            let Some(entry) = watched.get_mut(&account) else { return };
            entry.reached(sequence)
        };
        if gap {
            self.fill(account);
        }
    }
}

impl Watched {
    /// Nobody listening is not a fault.
    fn send(&self, signal: Signal) {
        let _ = self.sender.send(signal);
    }

    /// Sends what continues what was sent, with that which waited for it, as one; parks what came too early and drops what came
    /// twice.
    fn offer(&mut self, transactions: &[Arc<Transaction>]) {
        let mut run = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            let sequence = transaction.sequence;
            let next = self.next.get_or_insert(sequence);
            match sequence.cmp(next) {
                Ordering::Less => {}
                Ordering::Equal => {
                    run.push(Arc::clone(transaction));
                    *next += 1;
                    while let Some(parked) = self.parked.remove(next) {
                        run.push(parked);
                        *next += 1;
                    }
                }
                Ordering::Greater => {
                    self.parked.insert(sequence, Arc::clone(transaction));
                }
            }
        }
        if let Some(next) = self.next {
            // What a page of the journal brought meanwhile.
            self.parked = self.parked.split_off(&next);
        }
        if !run.is_empty() {
            self.send(Signal::Transactions(run.into()));
        }
        if self.parked.len() > PAGE
            && let Some(last) = self.parked.keys().next_back().copied()
        {
            self.skip_to(last);
        }
    }

    /// Too far ahead to be filled here: each subscriber reads for itself.
    fn skip_to(&mut self, sequence: i64) {
        self.parked.clear();
        self.next = Some(sequence + 1);
        self.send(Signal::Reached(sequence));
    }

    /// Notes that the database has `sequence`; says whether the journal is to be read.
    fn reached(&mut self, sequence: i64) -> bool {
        let ahead = self.next.map(|next| sequence - next + 1);
        match ahead {
            Some(ahead) if ahead <= 0 => false,
            Some(ahead) if usize::try_from(ahead).is_ok_and(|ahead| ahead <= PAGE) => {
                !std::mem::replace(&mut self.filling, true)
            }
            _ => {
                self.skip_to(sequence);
                false
            }
        }
    }

    /// Whether something waits for a predecessor and nobody reads the journal for it yet.
    fn begin_fill(&mut self) -> bool {
        !self.parked.is_empty() && !std::mem::replace(&mut self.filling, true)
    }
}
