//! What an operation is judged by: the account, its usable lots and the holds it touches.

use std::collections::HashSet;

use uuid::Uuid;

use crate::clock::Micros;

use super::{Actor, Answer, Balance, Cap, Digest, GrantKind, HoldItem, Kind, Threshold};

/// Whether an account may be given and may reserve credits. Ending work is always possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Everything works.
    Open,
    /// A rule was found broken; an operator must look.
    Frozen,
    /// Ended.
    Closed,
}

impl Standing {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Frozen => "frozen",
            Self::Closed => "closed",
        }
    }

    /// Reads the word. `None` when there is no such state.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Frozen, Self::Closed].into_iter().find(|state| state.as_str() == text)
    }
}

/// An account's totals, its version and the head of its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Which account.
    pub id: Uuid,
    /// Whether it is open.
    pub standing: Standing,
    /// The number of its last transaction; 0 before the first.
    pub sequence: i64,
    /// The database's restore epoch.
    pub epoch: i64,
    /// The hash of its last transaction; zeros before the first.
    pub head_hash: Digest,
    /// The six sums.
    pub balance: Balance,
    /// Its clock, which never runs backwards.
    pub ledger_now: Micros,
    /// Whether it has, or had, caps.
    pub has_caps: bool,
    /// Whether it has low-balance levels.
    pub has_thresholds: bool,
}

/// A lot of credits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// Which lot.
    pub id: Uuid,
    /// Why it was given.
    pub kind: GrantKind,
    /// What makes it unique among its kind.
    pub source_ref: String,
    /// Smaller burns first.
    pub priority: i32,
    /// When its free credits end.
    pub expires_at: Micros,
    /// The transaction that made it.
    pub granted_seq: i64,
    /// For a refund the settle transaction that it gives back.
    pub refunds_seq: Option<i64>,
    /// Its six sums; `issued` is its size.
    pub balance: Balance,
    /// When it was made.
    pub created_at: Micros,
}

/// Lots burn by priority, then expiry, then id.
pub type BurnKey = (i32, Micros, Uuid);

impl Lot {
    /// Its place in the order of burning.
    pub fn burn_key(&self) -> BurnKey {
        (self.priority, self.expires_at, self.id)
    }

    /// Whether its free credits have ended.
    pub fn due(&self, now: Micros) -> bool {
        self.expires_at <= now
    }
}

/// What a hold drew from one lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The lot.
    pub grant: Uuid,
    /// Whole credits, at least 1.
    pub amount: i64,
}

/// Where a hold is in its life. It ends once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    /// Reserved.
    Held,
    /// Charged.
    Settled {
        /// The transaction that ended it.
        sequence: i64,
        /// What was charged, from the hold and beyond it.
        settled: i64,
        /// What was delivered and could not be charged.
        shortfall: i64,
        /// What was given back since.
        refunded: i64,
    },
    /// Given back.
    Released {
        /// The transaction that ended it.
        sequence: i64,
    },
    /// Given back because its time was over.
    Expired {
        /// The transaction that ended it.
        sequence: i64,
    },
}

impl HoldState {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Settled { .. } => "settled",
            Self::Released { .. } => "released",
            Self::Expired { .. } => "expired",
        }
    }

    /// The transaction that ended it.
    pub fn closed_seq(self) -> Option<i64> {
        match self {
            Self::Held => None,
            Self::Settled { sequence, .. } | Self::Released { sequence } | Self::Expired { sequence } => Some(sequence),
        }
    }
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What it is for.
    pub item: HoldItem,
    /// Where it is in its life.
    pub state: HoldState,
    /// The transaction that took it.
    pub opened_seq: i64,
    /// When.
    pub created_at: Micros,
    /// The lots it drew from, in order. Empty where only the hold itself was asked for.
    pub parts: Vec<Part>,
    /// The caps that it counts against. Empty where only the hold itself was asked for.
    pub caps: Vec<Uuid>,
}

impl Hold {
    /// Its id.
    pub fn id(&self) -> Uuid {
        self.item.hold_id
    }
}

/// One row of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Whose.
    pub account_id: Uuid,
    /// Its number, 1, 2, 3, … per account.
    pub sequence: i64,
    /// Its id.
    pub id: Uuid,
    /// The restore epoch it was written in.
    pub epoch: i64,
    /// What it did.
    pub kind: Kind,
    /// The stored idempotency key.
    pub key: String,
    /// Operation, arguments and actor.
    pub request_hash: Digest,
    /// Who asked.
    pub actor: Actor,
    /// What it was about, whole credits.
    pub amount: i64,
    /// The stored answer.
    pub result: String,
    /// The earlier transaction it is about.
    pub refers: Option<i64>,
    /// The salted hash of its note.
    pub note_hash: Option<Digest>,
    /// When, by the account's clock.
    pub at: Micros,
    /// The sums after it.
    pub balance: Balance,
    /// The hash before it.
    pub prev_hash: Digest,
    /// Its hash.
    pub hash: Digest,
}

