//! Credit mutations.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, OneofObject, Result};

use uuid::Uuid;

use super::{CreditGrant, CreditTransaction, cap_exceeded};
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
    ledger::{
        AddCredits, CreditsError, IdemKey, Ledger, Posting, RefundCredits, Refusal, RevokeCredits, Scope, Target,
        Tenants, TypedAmount, add_credits, refund_credits, revoke_credits,
    },
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

/// What a command came to: whose credits moved and how, or why none did.
type Outcome = std::result::Result<(Uuid, Posting), Box<UserError>>;

fn outcome(
    result: std::result::Result<(Uuid, Posting), Failure<CreditsError>>,
    named: &[&str],
) -> std::result::Result<Outcome, crate::error::Error> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(Failure::Refused(refusal)) => Ok(Err(Box::new(user_error(refusal, named)))),
        Err(Failure::Fault(error)) => Err(error),
    }
}

/// Whose credits moved.
async fn account_of(ctx: &Context<'_>, outcome: &Outcome) -> Result<Option<Account>> {
    match outcome {
        Ok((account, _)) => Ok(Account::find(ctx, *account).await?),
        Err(_) => Ok(None),
    }
}

/// The transaction that the command made or had made before.
async fn transaction_of(ctx: &Context<'_>, outcome: &Outcome) -> Result<Option<CreditTransaction>> {
    let Ok((account, posting)) = outcome else { return Ok(None) };
    let found = service::<Ledger>(ctx)?.transaction(Scope::Account(*account), posting.transaction_id).await?;
    Ok(found.map(CreditTransaction))
}

/// The grant that it is about, as it is now.
async fn grant_of(ctx: &Context<'_>, outcome: &Outcome) -> Result<Option<CreditGrant>> {
    match outcome.as_ref().ok().and_then(|(_, posting)| posting.grant) {
        Some(grant) => Ok(CreditGrant::find(ctx, grant).await?),
        None => Ok(None),
    }
}

fn figure(outcome: &Outcome, of: impl FnOnce(&Posting) -> Option<i64>) -> Option<Credits> {
    outcome.as_ref().ok().and_then(|(_, posting)| of(posting)).map(Credits)
}

fn errors(outcome: &Outcome) -> Vec<&UserError> {
    outcome.as_ref().err().map(AsRef::as_ref).into_iter().collect()
}

/// What `addCredits` did.
pub struct AddCreditsPayload(Outcome);

/// What `addCredits` did.
#[Object]
impl AddCreditsPayload {
    /// The account; null when refused.
    async fn account(&self, ctx: &Context<'_>) -> Result<Option<Account>> {
        account_of(ctx, &self.0).await
    }

    /// The credit transaction; null when refused.
    async fn transaction(&self, ctx: &Context<'_>) -> Result<Option<CreditTransaction>> {
        transaction_of(ctx, &self.0).await
    }

    /// Credits added; null when refused.
    async fn added(&self) -> Option<Credits> {
        figure(&self.0, |posting| Some(posting.amount))
    }

    /// Available credits right after this credit transaction; null when refused.
    async fn balance_after(&self) -> Option<Credits> {
        figure(&self.0, |posting| Some(posting.balance.available))
    }

    /// Why it was refused: `AMOUNT_ZERO`, `AMOUNT_NEGATIVE`, `AMOUNT_NOT_WHOLE`, `AMOUNT_TOO_LARGE`, `REASON_TOO_LONG`,
    /// `TOTAL_TOO_LARGE`, `NOT_FOUND`, `ACCOUNT_FROZEN`, `ACCOUNT_CLOSED`, `LEDGER_BUSY`. Empty when it was done.
    async fn user_errors(&self) -> Vec<&UserError> {
        errors(&self.0)
    }
}

/// What `refundCredits` needs.
#[derive(Debug, InputObject)]
pub struct RefundCreditsInput {
    /// The credit transaction that charged the work: one of kind SETTLE.
    pub transaction_id: ID,
    /// How many to give back, from 1 to what was charged and not given back yet; all of that when omitted.
    pub amount: Option<CreditsEntry>,
    /// Why, at most 500 characters.
    pub reason: Option<String>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did.
    pub idempotency_key: ID,
}

