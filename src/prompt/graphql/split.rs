//! Two versions side by side.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use uuid::Uuid;

use super::{
    looking, managing,
    refusal::split_error,
    types::{PromptUsage, SystemPrompt, SystemPromptVersion},
};
use crate::{
    auth::graphql::{User, person},
    connection,
    error::{Error, Failure},
    graphql::{
        context::service,
        error::UserError,
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        scalars::{Credits, DateTime, Decimal},
    },
    prompt::{
        Prompts,
        model::split::{Bounds, Split, StartPromptSplit},
    },
};

/// Whether a split is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum PromptSplitState {
    /// A share of the accounts gets the new version.
    Running,
    /// Everybody gets the active version.
    Ended,
}

/// Why a split ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::prompt::model::split::EndReason")]
pub enum PromptSplitEndReason {
    /// Somebody kept the control version.
    KeptControl,
    /// Somebody kept the new version, which became the active one.
    KeptNew,
    /// Another version was activated, or the prompt was disabled, meanwhile.
    Superseded,
    /// The new version used up its credits.
    BudgetSpent,
    /// More items failed than the bound allows.
    Failures,
    /// More credits were refunded than the bound allows.
    Refunds,
    /// Providers cost more than the bound allows.
    Cost,
}

/// Which version goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum PromptSplitSide {
    /// The version that was active when the split started.
    Control,
    /// The version on trial, which becomes the active one.
    New,
}

/// Two versions of a system prompt side by side.
#[derive(Debug, Clone)]
pub struct PromptSplit(pub Split);

impl PromptSplit {
    /// The split, if the viewer may see prompts. Refuses: `Unauthenticated`, `Forbidden`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        let (right, prompts) = looking(ctx)?;
        Ok(prompts.split(right, id).await?.map(Self))
    }

    async fn usage_of(&self, ctx: &Context<'_>, version: Uuid) -> Result<PromptUsage> {
        let found = service::<Prompts>(ctx)?.split_usage(self.0.id).await?;
        Ok(found.get(&version).copied().unwrap_or_default().into())
    }
}

/// Two versions of a system prompt side by side: a share of the accounts gets the new one, each always the same, until its
/// credits are spent, a bound is crossed, or somebody decides.
#[Object]
impl PromptSplit {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::PromptSplit, self.0.id)
    }

    /// The prompt.
    async fn prompt(&self, ctx: &Context<'_>) -> Result<Option<SystemPrompt>> {
        Ok(SystemPrompt::load(ctx, self.0.prompt_id).await?)
    }

    /// The version that was active when it started; everybody else gets it.
    async fn control_version(&self, ctx: &Context<'_>) -> Result<Option<SystemPromptVersion>> {
        Ok(SystemPromptVersion::load(ctx, self.0.control_version_id).await?)
    }

    /// The version on trial.
    async fn new_version(&self, ctx: &Context<'_>) -> Result<Option<SystemPromptVersion>> {
        Ok(SystemPromptVersion::load(ctx, self.0.new_version_id).await?)
    }

    /// How many of 100 accounts get the new version, 1–99.
    async fn share_percent(&self) -> i32 {
        self.0.share_percent
    }

    /// Credits that the new version may use; work under way when they run out is finished.
    async fn credit_budget(&self) -> Credits {
        Credits(self.0.credit_budget)
    }

    /// The split ends above this share of failed items, percent; null is no bound.
    async fn failure_percent_max(&self) -> Option<i32> {
        self.0.bounds.failure_percent_max
    }

    /// The split ends above this share of refunded credits, percent; null is no bound.
    async fn refund_percent_max(&self) -> Option<i32> {
        self.0.bounds.refund_percent_max
    }

    /// The split ends above this provider cost per ended item, US dollars; null is no bound.
    async fn cost_max(&self) -> Option<Decimal> {
        self.0.bounds.cost_nanousd_max.map(Decimal)
    }

    /// Ended items before a bound is judged, 1 or more.
    async fn sample_min(&self) -> i32 {
        self.0.bounds.sample_min
    }

    /// Whether it is running.
    async fn state(&self) -> PromptSplitState {
        if self.0.end_reason.is_some() { PromptSplitState::Ended } else { PromptSplitState::Running }
    }

    /// Why it ended; null while it runs.
    async fn end_reason(&self) -> Option<PromptSplitEndReason> {
        self.0.end_reason.map(Into::into)
    }

    /// What work under the control version came to, within this split alone.
    async fn control_usage(&self, ctx: &Context<'_>) -> Result<Option<PromptUsage>> {
        self.usage_of(ctx, self.0.control_version_id).await.map(Some)
    }

    /// What work under the new version came to, within this split alone.
    async fn new_usage(&self, ctx: &Context<'_>) -> Result<Option<PromptUsage>> {
        self.usage_of(ctx, self.0.new_version_id).await.map(Some)
    }

    /// Who started it; null when it was the operator on the host, or somebody the viewer may not see.
    async fn started_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.0.started_by).await?)
    }

    /// Who ended it; null while it runs, when the server did, or when it is somebody the viewer may not see.
    async fn ended_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.0.ended_by).await?)
    }

    /// When it started.
    async fn started_at(&self) -> DateTime {
        DateTime(self.0.started_at)
    }

    /// When it ended; null while it runs.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.ended_at.map(DateTime)
    }
}

