//! The pure core against the naive model: random commands in memory (T1).

use std::collections::{BTreeMap, HashMap};

use inkledger::{
    ids::{Ids, SeededIds},
    ledger::model::{
        self, Account, Balance, Beyond, Bucket, BurnKey, Cap, CapPeriod, CapScope, Credits, Decision, Declined, Entry,
        GrantKind, GrantSource, Hold, HoldState, Lot, NewGrant, Operation, Refusal, Request, SourceRef, Stamp,
        Standing, State, Transaction, chain_hash,
    },
};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rstest::rstest;
use uuid::Uuid;

use super::{
    model::{Expected, Naive},
    support::{Step, Teller, grant, item, step},
};

/// The core with its rows in memory: what the writer does, without a database.
struct Memory {
    account: Account,
    /// What was remembered of the lots; `None` when the next operation reads them.
    remembered: Option<State>,
    /// How many lots are read and remembered at once.
    first: usize,
    lots: BTreeMap<BurnKey, Lot>,
    holds: Vec<Hold>,
    used_sources: Vec<(GrantKind, String, Option<i64>)>,
    paid_until: Vec<(Uuid, i64)>,
    caps: Vec<Cap>,
    journal: Vec<(Transaction, Vec<Entry>)>,
    keys: HashMap<String, usize>,
}

impl Memory {
    fn new(account: Uuid, first: usize) -> Self {
        Self {
            account: State::opened(account, 1).account,
            remembered: None,
            first,
            lots: BTreeMap::new(),
            holds: Vec::new(),
            used_sources: Vec::new(),
            paid_until: Vec::new(),
            caps: Vec::new(),
            journal: Vec::new(),
            keys: HashMap::new(),
        }
    }

    /// Reads the first lots that have credits available.
    fn read(&self, state: &mut State, count: usize) {
        let mut free = self.lots.values().filter(|lot| lot.balance.available > 0);
        let lots: Vec<Lot> = free.by_ref().take(count).cloned().collect();
        let next_due = free.map(|lot| lot.expires_at).min();
        let after = lots.last().map(Lot::burn_key).unwrap_or_default();
        state.set_lots(lots, next_due.map(|next_due| Beyond { after, next_due }));
    }

    fn load(&self, operation: &Operation) -> State {
        let mut state = match &self.remembered {
            Some(known) if known.account == self.account => known.clone(),
            _ => {
                let mut state = State::of(self.account.clone());
                self.read(&mut state, self.first);
                state
            }
        };
        state.holds.clone_from(&self.holds);
        state.used_sources.clone_from(&self.used_sources);
        state.paid_until.clone_from(&self.paid_until);
        state.caps.clone_from(&self.caps);
        let open = self.holds.iter().filter(|hold| hold.state == HoldState::Held);
        let mut named: Vec<Uuid> = open.flat_map(|hold| &hold.parts).map(|part| part.grant).collect();
        if let Operation::Revoke { grant, .. } = operation {
            named.push(*grant);
        }
        state.add_lots(self.lots.values().filter(|lot| named.contains(&lot.id)).cloned().collect());
        state
    }

    fn remember(&mut self, decision: Decision) {
        self.keys.insert(decision.transaction.key.clone(), self.journal.len());
        self.lots.extend(decision.lots.into_iter().map(|lot| (lot.burn_key(), lot)));
        if let Some(lot) = decision.granted {
            let sequence = Some(decision.transaction.sequence);
            self.used_sources.push((lot.kind, lot.source_ref.clone(), sequence));
            self.lots.insert(lot.burn_key(), lot);
        }
        for cap in decision.caps {
            match self.caps.iter_mut().find(|known| known.id == cap.id) {
                Some(known) => *known = cap,
                None => self.caps.push(cap),
            }
        }
        self.journal.push((decision.transaction, decision.entries));
    }

