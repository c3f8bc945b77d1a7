//! Starting, forking and commanding runs.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::types::{AutomationRun, AutomationStage};
use crate::{
    auth::MemberRight,
    automation::{
        Automation,
        model::{self, CommandError, ForkError, StartError},
        service::{Asked, ForkAutomationRun, StartAutomationRun},
    },
    error::{Error, Failure},
    graphql::{
        context::{request, service},
        error::{UserError, UserErrorCode, answer},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        scalars::Credits,
    },
    site::graphql::{edited_site, editor_of},
};

/// A new run.
#[derive(InputObject)]
pub struct StartAutomationRunInput {
    /// Over which site; the viewer must be an EDITOR or OWNER of its account.
    pub site_id: ID,
    /// Makes it happen once: 8–128 visible ASCII characters. A repeat answers the first run.
    pub idempotency_key: ID,
}

/// What `startAutomationRun` did.
#[derive(SimpleObject)]
pub struct StartAutomationRunPayload {
    /// The run; null when refused.
    run: Option<AutomationRun>,
    /// The site's run that has not ended, with `RUN_ACTIVE` only.
    active_run: Option<AutomationRun>,
    /// Why it was refused: `RUN_ACTIVE`, `SITE_INACTIVE`, `ACCOUNT_SUSPENDED`. Empty when it was done.
    user_errors: Vec<UserError>,
}

/// A run over what another one made.
#[derive(InputObject)]
pub struct ForkAutomationRunInput {
    /// The other one, which must have ended; the viewer must be an EDITOR or OWNER of its account.
    pub run_id: ID,
    /// Where it begins: one of the stages 2–7. It is about what the other run made before that.
    pub from_stage: AutomationStage,
    /// Whether what is done is done again as a new version, charged as new work; else it is left. Articles get another
    /// version under the same address, and their images are described and drawn anew; clusters get more ideas. What was there
    /// stays until something new replaces it, and earlier versions and images are kept. Content that had an approval goes
    /// back to review; what is published, failed or archived is left.
    #[graphql(default = false)]
    pub redo: bool,
    /// Makes it happen once: 8–128 visible ASCII characters. A repeat answers the first run.
    pub idempotency_key: ID,
}

/// What `forkAutomationRun` did.
#[derive(SimpleObject)]
pub struct ForkAutomationRunPayload {
    /// The new run; null when refused.
    run: Option<AutomationRun>,
    /// The site's run that has not ended, with `RUN_ACTIVE` only.
    active_run: Option<AutomationRun>,
    /// Why it was refused: `ILLEGAL_STATE`, `STAGE_INVALID`, and what `startAutomationRun` says. Empty when it was done.
    user_errors: Vec<UserError>,
}

macro_rules! command {
    ($input:ident, $payload:ident, $mutation:literal, $refusals:literal) => {
        #[doc = concat!("What `", $mutation, "` is about.")]
        #[derive(InputObject)]
        pub struct $input {
            /// Which run; the viewer must be an EDITOR or OWNER of its account.
            pub run_id: ID,
            /// Makes it happen once: 8–128 visible ASCII characters. A repeat answers the run.
            pub idempotency_key: ID,
        }

        #[doc = concat!("What `", $mutation, "` did.")]
        #[derive(SimpleObject)]
        pub struct $payload {
            /// The run; null when refused.
            run: Option<AutomationRun>,
            #[doc = $refusals]
            user_errors: Vec<UserError>,
        }
    };
}

command!(
    PauseAutomationRunInput,
    PauseAutomationRunPayload,
    "pauseAutomationRun",
    "Why it was refused: `ILLEGAL_STATE`. Empty when it was done, or when the run pauses already."
);
command!(
    ResumeAutomationRunInput,
    ResumeAutomationRunPayload,
    "resumeAutomationRun",
    "Why it was refused: `ILLEGAL_STATE`, `INSUFFICIENT_CREDITS`, `RUN_CAP`, `ACCOUNT_SUSPENDED`, `SITE_INACTIVE`. Empty when it was done, or when the run is at work already."
);
command!(
    CancelAutomationRunInput,
    CancelAutomationRunPayload,
    "cancelAutomationRun",
    "Why it was refused: `ILLEGAL_STATE`. Empty when it was done, or when the run was cancelled already."
);

