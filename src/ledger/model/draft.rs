//! One operation in the making: reads the state, changes nothing but itself.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use crate::{
    clock::{Micros, NEVER},
    defect::is_planted,
};

use super::{
    AMOUNT_MAX, Account, Actor, Answer, Balance, Cap, Credits, Delta, Digest, Entry, Exceeded, GrantKind, HOLDS_MAX,
    Hold, HoldItem, HoldState, ISSUED_MAX, Kind, LOTS_MAX, Lot, Move, NewGrant, Part, REFUND_LIFE_MIN, Refusal, Stamp,
    Standing, State, Transaction, Untouched, Work, chain_hash,
    decide::{Decision, Declined, Inconsistency},
};

/// What stands at the head of a journal row.
pub(super) struct Heading {
    pub(super) kind: Kind,
    pub(super) key: String,
    pub(super) request_hash: Digest,
    pub(super) actor: Actor,
}

/// What tells a lot that is made from others.
struct NewLot {
    kind: GrantKind,
    source_ref: String,
    expires_at: Micros,
    refunds_seq: Option<i64>,
}

/// See the module.
pub(super) struct Draft<'a> {
    state: &'a State,
    pub(super) now: Micros,
    sequence: i64,
    balance: Balance,
    amount: i64,
    entries: Vec<Entry>,
    lots: BTreeMap<Uuid, Lot>,
    /// Caps whose use changes.
    caps: BTreeMap<Uuid, Cap>,
    next_lot: usize,
    granted: Option<Lot>,
    opened: Vec<Hold>,
    closed: Vec<Hold>,
    refunded: Option<Hold>,
    /// The lot that credits were taken from by name.
    revoked: Option<Uuid>,
    shortfall: i64,
    refers: Option<i64>,
}

const OVERFLOW: Declined = Declined::Broken(Inconsistency("a sum left its range"));

impl<'a> Draft<'a> {
    pub(super) fn new(state: &'a State, now: Micros) -> Self {
        Self {
            state,
            now: now.max(state.account.ledger_now),
            sequence: state.account.sequence + 1,
            balance: state.account.balance,
            amount: 0,
            entries: Vec::new(),
            lots: BTreeMap::new(),
            caps: BTreeMap::new(),
            next_lot: 0,
            granted: None,
            opened: Vec::new(),
            closed: Vec::new(),
            refunded: None,
            revoked: None,
            shortfall: 0,
            refers: None,
        }
    }

