//! What can be asked of the ledger, and the key under which a repeated question gets its first answer.

use uuid::Uuid;

use crate::clock::Micros;

use super::{Actor, Credits, Digest, GrantKind, Kind, Refusal, WorkKind, hash::Encoder};

/// A text a client may not use as an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("An idempotency key is 8 to 128 visible ASCII characters.")]
pub struct InvalidKey;

/// The key that makes an operation happen once per account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdemKey {
    text: String,
    input: Option<Digest>,
}

impl IdemKey {
    /// A client's own key, stored as `u:` + key.
    pub fn client(key: &str) -> Result<Self, InvalidKey> {
        let visible = key.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if visible && (8..=128).contains(&key.len()) {
            Ok(Self { text: format!("u:{key}"), input: None })
        } else {
            Err(InvalidKey)
        }
    }

    /// A payment provider's event id, 1 to 198 visible ASCII characters, stored as `p:` + id.
    pub fn payment(event: &str) -> Result<Self, InvalidKey> {
        let visible = event.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if visible && (1..=198).contains(&event.len()) {
            Ok(Self { text: format!("p:{event}"), input: None })
        } else {
            Err(InvalidKey)
        }
    }

    /// The server's own key for one step of work, stored as `s:` + step + `:` + work id.
    pub fn server(step: &'static str, work: Uuid) -> Self {
        Self { text: format!("s:{step}:{work}"), input: None }
    }

    /// Judges repeats by the client's own input instead of by the operation, for a mutation whose operation names
    /// rows that are made anew with every try, such as the work of a hold. `canonical` is that input in canonical form.
    #[must_use]
    pub fn for_input(mut self, canonical: &[u8]) -> Self {
        let mut encoder = Encoder::new();
        encoder.raw(canonical);
        self.input = Some(encoder.finish());
        self
    }

    /// As stored.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn input(&self) -> Option<Digest> {
        self.input
    }
}

/// What a lot came from, 1 to 200 characters, unique per kind over all accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRef(String);

impl SourceRef {
    /// `None` when empty or longer than 200 characters.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (1..=200).contains(&text.chars().count()).then_some(Self(text))
    }
}

/// Why credits are given. It decides the lot's kind, its priority and what makes it unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantSource {
    /// A payment, by the provider's payment id.
    Purchase(SourceRef),
    /// A plan's period, by subscription and period.
    Plan(SourceRef),
    /// A promotion, by code and account.
    Promo(SourceRef),
    /// A sign-up, by user.
    Signup(Uuid),
    /// An administrator's decision; unique by the transaction itself.
    Admin,
}

impl GrantSource {
    /// The lot's kind.
    pub fn kind(&self) -> GrantKind {
        match self {
            Self::Purchase(_) => GrantKind::Purchase,
            Self::Plan(_) => GrantKind::Plan,
            Self::Promo(_) => GrantKind::Promo,
            Self::Signup(_) => GrantKind::Signup,
            Self::Admin => GrantKind::Admin,
        }
    }

    /// The source reference of a lot made by transaction `transaction`.
    pub fn reference(&self, transaction: Uuid) -> String {
        self.outside().unwrap_or_else(|| transaction.to_string())
    }

    /// The reference, where it comes from outside and so could have been used before.
    pub fn outside(&self) -> Option<String> {
        match self {
            Self::Purchase(text) | Self::Plan(text) | Self::Promo(text) => Some(text.0.clone()),
            Self::Signup(user) => Some(user.to_string()),
            Self::Admin => None,
        }
    }
}

/// An administrator's words, 1 to 500 characters. Erasable: the journal keeps only a salted hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note(String);

impl Note {
    /// `None` when empty, longer than 500 characters, or holding a zero character.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        ((1..=500).contains(&text.chars().count()) && !text.contains('\0')).then_some(Self(text))
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Credits to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// Why.
    pub source: GrantSource,
    /// How many.
    pub amount: Credits,
    /// When they end; `None` is never.
    pub expires_at: Option<Micros>,
    /// Why, in an administrator's words.
    pub note: Option<Note>,
}

/// Credits to be reserved for one step of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldItem {
    /// The new hold's id, chosen by the caller so that attached rows can name it.
    pub hold_id: Uuid,
    /// What the work is.
    pub work_kind: WorkKind,
    /// Which one; it may have one open hold.
    pub work_id: Uuid,
    /// The automation run it belongs to.
    pub run_id: Option<Uuid>,
    /// The member who asked.
    pub user_id: Option<Uuid>,
    /// The price version of the binding quote.
    pub price_version_id: Uuid,
    /// The prompt version of the binding quote.
    pub prompt_version_id: Option<Uuid>,
    /// The quote.
    pub amount: Credits,
    /// When the hold may be given back without a word from its work.
    pub expires_at: Micros,
}

