//! A naive ledger: a list of moves, every balance a sum over it. It shares nothing with the real one but plain types,
//! so that a mistake would have to be made twice, in two different ways.

use std::collections::BTreeMap;

use inkledger::ledger::model::{
    Actor, Balance, Bucket, CapPeriod, CapScope, Credits, Delta, Exceeded, GrantSource, HoldItem, Operation, Refusal,
};
use uuid::Uuid;

/// One move of credits. Lines of one transaction share its sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub sequence: i64,
    pub grant: Uuid,
    pub hold: Option<Uuid>,
    pub from: Bucket,
    pub to: Bucket,
    pub amount: i64,
}

#[derive(Debug, Clone)]
struct Given {
    id: Uuid,
    rank: i32,
    ends: i64,
    source: Option<(&'static str, String)>,
    sequence: i64,
}

#[derive(Debug, Clone)]
struct Reserved {
    id: Uuid,
    work: Uuid,
    amount: i64,
    ends: i64,
    closed: Option<(&'static str, i64)>,
    refunded: i64,
    /// The caps it counts against, with the day.
    counts: Vec<(usize, i64)>,
}

/// What may be held and spent: by all or by one user, in a day or ever.
#[derive(Debug, Clone)]
struct Limited {
    user: Option<Uuid>,
    is_daily: bool,
    /// The limit of each day that it has counted on; of a cap for ever there is one.
    days: BTreeMap<i64, i64>,
}

/// The limit of a cap that was taken away.
const UNLIMITED: i64 = (1 << 53) - 1;
const DAY: i64 = 86_400_000_000;

/// What the model expects as the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub sequence: i64,
    pub amount: i64,
    pub balance: Balance,
    pub shortfall: i64,
    /// Held and spent credits of the lot that some were taken from.
    pub untouched: Option<(i64, i64)>,
    pub replayed: bool,
}

#[derive(Debug, Clone)]
struct Remembered {
    key: String,
    asked: (Actor, String),
    answer: Expected,
}

/// A naive ledger of one account.
#[derive(Debug, Default, Clone)]
pub struct Naive {
    pub moves: Vec<Moved>,
    pub kinds: Vec<(&'static str, i64)>,
    given: Vec<Given>,
    reserved: Vec<Reserved>,
    remembered: Vec<Remembered>,
    limited: Vec<Limited>,
    /// The account's clock, which begins when the account is opened.
    clock: i64,
}

const NEVER: i64 = 253_402_300_799_999_999;
const MOST: i64 = 1_000_000_000_000;

impl Naive {
    pub fn opened(now: i64) -> Self {
        Self { clock: now, ..Self::default() }
    }

    fn sum(&self, bucket: Bucket, keep: impl Fn(&Moved) -> bool) -> i64 {
        let sign = |line: &Moved| i64::from(line.to == bucket) - i64::from(line.from == bucket);
        self.moves.iter().filter(|line| keep(line)).map(|line| sign(line) * line.amount).sum()
    }

    fn in_lot(&self, lot: Uuid, bucket: Bucket) -> i64 {
        self.sum(bucket, |line| line.grant == lot)
    }

    pub fn balance(&self) -> Balance {
        let all = |bucket| self.sum(bucket, |_| true);
        Balance {
            issued: -all(Bucket::Issued),
            available: all(Bucket::Available),
            held: all(Bucket::Held),
            spent: all(Bucket::Spent),
            expired: all(Bucket::Expired),
            revoked: all(Bucket::Revoked),
        }
    }

    fn next(&self) -> i64 {
        i64::try_from(self.kinds.len()).unwrap() + 1
    }

    fn line(&mut self, grant: Uuid, hold: Option<Uuid>, from: Bucket, to: Bucket, amount: i64) {
        let sequence = self.next();
        self.moves.push(Moved { sequence, grant, hold, from, to, amount });
    }

    fn close(&mut self, kind: &'static str, amount: i64, now: i64) {
        self.kinds.push((kind, amount));
        self.clock = now;
    }

