//! A lane: the queue of its accounts' commands and the task that carries them out, batch by batch. There is no timer: an idle
//! lane answers one command at once, a busy one takes whatever queued while the last commit ran.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use lru::LruCache;
use sea_orm::DbErr;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    clock::Clock,
    db::{Db, effect::Effect, is_about_connection},
    error::{Error, Failure, Internal, Never},
    ids::{Ids, random},
    ledger::{
        LedgerOptions,
        hub::Hub,
        model::{Operation, Refusal, Request, Stamp, State, Transaction, note_hash},
    },
};

use super::{
    Command, Posting,
    batch::{Batch, Job, OneByOne, Outcome, one_by_one, together},
};

/// How often a batch is carried out anew after its connection broke. The keys make that safe: what a lost COMMIT has done
/// is found by them.
const TRIES: u32 = 3;

/// How many accounts a lane remembers.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// What a client that finds no place should wait.
const RETRY_AFTER_MS: u64 = 1_000;

type Answer = Result<Posting, Failure<Refusal>>;

/// Says once, whoever is first: the lane, that the command has begun, or the caller, that it does not wait any more.
#[derive(Default)]
struct Ticket(AtomicU8);

impl Ticket {
    const BEGUN: u8 = 1;
    const WITHDRAWN: u8 = 2;

    fn becomes(&self, next: u8) -> bool {
        self.0.compare_exchange(0, next, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

struct Queued {
    command: Command,
    size: usize,
    ticket: Arc<Ticket>,
    reply: oneshot::Sender<Answer>,
    // Its share of the queue's memory, given back with the answer.
    _room: OwnedSemaphorePermit,
}

/// What every lane works with.
#[derive(Clone)]
pub(in crate::ledger) struct Parts {
    pub(in crate::ledger) db: Db,
    pub(in crate::ledger) clock: Arc<dyn Clock>,
    pub(in crate::ledger) ids: Arc<dyn Ids>,
    pub(in crate::ledger) hub: Hub,
    pub(in crate::ledger) epoch: i64,
    pub(in crate::ledger) options: LedgerOptions,
    /// Nothing is queued any more; what is, is carried out.
    pub(in crate::ledger) closing: CancellationToken,
    /// What has not begun is refused.
    pub(in crate::ledger) abandon: CancellationToken,
}

/// The way into a lane.
pub(in crate::ledger) struct Sender {
    queue: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
}

/// A command on its way. Dropped, only the answer is lost.
pub(in crate::ledger) struct Waiting {
    ticket: Arc<Ticket>,
    answer: oneshot::Receiver<Answer>,
}

fn busy() -> Failure<Refusal> {
    Failure::Refused(Refusal::LedgerBusy { retry_after_ms: RETRY_AFTER_MS })
}

impl Sender {
    /// Queues a command. Refuses: `LedgerBusy` when the queue is full, `LedgerClosing` when it is closed.
    pub(in crate::ledger) fn send(&self, command: Command) -> Result<Waiting, Failure<Refusal>> {
        let size = command.size();
        let permits = u32::try_from(size).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(permits).map_err(|_| busy())?;
        let (reply, answer) = oneshot::channel();
        let ticket = Arc::<Ticket>::default();
        let queued = Queued { command, size, ticket: Arc::clone(&ticket), reply, _room: room };
        self.queue.try_send(queued).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => busy(),
            mpsc::error::TrySendError::Closed(_) => Failure::Refused(Refusal::LedgerClosing),
        })?;
        Ok(Waiting { ticket, answer })
    }
}

impl Waiting {
    /// The answer. A command that has begun always gets one; one that has not within `begin_within`, or when the ledger gives
    /// its queue up, is refused and will never begin.
    pub(in crate::ledger) async fn answer(mut self, begin_within: Duration, abandon: &CancellationToken) -> Answer {
        let refusal = tokio::select! {
            biased;
            answer = &mut self.answer => return answered(answer),
            () = abandon.cancelled() => Failure::Refused(Refusal::LedgerClosing),
            () = tokio::time::sleep(begin_within) => busy(),
        };
        if self.ticket.becomes(Ticket::WITHDRAWN) { Err(refusal) } else { answered(self.answer.await) }
    }
}

fn answered(answer: Result<Answer, oneshot::error::RecvError>) -> Answer {
    answer.unwrap_or_else(|gone| Err(Internal::new("a lane of the ledger ended early", gone).into()))
}

/// One lane.
pub(in crate::ledger) struct Lane {
    parts: Parts,
    queue: mpsc::Receiver<Queued>,
    /// Taken from the queue and kept for the next batch.
    next: Option<Queued>,
    /// Accounts as this lane's last batches left them.
    remembered: LruCache<Uuid, State>,
}

impl Lane {
    /// A lane and the way into it.
    pub(in crate::ledger) fn new(parts: Parts) -> (Sender, Self) {
        let (sender, queue) = mpsc::channel(parts.options.queued_max.max(1));
        let room = Arc::new(Semaphore::new(parts.options.queued_bytes_max));
        (Sender { queue: sender, room }, Self { parts, queue, next: None, remembered: LruCache::new(REMEMBERED) })
    }