    /// What `set_cap` does, without a database.
    fn limit(&mut self, id: Uuid, (subject, scope): (Uuid, CapScope), period: CapPeriod, limit: Option<i64>, now: i64) {
        let limit = limit.unwrap_or(model::UNCAPPED);
        let now = now.max(self.account.ledger_now);
        let same = self.caps.iter_mut().filter(|cap| cap.kind() == (scope, subject, period));
        if let Some(last) = same.max_by_key(|cap| cap.period_start) {
            last.limit = limit;
        } else if limit < model::UNCAPPED {
            let period_start = period.start(now);
            let cap = Cap { id, scope, subject, period, period_start, limit, held: 0, spent: 0, created_at: now };
            self.caps.push(cap);
        }
    }

    /// Writes off what is due, also among the lots that were not read.
    fn write_off(&mut self, state: &mut State, ids: &SeededIds, now: i64) {
        let now = now.max(state.account.ledger_now);
        let has_unread = state.has_unread_due(now);
        if has_unread {
            let due = self.lots.values().filter(|lot| lot.balance.available > 0 && lot.expires_at <= now);
            state.add_lots(due.cloned().collect());
        }
        while let Some(decision) = model::write_off(state, ids.uuid(), now).unwrap() {
            self.remember(decision);
        }
        if has_unread {
            self.read(state, self.first);
            assert!(!state.has_unread_due(now), "what is due was written off");
        }
    }

    fn submit(&mut self, request: &Request, stamp: &Stamp, ids: &SeededIds) -> Result<Expected, Refusal> {
        if let Some(at) = self.keys.get(request.key.as_str()) {
            let answer = match model::repeat(&self.journal[*at].0, request) {
                Ok(answer) => answer,
                Err(Declined::Refused(refusal)) => return Err(refusal),
                Err(declined) => panic!("{declined:?}"),
            };
            return Ok(expected(&answer, true));
        }
        let mut state = self.load(&request.operation);
        self.write_off(&mut state, ids, stamp.now);
        if let Operation::Hold(items) = &request.operation {
            state.renew_caps(items, stamp.now, || ids.uuid());
        }
        let mut count = self.first;
        let result = loop {
            let before = state.clone();
            match model::apply(&mut state, request, stamp) {
                Err(Declined::Unread) => {
                    assert_eq!(before, state);
                    count = count.saturating_mul(2);
                    self.read(&mut state, count);
                }
                Ok(decision) => {
                    let answer = expected(&decision.answer, false);
                    for lot in &decision.lots {
                        let known = state.lots.iter().find(|known| known.id == lot.id);
                        assert_eq!(Some(lot), known, "the state follows the decision");
                    }
                    self.remember(decision);
                    break Ok(answer);
                }
                Err(Declined::Refused(refusal)) => {
                    assert_eq!(before, state, "a refusal changes nothing");
                    break Err(refusal);
                }
                Err(Declined::Broken(broken)) => panic!("{broken}"),
            }
        };
        self.account = state.account.clone();
        self.holds.clone_from(&state.holds);
        self.paid_until.clone_from(&state.paid_until);
        self.remembered = Some(state.remember(self.first));
        result
    }

    /// The rules of the journal that need no database.
    fn check(&self) {
        let account: &Account = &self.account;
        let mut hash = [0; 32];
        for (at, (row, entries)) in self.journal.iter().enumerate() {
            assert_eq!(row.sequence, i64::try_from(at).unwrap() + 1, "no gap");
            assert_eq!(row.prev_hash, hash, "the chain is linked");
            assert_eq!(row.hash, chain_hash(row, entries));
            hash = row.hash;
        }
        assert_eq!(account.head_hash, hash);
        let total = |pick: fn(&Balance) -> i64| self.lots.values().map(|lot: &Lot| pick(&lot.balance)).sum::<i64>();
        let sums = Balance {
            issued: total(|sums| sums.issued),
            available: total(|sums| sums.available),
            held: total(|sums| sums.held),
            spent: total(|sums| sums.spent),
            expired: total(|sums| sums.expired),
            revoked: total(|sums| sums.revoked),
        };
        assert_eq!(account.balance, sums, "the account is the sum of its lots");
        let open = self.holds.iter().filter(|hold| hold.state == HoldState::Held);
        let open: i64 = open.map(|hold| hold.item.amount.get()).sum();
        assert_eq!(account.balance.held, open, "held is what open holds hold");
        for cap in &self.caps {
            let counted = || self.holds.iter().filter(|hold| hold.caps.contains(&cap.id));
            let held: i64 =
                counted().filter(|hold| hold.state == HoldState::Held).map(|hold| hold.item.amount.get()).sum();
            let spent = |hold: &Hold| if let HoldState::Settled { settled, .. } = hold.state { settled } else { 0 };
            assert_eq!((cap.held, cap.spent), (held, counted().map(spent).sum()), "a cap's use is that of its holds");
        }
    }
}

