//! Editing an account.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::types::Account;
use crate::{
    auth::{
        Auth,
        model::{MemberRole, UpdateAccount, UpdateAccountError},
    },
    error::Failure,
    graphql::{
        context::{request, service},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        patch::{clearable, kept},
        scalars::SafeInt,
    },
};

/// What changes about an account; what is omitted stays.
#[derive(InputObject)]
pub struct UpdateAccountInput {
    /// Which account; the viewer must be its OWNER.
    pub account_id: ID,
    /// The `version` that was read; another one is `VERSION_CONFLICT`.
    pub expected_version: SafeInt,
    /// The name, 1–100 characters; it cannot be cleared.
    pub name: MaybeUndefined<String>,
    /// The text its images are marked with, 1–80 characters; null takes it away, and then no image is marked.
    pub watermark_text: MaybeUndefined<String>,
    /// Whether images of commands from now on are marked, in the bottom right corner; it cannot be cleared. What was drawn
    /// before stays as it is.
    pub is_watermarked: MaybeUndefined<bool>,
}

/// What `updateAccount` did.
#[derive(SimpleObject)]
pub struct UpdateAccountPayload {
    /// The account; null when refused.
    pub account: Option<Account>,
    /// Why it was refused: `VERSION_CONFLICT`, `NAME_INVALID`, `WATERMARK_INVALID`. Empty when it was done.
    pub user_errors: Vec<UserError>,
}

fn refusal(refusal: &UpdateAccountError) -> UserError {
    let message = refusal.to_string();
    let small = |version: i64| i32::try_from(version).unwrap_or(i32::MAX);
    match refusal {
        UpdateAccountError::VersionConflict { expected, current } => {
            UserError::conflicting(message, small(*expected), small(*current))
        }
        UpdateAccountError::NameInvalid => UserError::new(UserErrorCode::NameInvalid, message, &["input", "name"]),
        UpdateAccountError::WatermarkInvalid
        | UpdateAccountError::WatermarkUndrawable { .. }
        | UpdateAccountError::WatermarkMissing => {
            UserError::new(UserErrorCode::WatermarkInvalid, message, &["input", "watermarkText"])
        }
    }
}

/// Mutations of accounts.
#[derive(Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Changes an account's name and what its images are marked with.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn update_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which account, and what changes.")] input: UpdateAccountInput,
    ) -> Result<Option<UpdateAccountPayload>> {
        let (request, auth) = (request(ctx)?, service::<Auth>(ctx)?);
        let account = node::decode(NodeKind::Account, &input.account_id, &["input", "accountId"])?;
        let right = auth.require_member(&request.viewer, account, MemberRole::Owner).await?;
        let edit = UpdateAccount {
            expected_version: input.expected_version.0,
            name: kept(input.name, "name")?,
            watermark_text: clearable(input.watermark_text),
            is_watermarked: kept(input.is_watermarked, "isWatermarked")?,
        };
        match auth.update_account(right, edit, Some(request.request_id.to_string())).await {
            Ok(account) => Ok(Some(UpdateAccountPayload { account: Some(Account(account)), user_errors: Vec::new() })),
            Err(Failure::Refused(refused)) => {
                Ok(Some(UpdateAccountPayload { account: None, user_errors: vec![refusal(&refused)] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}
