//! `refundCredits`: what a piece of work was charged is given back, wholly or in part, as a new grant. What was charged stays in
//! the journal as it is.

use uuid::Uuid;

use super::{CreditsError, TypedAmount, actor_of, judge, note, refusal};
use crate::{
    audit::{Entry, store::posting_effect},
    clock::Micros,
    error::Failure,
    ledger::{
        Command, Ledger, Posting, Refusal, Scope,
        model::{AMOUNT_MAX, IdemKey, Kind, Operation},
    },
    viewer::FeatureRight,
};

/// The command.
#[derive(Debug, Clone)]
pub struct RefundCredits {
    /// The credit transaction that charged the work.
    pub transaction: Uuid,
    /// How many, as typed; all that can still be given back when `None`.
    pub amount: Option<TypedAmount>,
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

/// Adds a lot of kind `refund` to the account that was charged. Answers whose it is, and the transaction. Repeating it with the
/// same key answers alike.
pub async fn refund_credits(
    ledger: &Ledger,
    right: FeatureRight,
    command: RefundCredits,
) -> Result<(Uuid, Posting), Failure<CreditsError>> {
    let amount = command.amount.map(|amount| judge(amount, AMOUNT_MAX)).transpose().map_err(Failure::Refused)?;
    let note = note(command.reason).map_err(Failure::Refused)?;
    let charge = ledger.transaction(Scope::Everyone, command.transaction).await?;
    let charge = charge.ok_or(Failure::Refused(CreditsError::NotFound))?;
    let account = charge.account_id;
    let holds = charge.answer().filter(|answer| answer.kind == Kind::Settle).map(|answer| answer.holds);
    let hold = holds.and_then(|holds| holds.first().copied());
    let hold = hold.ok_or(Failure::Refused(CreditsError::Ledger(Refusal::NotRefundable)))?;
    let audit = posting_effect(&Entry {
        id: command.audit_id,
        account_id: Some(account),
        actor: right.into(),
        action: "credits.refund",
        target_kind: "credit_transaction",
        target_id: Some(charge.id),
        before: None,
        after: None,
        request_id: Some(command.request_id),
        at: command.now,
    });
    let posting = ledger
        .submit(Command {
            account,
            key: command.key,
            actor: actor_of(right),
            operation: Operation::Refund { hold, amount, note },
            open_account: false,
            effects: vec![audit],
            otherwise: Vec::new(),
        })
        .await
        .map_err(refusal)?;
    Ok((account, posting))
}