/// What `refundCredits` did.
pub struct RefundCreditsPayload(Outcome);

/// What `refundCredits` did.
#[Object]
impl RefundCreditsPayload {
    /// The account; null when refused.
    async fn account(&self, ctx: &Context<'_>) -> Result<Option<Account>> {
        account_of(ctx, &self.0).await
    }

    /// The credit transaction; null when refused.
    async fn transaction(&self, ctx: &Context<'_>) -> Result<Option<CreditTransaction>> {
        transaction_of(ctx, &self.0).await
    }

    /// The grant that the credits came back as; null when refused.
    async fn grant(&self, ctx: &Context<'_>) -> Result<Option<CreditGrant>> {
        grant_of(ctx, &self.0).await
    }

    /// Credits given back; null when refused.
    async fn refunded(&self) -> Option<Credits> {
        figure(&self.0, |posting| Some(posting.amount))
    }

    /// Available credits right after this credit transaction; null when refused.
    async fn balance_after(&self) -> Option<Credits> {
        figure(&self.0, |posting| Some(posting.balance.available))
    }

    /// Why it was refused: `AMOUNT_ZERO`, `AMOUNT_NEGATIVE`, `AMOUNT_NOT_WHOLE`, `AMOUNT_TOO_LARGE`, `REASON_TOO_LONG`,
    /// `NOT_FOUND`, `NOT_REFUNDABLE`, `REFUND_EXCEEDS`, `TOTAL_TOO_LARGE`, `ACCOUNT_FROZEN`, `ACCOUNT_CLOSED`, `LEDGER_BUSY`. Empty
    /// when it was done.
    async fn user_errors(&self) -> Vec<&UserError> {
        errors(&self.0)
    }
}

/// What `revokeCredits` needs.
#[derive(Debug, InputObject)]
pub struct RevokeCreditsInput {
    /// The grant.
    pub grant_id: ID,
    /// How many to take at most, 1 or more; all that are available when omitted.
    pub amount: Option<CreditsEntry>,
    /// Why, at most 500 characters.
    pub reason: Option<String>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did.
    pub idempotency_key: ID,
}

/// What `revokeCredits` did.
pub struct RevokeCreditsPayload(Outcome);

/// What `revokeCredits` did.
#[Object]
impl RevokeCreditsPayload {
    /// The account; null when refused.
    async fn account(&self, ctx: &Context<'_>) -> Result<Option<Account>> {
        account_of(ctx, &self.0).await
    }

    /// The credit transaction; null when refused.
    async fn transaction(&self, ctx: &Context<'_>) -> Result<Option<CreditTransaction>> {
        transaction_of(ctx, &self.0).await
    }

    /// The grant as it is now; null when refused.
    async fn grant(&self, ctx: &Context<'_>) -> Result<Option<CreditGrant>> {
        grant_of(ctx, &self.0).await
    }

    /// Credits taken back, no more than were available; null when refused.
    async fn revoked(&self) -> Option<Credits> {
        figure(&self.0, |posting| Some(posting.amount))
    }

    /// Credits of the grant that stay reserved for work under way; null when refused.
    async fn held_left(&self) -> Option<Credits> {
        figure(&self.0, |posting| posting.untouched.map(|left| left.held))
    }

    /// Credits of the grant that stay charged; null when refused.
    async fn spent_left(&self) -> Option<Credits> {
        figure(&self.0, |posting| posting.untouched.map(|left| left.spent))
    }

    /// Available credits right after this credit transaction; null when refused.
    async fn balance_after(&self) -> Option<Credits> {
        figure(&self.0, |posting| Some(posting.balance.available))
    }