    /// Lots that may be spent, first to burn first.
    fn usable(&self, now: i64) -> Vec<(Uuid, i64)> {
        let mut lots: Vec<&Given> = self.given.iter().filter(|lot| lot.ends > now).collect();
        lots.sort_by_key(|lot| (lot.rank, lot.ends, lot.id));
        let free = lots.into_iter().map(|lot| (lot.id, self.in_lot(lot.id, Bucket::Available)));
        free.filter(|(_, available)| *available > 0).collect()
    }

    fn ended(&self, lot: Uuid, now: i64) -> bool {
        self.given.iter().any(|given| given.id == lot && given.ends <= now)
    }

    /// Writes off what is due at `now`.
    pub fn write_off(&mut self, now: i64) {
        let mut due: Vec<Given> = self.given.iter().filter(|lot| lot.ends <= now).cloned().collect();
        due.sort_by_key(|lot| (lot.rank, lot.ends, lot.id));
        let mut total = 0;
        for lot in due {
            let left = self.in_lot(lot.id, Bucket::Available);
            if left > 0 {
                self.line(lot.id, None, Bucket::Available, Bucket::Expired, left);
                total += left;
            }
        }
        if total > 0 {
            self.close("expire_lot", total, now);
        }
    }

    /// Carries a command out. `grant` is the id that a new lot got.
    pub fn carry_out(
        &mut self,
        key: &str,
        actor: Actor,
        operation: &Operation,
        now: i64,
        grant: Uuid,
    ) -> Result<Expected, Refusal> {
        let asked = (actor, asked(operation));
        if let Some(found) = self.remembered.iter().find(|found| found.key == key) {
            return if found.asked == asked {
                Ok(Expected { replayed: true, ..found.answer.clone() })
            } else {
                Err(Refusal::IdempotencyKeyReused)
            };
        }
        let now = now.max(self.clock);
        self.write_off(now);
        let mut untouched = None;
        let (kind, amount, shortfall) = match operation {
            Operation::Grant(new) => self.give(new, now, grant)?,
            Operation::Hold(items) => self.reserve(items, now)?,
            Operation::Settle { hold, actual } => self.charge(*hold, *actual, now)?,
            Operation::Release(holds) => self.give_back(holds, now)?,
            Operation::ExpireHold(hold) => {
                let found = self.find_open(*hold)?;
                if found.ends > now {
                    return Err(Refusal::HoldNotDue { expires_at: found.ends });
                }
                self.undo(&found, 0, now);
                self.end(*hold, "expired");
                ("expire_hold", found.amount, 0)
            }
            Operation::ExpireLots => return Err(Refusal::NothingDue),
            Operation::Refund { hold, amount, .. } => self.refund(*hold, *amount, now, grant)?,
            Operation::Revoke { grant, amount, .. } => {
                let revoked = self.revoke(*grant, *amount)?;
                untouched = Some((self.in_lot(*grant, Bucket::Held), self.in_lot(*grant, Bucket::Spent)));
                revoked
            }
            Operation::Adjust { delta: Delta::Up(more), .. } => {
                let amount = self.issue(more.get(), (60, NEVER, None), grant)?;
                ("adjust", amount, 0)
            }
            Operation::Adjust { delta: Delta::Down(fewer), .. } => {
                let (required, available) = (fewer.get(), self.balance().available);
                if required > available {
                    return Err(Refusal::InsufficientCredits { required, available, short: required - available });
                }
                self.take(required, None, Bucket::Revoked, now);
                ("adjust", required, 0)
            }
        };
        let sequence = self.next();
        self.close(kind, amount, now);
        let answer = Expected { sequence, amount, balance: self.balance(), shortfall, untouched, replayed: false };
        self.remembered.push(Remembered { key: key.to_owned(), asked, answer: answer.clone() });
        Ok(answer)
    }

