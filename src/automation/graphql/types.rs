//! `AutomationRun` and its stages.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject, dataloader::DataLoader};
use uuid::Uuid;

use super::loader::{AutomationLoader, RunOf, StagesOf};
use crate::{
    ai::graphql::AiTask,
    auth::graphql::{User, person},
    automation::model,
    connection,
    error::Error,
    graphql::{
        context::service,
        loaders::owned,
        node::{self, NodeKind},
        scalars::{Credits, DateTime, SafeInt},
    },
    ledger,
    site::graphql::Site,
};

/// Where a run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::automation::model::RunState")]
pub enum AutomationRunState {
    /// Accepted, waiting for a worker.
    Pending,
    /// At work.
    Running,
    /// No new item begins; those in flight end.
    Pausing,
    /// Nothing is in flight and nothing is held.
    Paused,
    /// No request leaves; those in flight end or are aborted.
    Cancelling,
    /// Ended by command.
    Cancelled,
    /// Ended; no item failed.
    Completed,
    /// Ended; some items failed.
    CompletedWithErrors,
    /// Ended by a fault or a deadline.
    Failed,
}

/// What made a run start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::automation::model::Trigger")]
pub enum AutomationTrigger {
    /// Somebody.
    Manual,
    /// The site's schedule.
    Scheduled,
    /// Somebody, over what another run made.
    Fork,
}

/// Why a run pauses or is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::automation::model::PauseReason")]
pub enum AutomationPauseReason {
    /// Somebody asked for it, or took the site out of use.
    User,
    /// The available credits do not cover the next item.
    InsufficientCredits,
    /// The next item would take the run above its credit cap, or its account or the member who started it above one of theirs.
    RunCap,
    /// No AI provider answers.
    ProviderDown,
    /// The connected site does not answer.
    IntegrationError,
    /// The account is suspended.
    AccountSuspended,
}

/// A stage of a run, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::automation::model::Stage")]
pub enum AutomationStage {
    /// Keywords into clusters.
    Cluster,
    /// Clusters into ideas.
    Ideas,
    /// Ideas into content tasks; costs nothing.
    ContentTasks,
    /// Content tasks into content.
    Content,
    /// Prompts for the images of content.
    ImagePrompts,
    /// The images.
    Images,
    /// Approval and schedule; costs nothing.
    Review,
}

/// Where a stage is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::automation::model::StageStatus")]
pub enum AutomationStageStatus {
    /// Not begun.
    Pending,
    /// At work.
    Running,
    /// Waiting with its run.
    Paused,
    /// Ended: everything was looked at.
    Completed,
    /// Nothing to do, switched off, before the stage that a fork begins with, or left out by a run that ended before.
    Skipped,
    /// Nothing of it succeeded, or the run failed in it.
    Failed,
}

/// How an item ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::automation::model::ItemState")]
pub enum AutomationItemState {
    /// Not begun.
    Pending,
    /// In flight.
    Running,
    /// It delivered.
    Succeeded,
    /// It failed; not charged.
    Failed,
    /// There was nothing to do for it any more.
    Skipped,
}

/// How far a stage of a run is.
#[derive(Debug, Clone)]
pub struct AutomationStageProgress(pub model::StageProgress);

/// How far a stage of a run is.
#[Object]
impl AutomationStageProgress {
    /// Which stage.
    async fn stage(&self) -> AutomationStage {
        self.0.stage.into()
    }

    /// Its place in the run, 1–7.
    async fn position(&self) -> i32 {
        self.0.stage.position()
    }

    /// Where it is in its life.
    async fn status(&self) -> AutomationStageStatus {
        self.0.status.into()
    }

    /// How many items it is about: fixed when it begins, 0 before.
    async fn total(&self) -> i32 {
        self.0.total
    }

    /// How many of them have ended, well or not.
    async fn processed(&self) -> i32 {
        self.0.processed()
    }

    /// How many succeeded.
    async fn succeeded(&self) -> i32 {
        self.0.succeeded
    }

    /// How many failed; they were not charged.
    async fn failed(&self) -> i32 {
        self.0.failed
    }

    /// How many had nothing to be done any more.
    async fn skipped(&self) -> i32 {
        self.0.skipped
    }

    /// How many are left.
    async fn remaining(&self) -> i32 {
        self.0.remaining()
    }

    /// How much is done, 0–100; of nothing it is all.
    async fn percent(&self) -> i32 {
        self.0.percent()
    }

    /// Credits charged for it.
    async fn credits_used(&self) -> Credits {
        Credits(self.0.credits_used)
    }

    /// The code of what went wrong last; null when nothing did.
    async fn last_error(&self) -> Option<&str> {
        self.0.last_error.as_deref()
    }

    /// The AI task that does its work; null for local stages, and before it begins.
    async fn ai_task(&self, ctx: &Context<'_>) -> Result<Option<AiTask>> {
        let Some(id) = self.0.ai_task_id else { return Ok(None) };
        Ok(AiTask::find(ctx, id).await?)
    }

    /// When it began; null before.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// When it ended; null before.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(DateTime)
    }
}

