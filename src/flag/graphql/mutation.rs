//! `setFlag` and `clearFlag`.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::{FeatureFlag, FlagName};
use crate::{
    flag::{ClearFlagError, Flags, SetFlag, SetFlagError},
    graphql::{
        context::{request, service, viewer},
        error::{UserError, UserErrorCode, answer},
        guard::{MutationPolicy, visible},
        scalars::DateTime,
    },
    viewer::{Feature, Level},
};

/// What `setFlag` needs.
#[derive(InputObject)]
pub struct SetFlagInput {
    /// Which flag.
    name: FlagName,
    /// To what.
    is_on: bool,
    /// Why, 1–500 characters.
    reason: String,
    /// From when on it counts no more; until it is cleared when omitted.
    expires_at: Option<DateTime>,
}

/// What `setFlag` did.
#[derive(SimpleObject)]
pub struct SetFlagPayload {
    /// The flag as it is now; null when refused.
    flag: Option<FeatureFlag>,
    /// `REASON_REQUIRED`, `REASON_TOO_LONG`, `EXPIRY_PASSED`.
    user_errors: Vec<UserError>,
}

/// What `clearFlag` needs.
#[derive(InputObject)]
pub struct ClearFlagInput {
    /// Which flag.
    name: FlagName,
    /// Why, 1–500 characters.
    reason: String,
}

/// What `clearFlag` did.
#[derive(SimpleObject)]
pub struct ClearFlagPayload {
    /// The flag as it is now; null when refused.
    flag: Option<FeatureFlag>,
    /// `REASON_REQUIRED`, `REASON_TOO_LONG`.
    user_errors: Vec<UserError>,
}

fn refused(error: &SetFlagError) -> UserError {
    let (code, path): (_, &[&str]) = match error {
        SetFlagError::ReasonMissing => (UserErrorCode::ReasonRequired, &["input", "reason"]),
        SetFlagError::ReasonTooLong => (UserErrorCode::ReasonTooLong, &["input", "reason"]),
        SetFlagError::ExpiryPassed => (UserErrorCode::ExpiryPassed, &["input", "expiresAt"]),
    };
    UserError::new(code, error.to_string(), path)
}

/// Changes of flags.
#[derive(Default)]
pub struct FlagMutation;

#[Object]
impl FlagMutation {
    /// Sets a flag at run time: in force in every process within five seconds, without a restart.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_settings_manage")]
    async fn set_flag(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which flag, to what, and why.")] input: SetFlagInput,
    ) -> Result<Option<SetFlagPayload>> {
        let right = viewer(ctx)?.may(Feature::SystemSettingsManage, Level::Hero)?;
        let command = SetFlag {
            flag: input.name.into(),
            is_on: input.is_on,
            reason: input.reason,
            expires_at: input.expires_at.map(|at| at.0),
        };
        let request_id = Some(request(ctx)?.request_id.to_string());
        let done = service::<Flags>(ctx)?.set_flag(right, command, request_id).await;
        let (flag, user_errors) = answer(done, refused)?;
        Ok(Some(SetFlagPayload { flag: flag.map(FeatureFlag), user_errors }))
    }

    /// Takes away what was set for a flag, so that the environment or its default counts again. Where nothing was set, nothing
    /// changes.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_settings_manage")]
    async fn clear_flag(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which flag, and why.")] input: ClearFlagInput,
    ) -> Result<Option<ClearFlagPayload>> {
        let right = viewer(ctx)?.may(Feature::SystemSettingsManage, Level::Hero)?;
        let request_id = Some(request(ctx)?.request_id.to_string());
        let done = service::<Flags>(ctx)?.clear_flag(right, input.name.into(), &input.reason, request_id).await;
        let (flag, user_errors) = answer(done, |error: &ClearFlagError| refused(&(*error).into()))?;
        Ok(Some(ClearFlagPayload { flag: flag.map(FeatureFlag), user_errors }))
    }
}