    /// Carries commands out until the ledger closes and the queue is empty.
    pub(in crate::ledger) async fn run(mut self) {
        let closing = self.parts.closing.clone();
        let mut is_open = true;
        loop {
            let first = match self.next.take() {
                Some(kept) => Some(kept),
                None => tokio::select! {
                    biased;
                    () = closing.cancelled(), if is_open => {
                        is_open = false;
                        self.queue.close();
                        continue;
                    }
                    queued = self.queue.recv() => queued,
                },
            };
            let Some(first) = first else { return };
            let batch = self.gather(first);
            if !batch.is_empty() {
                Box::pin(self.carry_out(batch)).await;
            }
        }
    }

    /// Takes what has queued, as much as goes into one transaction.
    fn gather(&mut self, first: Queued) -> Vec<Queued> {
        let options = self.parts.options;
        let (mut batch, mut touched, mut bytes) = (Vec::new(), Touched::default(), 0);
        let mut next = Some(first);
        while let Some(queued) = next {
            let is_full = batch.len() >= options.batch_max || bytes + queued.size > options.batch_bytes_max;
            if !batch.is_empty() && (is_full || touched.concerns(&queued.command)) {
                self.next = Some(queued);
                break;
            }
            if self.parts.abandon.is_cancelled() {
                if queued.ticket.becomes(Ticket::WITHDRAWN) {
                    let _ = queued.reply.send(Err(Failure::Refused(Refusal::LedgerClosing)));
                }
            } else if queued.ticket.becomes(Ticket::BEGUN) {
                bytes += queued.size;
                touched.add(&queued.command);
                batch.push(queued);
            }
            next = self.queue.try_recv().ok();
        }
        batch
    }

    async fn carry_out(&mut self, queued: Vec<Queued>) {
        let mut replies = Vec::with_capacity(queued.len());
        let mut jobs = Vec::with_capacity(queued.len());
        let mut remembered = HashMap::new();
        for Queued { command, reply, _room: room, .. } in queued {
            if let Some(state) = self.remembered.pop(&command.account) {
                remembered.insert(command.account, state);
            }
            jobs.push(self.prepare(command));
            replies.push((reply, room));
        }
        let batch = Batch { jobs, remembered, epoch: self.parts.epoch, ids: Arc::clone(&self.parts.ids) };
        match self.persist(Arc::new(batch)).await {
            Ok(outcome) => {
                for state in outcome.states {
                    self.remembered.put(state.account.id, state);
                }
                for transactions in by_account(outcome.written) {
                    self.parts.hub.publish(transactions);
                }
                for ((reply, _room), answer) in replies.into_iter().zip(outcome.answers) {
                    // Nobody may wait for it any more; the same key fetches it.
                    let _ = reply.send(answer);
                }
            }
            Err(failure) => {
                for (reply, _room) in replies {
                    let _ = reply.send(Err(failure.clone()));
                }
            }
        }
    }

    fn prepare(&self, command: Command) -> Job {
        let ids = &self.parts.ids;
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
            stamp: Stamp { transaction_id: ids.uuid(), grant_id: ids.uuid(), note_hash, now: self.parts.clock.now() },
            salt,
        }
    }

