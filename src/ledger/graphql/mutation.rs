//! Credit mutations.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, OneofObject, Result, SimpleObject};

use super::types::CreditTransaction;
use crate::{
    app::Parts,
    auth::graphql::Account,
    error::Failure,
    graphql::{
        context::{request, service},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        scalars::{Credits, CreditsEntry},
    },
    ledger::{AddCredits, CreditsError, IdemKey, Ledger, Refusal, Scope, Target, Tenants, TypedAmount, add_credits},
    viewer::{Feature, Level},
};

/// Whom credits are for: exactly one.
#[derive(Debug, OneofObject)]
pub enum CreditTargetInput {
    /// An account.
    AccountId(ID),
    /// A person, who stands for the personal account.
    UserId(ID),
}

/// What `addCredits` needs.
#[derive(Debug, InputObject)]
pub struct AddCreditsInput {
    /// Whom the credits are for.
    pub target: CreditTargetInput,
    /// How many to add: a whole number from 1 to the server's limit (1,000,000 by default).
    #[graphql(default_with = "CreditsEntry::Whole(0)")]
    pub amount: CreditsEntry,
    /// Why, at most 500 characters.
    pub reason: Option<String>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did.
    pub idempotency_key: ID,
}

/// What `addCredits` did.
#[derive(SimpleObject)]
pub struct AddCreditsPayload {
    /// The account; null when refused.
    pub account: Option<Account>,
    /// The credit transaction; null when refused.
    pub transaction: Option<CreditTransaction>,
    /// Credits added; null when refused.
    pub added: Option<Credits>,
    /// Available credits right after this credit transaction; null when refused.
    pub balance_after: Option<Credits>,
    /// Why it was refused: `AMOUNT_ZERO`, `AMOUNT_NEGATIVE`, `AMOUNT_NOT_WHOLE`, `AMOUNT_TOO_LARGE`, `REASON_TOO_LONG`,
    /// `TOTAL_TOO_LARGE`, `NOT_FOUND`, `ACCOUNT_FROZEN`, `ACCOUNT_CLOSED`, `LEDGER_BUSY`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// Credit mutations.
#[derive(Default)]
pub struct LedgerMutation;

#[Object]
impl LedgerMutation {
    /// Adds credits to an account. The server adds; nothing sets a balance. Refusals are in `userErrors`; a key used for
    /// another request is `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(guard = "MutationPolicy", visible = "visible::credits_manage")]
    async fn add_credits(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom for, how many, why.")] input: AddCreditsInput,
    ) -> Result<Option<AddCreditsPayload>> {
        let request = request(ctx)?;
        let right = request.viewer.may(Feature::CreditsManage, Level::Admin)?;
        let parts = service::<Parts>(ctx)?;
        let command = AddCredits {
            target: match input.target {
                CreditTargetInput::AccountId(id) => {
                    Target::Account(node::decode(NodeKind::Account, &id, &["input", "target", "accountId"])?)
                }
                CreditTargetInput::UserId(id) => {
                    Target::User(node::decode(NodeKind::User, &id, &["input", "target", "userId"])?)
                }
            },
            amount: typed(input.amount),
            reason: input.reason,
            key: IdemKey::client(input.idempotency_key.as_str()).map_err(crate::error::Error::from)?,
            request_id: request.request_id.clone(),
            audit_id: parts.ids.uuid(),
            now: parts.clock.now(),
        };
        let ledger = service::<Ledger>(ctx)?;
        let tenants = service::<Arc<dyn Tenants>>(ctx)?;
        match add_credits(ledger, tenants.as_ref(), right, parts.amount_max, command).await {
            Ok((account, posting)) => Ok(Some(AddCreditsPayload {
                account: Account::find(ctx, account).await?,
                transaction: ledger
                    .transaction(Scope::Account(account), posting.transaction_id)
                    .await?
                    .map(CreditTransaction),
                added: Some(Credits(posting.amount)),
                balance_after: Some(Credits(posting.balance.available)),
                user_errors: Vec::new(),
            })),
            Err(Failure::Refused(refusal)) => Ok(Some(AddCreditsPayload {
                account: None,
                transaction: None,
                added: None,
                balance_after: None,
                user_errors: vec![user_error(refusal)],
            })),
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}

fn typed(entry: CreditsEntry) -> TypedAmount {
    match entry {
        CreditsEntry::Whole(whole) => TypedAmount::Whole(whole),
        CreditsEntry::NotWhole => TypedAmount::NotWhole,
        CreditsEntry::BelowRange => TypedAmount::BelowRange,
        CreditsEntry::AboveRange => TypedAmount::AboveRange,
    }
}

fn user_error(refusal: CreditsError) -> UserError {
    const AMOUNT: &[&str] = &["input", "amount"];
    match refusal {
        CreditsError::AmountZero => {
            UserError::new(UserErrorCode::AmountZero, "The amount is 0. Give a whole number of 1 or more.", AMOUNT)
        }
        CreditsError::AmountNegative => UserError::new(
            UserErrorCode::AmountNegative,
            "The amount is negative. Credits are only added here; give a whole number of 1 or more.",
            AMOUNT,
        ),
        CreditsError::AmountNotWhole => UserError::new(
            UserErrorCode::AmountNotWhole,
            "The amount is not a whole number. Credits are whole; give a number such as 100, without quotes.",
            AMOUNT,
        ),
        CreditsError::AmountTooLarge { max } => UserError::new(
            UserErrorCode::AmountTooLarge,
            format!("The amount is above the limit of {max} credits. Add it in several steps."),
            AMOUNT,
        ),
        CreditsError::ReasonTooLong => UserError::new(
            UserErrorCode::ReasonTooLong,
            "The reason is longer than 500 characters. Shorten it.",
            &["input", "reason"],
        ),
        CreditsError::NotFound => {
            UserError::new(UserErrorCode::NotFound, "There is no such account or user.", &["input", "target"])
        }
        CreditsError::Ledger(refusal) => ledger_error(refusal),
    }
}

/// A refusal of the ledger that any command with credits can meet.
pub fn ledger_error(refusal: Refusal) -> UserError {
    let message = refusal.to_string();
    let code = match refusal {
        Refusal::InsufficientCredits { required, available, .. } => {
            return UserError::insufficient(required, available);
        }
        Refusal::AccountFrozen => UserErrorCode::AccountFrozen,
        Refusal::AccountClosed => UserErrorCode::AccountClosed,
        Refusal::TotalTooLarge => UserErrorCode::TotalTooLarge,
        Refusal::AccountNotFound => UserErrorCode::NotFound,
        Refusal::InvalidAmount { .. } => UserErrorCode::AmountTooLarge,
        _ => UserErrorCode::LedgerBusy,
    };
    UserError::new(code, message, &[])
}
