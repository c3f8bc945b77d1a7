//! Random commands, and the ways to carry them out.

use std::sync::Arc;

use futures_util::future::join_all;
use inkledger::{
    bus::local::LocalBus,
    clock::FixedClock,
    db::{Db, Engine},
    error::Failure,
    ids::{Ids, SeededIds},
    ledger::{
        Command, Ledger, LedgerOptions, Posting, Refusal,
        model::{
            Actor, Credits, Delta, GrantSource, HoldItem, IdemKey, NewGrant, Note, Operation, SourceRef, WorkKind,
        },
        verify::{Report, verify},
    },
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::support::database::TestDb;

/// One second in microseconds.
pub const SECOND: i64 = 1_000_000;

/// One random step. Numbers stand for things made earlier, so that shrinking keeps a story's meaning.
#[derive(Debug, Clone)]
pub enum Step {
    Wait(i64),
    Grant { source: u8, name: u8, amount: i64, life: Option<i64>, key: Option<u8> },
    Hold { works: Vec<(u8, i64)>, life: i64, key: Option<u8> },
    Settle { hold: usize, actual: i64, key: Option<u8> },
    Release { holds: Vec<usize>, key: Option<u8> },
    Expire { hold: usize },
    ExpireLots,
    Refund { hold: usize, amount: Option<i64>, key: Option<u8> },
    Revoke { lot: usize, amount: Option<i64>, key: Option<u8> },
    Adjust { delta: i64, key: Option<u8> },
    Cap { user: Option<u8>, is_daily: bool, limit: Option<i64> },
}

pub fn step() -> impl Strategy<Value = Step> {
    let key = || proptest::option::weighted(0.3, 0..6_u8);
    let some = || proptest::option::weighted(0.6, 1..25_i64);
    let amount = prop_oneof![10 => 1..40_i64, 1 => Just(1_000_000_000_000)];
    let life = prop_oneof![3 => Just(None), 6 => (1..60_i64).prop_map(Some), 1 => (-5..1_i64).prop_map(Some)];
    let cap = (proptest::option::of(0..2_u8), any::<bool>(), proptest::option::weighted(0.9, 0..120_i64))
        .prop_map(|(user, is_daily, limit)| Step::Cap { user, is_daily, limit });
    // More than ten in one choice are boxed, and a boxed one cannot go to another thread.
    let beside = prop_oneof![8 => (-10..40_i64).prop_map(Step::Wait), 1 => Just(Step::Wait(86_400)), 2 => cap];
    let due = prop_oneof![4 => (0..12_usize).prop_map(|hold| Step::Expire { hold }), 2 => Just(Step::ExpireLots)];
    prop_oneof![
        11 => beside,
        16 => (0..5_u8, 0..4_u8, amount, life, key())
            .prop_map(|(source, name, amount, life, key)| Step::Grant { source, name, amount, life, key }),
        24 => (proptest::collection::vec((0..9_u8, 1..30_i64), 0..4), 1..60_i64, key())
            .prop_map(|(works, life, key)| Step::Hold { works, life, key }),
        20 => (0..12_usize, -1..50_i64, key()).prop_map(|(hold, actual, key)| Step::Settle { hold, actual, key }),
        12 => (proptest::collection::vec(0..12_usize, 0..4), key())
            .prop_map(|(holds, key)| Step::Release { holds, key }),
        6 => due,
        8 => (0..12_usize, some(), key()).prop_map(|(hold, amount, key)| Step::Refund { hold, amount, key }),
        8 => (0..6_usize, some(), key()).prop_map(|(lot, amount, key)| Step::Revoke { lot, amount, key }),
        4 => (-20..20_i64, key())
            .prop_map(|(delta, key)| Step::Adjust { delta: if delta == 0 { 20 } else { delta }, key }),
    ]
}

/// Turns steps into commands of one account.
pub struct Teller {
    pub account: Uuid,
    pub now: i64,
    ids: SeededIds,
    /// The lots given so far, oldest first.
    pub lots: Vec<Uuid>,
    holds: Vec<Uuid>,
    fresh: u32,
}

impl Teller {
    pub fn new(account: Uuid, now: i64) -> Self {
        // Ids must differ between accounts that share a database.
        let seed = u64::from_be_bytes(account.as_bytes()[8..].try_into().unwrap());
        Self { account, now, ids: SeededIds::new(seed), lots: Vec::new(), holds: Vec::new(), fresh: 0 }
    }

    /// The nth hold from the last; one that never was when there are not so many.
    fn hold(&self, back: usize) -> Uuid {
        self.holds.iter().rev().nth(back).copied().unwrap_or(Uuid::from_u128(u128::try_from(back).unwrap() + 1))
    }

    /// One of the two users who ask for work.
    pub fn user(&self, number: u8) -> Uuid {
        self.work(210 + number % 2)
    }

    fn work(&self, number: u8) -> Uuid {
        let mut bytes = *self.account.as_bytes();
        bytes[0] = number;
        Uuid::from_bytes(bytes)
    }

    /// The command of a step, or none when only time passed or a cap was set.
    pub fn tell(&mut self, step: &Step) -> Option<(IdemKey, Actor, Operation)> {
        let (key, actor, operation) = match step {
            Step::Wait(seconds) => {
                self.now += seconds * SECOND;
                return None;
            }
            Step::Cap { .. } => return None,
            Step::Grant { source, name, amount, life, key } => {
                let text = || SourceRef::new(format!("{}/{name}", self.account)).unwrap();
                let source = match source {
                    0 => GrantSource::Plan(text()),
                    1 => GrantSource::Promo(text()),
                    2 => GrantSource::Signup(self.work(*name)),
                    3 => GrantSource::Purchase(text()),
                    _ => GrantSource::Admin,
                };
                let grant = NewGrant {
                    source,
                    amount: Credits::new(*amount).unwrap(),
                    expires_at: life.map(|seconds| self.now + seconds * SECOND),
                    note: None,
                };
                (key, Actor::Admin(self.work(200)), Operation::Grant(grant))
            }
            Step::Hold { works, life, key } => {
                let items: Vec<HoldItem> = works
                    .iter()
                    .map(|(work, amount)| HoldItem {
                        user_id: (work % 3 < 2).then(|| self.user(*work % 3)),
                        ..item(self.ids.uuid(), self.work(*work), *amount, self.now + life * SECOND)
                    })
                    .collect();
                self.holds.extend(items.iter().map(|item| item.hold_id));
                (key, Actor::User(self.work(201)), Operation::Hold(items))
            }
            Step::Settle { hold, actual, key } => {
                (key, Actor::System, Operation::Settle { hold: self.hold(*hold), actual: *actual })
            }
            Step::Release { holds, key } => {
                (key, Actor::System, Operation::Release(holds.iter().map(|back| self.hold(*back)).collect()))
            }
            Step::Expire { hold } => (&None, Actor::System, Operation::ExpireHold(self.hold(*hold))),
            Step::ExpireLots => (&None, Actor::System, Operation::ExpireLots),
            Step::Refund { hold, amount, key } => {
                let refund = Operation::Refund { hold: self.hold(*hold), amount: some(*amount), note: None };
                (key, Actor::Admin(self.work(200)), refund)
            }
            Step::Revoke { lot, amount, key } => {
                let grant = self.lots.iter().rev().nth(*lot).copied().unwrap_or(Uuid::from_u128(99));
                let revoke = Operation::Revoke { grant, amount: some(*amount), note: None };
                (key, Actor::Admin(self.work(200)), revoke)
            }
            Step::Adjust { delta, key } => {
                let note = Note::new("counted by hand").unwrap();
                (key, Actor::System, Operation::Adjust { delta: Delta::new(*delta).unwrap(), note })
            }
        };
        self.fresh += 1;
        let key = match key {
            Some(number) => IdemKey::client(&format!("pooled-key-{number}")).unwrap(),
            None => IdemKey::client(&format!("fresh-key-{}", self.fresh)).unwrap(),
        };
        Some((key, actor, operation))
    }
}

fn some(amount: Option<i64>) -> Option<Credits> {
    amount.map(|amount| Credits::new(amount).unwrap())
}

pub fn item(hold_id: Uuid, work_id: Uuid, amount: i64, expires_at: i64) -> HoldItem {
    HoldItem {
        hold_id,
        work_kind: WorkKind::AiTaskItem,
        work_id,
        run_id: None,
        user_id: None,
        price_version_id: Uuid::from_u128(7),
        prompt_version_id: None,
        amount: Credits::new(amount).unwrap(),
        expires_at,
    }
}

/// Sends commands before the first of them is answered.
pub async fn at_once(ledger: &Ledger, commands: Vec<Command>) -> Vec<Result<Posting, Failure<Refusal>>> {
    join_all(commands.into_iter().map(|command| ledger.submit(command))).await
}

/// A ledger on a test's database.
pub async fn open(test: &TestDb) -> Ledger {
    open_on(test, test.db.clone(), 2).await
}

/// A ledger on `db`, as another process would have it.
pub async fn open_on(test: &TestDb, db: Db, seed: u64) -> Ledger {
    let bus = Arc::new(LocalBus::new(format!("process-{seed}")));
    let options = LedgerOptions { begin_within: std::time::Duration::from_secs(120), ..LedgerOptions::default() };
    let clock: Arc<FixedClock> = Arc::clone(&test.clock);
    Ledger::open(db, clock, Arc::new(SeededIds::new(seed)), bus, options).await.unwrap()
}

pub fn command(account: Uuid, key: &str, operation: Operation) -> Command {
    Command {
        account,
        key: IdemKey::client(key).unwrap(),
        actor: Actor::Admin(Uuid::from_u128(9)),
        operation,
        open_account: false,
        effects: Vec::new(),
        otherwise: Vec::new(),
    }
}

pub fn grant(amount: i64) -> Operation {
    Operation::Grant(NewGrant {
        source: GrantSource::Admin,
        amount: Credits::new(amount).unwrap(),
        expires_at: None,
        note: None,
    })
}

pub fn hold(test: &TestDb, amount: i64) -> Operation {
    let (hold, work) = (test.ids.uuid(), test.ids.uuid());
    Operation::Hold(vec![item(hold, work, amount, crate::support::database::START + 3600 * SECOND)])
}

/// A new account with `amount` credits; none when 0.
pub async fn funded(test: &TestDb, ledger: &Ledger, amount: i64) -> Uuid {
    let account = test.ids.uuid();
    if amount == 0 {
        opened(test, ledger, account).await;
    } else {
        let command = Command { open_account: true, ..command(account, "funding-key", grant(amount)) };
        ledger.submit(command).await.unwrap();
    }
    account
}

async fn opened(test: &TestDb, ledger: &Ledger, account: Uuid) {
    let ledger = ledger.clone();
    let now = inkledger::clock::Clock::now(test.clock.as_ref());
    test.db
        .write((), move |tx, ()| {
            let ledger = ledger.clone();
            Box::pin(async move {
                ledger.open_in(tx, account, now).await?;
                Ok::<_, inkledger::error::Failure<inkledger::error::Never>>(())
            })
        })
        .await
        .unwrap();
}

pub async fn report(test: &TestDb) -> Report {
    verify(&test.db, test.clock.as_ref(), None).await.unwrap()
}

/// Waits until `is_so`, within reason.
pub async fn until(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await.expect("it did not come about");
}

/// Everything adds up: I1–I18 are silent and every hash can be recomputed.
pub async fn assert_clean(test: &TestDb) {
    let report = report(test).await;
    assert_eq!(report.rules, 18, "all invariants were read");
    assert!(report.clean(), "{report:?}");
}

pub fn refusal(result: Result<Posting, Failure<Refusal>>) -> Refusal {
    match result {
        Err(Failure::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

pub const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];
