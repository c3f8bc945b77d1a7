//! Low-balance levels in the API.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject, dataloader::DataLoader};
use uuid::Uuid;

use super::loader::{LedgerLoader, LevelsOf};
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
    ledger::{Ledger, SetThresholds, Tenants, ThresholdError, model::Threshold, set_thresholds},
};

/// A level of available credits. The members are told when a credit transaction takes their credits from it or above to below it,
/// and again only after they were back.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct LowBalanceThreshold {
    /// The level, 1 or more.
    pub level: Credits,
    /// Whether the next crossing is told: false while the credits are below it.
    pub is_armed: bool,
}

impl From<Threshold> for LowBalanceThreshold {
    fn from(threshold: Threshold) -> Self {
        Self { level: Credits(threshold.level), is_armed: threshold.is_armed }
    }
}

/// `Account.lowBalanceThresholds`, highest first.
pub async fn low_balance_thresholds(ctx: &Context<'_>, account: Uuid) -> Result<Vec<LowBalanceThreshold>> {
    let loader = service::<DataLoader<LedgerLoader>>(ctx)?;
    Ok(loader.load_one(LevelsOf(account)).await?.unwrap_or_default().into_iter().map(Into::into).collect())
}

/// What `setLowBalanceThresholds` needs.
#[derive(Debug, InputObject)]
pub struct SetLowBalanceThresholdsInput {
    /// Whose.
    pub account_id: ID,
    /// All levels that the account has from now on: at most 10, each from 1 credit, in any order. None switches them off.
    pub levels: Vec<CreditsEntry>,
}

/// What `setLowBalanceThresholds` did.
#[derive(SimpleObject)]
pub struct SetLowBalanceThresholdsPayload {
    /// The account; null when refused.
    pub account: Option<Account>,
    /// Why it was refused: `COUNT_OUT_OF_RANGE`, `AMOUNT_ZERO`, `AMOUNT_NEGATIVE`,
    /// `AMOUNT_NOT_WHOLE`, `AMOUNT_TOO_LARGE`, `NAMED_TWICE`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

/// Mutations of levels.
#[derive(Default)]
pub struct ThresholdMutation;

#[Object]
impl ThresholdMutation {
    /// Says below which levels of available credits an account's members are told, once per crossing. Replaces all levels; one that
    /// stays keeps whether it was told. For owners.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn set_low_balance_thresholds(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose levels, and which.")] input: SetLowBalanceThresholdsInput,
    ) -> Result<Option<SetLowBalanceThresholdsPayload>> {
        let request = request(ctx)?;
        let account = node::decode(NodeKind::Account, &input.account_id, &["input", "accountId"])?;
        let owned = service::<Arc<dyn Tenants>>(ctx)?.own(request.viewer, account).await?;
        let levels = match whole(&input.levels) {
            Ok(levels) => levels,
            Err(error) => return Ok(Some(SetLowBalanceThresholdsPayload { account: None, user_errors: vec![error] })),
        };
        let parts = service::<Parts>(ctx)?;
        let command =
            SetThresholds { owned, levels, request_id: request.request_id.to_string(), now: parts.clock.now() };
        match set_thresholds(service::<Ledger>(ctx)?, parts.ids.as_ref(), command).await {
            Ok(_) => Ok(Some(SetLowBalanceThresholdsPayload {
                account: Account::find(ctx, account).await?,
                user_errors: Vec::new(),
            })),
            Err(Failure::Refused(refusal)) => {
                Ok(Some(SetLowBalanceThresholdsPayload { account: None, user_errors: vec![user_error(refusal)] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}

fn whole(levels: &[CreditsEntry]) -> Result<Vec<i64>, UserError> {
    let one = |(position, entry): (usize, &CreditsEntry)| {
        let message = "A level is not a whole number. Give a number such as 100, without quotes.";
        entry.whole().ok_or_else(|| at(UserErrorCode::AmountNotWhole, message.to_owned(), position))
    };
    levels.iter().enumerate().map(one).collect()
}

fn user_error(refusal: ThresholdError) -> UserError {
    let message = refusal.to_string();
    match refusal {
        ThresholdError::TooMany => UserError::new(UserErrorCode::CountOutOfRange, message, &["input", "levels"]),
        ThresholdError::OutOfRange { position, level } => {
            let code = match level {
                0 => UserErrorCode::AmountZero,
                i64::MIN..0 => UserErrorCode::AmountNegative,
                _ => UserErrorCode::AmountTooLarge,
            };
            at(code, message, position)
        }
        ThresholdError::Twice { position } => at(UserErrorCode::NamedTwice, message, position),
    }
}

fn at(code: UserErrorCode, message: String, position: usize) -> UserError {
    UserError::new(code, message, &["input", "levels", &position.to_string()])
}