    /// Sets or takes away a cap. The account's own come before those of users, and days before ever.
    pub fn limit(&mut self, user: Option<Uuid>, is_daily: bool, limit: Option<i64>, now: i64) {
        let known = self.limited.iter_mut().find(|cap| (cap.user, cap.is_daily) == (user, is_daily));
        if let Some(mut last) = known.and_then(|cap| cap.days.last_entry()) {
            last.insert(limit.unwrap_or(UNLIMITED));
        } else if let Some(limit) = limit {
            let day = if is_daily { now.max(self.clock) / DAY } else { 0 };
            self.limited.push(Limited { user, is_daily, days: BTreeMap::from([(day, limit)]) });
        }
    }

    /// What counts against a cap on a day.
    fn used(&self, cap: usize, day: i64) -> i64 {
        let counted = self.reserved.iter().filter(|hold| hold.counts.contains(&(cap, day)));
        let spent = |hold: &Reserved| self.sum(Bucket::Spent, |line| line.hold == Some(hold.id));
        counted.map(|hold| if hold.closed.is_none() { hold.amount } else { spent(hold) }).sum()
    }

    /// The caps that items count against, in the order in which they are looked at, each with its day.
    fn admitting(&self, items: &[HoldItem], now: i64) -> Result<Vec<(usize, i64)>, Refusal> {
        let mut order: Vec<usize> = (0..self.limited.len()).collect();
        order.sort_by_key(|at| (self.limited[*at].user, !self.limited[*at].is_daily));
        let mut admitting = Vec::new();
        for at in order {
            let cap = &self.limited[at];
            let (last, limit) = cap.days.last_key_value().unwrap();
            let day = if cap.is_daily { (now / DAY).max(*last) } else { 0 };
            let covered = items.iter().filter(|item| cap.user.is_none() || item.user_id == cap.user);
            let required: i64 = covered.map(|item| item.amount.get()).sum();
            if required == 0 || (day > *last && *limit == UNLIMITED) {
                continue;
            }
            let used = self.used(at, day);
            if used + required > *limit {
                return Err(Refusal::CapExceeded(Exceeded {
                    scope: if cap.user.is_some() { CapScope::Member } else { CapScope::Account },
                    period: if cap.is_daily { CapPeriod::Day } else { CapPeriod::Always },
                    cap: *limit,
                    used,
                    required,
                    resets_at: cap.is_daily.then_some((day + 1) * DAY),
                }));
            }
            admitting.push((at, day));
        }
        Ok(admitting)
    }

    fn give(
        &mut self,
        new: &inkledger::ledger::model::NewGrant,
        now: i64,
        id: Uuid,
    ) -> Result<(&'static str, i64, i64), Refusal> {
        let ends = new.expires_at.unwrap_or(NEVER);
        if ends <= now || ends > NEVER {
            return Err(Refusal::InvalidExpiry);
        }
        let (rank, source) = match &new.source {
            GrantSource::Plan(text) => (10, Some(("plan", format!("{text:?}")))),
            GrantSource::Promo(text) => (20, Some(("promo", format!("{text:?}")))),
            GrantSource::Signup(user) => (30, Some(("signup", user.to_string()))),
            GrantSource::Admin => (60, None),
            GrantSource::Purchase(text) => (100, Some(("purchase", format!("{text:?}")))),
        };
        if let Some(used) = self.given.iter().find(|lot| source.is_some() && lot.source == source) {
            return Err(Refusal::GrantSourceUsed { sequence: Some(used.sequence) });
        }
        Ok(("grant", self.issue(new.amount.get(), (rank, ends, source), id)?, 0))
    }