    /// Why it was refused: `AMOUNT_ZERO`, `AMOUNT_NEGATIVE`, `AMOUNT_NOT_WHOLE`, `AMOUNT_TOO_LARGE`, `REASON_TOO_LONG`,
    /// `NOT_FOUND`, `NOTHING_TO_REVOKE`, `ACCOUNT_FROZEN`, `ACCOUNT_CLOSED`, `LEDGER_BUSY`. Empty when it was done.
    async fn user_errors(&self) -> Vec<&UserError> {
        errors(&self.0)
    }
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
            request_id: request.request_id.to_string(),
            audit_id: parts.ids.uuid(),
            now: parts.clock.now(),
        };
        let ledger = service::<Ledger>(ctx)?;
        let tenants = service::<Arc<dyn Tenants>>(ctx)?;
        let result = add_credits(ledger, tenants.as_ref(), right, parts.amount_max, command).await;
        Ok(Some(AddCreditsPayload(outcome(result, &["input", "target"])?)))
    }

    /// Gives back what a piece of work was charged, wholly or in part, as a new grant that lives as long as the latest of those that
    /// paid, and at least 30 days. What was charged stays in the journal. Refusals are in `userErrors`; a key used for another
    /// request is `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(guard = "MutationPolicy", visible = "visible::credits_manage")]
    async fn refund_credits(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which charge, how many, why.")] input: RefundCreditsInput,
    ) -> Result<Option<RefundCreditsPayload>> {
        let request = request(ctx)?;
        let right = request.viewer.may(Feature::CreditsManage, Level::Admin)?;
        let parts = service::<Parts>(ctx)?;
        let path = &["input", "transactionId"];
        let command = RefundCredits {
            transaction: node::decode(NodeKind::CreditTransaction, &input.transaction_id, path)?,
            amount: input.amount.map(typed),
            reason: input.reason,
            key: IdemKey::client(input.idempotency_key.as_str()).map_err(crate::error::Error::from)?,
            request_id: request.request_id.to_string(),
            audit_id: parts.ids.uuid(),
            now: parts.clock.now(),
        };
        let result = refund_credits(service::<Ledger>(ctx)?, right, command).await;
        Ok(Some(RefundCreditsPayload(outcome(result, path)?)))
    }

    /// Takes unspent credits of a grant back, as many as are available up to the amount. What is held or spent of it stays, and the
    /// answer says how much that is. Refusals are in `userErrors`; a key used for another request is `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(guard = "MutationPolicy", visible = "visible::credits_manage")]
    async fn revoke_credits(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which grant, how many, why.")] input: RevokeCreditsInput,
    ) -> Result<Option<RevokeCreditsPayload>> {
        let request = request(ctx)?;
        let right = request.viewer.may(Feature::CreditsManage, Level::Admin)?;
        let parts = service::<Parts>(ctx)?;
        let command = RevokeCredits {
            grant: node::decode(NodeKind::CreditGrant, &input.grant_id, &["input", "grantId"])?,
            amount: input.amount.map(typed),
            reason: input.reason,
            key: IdemKey::client(input.idempotency_key.as_str()).map_err(crate::error::Error::from)?,
            request_id: request.request_id.to_string(),
            audit_id: parts.ids.uuid(),
            now: parts.clock.now(),
        };
        let result = revoke_credits(service::<Ledger>(ctx)?, right, command).await;
        Ok(Some(RevokeCreditsPayload(outcome(result, &["input", "grantId"])?)))
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

/// `named` is the field that says whom or what the credits are for.
fn user_error(refusal: CreditsError, named: &[&str]) -> UserError {
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
            let message = "There is no such account, user, credit transaction or grant.";
            UserError::new(UserErrorCode::NotFound, message, named)
        }
        CreditsError::Ledger(Refusal::RefundExceeds { refundable }) => UserError::new(
            UserErrorCode::RefundExceeds,
            format!("Of what this work was charged, {refundable} credits can still be given back."),
            AMOUNT,
        ),
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
        Refusal::CapExceeded(exceeded) => return cap_exceeded(&exceeded),
        Refusal::LotsExceeded { .. } => UserErrorCode::LotsExceeded,
        Refusal::AccountFrozen => UserErrorCode::AccountFrozen,
        Refusal::AccountClosed => UserErrorCode::AccountClosed,
        Refusal::NotRefundable => UserErrorCode::NotRefundable,
        Refusal::NothingToRevoke { .. } => UserErrorCode::NothingToRevoke,
        Refusal::TotalTooLarge => UserErrorCode::TotalTooLarge,
        Refusal::AccountNotFound => UserErrorCode::NotFound,
        Refusal::InvalidAmount { .. } => UserErrorCode::AmountTooLarge,
        _ => UserErrorCode::LedgerBusy,
    };
    UserError::new(code, message, &[])
}