fn expected(answer: &model::Answer, replayed: bool) -> Expected {
    Expected {
        sequence: answer.sequence,
        amount: answer.amount,
        balance: answer.balance,
        shortfall: answer.shortfall,
        untouched: answer.untouched.map(|left| (left.held, left.spent)),
        replayed,
    }
}

/// Tells random stories to both, and tells on the first in which they differ, made as short as it gets.
pub fn tell_stories(mut runner: TestRunner, first: usize) {
    // 64 commands a story.
    runner
        .run(&proptest::collection::vec(step(), 64), |steps| {
            tell(&steps, first);
            Ok(())
        })
        .unwrap();
}

/// Tells a story to both; the core reads and remembers `first` lots at once.
fn tell(steps: &[Step], first: usize) {
    let account = Uuid::from_u128(1);
    let (mut naive, mut memory) = (Naive::default(), Memory::new(account, first));
    let mut teller = Teller::new(account, 1_700_000_000_000_000);
    let ids = SeededIds::new(77);
    for step in steps {
        if let Step::Cap { user, is_daily, limit } = step {
            let user = user.map(|user| teller.user(user));
            naive.limit(user, *is_daily, *limit, teller.now);
            let subject = user.map_or((account, CapScope::Account), |user| (user, CapScope::Member));
            let period = if *is_daily { CapPeriod::Day } else { CapPeriod::Always };
            memory.limit(ids.uuid(), subject, period, *limit, teller.now);
        }
        let Some((key, actor, operation)) = teller.tell(step) else { continue };
        let request = Request { key, actor, operation };
        let stamp = Stamp { transaction_id: ids.uuid(), grant_id: ids.uuid(), note_hash: None, now: teller.now };
        let real = memory.submit(&request, &stamp, &ids);
        let want = naive.carry_out(request.key.as_str(), request.actor, &request.operation, stamp.now, stamp.grant_id);
        assert_eq!(real, want, "{request:?}");
        teller.lots = naive.lots();
    }
    let kinds: Vec<_> = memory.journal.iter().map(|(row, _)| (row.kind.as_str(), row.amount)).collect();
    assert_eq!(kinds, naive.kinds);
    let moves: Vec<_> = memory
        .journal
        .iter()
        .flat_map(|(row, entries)| {
            entries
                .iter()
                .map(|entry| (row.sequence, entry.grant, entry.hold, entry.way.from(), entry.way.to(), entry.amount))
        })
        .collect();
    let want: Vec<_> = naive
        .moves
        .iter()
        .map(|line| (line.sequence, line.grant, line.hold, line.from, line.to, line.amount))
        .collect();
    assert_eq!(moves, want);
    memory.check();
}

#[rstest]
fn decides_a_hundred_thousand_random_commands_like_the_naive_model(#[values(1, 3, usize::MAX)] first: usize) {
    // The seed is fixed, so a red run is red again.
    let config =
        Config { cases: if first == usize::MAX { 1_600 } else { 800 }, failure_persistence: None, ..Config::default() };
    tell_stories(TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)), first);
}

fn stamp(ids: &SeededIds, now: i64) -> Stamp {
    Stamp { transaction_id: ids.uuid(), grant_id: ids.uuid(), note_hash: None, now }
}

fn request(key: &str, operation: Operation) -> Request {
    Request { key: model::IdemKey::client(key).unwrap(), actor: model::Actor::System, operation }
}