connection!(PromptSplitConnection, PromptSplitEdge, PromptSplit, "splits", |split: &PromptSplit| split.0.id);

/// What is tried on whom.
#[derive(Debug, InputObject)]
pub struct StartPromptSplitInput {
    /// Which prompt.
    prompt_id: ID,
    /// The number of the active version, which becomes the control.
    expected_version: i32,
    /// The version on trial: one of the prompt's own, not the active one.
    new_version_id: ID,
    /// How many of 100 accounts get it, 1–99.
    #[graphql(default = 10)]
    share_percent: i32,
    /// Credits it may use, 1–1,000,000,000,000.
    credit_budget: Credits,
    /// The split ends above this share of failed items, 0–100 percent; null is no bound.
    #[graphql(default = 20)]
    failure_percent_max: Option<i32>,
    /// The split ends above this share of refunded credits, 0–100 percent; null is no bound.
    #[graphql(default = 10)]
    refund_percent_max: Option<i32>,
    /// The split ends above this provider cost per ended item, US dollars; no bound when omitted.
    cost_max: Option<Decimal>,
    /// Ended items before a bound is judged, 1–1,000,000.
    #[graphql(default = 20)]
    sample_min: i32,
}

/// What `startPromptSplit` did.
#[derive(SimpleObject)]
pub struct StartPromptSplitPayload {
    /// The split; null when refused.
    split: Option<PromptSplit>,
    /// `NOT_FOUND`, `VERSION_CONFLICT`, `SPLIT_PROMPT_DISABLED`, `SPLIT_SAME_VERSION`, `SPLIT_RUNNING`,
    /// `SPLIT_OUT_OF_RANGE`. Empty when it was done.
    user_errors: Vec<UserError>,
}

/// Which split ends, and how.
#[derive(Debug, InputObject)]
pub struct EndPromptSplitInput {
    /// Which split.
    split_id: ID,
    /// Which version goes on.
    #[graphql(default_with = "PromptSplitSide::Control")]
    keep: PromptSplitSide,
}

/// What `endPromptSplit` did.
#[derive(SimpleObject)]
pub struct EndPromptSplitPayload {
    /// The split; null when refused.
    split: Option<PromptSplit>,
    /// `NOT_FOUND`, `SPLIT_ENDED`, `SPLIT_PROMPT_DISABLED`. Empty when it was done.
    user_errors: Vec<UserError>,
}

/// Mutations of splits.
#[derive(Default)]
pub struct PromptSplitMutation;

#[Object]
impl PromptSplitMutation {
    /// Tries a version on a share of the accounts. Which account gets which is decided by the server and stays. It ends by
    /// itself when the new version's credits are spent or a bound is crossed, when another version is activated, and
    /// when the prompt is disabled.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_prompts_manage")]
    async fn start_prompt_split(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is tried on whom.")] input: StartPromptSplitInput,
    ) -> Result<Option<StartPromptSplitPayload>> {
        let (right, prompts, request_id) = managing(ctx)?;
        let command = StartPromptSplit {
            prompt_id: node::decode(NodeKind::SystemPrompt, &input.prompt_id, &["input", "promptId"])?,
            new_version_id: node::decode(
                NodeKind::SystemPromptVersion,
                &input.new_version_id,
                &["input", "newVersionId"],
            )?,
            expected_version: input.expected_version,
            share_percent: input.share_percent,
            credit_budget: input.credit_budget.0,
            bounds: Bounds {
                failure_percent_max: input.failure_percent_max,
                refund_percent_max: input.refund_percent_max,
                cost_nanousd_max: input.cost_max.map(|cost| cost.0),
                sample_min: input.sample_min,
            },
        };
        let (split, user_errors) = match prompts.start_prompt_split(right, command, request_id).await {
            Ok(split) => (Some(PromptSplit(split)), Vec::new()),
            Err(Failure::Refused(refusal)) => (None, vec![split_error(refusal)]),
            Err(Failure::Fault(error)) => return Err(error.into()),
        };
        Ok(Some(StartPromptSplitPayload { split, user_errors }))
    }

    /// Ends a running split: back to the control version, or on with the new one for everybody.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_prompts_manage")]
    async fn end_prompt_split(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which split, and which version goes on.")] input: EndPromptSplitInput,
    ) -> Result<Option<EndPromptSplitPayload>> {
        let (right, prompts, request_id) = managing(ctx)?;
        let id = node::decode(NodeKind::PromptSplit, &input.split_id, &["input", "splitId"])?;
        let keep_new = input.keep == PromptSplitSide::New;
        let (split, user_errors) = match prompts.end_prompt_split(right, id, keep_new, request_id).await {
            Ok(split) => (Some(PromptSplit(split)), Vec::new()),
            Err(Failure::Refused(refusal)) => (None, vec![split_error(refusal)]),
            Err(Failure::Fault(error)) => return Err(error.into()),
        };
        Ok(Some(EndPromptSplitPayload { split, user_errors }))
    }
}
