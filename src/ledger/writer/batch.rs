//! A batch of commands in one transaction: lock, look the keys up, load, check guards, decide one after the other, write.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use crate::{
    db::{
        constraint::{code_of, violated},
        effect::{Effect, EffectError, Facts, PostingFacts, write_many},
        full::is_full,
        is_about_connection, is_about_lock, is_transient,
    },
    error::{Failure, Internal, Never},
    ids::Ids,
    ledger::{
        model::{self, Decision, Declined, Kind, Operation, Refusal, Request, Stamp, State, Transaction},
        store,
    },
};

use super::Posting;

/// A command made ready: everything that is not in the database has been decided.
pub(super) struct Job {
    pub(super) account: Uuid,
    pub(super) request: Request,
    pub(super) open_account: bool,
    pub(super) effects: Vec<Effect>,
    pub(super) otherwise: Vec<Effect>,
    pub(super) stamp: Stamp,
    pub(super) salt: [u8; 16],
}

/// Commands that commit together, in the order in which they came: of all that a lane took, a part.
pub(super) struct Batch {
    pub(super) taken: Arc<Vec<Job>>,
    pub(super) part: Range<usize>,
    /// What the lane knows of accounts from its last batches. It holds where the account's number is still the same.
    pub(super) remembered: Arc<HashMap<Uuid, State>>,
    pub(super) epoch: i64,
    pub(super) ids: Arc<dyn Ids>,
}

impl Batch {
    /// Its commands.
    pub(super) fn jobs(&self) -> &[Job] {
        self.taken.get(self.part.clone()).unwrap_or_default()
    }
}

/// What a committed batch did.
#[derive(Default)]
pub(super) struct Outcome {
    /// The answers, in the order of the commands.
    pub(super) answers: Vec<Result<Posting, Failure<Refusal>>>,
    /// The journal rows it wrote, in order.
    pub(super) written: Vec<Transaction>,
    /// The accounts as they are now.
    pub(super) states: Vec<State>,
}

/// The batch cannot be carried out as one; nothing of it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    /// One of its commands is refused by the database: smaller parts will tell which.
    Halves,
    /// One of them waits for a lock that is not to be had: each for itself, so that the others do not wait again and again.
    Singles,
}

/// Why nothing of a command itself may stay.
enum Stop {
    Refused(Refusal),
    /// The lots of an account are more than are read at once, so that each of its commands must read them anew.
    Apart,
    Fault(Internal),
}

impl From<DbErr> for Stop {
    fn from(error: DbErr) -> Self {
        Self::Fault(error.into())
    }
}

impl From<Declined> for Stop {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::Refused(refusal) => Self::Refused(refusal),
            Declined::Broken(broken) => Self::Fault(contradiction(broken)),
        }
    }
}

fn contradiction(broken: model::Inconsistency) -> Internal {
    Internal::new("a ledger operation met contradicting rows", broken)
}

impl From<Stop> for Failure<Refusal> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(refusal) => Self::Refused(refusal),
            Stop::Apart => Internal::new("a ledger command stood alone", "and was told to stand apart").into(),
            Stop::Fault(internal) => internal.into(),
        }
    }
}

/// Whether a fault is the transaction's and no single command's: the database asks for another try, is away or has no room.
fn is_of_all(internal: &Internal) -> bool {
    let is_so = |error: &DbErr| is_transient(error) || is_about_connection(error) || is_full(error);
    internal.source.downcast_ref::<DbErr>().is_some_and(is_so)
}

/// Carries the whole batch out. Refuses: [`Split`] when one of its commands would keep the others from it.
pub(super) async fn together(tx: &DatabaseTransaction, batch: &Batch) -> Result<Outcome, Failure<Split>> {
    let mut desk = match Desk::judge(tx, batch, batch.jobs()).await {
        Ok(desk) => desk,
        Err(stop) => return Err(split(stop)),
    };
    desk.write(tx).await.map_err(split)?;
    Ok(desk.finish())
}

fn split(stop: Stop) -> Failure<Split> {
    match stop {
        Stop::Fault(internal) if is_locked(&internal) => Failure::Refused(Split::Singles),
        Stop::Fault(internal) if is_of_all(&internal) => internal.into(),
        Stop::Fault(_) | Stop::Apart | Stop::Refused(_) => Failure::Refused(Split::Halves),
    }
}

