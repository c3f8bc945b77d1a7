//! `inkledger ledger adjust`: an operator corrects an account from its host. The API has no such thing.

use uuid::Uuid;

use super::{CreditsError, refusal};
use crate::{
    audit::{Entry, store::posting_effect},
    clock::Micros,
    error::Failure,
    ledger::{
        Command, Ledger, Posting,
        model::{Actor, Delta, IdemKey, Note, Operation},
    },
};

/// The command.
#[derive(Debug, Clone)]
pub struct AdjustCredits {
    /// Whose credits.
    pub account: Uuid,
    /// By how many.
    pub delta: Delta,
    /// Why.
    pub note: Note,
    /// Makes it happen once.
    pub key: IdemKey,
    /// The audit row's id.
    pub audit_id: Uuid,
    /// When it was asked.
    pub now: Micros,
}

/// Adds a lot that never expires, or takes available credits away in the order in which they burn.
pub async fn adjust_credits(ledger: &Ledger, command: AdjustCredits) -> Result<Posting, Failure<CreditsError>> {
    let audit = posting_effect(&Entry {
        id: command.audit_id,
        account_id: Some(command.account),
        actor: crate::audit::Actor::System,
        action: "credits.adjust",
        target_kind: "account",
        target_id: Some(command.account),
        before: None,
        after: None,
        request_id: None,
        at: command.now,
    });
    ledger
        .submit(Command {
            account: command.account,
            key: command.key,
            actor: Actor::System,
            operation: Operation::Adjust { delta: command.delta, note: command.note },
            open_account: false,
            effects: vec![audit],
            otherwise: Vec::new(),
        })
        .await
        .map_err(refusal)
}
