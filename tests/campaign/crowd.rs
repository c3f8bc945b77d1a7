//! Clients that meet on few accounts: random commands with rows attached to some of them, and what the history and the
//! database must say afterwards.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use futures_util::future::join_all;
use inkledger::{
    clock::SECOND,
    db::{
        Db,
        effect::{Cell, Effect, Known, Set, TextPart},
    },
    ids::{Ids, SeededIds},
    ledger::{Command, Ledger, model::IdemKey},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use sea_orm::{ConnectionTrait as _, Value};
use uuid::Uuid;

use crate::{
    history::{Answer, Call, Checked, History, Journal, Limit, Opened, Row, check, read_journal},
    ledger::{
        cap::limit_to,
        support::{Step, Teller, command, grant, step},
    },
    slice::{Dice, Violation},
};

/// One hot account.
pub struct Member {
    pub account: Uuid,
    opened: Opened,
    teller: Mutex<Teller>,
    told: Mutex<Vec<Command>>,
}

/// Some accounts, and all that was asked of them.
pub struct Crowd {
    pub members: Vec<Arc<Member>>,
    pub history: Arc<History>,
    ids: SeededIds,
    /// Of rows that came with commands.
    rows: Mutex<Vec<Uuid>>,
}

/// Pieces of work that credits of an account are held for.
const WORKS: u64 = 150;

/// The least and the most that a cap allows; the lower of them are reached.
const LIMITS: (u64, u64) = (50, 1_500);

/// After so many claims of an account's quota the next one begins anew.
const AGAIN: u64 = 3;

impl Crowd {
    /// Opens `count` accounts, each with some credits, a quota that commands may claim, and up to four caps.
    pub async fn open(ledger: &Ledger, count: usize, seed: u64, now: i64) -> Self {
        let (ids, mut dice) = (SeededIds::new(seed), Dice::new(seed));
        let history = Arc::new(History::default());
        let mut members = Vec::new();
        for _ in 0..count {
            let account = ids.uuid();
            let effects = vec![quota(account)];
            let first = Command { open_account: true, effects, ..command(account, "funding-key", grant(500)) };
            history.submit(ledger, first, now).await;
            let teller = Teller::new(account, now);
            let mut opened = Opened { at: now, limits: Vec::new() };
            for (user, is_daily) in [(None, true), (None, false), (Some(0), true), (Some(1), false)] {
                if dice.once_in(2) {
                    let limit = i64::try_from(LIMITS.0 + dice.below(LIMITS.1)).unwrap();
                    let user = user.map(|number| teller.user(number));
                    limit_to(ledger, (&ids, now), (account, user), is_daily, Some(limit)).await;
                    opened.limits.push(Limit { user, is_daily, limit });
                }
            }
            let teller = Mutex::new(teller);
            members.push(Arc::new(Member { account, opened, teller, told: Mutex::default() }));
        }
        Self { members, history, ids, rows: Mutex::default() }
    }

    /// Sends `each` commands from every one of `clients` clients, one after the other, each client to the ledger of its number.
    pub async fn wave(&self, ledgers: &[Ledger], clients: usize, each: usize, dice: &mut Dice, now: i64) {
        let running = (0..clients).map(|client| {
            let ledger = ledgers[client % ledgers.len()].clone();
            let history = Arc::clone(&self.history);
            let commands: Vec<(Arc<Member>, Command)> = (0..each).map(|_| self.next(dice, now)).collect();
            tokio::spawn(async move {
                for (member, command) in commands {
                    member.learn(&history.submit(&ledger, command, now).await);
                }
            })
        });
        for done in join_all(running.collect::<Vec<_>>()).await {
            done.unwrap();
        }
    }

    /// A random command of a random account.
    pub fn next(&self, dice: &mut Dice, now: i64) -> (Arc<Member>, Command) {
        let member = Arc::clone(&self.members[dice.index(self.members.len())]);
        let mut told = member.told.lock().unwrap();
        // Asked again, maybe while the first is under way.
        if dice.once_in(12) && !told.is_empty() {
            let again = told[dice.index(told.len())].clone();
            drop(told);
            return (member, again);
        }
        let mut runner = runner(dice.roll());
        let mut teller = member.teller.lock().unwrap();
        teller.now = now;
        let (key, actor, operation) = loop {
            let mut found = step().new_tree(&mut runner).unwrap().current();
            if let Step::Hold { works, .. } = &mut found {
                // More works than a story has: most of many clients would meet one that is held.
                works.iter_mut().for_each(|(work, _)| *work = u8::try_from(dice.below(WORKS)).unwrap());
            }
            if !matches!(found, Step::Wait(_) | Step::Cap { .. }) {
                break teller.tell(&found).unwrap();
            }
        };
        drop(teller);
        // Mostly a key of its own, and rows with it: the pooled ones are few, and several commands share one.
        let mut effects = Vec::new();
        let key = if dice.once_in(10) {
            key
        } else {
            let key = IdemKey::client(&format!("key-{:016x}", dice.roll())).unwrap();
            if dice.once_in(3) {
                effects.push(event(self.row(dice), member.account, key.as_str()));
            }
            if dice.once_in(8) {
                effects.push(claim(member.account, i32::try_from(dice.below(AGAIN + 1)).unwrap()));
            }
            key
        };
        let command = Command { key, actor, effects, ..command(member.account, "replaced", operation) };
        told.push(command.clone());
        drop(told);
        (member, command)
    }

    /// The id of a row to be. One that is there already makes the database refuse the command, which its neighbours must not feel.
    fn row(&self, dice: &mut Dice) -> Uuid {
        let mut rows = self.rows.lock().unwrap();
        if dice.once_in(15) && !rows.is_empty() {
            return rows[dice.index(rows.len())];
        }
        let id = self.ids.uuid();
        rows.push(id);
        id
    }

    /// Judges all that was asked since the accounts were opened.
    pub async fn check(&self, db: &Db) -> Result<Checked, Violation> {
        let mut all = Checked::default();
        let mut calls = self.history.take();
        for member in &self.members {
            let calls = calls.remove(&member.account).unwrap_or_default();
            let journal = read_journal(db, member.account).await;
            let effects = read_effects(db, member.account).await;
            let found = check(&member.opened, &calls, &journal).and_then(|found| {
                check_effects(&calls, &journal, &effects)?;
                Ok(found)
            });
            let found = found.map_err(|what| Violation {
                what: format!("account {}: {what}", member.account),
                history: format!("{calls:#?}\n{journal:#?}\n{effects:#?}"),
            })?;
            all.calls += found.calls;
            all.written += found.written;
            all.unknown += found.unknown;
        }
        Ok(all)
    }
}

impl Member {
    /// Lots that were given can be taken from.
    pub fn learn(&self, answer: &Answer) {
        if let Answer::Done(posting) = answer
            && let Some(lot) = posting.grant
        {
            let mut teller = self.teller.lock().unwrap();
            if !teller.lots.contains(&lot) {
                teller.lots.push(lot);
            }
        }
    }
}

pub fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// How far the clock goes between two waves; sometimes back.
pub fn pass(dice: &mut Dice) -> i64 {
    (i64::try_from(dice.below(40)).unwrap() - 8) * SECOND
}

fn quota(account: Uuid) -> Effect {
    Effect::Insert {
        table: "job_quota",
        cells: vec![
            ("account_id", account.into()),
            ("lane", "bulk".into()),
            ("running", 0_i32.into()),
            ("cap", 9_i32.into()),
        ],
        if_absent: false,
    }
}

/// One more running job, if exactly `running` run now; none again after three.
fn claim(account: Uuid, running: i32) -> Effect {
    Effect::Update {
        table: "job_quota",
        set: vec![("running", Set::Add(i32::try_from(claimed(running.into()) - i64::from(running)).unwrap().into()))],
        key: vec![("account_id", account.into()), ("lane", "bulk".into()), ("running", running.into())],
        guarded: true,
    }
}

/// What runs after a claim that found `running`.
fn claimed(running: i64) -> i64 {
    if running == 3 { 0 } else { running + 1 }
}

/// How many run when the command's guard holds; `None` for a command without a guard.
fn guard_of(command: &Command) -> Option<i64> {
    command.effects.iter().find_map(|effect| match effect {
        Effect::Update { key, .. } => key.iter().find_map(|(name, value)| match (*name, value) {
            ("running", Value::Int(Some(running))) => Some(i64::from(*running)),
            _ => None,
        }),
        _ => None,
    })
}

/// A row that names its command's key and has the figures of its transaction.
fn event(id: Uuid, account: Uuid, key: &str) -> Effect {
    Effect::Insert {
        table: "run_event",
        cells: vec![
            ("subject_kind", "ai_task".into()),
            ("subject_id", id.into()),
            ("seq", 1_i64.into()),
            ("account_id", account.into()),
            ("kind", "ITEM".into()),
            ("payload", Cell::Text(vec![TextPart::Lit(key.to_owned())])),
            ("credit_seq", Cell::Known(Known::Sequence)),
            ("available", Cell::Known(Known::Available)),
            ("held", Cell::Known(Known::Held)),
            ("at", Cell::Known(Known::Now)),
        ],
        if_absent: false,
    }
}

/// The rows that came with an account's commands.
#[derive(Debug)]
pub struct Effects {
    /// Key, sequence, available, held.
    events: Vec<(String, i64, i64, i64)>,
    running: i64,
}

async fn read_effects(db: &Db, account: Uuid) -> Effects {
    let sql = "SELECT payload, credit_seq, available, held FROM run_event WHERE account_id = $1";
    let rows = db.reader().query_all_raw(db.statement(sql, [account.into()])).await.unwrap();
    let of = |row: &sea_orm::QueryResult| {
        let number = |at| row.try_get_by_index::<i64>(at).unwrap();
        (row.try_get_by_index(0).unwrap(), number(1), number(2), number(3))
    };
    let events = rows.iter().map(of).collect();
    let sql = "SELECT CAST(running AS bigint) FROM job_quota WHERE account_id = $1";
    let row = db.reader().query_one_raw(db.statement(sql, [account.into()])).await.unwrap().unwrap();
    Effects { events, running: row.try_get_by_index(0).unwrap() }
}

/// Each command's rows are there exactly when its transaction is, with its figures; each guard held in its turn.
fn check_effects(calls: &[Call], journal: &Journal, effects: &Effects) -> Result<(), String> {
    let rows: HashMap<&str, &Row> = journal.rows.iter().map(|row| (row.transaction.key.as_str(), row)).collect();
    let commands: HashMap<&str, &Command> =
        calls.iter().map(|call| (call.command.key.as_str(), &call.command)).collect();
    let mut found: HashMap<&str, u32> = HashMap::new();
    for (key, sequence, available, held) in &effects.events {
        *found.entry(key).or_default() += 1;
        let row = rows.get(key.as_str()).ok_or(format!("{key} wrote a row and no transaction"))?;
        let (stored, balance) = (row.transaction.sequence, row.transaction.balance);
        if (*sequence, *available, *held) != (stored, balance.available, balance.held) {
            return Err(format!("the row of {key} says {sequence}, {available}, {held}; its transaction is {stored}"));
        }
    }
    let mut running = 0;
    for row in &journal.rows {
        let key = row.transaction.key.as_str();
        let Some(command) = commands.get(key) else { continue };
        let has_event = command.effects.iter().any(|effect| effect.table() == "run_event");
        if found.remove(key).unwrap_or(0) != u32::from(has_event) {
            return Err(format!("{key} is in the journal, and its row is not there once"));
        }
        if let Some(guard) = guard_of(command) {
            if guard != running {
                return Err(format!("the guard of {key} wants {guard} and finds {running}"));
            }
            running = claimed(running);
        }
    }
    if running == effects.running { Ok(()) } else { Err(format!("{} run, not {running}", effects.running)) }
}