/// Whether a row that the command needs is locked by somebody for too long.
fn is_locked(internal: &Internal) -> bool {
    internal.source.downcast_ref::<DbErr>().is_some_and(is_about_lock)
}

/// Carries a batch of one command out. It has a savepoint of its own: what of the account's lots is written off before it
/// stands, also when the command is refused.
pub(super) async fn alone(tx: &DatabaseTransaction, batch: &Batch) -> Result<Outcome, Failure<Never>> {
    tx.execute_unprepared("SAVEPOINT command").await?;
    let (stop, write_offs) = match Desk::judge(tx, batch, batch.jobs()).await {
        Ok(mut desk) => match desk.write(tx).await {
            Ok(()) => return Ok(desk.finish()),
            Err(stop) => (stop, desk.write_offs()),
        },
        Err(stop) => (stop, Vec::new()),
    };
    let refused = match stop {
        Stop::Fault(internal) if is_locked(&internal) => Failure::Refused(busy()),
        Stop::Fault(internal) if is_of_all(&internal) => return Err(internal.into()),
        stop => stop.into(),
    };
    tx.execute_unprepared("ROLLBACK TO SAVEPOINT command").await?;
    store::save(tx, &write_offs.iter().collect::<Vec<_>>(), &[]).await?;
    let written = write_offs.into_iter().map(|decision| decision.transaction).collect();
    Ok(Outcome { answers: vec![Err(refused)], written, states: Vec::new() })
}

/// What a client that finds no place should wait.
const RETRY_AFTER_MS: u64 = 1_000;

/// Certain to have had no effect.
pub(super) fn busy() -> Refusal {
    Refusal::LedgerBusy { retry_after_ms: RETRY_AFTER_MS }
}

/// What becomes of a command.
enum Verdict {
    /// Carried out, by the decision of this place.
    Posted(usize),
    /// Carried out before.
    Repeated(Posting),
    /// Refused, and nothing is written.
    Refused(Refusal),
    /// Refused, and its `otherwise` is written.
    Recorded(Refusal, Facts),
    /// Our fault, and nothing is written.
    Broken(Internal),
}

/// The commands of a batch, or one of them, and all that they are judged by.
struct Desk<'a> {
    batch: &'a Batch,
    jobs: &'a [Job],
    states: HashMap<Uuid, State>,
    /// Accounts whose ledger this batch opens.
    new: HashSet<Uuid>,
    /// Those of them whose opening command is not decided yet.
    opened: HashSet<Uuid>,
    /// What was carried out before, by account and key.
    stored: HashMap<(Uuid, String), Transaction>,
    /// Commands of which a guard fails, with the table.
    unguarded: HashMap<usize, &'static str>,
    decisions: Vec<Decision>,
    /// How many of the decisions are written already.
    saved: usize,
    /// The decisions by account and key.
    made: HashMap<(Uuid, &'a str), usize>,
    verdicts: Vec<Verdict>,
}

impl<'a> Desk<'a> {
    /// Reads what the commands are judged by, under the locks of their accounts, and decides them in their order.
    async fn judge(tx: &DatabaseTransaction, batch: &'a Batch, jobs: &'a [Job]) -> Result<Self, Stop> {
        let mut desk = Self {
            batch,
            jobs,
            states: HashMap::new(),
            new: HashSet::new(),
            opened: HashSet::new(),
            stored: HashMap::new(),
            unguarded: HashMap::new(),
            decisions: Vec::new(),
            saved: 0,
            made: HashMap::new(),
            verdicts: Vec::with_capacity(jobs.len()),
        };
        desk.lock(tx).await?;
        desk.load(tx).await?;
        let guarded = jobs.iter().enumerate().filter(|(_, job)| desk.stored_for(job).is_none());
        let guarded = guarded.flat_map(|(at, job)| job.effects.iter().map(move |effect| (at, effect)));
        desk.unguarded = lock_changed(tx, guarded.collect()).await?;
        for (at, job) in jobs.iter().enumerate() {
            let verdict = desk.decide(at, job)?;
            desk.verdicts.push(verdict);
        }
        desk.check_records(tx).await?;
        Ok(desk)
    }