#[test]
fn refuses_more_credits_in_all_than_every_client_can_count() {
    let ids = SeededIds::new(5);
    let mut state = State::opened(ids.uuid(), 1);
    for count in 0..9_007 {
        model::apply(&mut state, &request(&format!("grant-number-{count}"), grant(1_000_000_000_000)), &stamp(&ids, 1))
            .unwrap();
    }
    let refused = model::apply(&mut state, &request("one-more-grant", grant(1_000_000_000_000)), &stamp(&ids, 1));
    assert_eq!(refused.unwrap_err(), Declined::Refused(Refusal::TotalTooLarge));
    model::apply(&mut state, &request("exactly-full", grant(199_254_740_991)), &stamp(&ids, 1)).unwrap();
    assert_eq!(state.account.balance.issued, model::ISSUED_MAX);
}

#[test]
fn refuses_an_operation_that_would_touch_more_than_five_hundred_lots() {
    let ids = SeededIds::new(6);
    let mut state = State::opened(ids.uuid(), 1);
    for count in 0..501 {
        model::apply(&mut state, &request(&format!("grant-number-{count}"), grant(1)), &stamp(&ids, 1)).unwrap();
    }
    let hold = |amount| Operation::Hold(vec![item(ids.uuid(), ids.uuid(), amount, 100)]);
    let refused = model::apply(&mut state, &request("hold-of-501-lots", hold(501)), &stamp(&ids, 2));
    assert_eq!(refused.unwrap_err(), Declined::Refused(Refusal::LotsExceeded { max: 500 }));
    model::apply(&mut state, &request("hold-of-500-lots", hold(500)), &stamp(&ids, 2)).unwrap();
    assert_eq!(state.account.balance.available, 1);
}

// What was delivered is charged for as far as one operation goes, not left uncharged because one more lot would be needed.
#[test]
fn an_excess_that_would_need_the_501st_lot_is_a_shortfall() {
    let ids = SeededIds::new(8);
    let mut state = State::opened(ids.uuid(), 1);
    for count in 0..510 {
        model::apply(&mut state, &request(&format!("grant-number-{count}"), grant(1)), &stamp(&ids, 1)).unwrap();
    }
    let id = ids.uuid();
    let hold = Operation::Hold(vec![item(id, ids.uuid(), 3, 100)]);
    model::apply(&mut state, &request("hold-of-three-lots", hold), &stamp(&ids, 2)).unwrap();
    let settle = Operation::Settle { hold: id, actual: 507 };
    let done = model::apply(&mut state, &request("the-large-charge", settle), &stamp(&ids, 3)).unwrap();
    assert_eq!((done.transaction.amount, state.account.balance.spent, state.account.balance.available), (500, 500, 10));
    let state = done.closed.first().unwrap().state;
    assert!(matches!(state, model::HoldState::Settled { settled: 500, shortfall: 7, .. }), "{state:?}");
}

// A lot that has nothing left does not count as one that would have to pay.
#[test]
fn an_excess_is_charged_to_a_lot_that_was_touched_already_behind_one_that_is_empty() {
    let ids = SeededIds::new(9);
    let mut state = State::opened(ids.uuid(), 1);
    for count in 0..500 {
        let amount = if count == 499 { 5 } else { 1 };
        model::apply(&mut state, &request(&format!("grant-number-{count}"), grant(amount)), &stamp(&ids, 1)).unwrap();
    }
    let hold = |id, amount| Operation::Hold(vec![item(id, ids.uuid(), amount, 100)]);
    let (large, small) = (ids.uuid(), ids.uuid());
    model::apply(&mut state, &request("hold-of-500-lots", hold(large, 500)), &stamp(&ids, 2)).unwrap();
    let plan = NewGrant {
        source: GrantSource::Plan(SourceRef::new("an-earlier-lot".to_owned()).unwrap()),
        amount: Credits::new(1).unwrap(),
        expires_at: None,
        note: None,
    };
    model::apply(&mut state, &request("the-plan-grant", Operation::Grant(plan)), &stamp(&ids, 3)).unwrap();
    model::apply(&mut state, &request("hold-of-the-plan", hold(small, 1)), &stamp(&ids, 4)).unwrap();
    let settle = Operation::Settle { hold: large, actual: 503 };
    let done = model::apply(&mut state, &request("the-large-charge", settle), &stamp(&ids, 5)).unwrap();
    assert_eq!((done.transaction.amount, state.account.balance.available), (503, 1));
}

