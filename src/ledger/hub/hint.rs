//! Transactions on the bus, so that other processes deliver them without a read.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    bus::Hint,
    ledger::model::{Actor, Answer, Digest, Transaction},
};

/// The topic of balances.
pub(super) const TOPIC: &str = "credit";

/// More transactions than this do not travel; the receiver reads them.
const TRANSACTIONS_MAX: usize = 16;

/// Below the 8,000 bytes of a PostgreSQL notification, with room for the hint around it and for escaped quotes.
const BODY_MAX: usize = 5_000;

#[derive(Serialize, Deserialize)]
struct Wire {
    id: Uuid,
    epoch: i64,
    key: String,
    request: String,
    actor: String,
    actor_id: Option<Uuid>,
    refers: Option<i64>,
    note: Option<String>,
    previous: String,
    hash: String,
    result: String,
}

/// The hint of one commit on one account.
pub(super) fn write(transactions: &[Arc<Transaction>], origin: &str) -> Option<Hint> {
    let last = transactions.last()?;
    let mut body = String::new();
    if transactions.len() <= TRANSACTIONS_MAX {
        let wires: Vec<Wire> = transactions.iter().map(|transaction| to_wire(transaction)).collect();
        body = serde_json::to_string(&wires).ok().filter(|text| text.len() <= BODY_MAX).unwrap_or_default();
    }
    Some(Hint {
        topic: TOPIC.to_owned(),
        key: last.account_id.to_string(),
        sequence: last.sequence,
        origin: origin.to_owned(),
        body,
    })
}

/// The account that a hint is about.
pub(super) fn account(hint: &Hint) -> Option<Uuid> {
    hint.key.parse().ok()
}

/// The transactions inside a hint; empty when none travelled. `None` when they are not of this epoch, or not ours.
pub(super) fn read(hint: &Hint, account: Uuid, epoch: i64) -> Option<Vec<Arc<Transaction>>> {
    if hint.body.is_empty() {
        return Some(Vec::new());
    }
    let wires: Vec<Wire> = serde_json::from_str(&hint.body).ok()?;
    wires.into_iter().map(|wire| from_wire(wire, account).filter(|row| row.epoch == epoch).map(Arc::new)).collect()
}

fn to_wire(row: &Transaction) -> Wire {
    Wire {
        id: row.id,
        epoch: row.epoch,
        key: row.key.clone(),
        request: hex::encode(row.request_hash),
        actor: row.actor.kind().to_owned(),
        actor_id: row.actor.id(),
        refers: row.refers,
        note: row.note_hash.map(hex::encode),
        previous: hex::encode(row.prev_hash),
        hash: hex::encode(row.hash),
        result: row.result.clone(),
    }
}

fn digest(text: &str) -> Option<Digest> {
    Digest::try_from(hex::decode(text).ok()?.as_slice()).ok()
}

fn from_wire(wire: Wire, account: Uuid) -> Option<Transaction> {
    let answer = Answer::parse(&wire.result)?;
    let note_hash = match wire.note {
        Some(text) => Some(digest(&text)?),
        None => None,
    };
    Some(Transaction {
        account_id: account,
        sequence: answer.sequence,
        id: wire.id,
        epoch: wire.epoch,
        kind: answer.kind,
        key: wire.key,
        request_hash: digest(&wire.request)?,
        actor: Actor::parse(&wire.actor, wire.actor_id)?,
        amount: answer.amount,
        result: wire.result,
        refers: wire.refers,
        note_hash,
        at: answer.at,
        balance: answer.balance,
        prev_hash: digest(&wire.previous)?,
        hash: digest(&wire.hash)?,
    })
}
