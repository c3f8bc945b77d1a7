//! `revokeCredits`: unspent credits of a grant are taken back. What is held or spent of it stays.

use uuid::Uuid;

use super::{CreditsError, TypedAmount, actor_of, judge, note, refusal};
use crate::{
    audit::{Entry, store::posting_effect},
    clock::Micros,
    error::Failure,
    ledger::{
        Command, Ledger, Posting,
        model::{AMOUNT_MAX, IdemKey, Operation},
    },
    viewer::FeatureRight,
};

/// The command.
#[derive(Debug, Clone)]
pub struct RevokeCredits {
    /// The lot.
    pub grant: Uuid,
    /// At most how many, as typed; all that are available when `None`.
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

/// Takes available credits of one lot away, as many as there are up to the amount. Answers whose they were, and the transaction.
/// Repeating it with the same key answers alike.
pub async fn revoke_credits(
    ledger: &Ledger,
    right: FeatureRight,
    command: RevokeCredits,
) -> Result<(Uuid, Posting), Failure<CreditsError>> {
    let amount = command.amount.map(|amount| judge(amount, AMOUNT_MAX)).transpose().map_err(Failure::Refused)?;
    let note = note(command.reason).map_err(Failure::Refused)?;
    let account = ledger.account_of_grant(command.grant).await?.ok_or(Failure::Refused(CreditsError::NotFound))?;
    let audit = posting_effect(&Entry {
        id: command.audit_id,
        account_id: Some(account),
        actor: right.into(),
        action: "credits.revoke",
        target_kind: "credit_grant",
        target_id: Some(command.grant),
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
            operation: Operation::Revoke { grant: command.grant, amount, note },
            open_account: false,
            effects: vec![audit],
            otherwise: Vec::new(),
        })
        .await
        .map_err(refusal)?;
    Ok((account, posting))
}
