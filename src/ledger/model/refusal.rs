//! Why the ledger did not do what was asked: expected answers that carry data, never faults.

use super::Exceeded;
use crate::clock::Micros;

/// An operation that was refused. Nothing of it was written, and no credit transaction exists for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The amount is outside its range.
    #[error("The amount must be from {min} to {max} credits.")]
    InvalidAmount {
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// More or fewer holds than one operation takes.
    #[error("One operation takes from 1 to {max} holds, each once.")]
    InvalidCount {
        /// Most allowed.
        max: usize,
    },
    /// The end lies in the past, or beyond the year 9999.
    #[error("The expiry must be in the future.")]
    InvalidExpiry,
    /// The account would have been given more than 2^53 - 1 credits in all.
    #[error("The account cannot be given that many credits in all.")]
    TotalTooLarge,
    /// The lot's source was used before.
    #[error("This source has already given its credits.")]
    GrantSourceUsed {
        /// The transaction that used it, when it is this account's own.
        sequence: Option<i64>,
    },
    /// Too few credits.
    #[error("Insufficient credits. Required: {required}, Available: {available}")]
    InsufficientCredits {
        /// Credits needed.
        required: i64,
        /// Credits there.
        available: i64,
        /// The difference.
        short: i64,
    },
    /// A cap does not admit it.
    #[error("{0}")]
    CapExceeded(Exceeded),
    /// The work already has an open hold.
    #[error("Credits are already held for this work.")]
    WorkAlreadyHeld,
    /// No such hold, or another account's.
    #[error("There is no such hold.")]
    HoldNotFound,
    /// The hold has ended.
    #[error("The hold is {state} since transaction {sequence}.")]
    HoldClosed {
        /// `settled`, `released` or `expired`.
        state: &'static str,
        /// The transaction that ended it.
        sequence: i64,
    },
    /// The hold's time is not over.
    #[error("The hold ends at {expires_at}, which is not yet.")]
    HoldNotDue {
        /// When it ends, microseconds.
        expires_at: Micros,
    },
    /// A request to a provider is under way for the hold.
    #[error("The hold's work is under way.")]
    HoldInUse,
    /// No lot is due any more: what was is written off.
    #[error("No credits are due to expire.")]
    NothingDue,
    /// Nothing was charged for the hold.
    #[error("Nothing was charged for this work, so there is nothing to give back.")]
    NotRefundable,
    /// More than what was charged would be given back in all.
    #[error("Of what this work was charged, {refundable} credits can still be given back.")]
    RefundExceeds {
        /// Charged, and not given back yet.
        refundable: i64,
    },
    /// No such lot, or another account's.
    #[error("There is no such grant.")]
    GrantNotFound,
    /// The lot has no available credits.
    #[error("The grant has no unspent credits: {held} are held and {spent} are spent.")]
    NothingToRevoke {
        /// Its reserved credits.
        held: i64,
        /// Its charged credits.
        spent: i64,
    },
    /// The operation would touch too many lots.
    #[error("The operation touches more than {max} lots. Split it.")]
    LotsExceeded {
        /// Most allowed.
        max: usize,
    },
    /// The account has no ledger.
    #[error("There is no such account.")]
    AccountNotFound,
    /// The account is frozen.
    #[error("The account is frozen. Contact support.")]
    AccountFrozen,
    /// The account is closed.
    #[error("The account is closed.")]
    AccountClosed,
    /// A guard of the attached rows did not hold.
    #[error("The work has changed meanwhile ({code}).")]
    EffectRefused {
        /// The table whose guard failed.
        code: String,
    },
    /// An attached row meets one that is already there.
    #[error("A row of this kind exists already ({constraint}).")]
    EffectConflict {
        /// The unique constraint's name.
        constraint: String,
    },
    /// The idempotency key was used for another request.
    #[error("This idempotency key was used for a different request. Use a new key.")]
    IdempotencyKeyReused,
    /// Too much is queued; certain to have had no effect.
    #[error("The ledger is busy. Try again.")]
    LedgerBusy {
        /// Milliseconds to wait.
        retry_after_ms: u64,
    },
    /// The process is ending; certain to have had no effect.
    #[error("The server is shutting down. Send the request again.")]
    LedgerClosing,
}

impl Refusal {
    /// Whether a command that is so refused leaves its record: money was not enough, by the balance or by a cap.
    pub fn is_recorded(&self) -> bool {
        matches!(self, Self::InsufficientCredits { .. } | Self::CapExceeded(_))
    }

    /// The stable code of the documents.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidAmount { .. } | Self::InvalidCount { .. } => "INVALID_AMOUNT",
            Self::InvalidExpiry => "INVALID_EXPIRY",
            Self::TotalTooLarge => "TOTAL_TOO_LARGE",
            Self::GrantSourceUsed { .. } => "GRANT_SOURCE_USED",
            Self::InsufficientCredits { .. } => "INSUFFICIENT_CREDITS",
            Self::CapExceeded(_) => "CAP_EXCEEDED",
            Self::WorkAlreadyHeld => "WORK_ALREADY_HELD",
            Self::HoldNotFound => "HOLD_NOT_FOUND",
            Self::HoldClosed { .. } => "HOLD_CLOSED",
            Self::HoldNotDue { .. } => "HOLD_NOT_DUE",
            Self::HoldInUse => "HOLD_IN_USE",
            Self::NothingDue => "NOTHING_DUE",
            Self::NotRefundable => "NOT_REFUNDABLE",
            Self::RefundExceeds { .. } => "REFUND_EXCEEDS",
            Self::GrantNotFound => "GRANT_NOT_FOUND",
            Self::NothingToRevoke { .. } => "NOTHING_TO_REVOKE",
            Self::LotsExceeded { .. } => "LOTS_EXCEEDED",
            Self::AccountNotFound => "ACCOUNT_NOT_FOUND",
            Self::AccountFrozen => "ACCOUNT_FROZEN",
            Self::AccountClosed => "ACCOUNT_CLOSED",
            Self::EffectRefused { .. } | Self::EffectConflict { .. } => "EFFECT_REFUSED",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::LedgerBusy { .. } => "LEDGER_BUSY",
            Self::LedgerClosing => "LEDGER_CLOSING",
        }
    }
}
