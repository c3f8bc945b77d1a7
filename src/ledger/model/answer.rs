//! The stored answer of a transaction: ids and numbers only, at most 4,096 characters, replayed byte for byte.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Micros;

use super::{Balance, Kind, WorkKind};

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// What it is.
    pub kind: WorkKind,
    /// Which one.
    pub id: Uuid,
}

/// Credits of a lot that taking back leaves alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untouched {
    /// Reserved.
    pub held: i64,
    /// Charged.
    pub spent: i64,
}

/// What an operation answers. Everything in it comes from its own transaction, never from a later read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The transaction's number.
    pub sequence: i64,
    /// Its id.
    pub transaction_id: Uuid,
    /// What it did.
    pub kind: Kind,
    /// What it was about, whole credits.
    pub amount: i64,
    /// When.
    pub at: Micros,
    /// The sums after it.
    pub balance: Balance,
    /// The new lot, or the one that credits were taken from by name.
    pub grant: Option<Uuid>,
    /// The holds taken, ended or refunded, in the order asked for.
    pub holds: Vec<Uuid>,
    /// What was delivered and could not be charged.
    pub shortfall: i64,
    /// What is left held and spent of a lot that credits were taken from by name.
    pub untouched: Option<Untouched>,
    /// The work, when the transaction is about one piece of work alone.
    pub work: Option<Work>,
    /// The automation run, when all its work belongs to one.
    pub run: Option<Uuid>,
}

impl Answer {
    /// The text to be stored.
    pub fn to_text(&self) -> String {
        let six = self.balance.six();
        let wire = Wire {
            sequence: self.sequence,
            transaction: Hex(self.transaction_id),
            kind: self.kind.as_str().to_owned(),
            amount: self.amount,
            at: self.at,
            balance: six,
            grant: self.grant.map(Hex),
            holds: self.holds.iter().copied().map(Hex).collect(),
            shortfall: self.shortfall,
            untouched: self.untouched.map(|left| (left.held, left.spent)),
            work: self.work.map(|work| (work.kind.as_str().to_owned(), Hex(work.id))),
            run: self.run.map(Hex),
        };
        // A struct of numbers and texts always serialises.
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// Reads a stored text. `None` when it is not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_str(text).ok()?;
        let [issued, available, held, spent, expired, revoked] = wire.balance;
        let work = match wire.work {
            Some((kind, id)) => Some(Work { kind: WorkKind::parse(&kind)?, id: id.0 }),
            None => None,
        };
        Some(Self {
            sequence: wire.sequence,
            transaction_id: wire.transaction.0,
            kind: Kind::parse(&wire.kind)?,
            amount: wire.amount,
            at: wire.at,
            balance: Balance { issued, available, held, spent, expired, revoked },
            grant: wire.grant.map(|id| id.0),
            holds: wire.holds.into_iter().map(|id| id.0).collect(),
            shortfall: wire.shortfall,
            untouched: wire.untouched.map(|(held, spent)| Untouched { held, spent }),
            work,
            run: wire.run.map(|id| id.0),
        })
    }
}

/// Thirty-two hexadecimal digits without dashes: a hundred of them fit beside the rest.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Hex(#[serde(with = "uuid::serde::simple")] Uuid);

#[derive(Serialize, Deserialize)]
struct Wire {
    sequence: i64,
    transaction: Hex,
    kind: String,
    amount: i64,
    at: Micros,
    balance: [i64; 6],
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<Hex>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    holds: Vec<Hex>,
    #[serde(default, skip_serializing_if = "is_zero")]
    shortfall: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    untouched: Option<(i64, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    work: Option<(String, Hex)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<Hex>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::model::{HOLDS_MAX, ISSUED_MAX};

    #[test]
    fn keeps_the_longest_answer_within_its_column_and_reads_it_back() {
        let long = ISSUED_MAX;
        let answer = Answer {
            sequence: long,
            transaction_id: Uuid::max(),
            kind: Kind::ExpireHold,
            amount: long,
            at: crate::clock::NEVER,
            balance: Balance { issued: long, available: long, held: long, spent: long, expired: long, revoked: long },
            grant: None,
            holds: vec![Uuid::max(); HOLDS_MAX],
            shortfall: 0,
            untouched: None,
            work: None,
            run: Some(Uuid::max()),
        };
        let text = answer.to_text();
        assert!(text.len() <= 4096, "{} characters", text.len());
        assert_eq!(Answer::parse(&text), Some(answer));
    }
}