    fn issue(
        &mut self,
        amount: i64,
        (rank, ends, source): (i32, i64, Option<(&'static str, String)>),
        id: Uuid,
    ) -> Result<i64, Refusal> {
        if self.balance().issued + amount > (1 << 53) - 1 {
            return Err(Refusal::TotalTooLarge);
        }
        self.given.push(Given { id, rank, ends, source, sequence: self.next() });
        self.line(id, None, Bucket::Issued, Bucket::Available, amount);
        Ok(amount)
    }

    /// The lots, oldest first.
    pub fn lots(&self) -> Vec<Uuid> {
        self.given.iter().map(|lot| lot.id).collect()
    }

    fn refund(
        &mut self,
        id: Uuid,
        amount: Option<Credits>,
        now: i64,
        grant: Uuid,
    ) -> Result<(&'static str, i64, i64), Refusal> {
        let at = self.reserved.iter().position(|hold| hold.id == id).ok_or(Refusal::HoldNotFound)?;
        let paid = |line: &&Moved| line.hold == Some(id) && line.to == Bucket::Spent;
        let charged: i64 = self.moves.iter().filter(paid).map(|line| line.amount).sum();
        if charged == 0 {
            return Err(Refusal::NotRefundable);
        }
        let refundable = charged - self.reserved[at].refunded;
        let amount = amount.map_or(refundable, Credits::get);
        if refundable == 0 || amount > refundable {
            return Err(Refusal::RefundExceeds { refundable });
        }
        let payers: Vec<Uuid> = self.moves.iter().filter(paid).map(|line| line.grant).collect();
        let until = self.given.iter().filter(|lot| payers.contains(&lot.id)).map(|lot| lot.ends).max();
        let ends = until.unwrap().max((now + 30 * 86_400 * 1_000_000).min(NEVER));
        self.issue(amount, (40, ends, None), grant)?;
        self.reserved[at].refunded += amount;
        Ok(("refund", amount, 0))
    }

    fn revoke(&mut self, lot: Uuid, amount: Option<Credits>) -> Result<(&'static str, i64, i64), Refusal> {
        if self.given.iter().all(|given| given.id != lot) {
            return Err(Refusal::GrantNotFound);
        }
        let available = self.in_lot(lot, Bucket::Available);
        if available == 0 {
            let (held, spent) = (self.in_lot(lot, Bucket::Held), self.in_lot(lot, Bucket::Spent));
            return Err(Refusal::NothingToRevoke { held, spent });
        }
        let amount = amount.map_or(available, |asked| asked.get().min(available));
        self.line(lot, None, Bucket::Available, Bucket::Revoked, amount);
        Ok(("revoke", amount, 0))
    }

    fn reserve(&mut self, items: &[HoldItem], now: i64) -> Result<(&'static str, i64, i64), Refusal> {
        let twice = |at: usize| items[..at].iter().any(|other| other.hold_id == items[at].hold_id);
        if items.is_empty() || items.len() > 100 || (0..items.len()).any(twice) {
            return Err(Refusal::InvalidCount { max: 100 });
        }
        for (at, item) in items.iter().enumerate() {
            let open = self.reserved.iter().any(|hold| hold.work == item.work_id && hold.closed.is_none());
            if open || items[..at].iter().any(|other| other.work_id == item.work_id) {
                return Err(Refusal::WorkAlreadyHeld);
            }
            if item.expires_at <= now || item.expires_at > NEVER {
                return Err(Refusal::InvalidExpiry);
            }
        }
        let required: i64 = items.iter().map(|item| item.amount.get()).sum();
        let available = self.balance().available;
        if required > available {
            return Err(Refusal::InsufficientCredits { required, available, short: required - available });
        }
        let admitting = self.admitting(items, now)?;
        for (at, day) in &admitting {
            let limit = *self.limited[*at].days.last_key_value().unwrap().1;
            self.limited[*at].days.entry(*day).or_insert(limit);
        }
        for item in items {
            let covers = |(at, _): &&(usize, i64)| {
                let user = self.limited[*at].user;
                user.is_none() || item.user_id == user
            };
            let counts = admitting.iter().filter(covers).copied().collect();
            self.take(item.amount.get(), Some(item.hold_id), Bucket::Held, now);
            self.reserved.push(Reserved {
                id: item.hold_id,
                work: item.work_id,
                amount: item.amount.get(),
                ends: item.expires_at,
                closed: None,
                refunded: 0,
                counts,
            });
        }
        Ok(("hold", required, 0))
    }

    fn take(&mut self, mut needed: i64, hold: Option<Uuid>, to: Bucket, now: i64) {
        for (lot, available) in self.usable(now) {
            let part = needed.min(available);
            if part > 0 {
                self.line(lot, hold, Bucket::Available, to, part);
                needed -= part;
            }
        }
        assert_eq!(needed, 0, "the model ran out of lots");
    }

    fn find_open(&self, id: Uuid) -> Result<Reserved, Refusal> {
        let found = self.reserved.iter().find(|hold| hold.id == id).ok_or(Refusal::HoldNotFound)?;
        match found.closed {
            None => Ok(found.clone()),
            Some((state, sequence)) => Err(Refusal::HoldClosed { state, sequence }),
        }
    }

    /// Ends a hold's reservation: the first `charge` credits are spent, the others go back.
    fn undo(&mut self, hold: &Reserved, charge: i64, now: i64) {
        let taken: Vec<Moved> =
            self.moves.iter().filter(|line| line.hold == Some(hold.id) && line.to == Bucket::Held).cloned().collect();
        let mut left = charge;
        for line in taken {
            let spent = left.min(line.amount);
            left -= spent;
            if spent > 0 {
                self.line(line.grant, line.hold, Bucket::Held, Bucket::Spent, spent);
            }
            if line.amount > spent {
                let back = if self.ended(line.grant, now) { Bucket::Expired } else { Bucket::Available };
                self.line(line.grant, line.hold, Bucket::Held, back, line.amount - spent);
            }
        }
    }

    fn end(&mut self, id: Uuid, state: &'static str) {
        let sequence = self.next();
        for hold in &mut self.reserved {
            if hold.id == id {
                hold.closed = Some((state, sequence));
            }
        }
    }

    fn charge(&mut self, id: Uuid, actual: i64, now: i64) -> Result<(&'static str, i64, i64), Refusal> {
        if !(0..=MOST).contains(&actual) {
            return Err(Refusal::InvalidAmount { min: 0, max: MOST });
        }
        let hold = self.find_open(id)?;
        self.undo(&hold, actual.min(hold.amount), now);
        let beyond = (actual - hold.amount).max(0);
        let left = |(at, day): &(usize, i64)| {
            self.limited[*at].days[day] - self.used(*at, *day) + hold.amount - actual.min(hold.amount)
        };
        let room = hold.counts.iter().map(left).min().unwrap_or(i64::MAX).max(0);
        let covered = beyond.min(self.balance().available).min(room);
        if covered > 0 {
            self.take(covered, Some(id), Bucket::Spent, now);
        }
        self.end(id, "settled");
        Ok(("settle", actual - (beyond - covered), beyond - covered))
    }

    fn give_back(&mut self, ids: &[Uuid], now: i64) -> Result<(&'static str, i64, i64), Refusal> {
        if ids.is_empty() || ids.len() > 100 || (0..ids.len()).any(|at| ids[..at].contains(&ids[at])) {
            return Err(Refusal::InvalidCount { max: 100 });
        }
        let holds = ids.iter().map(|id| self.find_open(*id)).collect::<Result<Vec<_>, _>>()?;
        for hold in &holds {
            self.undo(hold, 0, now);
        }
        for hold in &holds {
            self.end(hold.id, "released");
        }
        Ok(("release", holds.iter().map(|hold| hold.amount).sum(), 0))
    }
}

/// What two requests must have in common to be the same; what a repeat makes anew is left out.
fn asked(operation: &Operation) -> String {
    match operation {
        Operation::Hold(items) => items
            .iter()
            .map(|item| {
                format!(
                    "{:?}{:?}{:?}{:?}{:?}{:?}{:?};",
                    item.work_kind,
                    item.work_id,
                    item.run_id,
                    item.user_id,
                    item.price_version_id,
                    item.prompt_version_id,
                    item.amount
                )
            })
            .collect(),
        other => format!("{other:?}"),
    }
}