#[test]
fn ends_work_on_a_frozen_or_closed_account_but_begins_none() {
    for (standing, refusal) in [(Standing::Frozen, Refusal::AccountFrozen), (Standing::Closed, Refusal::AccountClosed)]
    {
        let ids = SeededIds::new(7);
        let mut state = State::opened(ids.uuid(), 1);
        let id = ids.uuid();
        let new_hold = |id: Uuid| Operation::Hold(vec![item(id, ids.uuid(), 5, 100)]);
        model::apply(&mut state, &request("the-grant", grant(10)), &stamp(&ids, 1)).unwrap();
        model::apply(&mut state, &request("the-first-hold", new_hold(id)), &stamp(&ids, 1)).unwrap();
        state.account.standing = standing;
        for (key, operation) in [("another-grant", grant(1)), ("another-hold", new_hold(ids.uuid()))] {
            let refused = model::apply(&mut state, &request(key, operation), &stamp(&ids, 1)).unwrap_err();
            assert_eq!(refused, Declined::Refused(refusal.clone()));
        }
        let settle = Operation::Settle { hold: id, actual: 7 };
        let decision = model::apply(&mut state, &request("the-settle", settle), &stamp(&ids, 1)).unwrap();
        assert_eq!((decision.answer.amount, decision.answer.shortfall), (7, 0));
    }
}

#[test]
fn refuses_every_move_beyond_the_eight() {
    let all = [Bucket::Issued, Bucket::Available, Bucket::Held, Bucket::Spent, Bucket::Expired, Bucket::Revoked];
    let ways = all.iter().flat_map(|from| all.iter().map(move |to| (*from, *to)));
    let allowed: Vec<_> = ways.filter(|(from, to)| model::Move::between(*from, *to).is_some()).collect();
    assert_eq!(allowed.len(), 8);
}

#[test]
fn takes_client_keys_of_8_to_128_visible_characters() {
    // G37
    for key in ["", "1234567", "with space", "tab\tinside", "umlaut-ä-inside", &"x".repeat(129)] {
        assert!(model::IdemKey::client(key).is_err(), "{key:?}");
    }
    for key in ["12345678", "!~!~!~!~", &"x".repeat(128)] {
        assert_eq!(model::IdemKey::client(key).unwrap().as_str(), format!("u:{key}"));
    }
}

#[test]
fn lets_a_held_credit_outlive_its_lot_and_expire_when_it_comes_back() {
    let ids = SeededIds::new(8);
    let mut state = State::opened(ids.uuid(), 1);
    let Operation::Grant(mut new) = grant(10) else { unreachable!() };
    new.expires_at = Some(50);
    model::apply(&mut state, &request("the-grant", Operation::Grant(new)), &stamp(&ids, 1)).unwrap();
    let id = ids.uuid();
    let held = Operation::Hold(vec![item(id, ids.uuid(), 6, 100)]);
    model::apply(&mut state, &request("the-hold", held), &stamp(&ids, 2)).unwrap();
    let written = model::write_off(&mut state, ids.uuid(), 50).unwrap().unwrap();
    assert_eq!(written.answer.amount, 4);
    let settle = Operation::Settle { hold: id, actual: 5 };
    let done = model::apply(&mut state, &request("the-settle", settle), &stamp(&ids, 60)).unwrap();
    assert_eq!(done.answer.balance, Balance { issued: 10, spent: 5, expired: 5, ..Balance::default() });
    let closed: &Hold = &done.closed[0];
    assert_eq!(closed.state, HoldState::Settled { sequence: 4, settled: 5, shortfall: 0, refunded: 0 });
}
