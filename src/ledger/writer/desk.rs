//! The commands of a batch, or one of them, with all that they are judged by: lock, look the keys up, load, check guards, decide
//! one after the other, write.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr};
use uuid::Uuid;

use crate::{
    db::{
        constraint::{code_of, violated},
        effect::{Effect, EffectError, Facts, PostingFacts, RefusedFacts, write_many},
    },
    defect::is_planted,
    error::{Failure, Internal},
    ledger::{
        model::{self, Decision, Declined, Kind, Operation, Refusal, State, Transaction},
        store,
    },
};

use super::{
    Posting,
    batch::{Batch, Job, NOT_ENOUGH, Outcome, Stop, contradiction},
};

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
pub(super) struct Desk<'a> {
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
    pub(super) async fn judge(tx: &DatabaseTransaction, batch: &'a Batch, jobs: &'a [Job]) -> Result<Self, Stop> {
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
        let early = if is_planted(26) { desk.read_caps(tx).await? } else { HashMap::new() };
        desk.lock(tx).await?;
        desk.load(tx).await?;
        for (id, unlocked) in early {
            let caps = desk.states.get_mut(&id).into_iter().flat_map(|state| &mut state.caps);
            caps.for_each(|cap| *cap = *unlocked.caps.iter().find(|early| early.id == cap.id).unwrap_or(cap));
        }
        let guarded = jobs.iter().enumerate().filter(|(_, job)| desk.stored_for(job).is_none());
        let guarded = guarded.flat_map(|(at, job)| job.effects.iter().map(move |effect| (at, effect)));
        desk.unguarded = lock_changed(tx, guarded.collect()).await?;
        for (at, job) in jobs.iter().enumerate() {
            let verdict = desk.decide(tx, at, job).await?;
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
        let keys: Vec<(Uuid, &str)> = self.jobs.iter().map(|job| (job.account, job.request.key.as_str())).collect();
        let early = if is_planted(2) { Some(store::load_by_key(tx, &keys).await?) } else { None };
        for (id, account) in store::lock_accounts(tx, &accounts_of(self.jobs)).await? {
            self.states.insert(id, State::of(account));
        }
        // Only under the locks: before them, two copies of a command would both find nothing.
        let stored = if let Some(early) = early { early } else { store::load_by_key(tx, &keys).await? };
        for row in stored {
            self.stored.insert((row.account_id, row.key.clone()), row);
        }
        Ok(())
    }

    /// The accounts with their caps, not locked: what defect 26 judges by.
    async fn read_caps(&self, tx: &DatabaseTransaction) -> Result<HashMap<Uuid, State>, Stop> {
        let found = store::load_by_account(tx, &accounts_of(self.jobs)).await?;
        let mut states = found.into_iter().map(|(id, account)| (id, State::of(account))).collect();
        let operations: Vec<_> = self.jobs.iter().map(|job| (job.account, &job.request.operation)).collect();
        store::load_caps(tx, &mut states, &operations).await?;
        Ok(states)
    }

    async fn load(&mut self, tx: &DatabaseTransaction) -> Result<(), Stop> {
        let mut unknown = Vec::new();
        for (id, state) in &mut self.states {
            match self.batch.remembered.get(id) {
                // Every change of an account raises its number.
                Some(known)
                    if (known.account.sequence, known.account.epoch)
                        == (state.account.sequence, state.account.epoch)
                        || is_planted(27) =>
                {
                    state.set_lots(known.lots.clone(), known.beyond);
                }
                _ => unknown.push(*id),
            }
        }
        unknown.sort_unstable();
        for (id, (lots, beyond)) in store::load_lots(tx, &unknown).await? {
            if let Some(state) = self.states.get_mut(&id) {
                state.set_lots(lots, beyond);
            }
        }
        let operations: Vec<(Uuid, &Operation)> = self
            .jobs
            .iter()
            .filter(|job| self.stored_for(job).is_none())
            .map(|job| (job.account, &job.request.operation))
            .collect();
        store::load_touched(tx, &mut self.states, &operations).await?;
        store::load_caps(tx, &mut self.states, &operations).await?;
        let watched = self.states.values().map(|state| &state.account).filter(|account| account.has_thresholds);
        let mut watched: Vec<Uuid> = watched.map(|account| account.id).collect();
        watched.sort_unstable();
        for (id, thresholds) in store::load_thresholds(tx, &watched).await? {
            if let Some(state) = self.states.get_mut(&id) {
                state.thresholds = thresholds;
            }
        }
        Ok(())
    }

    /// The transaction that answered the command before.
    fn stored_for(&self, job: &Job) -> Option<&Transaction> {
        self.stored.get(&(job.account, job.request.key.as_str().to_owned()))
    }

    async fn decide(&mut self, tx: &DatabaseTransaction, at: usize, job: &'a Job) -> Result<Verdict, Stop> {
        let key = (job.account, job.request.key.as_str());
        let earlier = self.made.get(&key).and_then(|place| self.decisions.get(*place));
        let stored = self.stored_for(job).or(earlier.map(|decision| &decision.transaction));
        if let Some(stored) = stored.filter(|_| !is_planted(3)) {
            return Ok(match model::repeat(stored, &job.request) {
                Ok(answer) => Verdict::Repeated(Posting::new(answer, stored.result.clone(), true)),
                Err(declined) => declined_as(declined),
            });
        }
        let is_unopened = !job.open_account && self.opened.contains(&job.account);
        if is_unopened || !self.states.contains_key(&job.account) {
            return Ok(Verdict::Refused(Refusal::AccountNotFound));
        }
        if job.open_account && !self.opened.remove(&job.account) {
            return Ok(Verdict::Refused(Refusal::EffectConflict { constraint: "ledger_account_pkey".to_owned() }));
        }
        self.write_off(tx, job).await?;
        if let Some(table) = self.unguarded.get(&at) {
            return Ok(Verdict::Refused(Refusal::EffectRefused { code: (*table).to_owned() }));
        }
        self.renew_caps(job);
        let mut applied = self.apply(job);
        if matches!(applied, Err(Declined::Unread)) {
            self.read_on(tx, job.account).await?;
            applied = self.apply(job);
        }
        match applied {
            Ok(decision) => {
                self.made.insert(key, self.decisions.len());
                self.decisions.push(decision);
                Ok(Verdict::Posted(self.decisions.len() - 1))
            }
            Err(Declined::Refused(refusal)) if refusal.is_recorded() && !job.otherwise.is_empty() => {
                let account = self.states.get(&job.account).map(|state| &state.account);
                let unchanged = account.map(|account| (account.balance.available, account.balance.held));
                let now = account.map_or(job.stamp.now, |account| job.stamp.now.max(account.ledger_now));
                let refused = Some(refused_facts(&refusal));
                Ok(Verdict::Recorded(refusal, Facts { posting: None, unchanged, refused, now }))
            }
            Err(declined) => Ok(declined_as(declined)),
        }
    }

    fn renew_caps(&mut self, job: &Job) {
        if let (Operation::Hold(items), Some(state)) = (&job.request.operation, self.states.get_mut(&job.account)) {
            state.renew_caps(items, job.stamp.now, || self.batch.ids.uuid());
        }
    }

    fn apply(&mut self, job: &Job) -> Result<Decision, Declined> {
        let state = self.states.get_mut(&job.account).ok_or(Declined::Refused(Refusal::AccountNotFound))?;
        model::apply(state, &job.request, &job.stamp)
    }

    /// Writes off the lots of a command's account that are due, also those that were not read.
    async fn write_off(&mut self, tx: &DatabaseTransaction, job: &Job) -> Result<(), Stop> {
        loop {
            let Some(state) = self.states.get_mut(&job.account) else { return Ok(()) };
            let now = job.stamp.now.max(state.account.ledger_now);
            if !state.has_unread_due(now) {
                return self.write_off_read(job);
            }
            // What was decided must be in the rows that are read now.
            self.save(tx, &[]).await?;
            let due = store::load_due_lots(tx, job.account, now).await?;
            let has_more = due.len() == model::LOTS_MAX;
            if let Some(state) = self.states.get_mut(&job.account) {
                state.add_lots(due);
            }
            self.write_off_read(job)?;
            if !has_more {
                self.read_on(tx, job.account).await?;
                let state = self.states.get(&job.account);
                if state.is_some_and(|state| state.has_unread_due(now)) {
                    return Err(Stop::Fault(contradiction(NOT_ENOUGH)));
                }
            }
        }
    }

    fn write_off_read(&mut self, job: &Job) -> Result<(), Stop> {
        let Some(state) = self.states.get_mut(&job.account) else { return Ok(()) };
        while let Some(decision) = model::write_off(state, self.batch.ids.uuid(), job.stamp.now)? {
            self.decisions.push(decision);
        }
        Ok(())
    }

    /// Reads the first lots of an account anew: those that were read are used up.
    async fn read_on(&mut self, tx: &DatabaseTransaction, account: Uuid) -> Result<(), Stop> {
        self.save(tx, &[]).await?;
        let mut read = store::load_lots(tx, &[account]).await?;
        if let (Some(state), Some((lots, beyond))) = (self.states.get_mut(&account), read.remove(&account)) {
            state.set_lots(lots, beyond);
        }
        Ok(())
    }

    /// Writes what was decided and is not written yet.
    async fn save(&mut self, tx: &DatabaseTransaction, notes: &[store::NewNote<'_>]) -> Result<(), Stop> {
        let unsaved: Vec<&Decision> = self.decisions.iter().skip(self.saved).collect();
        store::save(tx, &unsaved, notes).await.map_err(|error| {
            // Another account used the source between our look and our write.
            if violated(&error).as_deref() == Some("credit_grant_kind_source_key") {
                Stop::Refused(Refusal::GrantSourceUsed { sequence: None })
            } else {
                error.into()
            }
        })?;
        self.saved = self.decisions.len();
        Ok(())
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
    pub(super) async fn write(&mut self, tx: &DatabaseTransaction) -> Result<(), Stop> {
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
        for (job, verdict) in self.jobs.iter().zip(&self.verdicts) {
            let Verdict::Posted(place) = verdict else { continue };
            if let (Some(decision), Some(note)) = (self.decisions.get(*place), job.request.operation.note()) {
                let (account, sequence) = (job.account, decision.transaction.sequence);
                notes.push(store::NewNote { account, sequence, salt: &job.salt, body: note.as_str() });
            }
        }
        self.save(tx, &notes).await?;
        let mut commands: Vec<(&[Effect], Facts)> = Vec::new();
        for (job, verdict) in self.jobs.iter().zip(&self.verdicts) {
            match verdict {
                Verdict::Posted(place) => {
                    let decision = self.decisions.get(*place);
                    commands.extend(decision.map(|decision| (job.effects.as_slice(), facts_of(decision))));
                }
                Verdict::Recorded(_, facts) => commands.push((&job.otherwise, facts.clone())),
                Verdict::Repeated(_) | Verdict::Refused(_) | Verdict::Broken(_) => {}
            }
        }
        let notices: Vec<(Vec<Effect>, Facts)> =
            self.decisions.iter().filter_map(|decision| self.notices(decision)).collect();
        commands.extend(notices.iter().map(|(effects, facts)| (effects.as_slice(), facts.clone())));
        if is_planted(25) {
            tx.execute_unprepared("COMMIT").await?;
            tx.execute_unprepared("BEGIN").await?;
        }
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

    /// What the account's members are told of a transaction that took their credits below a level.
    fn notices(&self, decision: &Decision) -> Option<(Vec<Effect>, Facts)> {
        let tell = self.batch.low_balance?;
        let effects: Vec<Effect> =
            decision.crossings().map(|crossing| tell(self.batch.ids.uuid(), &crossing)).collect();
        (!effects.is_empty()).then(|| (effects, facts_of(decision)))
    }

    /// What stands although the command does not: what was written off before it.
    pub(super) fn keep(mut self) -> Kept {
        let all = std::mem::take(&mut self.decisions);
        let write_offs: Vec<Decision> =
            all.into_iter().filter(|decision| decision.transaction.kind == Kind::ExpireLot).collect();
        let notices = write_offs.iter().filter_map(|decision| self.notices(decision)).collect();
        Kept { write_offs, notices }
    }

    pub(super) fn finish(self) -> Outcome {
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
        let states = self.states.into_values().map(|state| state.remember(LOTS_REMEMBERED)).collect();
        let written = self.decisions.into_iter().map(|decision| decision.transaction).collect();
        Outcome { answers, written, states }
    }
}

/// What was written off, with what the members are told of it.
#[derive(Default)]
pub(super) struct Kept {
    write_offs: Vec<Decision>,
    notices: Vec<(Vec<Effect>, Facts)>,
}

impl Kept {
    /// Writes it, and answers its journal rows.
    pub(super) async fn write(self, tx: &DatabaseTransaction) -> Result<Vec<Transaction>, Internal> {
        store::save(tx, &self.write_offs.iter().collect::<Vec<_>>(), &[]).await?;
        let notices: Vec<_> = self.notices.iter().map(|(effects, facts)| (effects.as_slice(), facts.clone())).collect();
        write_many(tx, &notices).await?;
        Ok(self.write_offs.into_iter().map(|decision| decision.transaction).collect())
    }
}

/// The accounts of commands, in the order in which they are locked.
fn accounts_of(jobs: &[Job]) -> Vec<Uuid> {
    let mut accounts: Vec<Uuid> = jobs.iter().map(|job| job.account).collect();
    accounts.sort_unstable();
    accounts.dedup();
    accounts
}

/// Of an account no more lots than these are remembered.
const LOTS_REMEMBERED: usize = 64;

fn declined_as(declined: Declined) -> Verdict {
    match declined {
        Declined::Refused(refusal) => Verdict::Refused(refusal),
        Declined::Unread => Verdict::Broken(contradiction(NOT_ENOUGH)),
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
    Facts { posting: Some(posting), ..Facts::at(answer.at) }
}

/// What a command's record says of a refusal.
fn refused_facts(refusal: &Refusal) -> RefusedFacts {
    let data = match refusal {
        Refusal::CapExceeded(exceeded) => Some(exceeded.to_text()),
        _ => None,
    };
    RefusedFacts { code: refusal.code(), text: refusal.to_string(), data }
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