    async fn lock(&mut self, tx: &DatabaseTransaction) -> Result<(), Stop> {
        let mut opening: Vec<&Job> = self.jobs.iter().filter(|job| job.open_account).collect();
        opening.sort_by_key(|job| job.account);
        for job in opening {
            if store::insert_account(tx, job.account, job.stamp.now).await? {
                self.opened.insert(job.account);
                self.new.insert(job.account);
            }
        }
        for (id, account) in store::lock_accounts(tx, &accounts_of(self.jobs), self.batch.epoch).await? {
            self.states.insert(id, State::of(account));
        }
        // Only under the locks: before them, two copies of a command would both find nothing.
        let keys: Vec<(Uuid, &str)> = self.jobs.iter().map(|job| (job.account, job.request.key.as_str())).collect();
        for row in store::load_by_key(tx, &keys).await? {
            self.stored.insert((row.account_id, row.key.clone()), row);
        }
        Ok(())
    }

    async fn load(&mut self, tx: &DatabaseTransaction) -> Result<(), Stop> {
        let mut unknown = Vec::new();
        for (id, state) in &mut self.states {
            match self.batch.remembered.get(id) {
                // Every change of an account raises its number.
                Some(known)
                    if (known.account.sequence, known.account.epoch)
                        == (state.account.sequence, state.account.epoch) =>
                {
                    state.lots.clone_from(&known.lots);
                }
                _ => unknown.push(*id),
            }
        }
        unknown.sort_unstable();
        for (id, lots) in store::load_lots(tx, &unknown).await? {
            let is_complete = lots.len() <= model::LOTS_MAX;
            if !is_complete && self.jobs.len() > 1 {
                return Err(Stop::Apart);
            }
            if let Some(state) = self.states.get_mut(&id) {
                (state.lots, state.lots_complete) = (lots, is_complete);
            }
        }
        self.write_off_beyond(tx).await?;
        let operations: Vec<(Uuid, &Operation)> = self
            .jobs
            .iter()
            .filter(|job| self.stored_for(job).is_none())
            .map(|job| (job.account, &job.request.operation))
            .collect();
        store::load_touched(tx, &mut self.states, &operations).await?;
        Ok(())
    }

    /// Writes off the due lots of an account that has more lots than are read at once: the due ones may lie beyond those.
    async fn write_off_beyond(&mut self, tx: &DatabaseTransaction) -> Result<(), Stop> {
        let [job] = self.jobs else { return Ok(()) };
        let Some(state) = self.states.get_mut(&job.account) else { return Ok(()) };
        if state.lots_complete || self.stored.contains_key(&(job.account, job.request.key.as_str().to_owned())) {
            return Ok(());
        }
        loop {
            let now = job.stamp.now.max(state.account.ledger_now);
            state.lots = store::load_due_lots(tx, job.account, now).await?;
            let Some(decision) = model::write_off(state, self.batch.ids.uuid(), now)? else { break };
            store::save(tx, &[&decision], &[]).await?;
            self.decisions.push(decision);
            self.saved += 1;
        }
        let mut lots = store::load_lots(tx, &[job.account]).await?;
        state.lots = lots.remove(&job.account).unwrap_or_default();
        state.lots_complete = state.lots.len() <= model::LOTS_MAX;
        Ok(())
    }

    /// The transaction that answered the command before.
    fn stored_for(&self, job: &Job) -> Option<&Transaction> {
        self.stored.get(&(job.account, job.request.key.as_str().to_owned()))
    }

