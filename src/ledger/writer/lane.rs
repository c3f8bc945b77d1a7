//! A lane: the queue of its accounts' commands and the task that carries them out, batch by batch. There is no timer: an idle
//! lane answers one command at once, a busy one takes whatever queued while the last commit ran.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    num::NonZeroUsize,
    ops::Range,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use lru::LruCache;
use sea_orm::DbErr;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    clock::Clock,
    db::{Db, effect::Effect, is_about_connection},
    defect::is_planted,
    error::{Error, Failure, Internal, Never},
    ids::{Ids, random},
    ledger::{
        LedgerOptions,
        check::Sampler,
        hub::Hub,
        model::{Refusal, Request, Stamp, State, Transaction, note_hash},
    },
};

use super::{
    Command, LaneHealth, Posting,
    batch::{Batch, Job, Outcome, Split, alone, busy, together},
    gauge::{Gauge, Place},
};

/// How often a batch is carried out anew after its connection broke. The keys make that safe: what a lost COMMIT has done
/// is found by them.
const TRIES: u32 = 3;

/// How many accounts a lane remembers.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

type Answer = Result<Posting, Failure<Refusal>>;

/// Where an answer goes, and what is given back with it.
type Reply = (oneshot::Sender<Answer>, OwnedSemaphorePermit);

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
    /// It does not begin after this.
    deadline: Instant,
    reply: oneshot::Sender<Answer>,
    // Its share of the queue's memory, given back with the answer.
    _room: OwnedSemaphorePermit,
    // Its place in the figures, given back when it begins.
    _place: Place,
}

/// What every lane works with.
#[derive(Clone)]
pub(in crate::ledger) struct Parts {
    pub(in crate::ledger) db: Db,
    pub(in crate::ledger) clock: Arc<dyn Clock>,
    pub(in crate::ledger) ids: Arc<dyn Ids>,
    pub(in crate::ledger) hub: Hub,
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
    begin_within: Duration,
    gauge: Arc<Gauge>,
}

/// A command on its way. Dropped, only the answer is lost.
pub(in crate::ledger) struct Waiting {
    ticket: Arc<Ticket>,
    deadline: Instant,
    answer: oneshot::Receiver<Answer>,
}

impl Sender {
    /// Queues a command. Refuses: `LedgerBusy` when the queue is full, `LedgerClosing` when it is closed.
    pub(in crate::ledger) fn send(&self, command: Command) -> Result<Waiting, Failure<Refusal>> {
        let size = command.size();
        let permits = u32::try_from(size).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(permits).map_err(|_| Failure::Refused(busy()))?;
        let (reply, answer) = oneshot::channel();
        let (ticket, deadline) = (Arc::<Ticket>::default(), Instant::now() + self.begin_within);
        let place = self.gauge.wait();
        let queued = Queued { command, size, ticket: Arc::clone(&ticket), deadline, reply, _room: room, _place: place };
        self.queue.try_send(queued).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Failure::Refused(busy()),
            mpsc::error::TrySendError::Closed(_) => Failure::Refused(Refusal::LedgerClosing),
        })?;
        Ok(Waiting { ticket, deadline, answer })
    }
}

impl Sender {
    /// How the lane is.
    pub(in crate::ledger) fn health(&self) -> LaneHealth {
        self.gauge.read()
    }

    /// A command of the lane was refused as busy.
    pub(in crate::ledger) fn count_busy(&self) {
        Gauge::count(&self.gauge.busy);
    }
}

impl Waiting {
    /// The answer. A command that has begun always gets one; one that has not in time, or when the ledger gives its queue up, is
    /// refused and will never begin.
    pub(in crate::ledger) async fn answer(mut self, abandon: &CancellationToken) -> Answer {
        let refusal = tokio::select! {
            biased;
            answer = &mut self.answer => return answered(answer),
            () = abandon.cancelled() => Refusal::LedgerClosing,
            () = tokio::time::sleep_until(self.deadline) => busy(),
        };
        if self.ticket.becomes(Ticket::WITHDRAWN) {
            Err(Failure::Refused(refusal))
        } else {
            answered(self.answer.await)
        }
    }
}

