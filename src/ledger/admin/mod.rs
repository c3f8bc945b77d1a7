//! What administrators and operators do to credits by hand: add, give back, take back, correct. Each leaves a row in the audit log
//! that commits with it.

mod add;
mod adjust;
mod refund;
mod revoke;

pub use add::{AddCredits, Target, add_credits};
pub use adjust::{AdjustCredits, adjust_credits};
pub use refund::{RefundCredits, refund_credits};
pub use revoke::{RevokeCredits, revoke_credits};

use super::model::{Actor, Credits, Note, Refusal};
use crate::{
    error::{Error, Failure},
    viewer::FeatureRight,
};

/// What was typed as an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypedAmount {
    /// A whole number.
    Whole(i64),
    /// Not whole, or not a number.
    NotWhole,
    /// Far below zero.
    BelowRange,
    /// Far above any limit.
    AboveRange,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreditsError {
    /// The amount is 0.
    AmountZero,
    /// The amount is below 0.
    AmountNegative,
    /// The amount is not a whole number.
    AmountNotWhole,
    /// The amount is above the limit.
    AmountTooLarge {
        /// The limit.
        max: i64,
    },
    /// The reason is over 500 characters.
    ReasonTooLong,
    /// There is no such account, person, credit transaction or grant.
    NotFound,
    /// The ledger's own refusal.
    Ledger(Refusal),
}

fn judge(amount: TypedAmount, max: i64) -> Result<Credits, CreditsError> {
    match amount {
        TypedAmount::NotWhole => Err(CreditsError::AmountNotWhole),
        TypedAmount::BelowRange => Err(CreditsError::AmountNegative),
        TypedAmount::AboveRange => Err(CreditsError::AmountTooLarge { max }),
        TypedAmount::Whole(0) => Err(CreditsError::AmountZero),
        TypedAmount::Whole(whole) if whole < 0 => Err(CreditsError::AmountNegative),
        TypedAmount::Whole(whole) if whole > max => Err(CreditsError::AmountTooLarge { max }),
        TypedAmount::Whole(whole) => Credits::new(whole).map_err(CreditsError::Ledger),
    }
}

/// The words to keep, if there are any.
fn note(reason: Option<String>) -> Result<Option<Note>, CreditsError> {
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    reason.map(|reason| Note::new(reason).ok_or(CreditsError::ReasonTooLong)).transpose()
}

fn actor_of(right: FeatureRight) -> Actor {
    right.who.map_or(Actor::System, |who| Actor::Admin(who.user_id))
}

fn refusal(failure: Failure<Refusal>) -> Failure<CreditsError> {
    match failure {
        Failure::Refused(Refusal::AccountNotFound | Refusal::GrantNotFound | Refusal::HoldNotFound) => {
            Failure::Refused(CreditsError::NotFound)
        }
        Failure::Refused(Refusal::IdempotencyKeyReused) => Error::IdempotencyKeyReused.into(),
        Failure::Refused(Refusal::LedgerClosing) => Error::ShuttingDown.into(),
        Failure::Refused(refusal) => Failure::Refused(CreditsError::Ledger(refusal)),
        Failure::Fault(error) => Failure::Fault(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_every_amount_with_its_own_code() {
        let judge = |amount| judge(amount, 1_000_000);
        assert_eq!(judge(TypedAmount::Whole(0)), Err(CreditsError::AmountZero));
        assert_eq!(judge(TypedAmount::Whole(-5)), Err(CreditsError::AmountNegative));
        assert_eq!(judge(TypedAmount::NotWhole), Err(CreditsError::AmountNotWhole));
        assert_eq!(judge(TypedAmount::AboveRange), Err(CreditsError::AmountTooLarge { max: 1_000_000 }));
        assert_eq!(judge(TypedAmount::Whole(1_000_001)), Err(CreditsError::AmountTooLarge { max: 1_000_000 }));
        assert_eq!(judge(TypedAmount::Whole(1_000_000)).map(Credits::get), Ok(1_000_000));
    }
}
