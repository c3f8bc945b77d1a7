//! The pure core: one operation on one account. No input, no output, no clock; arithmetic is checked.

use uuid::Uuid;

use crate::clock::Micros;

use super::{
    Actor, Answer, Bucket, Cap, Crossing, Digest, Entry, Hold, IdemKey, Kind, LOTS_MAX, Lot, Move, Operation, Refusal,
    Request, State, Threshold, Transaction,
    draft::{Draft, Heading},
    request_hash,
};

/// Stored rows that contradict each other. An operation on them is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger's rows contradict each other: {0}")]
pub struct Inconsistency(pub &'static str);

/// Why an operation was not carried out; the state is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declined {
    /// An expected answer.
    Refused(Refusal),
    /// It needs lots that were not read: to be asked again with more of them.
    Unread,
    /// Our fault.
    Broken(Inconsistency),
}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What an operation brings along because the core makes no ids and reads no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The new transaction's id.
    pub transaction_id: Uuid,
    /// The new lot's id, if it makes one.
    pub grant_id: Uuid,
    /// The salted hash of its note, if it has one.
    pub note_hash: Option<Digest>,
    /// The present time; the account's own clock is never behind it and never runs backwards.
    pub now: Micros,
}

/// An accepted operation: what is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The new journal row.
    pub transaction: Transaction,
    /// Its answer.
    pub answer: Answer,
    /// Its moves, in order.
    pub entries: Vec<Entry>,
    /// The new lot.
    pub granted: Option<Lot>,
    /// Older lots as they are now, by id.
    pub lots: Vec<Lot>,
    /// New holds.
    pub opened: Vec<Hold>,
    /// Ended holds.
    pub closed: Vec<Hold>,
    /// A hold of which more was given back.
    pub refunded: Option<Hold>,
    /// Low-balance levels that the available credits fell below or reached again.
    pub thresholds: Vec<Threshold>,
    /// Caps of which more or less is used, by id.
    pub caps: Vec<Cap>,
}

impl Decision {
    /// The levels that the available credits fell below.
    pub fn crossings(&self) -> impl Iterator<Item = Crossing> {
        let row = &self.transaction;
        self.thresholds.iter().filter(|threshold| !threshold.is_armed).map(|threshold| Crossing {
            account: row.account_id,
            level: threshold.level,
            available: row.balance.available,
            transaction: row.id,
            sequence: row.sequence,
            at: row.at,
        })
    }
}

/// Carries `request` out on `state`, or leaves `state` as it is and says why not. Lots that are due must have been
/// written off before, see [`write_off`] and [`State::has_unread_due`], and caps renewed, see [`State::renew_caps`].
pub fn apply(state: &mut State, request: &Request, stamp: &Stamp) -> Result<Decision, Declined> {
    let mut draft = Draft::new(state, stamp.now);
    match &request.operation {
        Operation::Grant(grant) => draft.grant(grant, stamp)?,
        Operation::Hold(items) => draft.hold(items)?,
        Operation::Settle { hold, actual } => draft.settle(*hold, *actual)?,
        Operation::Release(holds) => draft.release(holds)?,
        Operation::ExpireHold(hold) => draft.expire_hold(*hold)?,
        Operation::ExpireLots => return Err(Refusal::NothingDue.into()),
        Operation::Refund { hold, amount, .. } => draft.refund(*hold, *amount, stamp)?,
        Operation::Revoke { grant, amount, .. } => draft.revoke(*grant, *amount)?,
        Operation::Adjust { delta, .. } => draft.adjust(*delta, stamp)?,
    }
    let heading = Heading {
        kind: request.operation.kind(),
        key: request.key.as_str().to_owned(),
        request_hash: request_hash(request),
        actor: request.actor,
    };
    let decision = draft.finish(heading, stamp.transaction_id, stamp.note_hash)?;
    advance(state, &decision);
    Ok(decision)
}

/// Answers `request` from the journal row that has its key. Refuses: `IdempotencyKeyReused` when that row answered
/// another request.
pub fn repeat(stored: &Transaction, request: &Request) -> Result<Answer, Declined> {
    if stored.request_hash != request_hash(request) {
        return Err(Refusal::IdempotencyKeyReused.into());
    }
    stored.answer().ok_or(Declined::Broken(Inconsistency("a stored answer is not one of ours")))
}

/// Writes off lots that are due, at most 500 at a time, as a transaction of its own. `None` when none is due.
pub fn write_off(state: &mut State, transaction_id: Uuid, now: Micros) -> Result<Option<Decision>, Declined> {
    let mut draft = Draft::new(state, now);
    let due: Vec<(Uuid, i64)> = state
        .lots
        .iter()
        .filter(|lot| lot.balance.available > 0 && lot.due(draft.now))
        .map(|lot| (lot.id, lot.balance.available))
        .take(LOTS_MAX)
        .collect();
    if due.is_empty() {
        return Ok(None);
    }
    for (lot, available) in due {
        draft.post(lot, None, Move::Expire, available)?;
        draft.add_amount(available)?;
    }
    let heading = Heading {
        kind: Kind::ExpireLot,
        key: IdemKey::server("expire_lot", transaction_id).as_str().to_owned(),
        request_hash: [0; 32],
        actor: Actor::System,
    };
    let decision = draft.finish(heading, transaction_id, None)?;
    advance(state, &decision);
    Ok(Some(decision))
}

fn advance(state: &mut State, decision: &Decision) {
    let row = &decision.transaction;
    state.account.sequence = row.sequence;
    state.account.head_hash = row.hash;
    state.account.balance = row.balance;
    state.account.ledger_now = row.at;
    let changed = |id: Uuid| {
        let at = decision.lots.binary_search_by_key(&id, |lot| lot.id);
        at.ok().and_then(|at| decision.lots.get(at))
    };
    for lot in &mut state.lots {
        if let Some(changed) = changed(lot.id) {
            lot.clone_from(changed);
        }
    }
    if let Some(lot) = &decision.granted {
        match &mut state.beyond {
            Some(beyond) if lot.burn_key() > beyond.after => beyond.next_due = beyond.next_due.min(lot.expires_at),
            _ => {
                let place = state.lots.partition_point(|known| known.burn_key() < lot.burn_key());
                state.lots.insert(place, lot.clone());
            }
        }
    }
    for hold in decision.closed.iter().chain(&decision.refunded) {
        if let Some(known) = state.holds.iter_mut().find(|known| known.id() == hold.id()) {
            known.clone_from(hold);
        }
    }
    for hold in &decision.closed {
        let paid =
            decision.entries.iter().filter(|entry| entry.hold == Some(hold.id()) && entry.way.to() == Bucket::Spent);
        let until = paid.filter_map(|entry| changed(entry.grant)).map(|lot| lot.expires_at).max();
        state.paid_until.extend(until.map(|until| (hold.id(), until)));
    }
    state.holds.extend(decision.opened.iter().cloned());
    for cap in &mut state.caps {
        if let Some(changed) = decision.caps.iter().find(|changed| changed.id == cap.id) {
            *cap = *changed;
        }
    }
    for threshold in &mut state.thresholds {
        if let Some(changed) = threshold.after(row.balance.available) {
            *threshold = changed;
        }
    }
}
