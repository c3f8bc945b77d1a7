//! `addCredits`: an administrator gives an account credits. The server adds; nothing ever sets a balance.

use uuid::Uuid;

use super::{
    Ledger, Posting,
    model::{Actor, Credits, GrantSource, IdemKey, NewGrant, Note, Operation, Refusal},
    tenant::Tenants,
    writer::Command,
};
use crate::{
    audit::{Entry, store::entry_effect},
    clock::Micros,
    error::{Error, Failure},
    viewer::FeatureRight,
};

/// Whom credits are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An account.
    Account(Uuid),
    /// A person, who stands for the personal account.
    User(Uuid),
}

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

/// The command.
#[derive(Debug, Clone)]
pub struct AddCredits {
    /// Whom for.
    pub target: Target,
    /// How many, as typed.
    pub amount: TypedAmount,
    /// Why, in the administrator's words, at most 500 characters.
    pub reason: Option<String>,
    /// Makes it happen once.
    pub key: IdemKey,
    /// The request, for the audit row.
    pub request_id: String,
    /// The audit row's id.
    pub audit_id: Uuid,
    /// When it was asked.
    pub now: Micros,
}

/// Why nothing was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddCreditsError {
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
    /// The reason is empty or over 500 characters.
    ReasonTooLong,
    /// There is no such account or person.
    NotFound,
    /// The ledger's own refusal.
    Ledger(Refusal),
}

fn judge(amount: TypedAmount, max: i64) -> Result<Credits, AddCreditsError> {
    match amount {
        TypedAmount::NotWhole => Err(AddCreditsError::AmountNotWhole),
        TypedAmount::BelowRange => Err(AddCreditsError::AmountNegative),
        TypedAmount::AboveRange => Err(AddCreditsError::AmountTooLarge { max }),
        TypedAmount::Whole(0) => Err(AddCreditsError::AmountZero),
        TypedAmount::Whole(whole) if whole < 0 => Err(AddCreditsError::AmountNegative),
        TypedAmount::Whole(whole) if whole > max => Err(AddCreditsError::AmountTooLarge { max }),
        TypedAmount::Whole(whole) => Credits::new(whole).map_err(AddCreditsError::Ledger),
    }
}

/// Adds a lot of kind `admin` to the target's account and answers from the transaction itself. Repeating it with the
/// same key answers alike. `amount_max` is the most that one call may add.
pub async fn add_credits(
    ledger: &Ledger,
    tenants: &dyn Tenants,
    right: FeatureRight,
    amount_max: i64,
    command: AddCredits,
) -> Result<(Uuid, Posting), Failure<AddCreditsError>> {
    let amount = judge(command.amount, amount_max).map_err(Failure::Refused)?;
    let note = match command.reason.filter(|reason| !reason.trim().is_empty()) {
        None => None,
        Some(reason) => Some(Note::new(reason).ok_or(Failure::Refused(AddCreditsError::ReasonTooLong))?),
    };
    let account = match command.target {
        Target::Account(account) => account,
        Target::User(user) => {
            tenants.personal_account(user).await?.ok_or(Failure::Refused(AddCreditsError::NotFound))?
        }
    };
    let audit = entry_effect(&Entry {
        id: command.audit_id,
        account_id: Some(account),
        actor: right.into(),
        action: "credits.add",
        target_kind: "account",
        target_id: Some(account),
        before: None,
        after: Some(amount.get().to_string()),
        request_id: Some(command.request_id),
        at: command.now,
    });
    let posting = ledger
        .submit(Command {
            account,
            key: command.key,
            actor: right.who.map_or(Actor::System, |who| Actor::Admin(who.user_id)),
            operation: Operation::Grant(NewGrant { source: GrantSource::Admin, amount, expires_at: None, note }),
            open_account: false,
            effects: vec![audit],
            otherwise: Vec::new(),
        })
        .await
        .map_err(refusal)?;
    Ok((account, posting))
}

fn refusal(failure: Failure<Refusal>) -> Failure<AddCreditsError> {
    match failure {
        Failure::Refused(Refusal::AccountNotFound) => Failure::Refused(AddCreditsError::NotFound),
        Failure::Refused(Refusal::IdempotencyKeyReused) => Error::IdempotencyKeyReused.into(),
        Failure::Refused(Refusal::LedgerClosing) => Error::ShuttingDown.into(),
        Failure::Refused(refusal) => Failure::Refused(AddCreditsError::Ledger(refusal)),
        Failure::Fault(error) => Failure::Fault(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_every_amount_with_its_own_code() {
        let judge = |amount| judge(amount, 1_000_000);
        assert_eq!(judge(TypedAmount::Whole(0)), Err(AddCreditsError::AmountZero));
        assert_eq!(judge(TypedAmount::Whole(-5)), Err(AddCreditsError::AmountNegative));
        assert_eq!(judge(TypedAmount::NotWhole), Err(AddCreditsError::AmountNotWhole));
        assert_eq!(judge(TypedAmount::AboveRange), Err(AddCreditsError::AmountTooLarge { max: 1_000_000 }));
        assert_eq!(judge(TypedAmount::Whole(1_000_001)), Err(AddCreditsError::AmountTooLarge { max: 1_000_000 }));
        assert_eq!(judge(TypedAmount::Whole(1_000_000)).map(Credits::get), Ok(1_000_000));
    }
}