fn answered(answer: Result<Answer, oneshot::error::RecvError>) -> Answer {
    answer.unwrap_or_else(|gone| Err(Internal::new("a lane of the ledger ended early", gone).into()))
}

/// One lane.
pub(in crate::ledger) struct Lane {
    parts: Parts,
    queue: mpsc::Receiver<Queued>,
    /// Taken from the queue and kept for a later batch, in the order in which they came.
    deferred: VecDeque<Queued>,
    /// Accounts as this lane's last batches left them.
    remembered: LruCache<Uuid, State>,
    gauge: Arc<Gauge>,
    sampler: Sampler,
}

impl Lane {
    /// A lane and the way into it.
    pub(in crate::ledger) fn new(parts: Parts, sampler: Sampler) -> (Sender, Self) {
        let (sender, queue) = mpsc::channel(parts.options.queued_max.max(1));
        let room = Arc::new(Semaphore::new(parts.options.queued_bytes_max));
        let gauge = Arc::<Gauge>::default();
        let sender =
            Sender { queue: sender, room, begin_within: parts.options.begin_within, gauge: Arc::clone(&gauge) };
        (
            sender,
            Self { parts, queue, deferred: VecDeque::new(), remembered: LruCache::new(REMEMBERED), gauge, sampler },
        )
    }

    /// Carries commands out until the ledger closes and the queue is empty.
    pub(in crate::ledger) async fn run(mut self) {
        let closing = self.parts.closing.clone();
        let mut is_open = true;
        loop {
            let first = if self.deferred.is_empty() {
                tokio::select! {
                    biased;
                    () = closing.cancelled(), if is_open => {
                        is_open = false;
                        self.queue.close();
                        continue;
                    }
                    queued = self.queue.recv() => match queued {
                        Some(queued) => Some(queued),
                        None => return,
                    },
                }
            } else {
                None
            };
            let batch = self.gather(first);
            if batch.is_empty() {
                continue;
            }
            // The answers that were not given yet say so themselves; the lane goes on with the next commands.
            if AssertUnwindSafe(Box::pin(self.carry_out(batch))).catch_unwind().await.is_err() {
                tracing::error!("a lane of the ledger met a panic");
                self.remembered.clear();
            }
        }
    }

    /// Takes what has queued, as much as goes into one transaction. A command that does not go with those before it waits for a
    /// later one, and all of its account behind it; others do not wait for it.
    fn gather(&mut self, first: Option<Queued>) -> Vec<Queued> {
        let options = self.parts.options;
        let (mut batch, mut touched, mut bytes) = (Vec::new(), Touched::default(), 0);
        let mut waiting: VecDeque<Queued> = std::mem::take(&mut self.deferred);
        waiting.extend(first);
        let mut behind: HashSet<Uuid> = HashSet::new();
        // Not more than that is looked through for what fits.
        while self.deferred.len() < options.batch_max {
            let Some(queued) = waiting.pop_front().or_else(|| self.queue.try_recv().ok()) else { break };
            let is_full = batch.len() >= options.batch_max || bytes + queued.size > options.batch_bytes_max;
            if is_full && !batch.is_empty() {
                waiting.push_front(queued);
                break;
            }
            let Some(queued) = self.still(queued) else { continue };
            if behind.contains(&queued.command.account) || touched.concerns(&queued.command) {
                behind.insert(queued.command.account);
                self.deferred.push_back(queued);
            } else if queued.ticket.becomes(Ticket::BEGUN) {
                bytes += queued.size;
                touched.add(&queued.command);
                batch.push(queued);
            }
        }
        self.deferred.extend(waiting);
        batch
    }