    fn decide(&mut self, at: usize, job: &'a Job) -> Result<Verdict, Stop> {
        let key = (job.account, job.request.key.as_str());
        let earlier = self.made.get(&key).and_then(|place| self.decisions.get(*place));
        if let Some(stored) = self.stored_for(job).or(earlier.map(|decision| &decision.transaction)) {
            return Ok(match model::repeat(stored, &job.request) {
                Ok(answer) => Verdict::Repeated(Posting::new(answer, stored.result.clone(), true)),
                Err(declined) => declined_as(declined),
            });
        }
        let is_unopened = !job.open_account && self.opened.contains(&job.account);
        let Some(state) = self.states.get_mut(&job.account).filter(|_| !is_unopened) else {
            return Ok(Verdict::Refused(Refusal::AccountNotFound));
        };
        if job.open_account && !self.opened.remove(&job.account) {
            return Ok(Verdict::Refused(Refusal::EffectConflict { constraint: "ledger_account_pkey".to_owned() }));
        }
        let now = job.stamp.now.max(state.account.ledger_now);
        if state.lots_complete {
            while let Some(decision) = model::write_off(state, self.batch.ids.uuid(), now)? {
                self.decisions.push(decision);
            }
        }
        if let Some(table) = self.unguarded.get(&at) {
            return Ok(Verdict::Refused(Refusal::EffectRefused { code: (*table).to_owned() }));
        }
        match model::apply(state, &job.request, &job.stamp) {
            Ok(decision) => {
                self.made.insert(key, self.decisions.len());
                self.decisions.push(decision);
                Ok(Verdict::Posted(self.decisions.len() - 1))
            }
            Err(Declined::Refused(refusal @ Refusal::InsufficientCredits { .. })) if !job.otherwise.is_empty() => {
                let balance = state.account.balance;
                let unchanged = Some((balance.available, balance.held));
                Ok(Verdict::Recorded(refusal, Facts { posting: None, unchanged, now }))
            }
            Err(declined) => Ok(declined_as(declined)),
        }
    }

    /// Checks the guards of what is written for commands that were refused.
    async fn check_records(&mut self, tx: &DatabaseTransaction) -> Result<(), Stop> {
        let recorded = self.jobs.iter().zip(&self.verdicts).enumerate();
        let recorded = recorded.filter(|(_, (_, verdict))| matches!(verdict, Verdict::Recorded(..)));
        let guarded = recorded.flat_map(|(at, (job, _))| job.otherwise.iter().map(move |effect| (at, effect)));
        for (at, table) in lock_changed(tx, guarded.collect()).await? {
            if let Some(verdict) = self.verdicts.get_mut(at) {
                *verdict = Verdict::Refused(Refusal::EffectRefused { code: table.to_owned() });
            }
        }
        Ok(())
    }

    /// Writes everything that was decided. Stops when an account was opened for a command that was refused then: the account must
    /// not stay.
    async fn write(&mut self, tx: &DatabaseTransaction) -> Result<(), Stop> {
        for (job, verdict) in self.jobs.iter().zip(&mut self.verdicts) {
            if self.new.contains(&job.account) && job.open_account && !matches!(verdict, Verdict::Posted(_)) {
                return Err(match std::mem::replace(verdict, Verdict::Refused(Refusal::AccountNotFound)) {
                    _ if self.jobs.len() > 1 => Stop::Apart,
                    Verdict::Refused(refusal) | Verdict::Recorded(refusal, _) => Stop::Refused(refusal),
                    Verdict::Broken(internal) => Stop::Fault(internal),
                    Verdict::Posted(_) | Verdict::Repeated(_) => Stop::Apart,
                });
            }
        }
        let mut notes = Vec::new();
        let mut commands: Vec<(&[Effect], Facts)> = Vec::new();
        for (job, verdict) in self.jobs.iter().zip(&self.verdicts) {
            match verdict {
                Verdict::Posted(place) => {
                    let Some(decision) = self.decisions.get(*place) else { continue };
                    commands.push((&job.effects, facts_of(decision)));
                    if let Operation::Grant(grant) = &job.request.operation
                        && let Some(note) = &grant.note
                    {
                        let (account, sequence) = (job.account, decision.transaction.sequence);
                        notes.push(store::NewNote { account, sequence, salt: &job.salt, body: note.as_str() });
                    }
                }
                Verdict::Recorded(_, facts) => commands.push((&job.otherwise, *facts)),
                Verdict::Repeated(_) | Verdict::Refused(_) | Verdict::Broken(_) => {}
            }
        }
        let unsaved: Vec<&Decision> = self.decisions.iter().skip(self.saved).collect();
        store::save(tx, &unsaved, &notes).await.map_err(|error| {
            // Another account used the source between our look and our write.
            if violated(&error).as_deref() == Some("credit_grant_kind_source_key") {
                Stop::Refused(Refusal::GrantSourceUsed { sequence: None })
            } else {
                error.into()
            }
        })?;
        write_many(tx, &commands).await.map_err(|error| match error {
            EffectError::GuardFailed { table } => Stop::Refused(Refusal::EffectRefused { code: table.to_owned() }),
            EffectError::Db(error) => match taken(&error) {
                Some(constraint) => Stop::Refused(Refusal::EffectConflict { constraint }),
                None => error.into(),
            },
            unknown @ EffectError::Unknown { .. } => {
                Stop::Fault(Internal::new("an effect could not be filled", unknown))
            }
        })
    }