/// A higher cap.
#[derive(InputObject)]
pub struct RaiseAutomationRunCapInput {
    /// Which run; the viewer must be an EDITOR or OWNER of its account.
    pub run_id: ID,
    /// The most that the run may use; above what it is.
    pub credit_cap: Credits,
    /// Makes it happen once: 8–128 visible ASCII characters. A repeat answers the run.
    pub idempotency_key: ID,
}

/// What `raiseAutomationRunCap` did.
#[derive(SimpleObject)]
pub struct RaiseAutomationRunCapPayload {
    /// The run; null when refused.
    run: Option<AutomationRun>,
    /// Why it was refused: `ILLEGAL_STATE` unless the run is paused, `CAP_INVALID`. Empty when it was done.
    user_errors: Vec<UserError>,
}

fn start_error(refusal: &StartError) -> UserError {
    let code = match refusal {
        StartError::RunActive { .. } => UserErrorCode::RunActive,
        StartError::SiteInactive => UserErrorCode::SiteInactive,
        StartError::AccountSuspended => UserErrorCode::AccountSuspended,
    };
    UserError::new(code, refusal.to_string(), &[])
}

fn fork_error(refusal: &ForkError) -> UserError {
    match refusal {
        ForkError::Start(refusal) => start_error(refusal),
        ForkError::IllegalState { current } => UserError::in_state(refusal.to_string(), current.as_str()),
        ForkError::StageInvalid(_) => {
            UserError::new(UserErrorCode::StageInvalid, refusal.to_string(), &["input", "fromStage"])
        }
    }
}

fn command_error(refusal: &CommandError) -> UserError {
    let message = refusal.to_string();
    match refusal {
        CommandError::IllegalState { current, .. } => UserError::in_state(message, current.as_str()),
        CommandError::InsufficientCredits { required, available } => UserError::insufficient(*required, *available),
        CommandError::CapReached { .. } => UserError::new(UserErrorCode::RunCap, message, &[]),
        CommandError::AccountSuspended => UserError::new(UserErrorCode::AccountSuspended, message, &[]),
        CommandError::SiteInactive => UserError::new(UserErrorCode::SiteInactive, message, &[]),
        CommandError::CapNotRaised { .. } | CommandError::NoCap => {
            UserError::new(UserErrorCode::CapInvalid, message, &["input", "creditCap"])
        }
    }
}

/// The site's run that has not ended, where that is why nothing started.
async fn active_run<T>(
    ctx: &Context<'_>,
    done: &Result<T, Failure<ForkError>>,
) -> Result<Option<AutomationRun>, Error> {
    match done {
        Err(Failure::Refused(ForkError::Start(StartError::RunActive { run_id }))) => {
            AutomationRun::load(ctx, *run_id).await
        }
        _ => Ok(None),
    }
}

/// A run whose account the viewer is an EDITOR of. Refuses: `Unauthenticated`, `BadUserInput`, `NotFound`, `Forbidden`.
async fn edited_run(ctx: &Context<'_>, id: &ID) -> Result<(model::AutomationRun, MemberRight), Error> {
    request(ctx)?.viewer.signed_in()?;
    let id = node::decode(NodeKind::AutomationRun, id, &["input", "runId"])?;
    let run = AutomationRun::load(ctx, id).await?.ok_or(Error::NotFound)?.0;
    let right = editor_of(ctx, run.account_id).await?;
    Ok((run, right))
}

async fn asked(ctx: &Context<'_>, run: &ID, key: ID) -> Result<(MemberRight, Asked), Error> {
    let (run, right) = edited_run(ctx, run).await?;
    let request_id = Some(request(ctx)?.request_id.to_string());
    Ok((right, Asked { run_id: run.id, idempotency_key: key.0, request_id }))
}

/// Mutations of runs.
#[derive(Default)]
pub struct AutomationMutation;