    /// The command, if it may still begin; else it is refused.
    fn still(&self, queued: Queued) -> Option<Queued> {
        let refusal = if self.parts.abandon.is_cancelled() {
            Refusal::LedgerClosing
        } else if queued.deadline <= Instant::now() {
            busy()
        } else {
            return Some(queued);
        };
        // Who waits may have been first to give up.
        if queued.ticket.becomes(Ticket::WITHDRAWN) {
            let _ = queued.reply.send(Err(Failure::Refused(refusal)));
        }
        None
    }

    /// Carries commands out in one transaction; where one of them keeps the others from it, in several.
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
        let mut replies = replies.into_iter();
        let (jobs, remembered) = (Arc::new(jobs), Arc::new(remembered));
        let whole = 0..jobs.len();
        let mut parts = vec![whole];
        // Accounts that waited for a lock in vain, which is not waited for again.
        let mut locked: HashSet<Uuid> = HashSet::new();
        let mut is_broken = false;
        while let Some(part) = parts.pop() {
            let only = if part.len() == 1 { jobs.get(part.start).map(|job| job.account) } else { None };
            // Of what follows a part that could not be carried out, nothing has begun.
            let result = if is_broken || only.is_some_and(|account| locked.contains(&account)) {
                Err(Failure::Refused(Failed::Answer(busy())))
            } else {
                self.persist(&jobs, part.clone(), &remembered).await
            };
            let given = replies.by_ref();
            match result {
                Ok(outcome) => self.deliver(outcome, given.take(part.len())),
                Err(Failure::Refused(Failed::Split(split))) => {
                    Gauge::count(&self.gauge.fallbacks);
                    if is_planted(30) {
                        drop(given.next());
                        parts.push(part.start + 1..part.end);
                        continue;
                    }
                    parts.extend(pieces(part, split).into_iter().rev());
                }
                Err(Failure::Refused(Failed::Answer(refusal))) => {
                    locked.extend(only);
                    give(given.take(part.len()), &Failure::Refused(refusal));
                }
                Err(Failure::Fault(error)) => {
                    is_broken = true;
                    give(given.take(part.len()), &Failure::Fault(error));
                }
            }
        }
    }

    /// Tells what a commit did: those who watch, and those who asked. Nobody may wait for an answer any more; the same key fetches
    /// it.
    fn deliver(&mut self, outcome: Outcome, replies: impl Iterator<Item = Reply>) {
        self.sampler.saw(&outcome.states);
        for state in outcome.states {
            self.remembered.put(state.account.id, state);
        }
        for transactions in by_account(outcome.written) {
            self.parts.hub.publish(transactions);
        }
        for ((reply, _room), answer) in replies.zip(outcome.answers) {
            let _ = reply.send(answer);
        }
    }

    fn prepare(&self, command: Command) -> Job {
        let ids = &self.parts.ids;
        let salt: [u8; 16] = random(ids.as_ref());
        let note_hash = command.operation.note().map(|note| note_hash(&salt, note.as_str()));
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

    /// Runs the transaction of a part, and again when the connection broke: whether a lost COMMIT took place is decided by
    /// looking the keys up, never by guessing.
    async fn persist(
        &self,
        jobs: &Arc<Vec<Job>>,
        part: Range<usize>,
        remembered: &Arc<HashMap<Uuid, State>>,
    ) -> Result<Outcome, Failure<Failed>> {
        let batch = Arc::new(Batch {
            taken: Arc::clone(jobs),
            part,
            remembered: Arc::clone(remembered),
            ids: Arc::clone(&self.parts.ids),
            low_balance: self.parts.options.low_balance,
        });
        let mut tried = 1;
        let result = loop {
            match self.persist_once(&batch).await {
                // No connection was free, so nothing had begun.
                Err(failure) if tried == 1 && matches!(database_error(&failure), Some(DbErr::ConnectionAcquire(_))) => {
                    break Err(Failure::Refused(Failed::Answer(busy())));
                }
                Err(failure) if is_planted(13) && database_error(&failure).is_some_and(is_about_connection) => {
                    break Err(Failure::Refused(Failed::Answer(busy())));
                }
                Err(failure) if tried < TRIES && database_error(&failure).is_some_and(is_about_connection) => {
                    let commands = batch.jobs().len();
                    tracing::warn!(commands, tried, "a ledger batch runs again on a new connection");
                    Gauge::count(&self.gauge.unknown_commits);
                    tokio::time::sleep(Duration::from_millis(u64::from(50 * tried))).await;
                    tried += 1;
                }
                // "Nothing was done" is known of the last try alone.
                Err(Failure::Fault(Error::RateLimited { .. })) if tried > 1 => {
                    let why = "the database would not let it through after its connection broke";
                    break Err(Internal::new("a ledger batch was carried out", why).into());
                }
                result => break result,
            }
        };
        if tried > 1 {
            let accounts: HashSet<Uuid> = batch.jobs().iter().map(|job| job.account).collect();
            accounts.into_iter().for_each(|account| self.parts.hub.look_again(account));
        }
        result
    }

    async fn persist_once(&self, batch: &Arc<Batch>) -> Result<Outcome, Failure<Failed>> {
        let (db, mut begun) = (&self.parts.db, Instant::now());
        let is_one = batch.jobs().len() == 1;
        let mut result = db.write_in_lane(Arc::clone(batch), |tx, batch| Box::pin(together(tx, batch.as_ref()))).await;
        if is_one && matches!(result, Err(Failure::Refused(Split::Halves))) {
            begun = Instant::now();
            let alone = db.write_in_lane(Arc::clone(batch), |tx, batch| Box::pin(alone(tx, batch.as_ref()))).await;
            result = alone.map_err(|failure: Failure<Never>| failure.map_refusal(|never| match never {}));
        }
        match result {
            Ok(outcome) => {
                self.gauge.committed(batch.jobs().len(), begun.elapsed());
                Ok(outcome)
            }
            Err(Failure::Refused(Split::Singles)) if is_one => Err(Failure::Refused(Failed::Answer(busy()))),
            Err(failure) => Err(failure.map_refusal(Failed::Split)),
        }
    }
}