    /// What was written off before the command.
    fn write_offs(self) -> Vec<Decision> {
        self.decisions.into_iter().filter(|decision| decision.transaction.kind == Kind::ExpireLot).collect()
    }

    fn finish(self) -> Outcome {
        let posting = |place: usize| {
            let decision = self.decisions.get(place)?;
            Some(Posting::new(decision.answer.clone(), decision.transaction.result.clone(), false))
        };
        let answers = self
            .verdicts
            .into_iter()
            .map(|verdict| match verdict {
                Verdict::Posted(place) => posting(place)
                    .ok_or_else(|| Internal::new("a ledger batch was answered", "a decision is not there").into()),
                Verdict::Repeated(posting) => Ok(posting),
                Verdict::Refused(refusal) | Verdict::Recorded(refusal, _) => Err(Failure::Refused(refusal)),
                Verdict::Broken(internal) => Err(internal.into()),
            })
            .collect();
        let states = self.states.into_values().filter_map(to_remember).collect();
        let written = self.decisions.into_iter().map(|decision| decision.transaction).collect();
        Outcome { answers, written, states }
    }
}

/// The accounts of commands, in the order in which they are locked.
fn accounts_of(jobs: &[Job]) -> Vec<Uuid> {
    let mut accounts: Vec<Uuid> = jobs.iter().map(|job| job.account).collect();
    accounts.sort_unstable();
    accounts.dedup();
    accounts
}

/// An account with more lots than this is read anew every time.
const LOTS_REMEMBERED: usize = 64;

/// Of a state what the next batch would read the same: the account, and the lots that have something to give.
fn to_remember(state: State) -> Option<State> {
    let lots: Vec<_> = state.lots.into_iter().filter(|lot| lot.balance.available > 0).collect();
    (state.lots_complete && lots.len() <= LOTS_REMEMBERED).then(|| State { lots, ..State::of(state.account) })
}

fn declined_as(declined: Declined) -> Verdict {
    match declined {
        Declined::Refused(refusal) => Verdict::Refused(refusal),
        Declined::Broken(broken) => Verdict::Broken(contradiction(broken)),
    }
}

fn facts_of(decision: &Decision) -> Facts {
    let answer = &decision.answer;
    let posting = PostingFacts {
        sequence: answer.sequence,
        transaction_id: answer.transaction_id,
        amount: answer.amount,
        shortfall: answer.shortfall,
        available: answer.balance.available,
        held: answer.balance.held,
    };
    Facts { posting: Some(posting), unchanged: None, now: answer.at }
}

/// Locks the rows that effects change, in the one lock order, and answers which commands have a guard that does not hold, with
/// its table.
async fn lock_changed(
    tx: &DatabaseTransaction,
    effects: Vec<(usize, &Effect)>,
) -> Result<HashMap<usize, &'static str>, DbErr> {
    let mut changes: Vec<_> = effects.into_iter().filter(|(_, effect)| effect.is_change()).collect();
    changes.sort_by_key(|(_, effect)| (effect.lock_rank(), effect.table(), effect.row_id()));
    let mut failing = HashMap::new();
    for (at, effect) in changes {
        effect.lock_rows(tx).await?;
        if !failing.contains_key(&at) && !effect.guard_holds(tx).await? {
            failing.insert(at, effect.table());
        }
    }
    Ok(failing)
}

/// PostgreSQL: unique violation. SQLite: unique key, primary key.
const UNIQUE: [&str; 3] = ["23505", "2067", "1555"];

/// The name of the unique key that `error` violated.
fn taken(error: &DbErr) -> Option<String> {
    let code = code_of(error)?;
    if UNIQUE.contains(&code.as_str()) { violated(error) } else { None }
}