#[Object]
impl AutomationMutation {
    /// Starts a run over a site, with the site's config as it is now.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn start_automation_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new run.")] input: StartAutomationRunInput,
    ) -> Result<Option<StartAutomationRunPayload>> {
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let request_id = Some(request(ctx)?.request_id.to_string());
        let start = StartAutomationRun { site_id: site.id, idempotency_key: input.idempotency_key.0, request_id };
        let started = service::<Automation>(ctx)?.start_automation_run(right, start).await;
        let started = started.map_err(|failure| failure.map_refusal(ForkError::Start));
        let active_run = active_run(ctx, &started).await?;
        let (run, user_errors) = answer(started, fork_error)?;
        Ok(Some(StartAutomationRunPayload { run: run.map(AutomationRun), active_run, user_errors }))
    }

    /// Starts a run over what another one made; earlier stages are skipped. Prices and prompts are those of now.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn fork_automation_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new run.")] input: ForkAutomationRunInput,
    ) -> Result<Option<ForkAutomationRunPayload>> {
        let (source, right) = edited_run(ctx, &input.run_id).await?;
        let fork = ForkAutomationRun {
            run_id: source.id,
            from_stage: input.from_stage.into(),
            is_redo: input.redo,
            idempotency_key: input.idempotency_key.0,
            request_id: Some(request(ctx)?.request_id.to_string()),
        };
        let started = service::<Automation>(ctx)?.fork_automation_run(right, fork).await;
        let active_run = active_run(ctx, &started).await?;
        let (run, user_errors) = answer(started, fork_error)?;
        Ok(Some(ForkAutomationRunPayload { run: run.map(AutomationRun), active_run, user_errors }))
    }

    /// Pauses a run: once this has answered, no new item begins. What is in flight ends, is stored and charged.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn pause_automation_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which run.")] input: PauseAutomationRunInput,
    ) -> Result<Option<PauseAutomationRunPayload>> {
        let (right, asked) = asked(ctx, &input.run_id, input.idempotency_key).await?;
        let done = service::<Automation>(ctx)?.pause_automation_run(right, asked).await;
        let (run, user_errors) = answer(done, command_error)?;
        Ok(Some(PauseAutomationRunPayload { run: run.map(AutomationRun), user_errors }))
    }

    /// Resumes a run: it goes on with what is left, and repeats nothing.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn resume_automation_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which run.")] input: ResumeAutomationRunInput,
    ) -> Result<Option<ResumeAutomationRunPayload>> {
        let (right, asked) = asked(ctx, &input.run_id, input.idempotency_key).await?;
        let done = service::<Automation>(ctx)?.resume_automation_run(right, asked).await;
        let (run, user_errors) = answer(done, command_error)?;
        Ok(Some(ResumeAutomationRunPayload { run: run.map(AutomationRun), user_errors }))
    }

    /// Cancels a run: once this has answered, no request to a provider leaves. What was made stays.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn cancel_automation_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which run.")] input: CancelAutomationRunInput,
    ) -> Result<Option<CancelAutomationRunPayload>> {
        let (right, asked) = asked(ctx, &input.run_id, input.idempotency_key).await?;
        let done = service::<Automation>(ctx)?.cancel_automation_run(right, asked).await;
        let (run, user_errors) = answer(done, command_error)?;
        Ok(Some(CancelAutomationRunPayload { run: run.map(AutomationRun), user_errors }))
    }

    /// Raises the credit cap of a paused run; it stays paused.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn raise_automation_run_cap(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which run, and its new cap.")] input: RaiseAutomationRunCapInput,
    ) -> Result<Option<RaiseAutomationRunCapPayload>> {
        let (right, asked) = asked(ctx, &input.run_id, input.idempotency_key).await?;
        let done = service::<Automation>(ctx)?.raise_automation_run_cap(right, asked, input.credit_cap.0).await;
        let (run, user_errors) = answer(done, command_error)?;
        Ok(Some(RaiseAutomationRunCapPayload { run: run.map(AutomationRun), user_errors }))
    }
}