    fn account(&self) -> &'a Account {
        &self.state.account
    }

    fn must_be_open(&self) -> Result<(), Refusal> {
        match self.account().standing {
            Standing::Open => Ok(()),
            Standing::Frozen => Err(Refusal::AccountFrozen),
            Standing::Closed => Err(Refusal::AccountClosed),
        }
    }

    pub(super) fn add_amount(&mut self, amount: i64) -> Result<(), Declined> {
        self.amount = self.amount.checked_add(amount).ok_or(OVERFLOW)?;
        Ok(())
    }

    /// Moves credits of one lot: the lot, the account and the entries change together or not at all.
    pub(super) fn post(&mut self, lot: Uuid, hold: Option<Uuid>, way: Move, amount: i64) -> Result<(), Declined> {
        if !self.lots.contains_key(&lot) {
            if self.lots.len() == LOTS_MAX {
                return Err(Refusal::LotsExceeded { max: LOTS_MAX }.into());
            }
            let found = self.state.lots.iter().find(|known| known.id == lot);
            let found = found.ok_or(Declined::Broken(Inconsistency("a hold names a lot that is not there")))?;
            self.lots.insert(lot, found.clone());
        }
        let touched = self.lots.get_mut(&lot).ok_or(OVERFLOW)?;
        touched.balance = touched.balance.after(way, amount).ok_or(OVERFLOW)?;
        self.balance = self.balance.after(way, amount).ok_or(OVERFLOW)?;
        self.entries.push(Entry { grant: lot, hold, way, amount });
        Ok(())
    }

    /// Takes `needed` available credits in burn order.
    fn draw(&mut self, needed: i64, hold: Option<Uuid>, way: Move) -> Result<Vec<Part>, Declined> {
        let parts = self.draw_most(needed, hold, way)?;
        let drawn: i64 = parts.iter().map(|part| part.amount).sum();
        if drawn == needed { Ok(parts) } else { Err(Refusal::LotsExceeded { max: LOTS_MAX }.into()) }
    }

    /// Takes as much of `needed` available credits in burn order as the lots of one operation have.
    fn draw_most(&mut self, mut needed: i64, hold: Option<Uuid>, way: Move) -> Result<Vec<Part>, Declined> {
        let after = self.state.beyond.map(|beyond| beyond.after);
        let mut parts = Vec::new();
        while needed > 0 {
            let lot = self.state.lots.get(self.next_lot);
            let Some(lot) = lot.filter(|lot| after.is_none_or(|after| lot.burn_key() <= after)) else {
                return Err(match after {
                    None => Declined::Broken(Inconsistency("the lots hold less than the account")),
                    Some(_) => Declined::Unread,
                });
            };
            let (id, due) = (lot.id, lot.due(self.now));
            let available = self.lots.get(&id).unwrap_or(lot).balance.available;
            let take = if due { 0 } else { available.min(needed) };
            if take > 0 {
                // What comes later in burn order does not pay before it, though it were touched already.
                if self.lots.len() == LOTS_MAX && !self.lots.contains_key(&id) {
                    break;
                }
                self.post(id, hold, way, take)?;
                parts.push(Part { grant: id, amount: take });
                needed -= take;
            }
            if take == available || due {
                self.next_lot += 1;
            }
        }
        Ok(parts)
    }

    pub(super) fn grant(&mut self, grant: &NewGrant, stamp: &Stamp) -> Result<(), Declined> {
        self.must_be_open()?;
        let expires_at = grant.expires_at.unwrap_or(NEVER);
        if expires_at <= self.now || expires_at > NEVER {
            return Err(Refusal::InvalidExpiry.into());
        }
        let (kind, source_ref) = (grant.source.kind(), grant.source.reference(stamp.transaction_id));
        let used = self.state.used_sources.iter().find(|used| used.0 == kind && used.1 == source_ref);
        if let Some((_, _, sequence)) = used {
            return Err(Refusal::GrantSourceUsed { sequence: *sequence }.into());
        }
        self.issue(NewLot { kind, source_ref, expires_at, refunds_seq: None }, grant.amount.get(), stamp)
    }

    fn issue(&mut self, lot: NewLot, amount: i64, stamp: &Stamp) -> Result<(), Declined> {
        let balance = self.balance.after(Move::Issue, amount).filter(|next| next.issued <= ISSUED_MAX);
        self.balance = balance.ok_or(Refusal::TotalTooLarge)?;
        self.entries.push(Entry { grant: stamp.grant_id, hold: None, way: Move::Issue, amount });
        self.granted = Some(Lot {
            id: stamp.grant_id,
            kind: lot.kind,
            source_ref: lot.source_ref,
            priority: lot.kind.priority(),
            expires_at: lot.expires_at,
            granted_seq: self.sequence,
            refunds_seq: lot.refunds_seq,
            balance: Balance { issued: amount, available: amount, ..Balance::default() },
            created_at: self.now,
        });
        self.add_amount(amount)
    }

    pub(super) fn hold(&mut self, items: &[HoldItem]) -> Result<(), Declined> {
        self.must_be_open()?;
        check_count(items.iter().map(|item| item.hold_id))?;
        let mut works = HashSet::new();
        for item in items {
            let open = |hold: &&Hold| hold.item.work_id == item.work_id && hold.state == HoldState::Held;
            if !works.insert(item.work_id) || self.state.holds.iter().any(|hold| open(&hold)) {
                return Err(Refusal::WorkAlreadyHeld.into());
            }
            if item.expires_at <= self.now || item.expires_at > NEVER {
                return Err(Refusal::InvalidExpiry.into());
            }
            self.add_amount(item.amount.get())?;
        }
        let (required, available) = (self.amount, self.balance.available);
        if required > available {
            return Err(Refusal::InsufficientCredits { required, available, short: required - available }.into());
        }
        let caps = self.admit(items)?;
        for (item, caps) in items.iter().zip(caps) {
            let parts = self.draw(item.amount.get(), Some(item.hold_id), Move::Reserve)?;
            self.opened.push(Hold {
                item: item.clone(),
                state: HoldState::Held,
                opened_seq: self.sequence,
                created_at: self.now,
                parts,
                caps,
            });
        }
        Ok(())
    }

    /// The caps that each item counts against, with what they hold then.
    fn admit(&mut self, items: &[HoldItem]) -> Result<Vec<Vec<Uuid>>, Declined> {
        let mut linked = vec![Vec::new(); items.len()];
        let known: Vec<&Cap> = self.state.caps.iter().filter(|cap| items.iter().any(|item| cap.covers(item))).collect();
        let is_last =
            |cap: &Cap| !known.iter().any(|other| other.kind() == cap.kind() && other.period_start > cap.period_start);
        let mut caps: Vec<&Cap> = known.iter().copied().filter(|cap| is_last(cap) && !cap.is_gone(self.now)).collect();
        caps.sort_unstable_by_key(|cap| cap.kind());
        for cap in caps {
            let mut required = 0_i64;
            for (item, caps) in items.iter().zip(&mut linked).filter(|(item, _)| cap.covers(item)) {
                required = required.checked_add(item.amount.get()).ok_or(OVERFLOW)?;
                caps.push(cap.id);
            }
            if required == 0 {
                continue;
            }
            if cap.is_over(self.now) {
                return Err(Declined::Broken(Inconsistency("a cap of a period that is over")));
            }
            if required > cap.room() {
                let Cap { scope, period, limit, .. } = *cap;
                let (used, resets_at) = (cap.used(), cap.resets_at());
                return Err(
                    Refusal::CapExceeded(Exceeded { scope, period, cap: limit, used, required, resets_at }).into()
                );
            }
            let held = cap.held.checked_add(required).ok_or(OVERFLOW)?;
            self.caps.insert(cap.id, Cap { held, ..*cap });
        }
        Ok(linked)
    }

    /// Takes an ended hold off what its caps hold, adds what was charged, and answers how much more they admit.
    fn count(&mut self, hold: &Hold, charged: i64) -> Result<i64, Declined> {
        let mut room = i64::MAX;
        for id in &hold.caps {
            let cap = self.cap_mut(*id)?;
            cap.held = cap.held.checked_sub(hold.item.amount.get()).filter(|held| *held >= 0).ok_or(OVERFLOW)?;
            cap.spent = cap.spent.checked_add(charged).ok_or(OVERFLOW)?;
            room = room.min(cap.room());
        }
        Ok(room)
    }

    fn cap_mut(&mut self, id: Uuid) -> Result<&mut Cap, Declined> {
        let known = self.state.caps.iter().find(|cap| cap.id == id);
        let known = known.ok_or(Declined::Broken(Inconsistency("a hold names a cap that is not there")))?;
        Ok(self.caps.entry(id).or_insert(*known))
    }

    pub(super) fn settle(&mut self, hold: Uuid, actual: i64) -> Result<(), Declined> {
        if !(0..=AMOUNT_MAX).contains(&actual) {
            return Err(Refusal::InvalidAmount { min: 0, max: AMOUNT_MAX }.into());
        }
        let hold = self.open_hold(hold)?;
        let charged = actual.min(hold.item.amount.get());
        let room = self.end(&hold, charged)?;
        let mut excess = (actual - charged).min(self.balance.available).min(room);
        if excess > 0 {
            // What was delivered is charged for as far as it goes; what more lots would have to pay is a shortfall.
            let parts = self.draw_most(excess, Some(hold.id()), Move::Spend)?;
            excess = parts.iter().map(|part| part.amount).sum();
            for cap in &hold.caps {
                self.cap_mut(*cap)?.spent += excess;
            }
        }
        let settled = charged + excess;
        self.shortfall = actual - settled;
        let state = HoldState::Settled { sequence: self.sequence, settled, shortfall: self.shortfall, refunded: 0 };
        self.refers = Some(hold.opened_seq);
        self.closed.push(Hold { state, ..hold });
        self.add_amount(settled)
    }

    pub(super) fn release(&mut self, holds: &[Uuid]) -> Result<(), Declined> {
        check_count(holds.iter().copied())?;
        for id in holds {
            let hold = self.open_hold(*id)?;
            self.end(&hold, 0)?;
            self.add_amount(hold.item.amount.get())?;
            self.closed.push(Hold { state: HoldState::Released { sequence: self.sequence }, ..hold });
        }
        self.refers = common(self.closed.iter().map(|hold| hold.opened_seq));
        Ok(())
    }

    pub(super) fn expire_hold(&mut self, id: Uuid) -> Result<(), Declined> {
        let hold = self.open_hold(id)?;
        if hold.item.expires_at > self.now {
            return Err(Refusal::HoldNotDue { expires_at: hold.item.expires_at }.into());
        }
        if self.state.holds_in_use.contains(&id) {
            return Err(Refusal::HoldInUse.into());
        }
        self.end(&hold, 0)?;
        self.refers = Some(hold.opened_seq);
        self.add_amount(hold.item.amount.get())?;
        self.closed.push(Hold { state: HoldState::Expired { sequence: self.sequence }, ..hold });
        Ok(())
    }

    pub(super) fn refund(&mut self, id: Uuid, amount: Option<Credits>, stamp: &Stamp) -> Result<(), Declined> {
        self.must_be_open()?;
        let hold = self.find_hold(id)?;
        let HoldState::Settled { sequence, settled, shortfall, refunded } = hold.state else {
            return Err(Refusal::NotRefundable.into());
        };
        if settled == 0 {
            return Err(Refusal::NotRefundable.into());
        }
        let refundable = settled.checked_sub(refunded).ok_or(OVERFLOW)?;
        let amount = amount.map_or(refundable, Credits::get);
        if (amount > refundable || refundable == 0) && !is_planted(20) {
            return Err(Refusal::RefundExceeds { refundable }.into());
        }
        let paid_until = self.state.paid_until.iter().find(|(paid, _)| *paid == id).map(|(_, until)| *until);
        let paid_until = paid_until.ok_or(Declined::Broken(Inconsistency("a settled hold that no lot paid for")))?;
        let least = self.now.checked_add(REFUND_LIFE_MIN).ok_or(OVERFLOW)?.min(NEVER);
        let lot = NewLot {
            kind: GrantKind::Refund,
            source_ref: stamp.transaction_id.to_string(),
            expires_at: paid_until.max(least),
            refunds_seq: Some(sequence),
        };
        self.issue(lot, amount, stamp)?;
        self.refers = Some(sequence);
        let refunded = refunded.checked_add(amount).ok_or(OVERFLOW)?;
        self.refunded = Some(Hold { state: HoldState::Settled { sequence, settled, shortfall, refunded }, ..hold });
        Ok(())
    }

    pub(super) fn revoke(&mut self, grant: Uuid, amount: Option<Credits>) -> Result<(), Declined> {
        self.must_be_open()?;
        let lot = self.state.lots.iter().find(|lot| lot.id == grant).ok_or(Refusal::GrantNotFound)?;
        let Balance { available, held, spent, .. } = lot.balance;
        if available == 0 {
            return Err(Refusal::NothingToRevoke { held, spent }.into());
        }
        let amount = amount.map_or(available, |asked| asked.get().min(available));
        self.post(grant, None, Move::Revoke, amount)?;
        (self.revoked, self.refers) = (Some(grant), Some(lot.granted_seq));
        self.add_amount(amount)
    }

    pub(super) fn adjust(&mut self, delta: Delta, stamp: &Stamp) -> Result<(), Declined> {
        self.must_be_open()?;
        match delta {
            Delta::Up(amount) => {
                let (kind, source_ref) = (GrantKind::Admin, stamp.transaction_id.to_string());
                self.issue(NewLot { kind, source_ref, expires_at: NEVER, refunds_seq: None }, amount.get(), stamp)
            }
            Delta::Down(amount) => {
                let (required, available) = (amount.get(), self.balance.available);
                if required > available {
                    let short = required - available;
                    return Err(Refusal::InsufficientCredits { required, available, short }.into());
                }
                self.draw(required, None, Move::Revoke)?;
                self.add_amount(required)
            }
        }
    }

    fn find_hold(&self, id: Uuid) -> Result<Hold, Refusal> {
        self.state.holds.iter().find(|hold| hold.id() == id).cloned().ok_or(Refusal::HoldNotFound)
    }

    fn open_hold(&self, id: Uuid) -> Result<Hold, Refusal> {
        let hold = self.find_hold(id)?;
        match hold.state.closed_seq() {
            None => Ok(hold),
            Some(_) if is_planted(9) => Ok(hold),
            Some(sequence) => Err(Refusal::HoldClosed { state: hold.state.as_str(), sequence }),
        }
    }

    /// Charges the first `charge` credits of a hold in lot order and gives the rest back, or lets it lapse where its
    /// lot is due. Answers how much more its caps admit.
    fn end(&mut self, hold: &Hold, charge: i64) -> Result<i64, Declined> {
        let mut left = charge;
        let mut whole = 0_i64;
        for part in &hold.parts {
            let take = part.amount.min(left);
            if take > 0 {
                self.post(part.grant, Some(hold.id()), Move::Charge, take)?;
                left -= take;
            }
            let rest = part.amount - take;
            if rest > 0 {
                let due = self.lot_due(part.grant);
                self.post(part.grant, Some(hold.id()), if due { Move::Lapse } else { Move::Return }, rest)?;
            }
            whole = whole.checked_add(part.amount).ok_or(OVERFLOW)?;
        }
        if whole != hold.item.amount.get() {
            return Err(Declined::Broken(Inconsistency("a hold is not the sum of its lots")));
        }
        self.count(hold, charge)
    }

    fn lot_due(&self, id: Uuid) -> bool {
        self.state.lots.iter().any(|lot| lot.id == id && lot.due(self.now)) && !is_planted(10)
    }

    pub(super) fn finish(self, heading: Heading, id: Uuid, note_hash: Option<Digest>) -> Result<Decision, Declined> {
        if self.entries.is_empty() {
            return Err(Declined::Broken(Inconsistency("an operation without a move")));
        }
        let account = self.account();
        let revoked = self.revoked.and_then(|lot| self.lots.get(&lot));
        let untouched = revoked.map(|lot| Untouched { held: lot.balance.held, spent: lot.balance.spent });
        let touched = || self.opened.iter().chain(&self.closed).chain(&self.refunded);
        let one = if touched().count() == 1 { touched().next() } else { None };
        let answer = Answer {
            sequence: self.sequence,
            transaction_id: id,
            kind: heading.kind,
            amount: self.amount,
            at: self.now,
            balance: self.balance,
            grant: self.granted.as_ref().map(|lot| lot.id).or(self.revoked),
            holds: touched().map(Hold::id).collect(),
            shortfall: self.shortfall,
            untouched,
            work: one.map(|hold| Work { kind: hold.item.work_kind, id: hold.item.work_id }),
            run: common(touched().map(|hold| hold.item.run_id)).flatten(),
        };
        let mut transaction = Transaction {
            account_id: account.id,
            sequence: self.sequence,
            id,
            epoch: account.epoch,
            kind: heading.kind,
            key: heading.key,
            request_hash: heading.request_hash,
            actor: heading.actor,
            amount: self.amount,
            result: answer.to_text(),
            refers: self.refers,
            note_hash,
            at: self.now,
            balance: self.balance,
            prev_hash: account.head_hash,
            hash: [0; 32],
        };
        transaction.hash = chain_hash(&transaction, &self.entries);
        let thresholds = self.state.thresholds.iter();
        let thresholds = thresholds.filter_map(|threshold| threshold.after(self.balance.available)).collect();
        Ok(Decision {
            transaction,
            answer,
            entries: self.entries,
            granted: self.granted,
            lots: self.lots.into_values().collect(),
            opened: self.opened,
            closed: self.closed,
            refunded: self.refunded,
            thresholds,
            caps: self.caps.into_values().collect(),
        })
    }
}

/// One operation takes 1 to 100 holds, each once.
fn check_count(holds: impl ExactSizeIterator<Item = Uuid>) -> Result<(), Refusal> {
    let count = holds.len();
    let distinct: HashSet<Uuid> = holds.collect();
    if (1..=HOLDS_MAX).contains(&count) && distinct.len() == count {
        Ok(())
    } else {
        Err(Refusal::InvalidCount { max: HOLDS_MAX })
    }
}

/// The value that all have in common.
fn common<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}