    /// Runs the batch's transaction, and again when the connection broke: whether a lost COMMIT took place is decided by
    /// looking the keys up, never by guessing.
    async fn persist(&self, batch: Arc<Batch>) -> Result<Outcome, Failure<Refusal>> {
        let mut tried = 1;
        loop {
            match self.persist_once(&batch).await {
                Ok(outcome) => {
                    if tried > 1 {
                        let accounts: HashSet<Uuid> = batch.jobs.iter().map(|job| job.account).collect();
                        accounts.into_iter().for_each(|account| self.parts.hub.look_again(account));
                    }
                    return Ok(outcome);
                }
                // No connection was free, so nothing had begun.
                Err(failure) if matches!(database_error(&failure), Some(DbErr::ConnectionAcquire(_))) => {
                    return Err(busy());
                }
                Err(failure) if tried < TRIES && database_error(&failure).is_some_and(is_about_connection) => {
                    tracing::warn!(commands = batch.jobs.len(), tried, "a ledger batch runs again on a new connection");
                    tokio::time::sleep(Duration::from_millis(u64::from(50 * tried))).await;
                    tried += 1;
                }
                Err(Failure::Fault(error)) => return Err(Failure::Fault(error)),
                Err(Failure::Refused(never)) => match never {},
            }
        }
    }

    async fn persist_once(&self, batch: &Arc<Batch>) -> Result<Outcome, Failure<Never>> {
        let db = &self.parts.db;
        match db.write_in_lane(Arc::clone(batch), |tx, batch| Box::pin(together(tx, batch.as_ref()))).await {
            Ok(outcome) => Ok(outcome),
            Err(Failure::Refused(OneByOne)) => {
                tracing::debug!(commands = batch.jobs.len(), "a ledger batch runs one by one");
                db.write_in_lane(Arc::clone(batch), |tx, batch| Box::pin(one_by_one(tx, batch.as_ref()))).await
            }
            Err(Failure::Fault(error)) => Err(Failure::Fault(error)),
        }
    }
}

fn database_error<R>(failure: &Failure<R>) -> Option<&DbErr> {
    let Failure::Fault(Error::Internal(internal)) = failure else { return None };
    internal.source.downcast_ref()
}

/// The transactions of each account, in the order of their numbers.
fn by_account(written: Vec<Transaction>) -> Vec<Vec<Transaction>> {
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    let mut accounts: Vec<Vec<Transaction>> = Vec::new();
    for transaction in written {
        let place = *places.entry(transaction.account_id).or_insert(accounts.len());
        match accounts.get_mut(place) {
            Some(transactions) => transactions.push(transaction),
            None => accounts.push(vec![transaction]),
        }
    }
    accounts
}

/// Which rows the commands of a batch write. Guards are judged before anything is written, so a command that guards what one
/// before it writes belongs into the next batch. So does a second one of an account that changes rows: rows that many change,
/// such as jobs and quotas, would otherwise be locked in the order of the commands and not in the one lock order.
#[derive(Default)]
struct Touched {
    tables: HashMap<&'static str, Rows>,
    /// Accounts of which a command changes rows.
    changing: HashSet<Uuid>,
}

#[derive(Default)]
struct Rows {
    /// Whose commands write the table.
    accounts: HashSet<Uuid>,
    ids: HashSet<Uuid>,
    /// Whether a row was named by something else than its id.
    has_unnamed: bool,
}

/// What a command writes, in either case.
fn effects_of(command: &Command) -> impl Iterator<Item = &Effect> {
    command.effects.iter().chain(&command.otherwise)
}

fn is_change(effect: &Effect) -> bool {
    matches!(effect, Effect::Update { .. } | Effect::Take { .. })
}

impl Touched {
    fn add(&mut self, command: &Command) {
        for effect in effects_of(command) {
            let rows = self.tables.entry(effect.table()).or_default();
            rows.accounts.insert(command.account);
            if is_change(effect) {
                self.changing.insert(command.account);
                rows.has_unnamed |= effect.row_id().is_none();
                rows.ids.extend(effect.row_id());
            }
        }
    }

    fn concerns(&self, command: &Command) -> bool {
        effects_of(command).filter(|effect| is_change(effect)).any(|effect| {
            let is_written = |rows: &Rows| {
                let is_one_of_them = effect.row_id().is_none_or(|id| rows.ids.contains(&id));
                rows.has_unnamed || rows.accounts.contains(&command.account) || is_one_of_them
            };
            self.changing.contains(&command.account) || self.tables.get(effect.table()).is_some_and(is_written)
        })
    }
}