impl Transaction {
    /// Its stored answer. `None` when the text is not one.
    pub fn answer(&self) -> Option<Answer> {
        Answer::parse(&self.result)
    }
}

/// What is known of lots with available credits that were not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beyond {
    /// All lots up to this [`Lot::burn_key`] were read.
    pub after: BurnKey,
    /// The earliest end of those that were not.
    pub next_due: Micros,
}

/// What operations on one account are judged by. An operation that is accepted changes it in place, so that the next
/// one sees its predecessor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The account.
    pub account: Account,
    /// Lots with available credits in burn order, and lots that are touched by name or through a hold; sorted by
    /// [`Lot::burn_key`].
    pub lots: Vec<Lot>,
    /// What is known of lots with available credits that are not in `lots`; `None`: there are none.
    pub beyond: Option<Beyond>,
    /// Touched holds, with parts where they may be ended; open holds of the works asked for.
    pub holds: Vec<Hold>,
    /// Sources of the lots asked for that were used before, with the transaction where it is this account's own.
    pub used_sources: Vec<(GrantKind, String, Option<i64>)>,
    /// Touched holds whose work has a request under way.
    pub holds_in_use: Vec<Uuid>,
    /// Settled holds that may be refunded, with the latest end among the lots that paid for them.
    pub paid_until: Vec<(Uuid, Micros)>,
    /// The account's low-balance levels.
    pub thresholds: Vec<Threshold>,
    /// Of the caps that concern touched holds or holds asked for, the rows of their last periods, and those that touched
    /// holds count against.
    pub caps: Vec<Cap>,
}

impl State {
    /// An account that has just been opened.
    pub fn opened(id: Uuid, epoch: i64) -> Self {
        Self::of(Account {
            id,
            standing: Standing::Open,
            sequence: 0,
            epoch,
            head_hash: [0; 32],
            balance: Balance::default(),
            ledger_now: 0,
            has_caps: false,
            has_thresholds: false,
        })
    }

    /// An account of which nothing else has been read yet.
    pub fn of(account: Account) -> Self {
        Self {
            account,
            lots: Vec::new(),
            beyond: None,
            holds: Vec::new(),
            used_sources: Vec::new(),
            holds_in_use: Vec::new(),
            paid_until: Vec::new(),
            thresholds: Vec::new(),
            caps: Vec::new(),
        }
    }

    /// Begins the present period of every cap that a hold of `items` would count against.
    pub fn renew_caps(&mut self, items: &[HoldItem], now: Micros, mut id: impl FnMut() -> Uuid) {
        let now = now.max(self.account.ledger_now);
        let concerned: Vec<Cap> =
            self.caps.iter().filter(|cap| items.iter().any(|item| cap.covers(item))).copied().collect();
        let is_last = |cap: &&Cap| {
            !concerned.iter().any(|other| other.kind() == cap.kind() && other.period_start > cap.period_start)
        };
        let over = concerned.iter().filter(is_last).filter(|cap| cap.is_over(now) && !cap.is_gone(now));
        let renewed: Vec<Cap> = over.map(|cap| cap.renewed(id(), now)).collect();
        self.caps.extend(renewed);
    }

    /// Whether a lot that was not read is due.
    pub fn has_unread_due(&self, now: Micros) -> bool {
        self.beyond.is_some_and(|beyond| beyond.next_due <= now)
    }

    /// Replaces what is known of lots with available credits by what was read of them, in burn order.
    pub fn set_lots(&mut self, lots: Vec<Lot>, beyond: Option<Beyond>) {
        let named = std::mem::replace(&mut self.lots, lots);
        self.beyond = beyond;
        self.add_lots(named);
    }

    /// The account and the first `lots_max` lots that have credits available, as the next operation would read them.
    #[must_use]
    pub fn remember(self, lots_max: usize) -> Self {
        let after = self.beyond.map(|beyond| beyond.after);
        let mut next_due = self.beyond.map(|beyond| beyond.next_due);
        let mut lots: Vec<Lot> = Vec::new();
        let mut last = None;
        for lot in self.lots.into_iter().filter(|lot| lot.balance.available > 0) {
            if lots.len() < lots_max && after.is_none_or(|after| lot.burn_key() <= after) {
                last = Some(lot.burn_key());
                lots.push(lot);
            } else {
                next_due = Some(next_due.map_or(lot.expires_at, |due| due.min(lot.expires_at)));
            }
        }
        let after = if lots.len() == lots_max { last } else { after };
        let beyond = next_due.map(|next_due| Beyond { after: after.unwrap_or_default(), next_due });
        Self { lots, beyond, ..Self::of(self.account) }
    }

    /// Adds lots that are not there yet and keeps the burn order.
    pub fn add_lots(&mut self, lots: Vec<Lot>) {
        let known: HashSet<Uuid> = self.lots.iter().map(|lot| lot.id).collect();
        self.lots.extend(lots.into_iter().filter(|lot| !known.contains(&lot.id)));
        self.lots.sort_by_key(Lot::burn_key);
    }
}