/// A correction of an account: 1 to 10^12 credits more or fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delta {
    /// Adds a lot that never expires.
    Up(Credits),
    /// Takes available credits away, in the order in which they burn.
    Down(Credits),
}

impl Delta {
    /// Refuses: `InvalidAmount` when 0 or more than 10^12 either way.
    pub fn new(delta: i64) -> Result<Self, Refusal> {
        let size = delta.checked_abs().unwrap_or(i64::MAX);
        Ok(if delta < 0 { Self::Down(Credits::new(size)?) } else { Self::Up(Credits::new(size)?) })
    }

    /// More is positive.
    pub fn signed(self) -> i64 {
        match self {
            Self::Up(amount) => amount.get(),
            Self::Down(amount) => amount.get().saturating_neg(),
        }
    }
}

/// One thing to do to one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Adds a lot.
    Grant(NewGrant),
    /// Reserves credits for 1 to 100 steps of work, all or none.
    Hold(Vec<HoldItem>),
    /// Charges `actual` (0 to 10^12) credits for a hold and gives the rest back.
    Settle {
        /// The hold.
        hold: Uuid,
        /// What the work cost.
        actual: i64,
    },
    /// Gives 1 to 100 holds back.
    Release(Vec<Uuid>),
    /// Gives back a hold whose time is over.
    ExpireHold(Uuid),
    /// Writes off what is due, as every operation does before it is decided; by itself it does nothing.
    ExpireLots,
    /// Gives charged credits back as a new lot.
    Refund {
        /// The hold that was charged.
        hold: Uuid,
        /// How many; all that was charged and not given back yet when `None`.
        amount: Option<Credits>,
        /// Why, in an administrator's words.
        note: Option<Note>,
    },
    /// Takes available credits of a lot away.
    Revoke {
        /// The lot.
        grant: Uuid,
        /// At most that many; all that are available when `None`.
        amount: Option<Credits>,
        /// Why, in an administrator's words.
        note: Option<Note>,
    },
    /// Corrects an account from its host.
    Adjust {
        /// By how much.
        delta: Delta,
        /// Why.
        note: Note,
    },
}

impl Operation {
    /// The kind of transaction it makes.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Grant(_) => Kind::Grant,
            Self::Hold(_) => Kind::Hold,
            Self::Settle { .. } => Kind::Settle,
            Self::Release(_) => Kind::Release,
            Self::ExpireHold(_) => Kind::ExpireHold,
            Self::ExpireLots => Kind::ExpireLot,
            Self::Refund { .. } => Kind::Refund,
            Self::Revoke { .. } => Kind::Revoke,
            Self::Adjust { .. } => Kind::Adjust,
        }
    }

    /// The words that are kept beside the journal.
    pub fn note(&self) -> Option<&Note> {
        match self {
            Self::Grant(grant) => grant.note.as_ref(),
            Self::Refund { note, .. } | Self::Revoke { note, .. } => note.as_ref(),
            Self::Adjust { note, .. } => Some(note),
            Self::Hold(_) | Self::Settle { .. } | Self::Release(_) | Self::ExpireHold(_) | Self::ExpireLots => None,
        }
    }

    /// Writes the arguments that make two requests the same. Left out is what a repeat makes anew: new ids, and the
    /// end of a hold, which counts from the time of asking.
    pub(super) fn canonical(&self, out: &mut Encoder) {
        match self {
            Self::Grant(grant) => {
                out.text(grant.source.kind().as_str());
                out.text(grant.source.outside().as_deref().unwrap_or(""));
                out.int(grant.amount.get());
                out.int(grant.expires_at.unwrap_or(0));
                out.text(grant.note.as_ref().map_or("", Note::as_str));
            }
            Self::Hold(items) => {
                out.count(items.len());
                for item in items {
                    out.text(item.work_kind.as_str());
                    out.id(Some(item.work_id));
                    out.id(item.run_id);
                    out.id(item.user_id);
                    out.id(Some(item.price_version_id));
                    out.id(item.prompt_version_id);
                    out.int(item.amount.get());
                }
            }
            Self::Settle { hold, actual } => {
                out.id(Some(*hold));
                out.int(*actual);
            }
            Self::Release(holds) => {
                out.count(holds.len());
                for hold in holds {
                    out.id(Some(*hold));
                }
            }
            Self::ExpireHold(hold) => out.id(Some(*hold)),
            Self::ExpireLots => {}
            Self::Refund { hold: id, amount, note } | Self::Revoke { grant: id, amount, note } => {
                out.id(Some(*id));
                out.int(amount.map_or(0, Credits::get));
                out.text(note.as_ref().map_or("", Note::as_str));
            }
            Self::Adjust { delta, note } => {
                out.int(delta.signed());
                out.text(note.as_str());
            }
        }
    }
}

/// An operation with its key and the one who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Makes it happen once.
    pub key: IdemKey,
    /// Who asks.
    pub actor: Actor,
    /// What to do.
    pub operation: Operation,
}