fn database_error<R>(failure: &Failure<R>) -> Option<&DbErr> {
    let Failure::Fault(Error::Internal(internal)) = failure else { return None };
    internal.source.downcast_ref()
}

/// Gives everybody the same answer.
fn give(replies: impl Iterator<Item = Reply>, failure: &Failure<Refusal>) {
    for (reply, _room) in replies {
        let _ = reply.send(Err(failure.clone()));
    }
}

/// Why a part was not carried out.
enum Failed {
    /// It is to be carried out in smaller parts.
    Split(Split),
    /// Nothing of it was done.
    Answer(Refusal),
}

/// The parts of a part.
fn pieces(part: Range<usize>, split: Split) -> Vec<Range<usize>> {
    match split {
        Split::Halves => {
            let half = part.start + part.len() / 2;
            vec![part.start..half, half..part.end]
        }
        Split::Singles => part.map(|at| at..at + 1).collect(),
    }
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

impl Touched {
    fn add(&mut self, command: &Command) {
        for effect in effects_of(command) {
            let rows = self.tables.entry(effect.table()).or_default();
            rows.accounts.insert(command.account);
            if effect.is_change() {
                self.changing.insert(command.account);
                rows.has_unnamed |= effect.row_id().is_none();
                rows.ids.extend(effect.row_id());
            }
        }
    }

    fn concerns(&self, command: &Command) -> bool {
        effects_of(command).filter(|effect| effect.is_change()).any(|effect| {
            let is_written = |rows: &Rows| {
                let is_one_of_them = effect.row_id().is_none_or(|id| rows.ids.contains(&id));
                rows.has_unnamed || rows.accounts.contains(&command.account) || is_one_of_them
            };
            self.changing.contains(&command.account) || self.tables.get(effect.table()).is_some_and(is_written)
        })
    }
}
