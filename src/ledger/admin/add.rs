//! `addCredits`: an administrator gives an account credits. The server adds; nothing ever sets a balance.

use uuid::Uuid;

use super::{CreditsError, TypedAmount, actor_of, judge, note, refusal};
use crate::{
    audit::{Entry, store::entry_effect},
    clock::Micros,
    error::Failure,
    ledger::{
        Command, Ledger, Posting, Tenants,
        model::{GrantSource, IdemKey, NewGrant, Operation},
    },
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

/// Adds a lot of kind `admin` to the target's account and answers from the transaction itself. Repeating it with the
/// same key answers alike. `amount_max` is the most that one call may add.
pub async fn add_credits(
    ledger: &Ledger,
    tenants: &dyn Tenants,
    right: FeatureRight,
    amount_max: i64,
    command: AddCredits,
) -> Result<(Uuid, Posting), Failure<CreditsError>> {
    let amount = judge(command.amount, amount_max).map_err(Failure::Refused)?;
    let note = note(command.reason).map_err(Failure::Refused)?;
    let account = match command.target {
        Target::Account(account) => account,
        Target::User(user) => tenants.personal_account(user).await?.ok_or(Failure::Refused(CreditsError::NotFound))?,
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
            actor: actor_of(right),
            operation: Operation::Grant(NewGrant { source: GrantSource::Admin, amount, expires_at: None, note }),
            open_account: false,
            effects: vec![audit],
            otherwise: Vec::new(),
        })
        .await
        .map_err(refusal)?;
    Ok((account, posting))
}