/// What went wrong with a run.
#[derive(Debug, Clone, SimpleObject)]
pub struct AutomationRunError {
    /// The stable code, such as `RUN_DEADLINE`.
    code: String,
    /// Our words for it.
    message: String,
}

/// A run of the pipeline over a site.
#[derive(Debug, Clone)]
pub struct AutomationRun(pub model::AutomationRun);

owned!(AutomationRun: AutomationLoader, RunOf);

impl AutomationRun {
    /// Its stages, in order.
    pub(super) async fn stages_of(ctx: &Context<'_>, run: Uuid) -> Result<Vec<AutomationStageProgress>, Error> {
        let found = service::<DataLoader<AutomationLoader>>(ctx)?.load_one(StagesOf(run)).await?;
        Ok(found.unwrap_or_default().into_iter().map(AutomationStageProgress).collect())
    }
}

/// A run of the pipeline over a site.
#[Object]
impl AutomationRun {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::AutomationRun, self.0.id)
    }

    /// The site.
    async fn site(&self, ctx: &Context<'_>) -> Result<Option<Site>> {
        Ok(Site::load(ctx, self.0.site_id).await?)
    }

    /// What made it start.
    async fn trigger(&self) -> AutomationTrigger {
        self.0.trigger.into()
    }

    /// Who started it; null for a schedule, and when the viewer may not see them.
    async fn started_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.0.user_id).await?)
    }

    /// The run over whose products it goes; null unless it is a fork.
    async fn source_run(&self, ctx: &Context<'_>) -> Result<Option<AutomationRun>> {
        let Some(id) = self.0.source_run_id else { return Ok(None) };
        Ok(Self::load(ctx, id).await?)
    }

    /// The stage that it begins with; null unless it is a fork.
    async fn from_stage(&self) -> Option<AutomationStage> {
        self.0.from_stage.map(Into::into)
    }

    /// Whether what is done is done again; false unless it is a fork that was asked to.
    async fn is_redo(&self) -> bool {
        self.0.is_redo
    }

    /// Where it is in its life.
    async fn state(&self) -> AutomationRunState {
        self.0.state.into()
    }

    /// The stage it is in; null before the first, and at its end.
    async fn current_stage(&self) -> Option<AutomationStage> {
        self.0.current_stage.map(Into::into)
    }

    /// Why it pauses or is paused; null otherwise.
    async fn pause_reason(&self) -> Option<AutomationPauseReason> {
        self.0.pause.map(|pause| pause.reason.into())
    }

    /// What the next item holds; null unless it is paused for credits or its cap.
    async fn credits_next(&self) -> Option<Credits> {
        self.0.pause.and_then(|pause| pause.figures).map(|figures| Credits(figures.next))
    }

    /// What of it was missing when it paused; null unless it is paused for credits or its cap.
    async fn credits_short(&self) -> Option<Credits> {
        self.0.pause.and_then(|pause| pause.figures).map(|figures| Credits(figures.short))
    }

    /// What the rest of the stage takes; null unless it is paused for credits or its cap.
    async fn credits_to_finish(&self) -> Option<Credits> {
        self.0.pause.and_then(|pause| pause.figures).map(|figures| Credits(figures.to_finish))
    }

    /// Available credits when it was accepted.
    async fn credits_start(&self) -> Credits {
        Credits(self.0.credits_start)
    }

    /// Credits charged so far.
    async fn credits_used(&self) -> Credits {
        Credits(self.0.credits_used)
    }

    /// Credits held for items in flight.
    async fn credits_held(&self) -> Credits {
        Credits(self.0.held())
    }

    /// What it may still spend: the account's available credits, and no more than its cap leaves.
    async fn credits_remaining(&self, ctx: &Context<'_>) -> Result<Credits> {
        let balance = ledger::graphql::balance(ctx, self.0.account_id).await?;
        let available = balance.map_or(0, |balance| balance.available.0);
        Ok(Credits(self.0.cap_left().map_or(available, |left| left.min(available))))
    }

    /// The most that it may use; null for no cap.
    async fn credit_cap(&self) -> Option<Credits> {
        self.0.credit_cap.map(Credits)
    }

    /// What went wrong; null unless it failed.
    async fn error(&self) -> Option<AutomationRunError> {
        let code = self.0.error_code.clone()?;
        let message = self.0.error_text.clone().unwrap_or_else(|| model::failure_text(&code).to_owned());
        Some(AutomationRunError { code, message })
    }

    /// Its stages, in order: always seven.
    async fn stages(&self, ctx: &Context<'_>) -> Result<Vec<AutomationStageProgress>> {
        Ok(Self::stages_of(ctx, self.0.id).await?)
    }

    /// The number of its last event.
    async fn sequence(&self) -> SafeInt {
        SafeInt(self.0.event_seq)
    }

    /// When it was accepted.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was first at work; null before.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// When it ended; null before.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(DateTime)
    }
}

connection!(AutomationRunConnection, AutomationRunEdge, AutomationRun, "runs", |run: &AutomationRun| run.0.id);
