//! `AiTask` and its items.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject, dataloader::DataLoader};
use futures_util::future::try_join_all;

use super::{
    compose::PromptComposition,
    loader::{AiLoader, ItemsOf, ModelOf, TaskOf},
    model::{AiFunction, AiModel},
};
use crate::{
    ai::model,
    automation::graphql::AutomationRun,
    connection,
    graphql::{
        context::{service, viewer},
        gate::AnswerRoom,
        loaders::owned,
        node::{self, Node, NodeKind},
        scalars::{Credits, DateTime, Decimal, SafeInt},
    },
    image::graphql::Image,
    viewer::{Feature, Level},
};

/// Where an AI task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::ai::model::TaskStatus")]
pub enum AiTaskStatus {
    /// Accepted, its credits held, waiting for a worker.
    Pending,
    /// At work.
    Running,
    /// Waiting to be resumed.
    Paused,
    /// Everything was delivered.
    Success,
    /// Some of it was delivered; only that was charged.
    Partial,
    /// Nothing was delivered; nothing was charged.
    Error,
    /// Ended by command.
    Cancelled,
}

/// What an AI task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::ai::model::Phase")]
pub enum AiTaskPhase {
    /// Validated, quoted, held.
    Init,
    /// Loading and composing.
    Prep,
    /// The provider is at work.
    AiCall,
    /// Reading and checking the answer.
    Parse,
    /// Storing and settling.
    Save,
    /// Ended.
    Done,
}

/// Where an item is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::ai::model::ItemState")]
pub enum AiTaskItemState {
    /// Not ended.
    Pending,
    /// Delivered and charged.
    Delivered,
    /// Failed; not charged.
    Failed,
    /// Ended by command.
    Cancelled,
}

/// What went wrong, in our words.
#[derive(Debug, Clone, SimpleObject)]
pub struct AiTaskError {
    /// The stable code, such as `INSUFFICIENT_CREDITS` or `PROVIDER_REFUSED`.
    pub code: String,
    /// What it means, in English; never the provider's own text.
    pub message: String,
}

/// One thing an AI task delivers: an image, or a text.
#[derive(Debug, Clone)]
pub struct AiTaskItem(pub Arc<model::Item>);

/// One thing an AI task delivers: an image, or a text.
#[Object]
impl AiTaskItem {
    /// Its place in the task: 0, 1, 2 …
    async fn position(&self) -> i32 {
        self.0.position
    }

    /// Where it is in its life.
    async fn state(&self) -> AiTaskItemState {
        self.0.state.into()
    }

    /// Credits charged for it; null until it is delivered.
    async fn credits(&self) -> Option<Credits> {
        self.0.credits.map(Credits)
    }

    /// The image; null unless one was delivered.
    async fn image(&self, ctx: &Context<'_>) -> Result<Option<Image>> {
        match self.0.image_id {
            Some(id) => Ok(Image::load(ctx, id).await?),
            None => Ok(None),
        }
    }

    /// The text; null unless one was delivered. It costs 200 for each list of items: texts are long, and all of an answer
    /// may have 8 MiB.
    async fn text(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        let delivered = self.0.text.as_deref().filter(|_| self.0.state == model::ItemState::Delivered);
        let Some(text) = delivered else { return Ok(None) };
        // Events of a subscription come one by one, and have no common room.
        if let Some(room) = ctx.data_opt::<AnswerRoom>() {
            room.take(text)?;
        }
        Ok(Some(text))
    }

    /// Our code of what went wrong; null unless it failed.
    async fn error_code(&self) -> Option<&str> {
        self.0.error_code.as_deref()
    }
}

/// The most items that one answer shows: the stage of a run may have more.
const ITEMS_MAX: usize = 50;

/// The most products that one answer shows.
const PRODUCTS_MAX: usize = 500;

/// What a function makes, where that is a thing of its own; images show with their items.
fn product_kind(function: model::AiFunction) -> Option<NodeKind> {
    match function {
        model::AiFunction::ClusterKeywords => Some(NodeKind::Cluster),
        model::AiFunction::GenerateIdeas => Some(NodeKind::Idea),
        model::AiFunction::GenerateContent | model::AiFunction::OptimizeContent => Some(NodeKind::Content),
        model::AiFunction::GenerateImagePrompts => Some(NodeKind::ContentImage),
        _ => None,
    }
}

/// One command of a user, carried out by an AI function.
#[derive(Debug, Clone)]
pub struct AiTask(pub model::AiTask);

owned!(AiTask: AiLoader, TaskOf);

/// One command of a user, carried out by an AI function.
#[Object]
impl AiTask {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::AiTask, self.0.id)
    }

    /// What is done.
    async fn function(&self) -> AiFunction {
        self.0.function.into()
    }

    /// Where it is in its life.
    async fn status(&self) -> AiTaskStatus {
        self.0.status.into()
    }

    /// What it is doing, or was doing when it failed.
    async fn phase(&self) -> AiTaskPhase {
        self.0.phase.into()
    }

    /// How much is done, 0–100; 100 only at the end. It never falls.
    async fn percent(&self) -> i32 {
        self.0.percent
    }

    /// The automation run whose stage it carries out; null for a command of its own, and when the run is no longer there.
    async fn automation_run(&self, ctx: &Context<'_>) -> Result<Option<AutomationRun>> {
        match self.0.run_id {
            Some(run) => Ok(AutomationRun::load(ctx, run).await?),
            None => Ok(None),
        }
    }

    /// What was asked; empty for a stage of a run, which asks something else with every item.
    async fn prompt(&self) -> &str {
        &self.0.payload.prompt
    }

    /// How the prompt was composed; null when the client gave it.
    async fn composition(&self) -> Option<PromptComposition> {
        self.0.payload.composed.clone().map(PromptComposition)
    }

    /// The seed of the first item; each further one has the next. Null when the model takes none.
    async fn seed(&self) -> Option<SafeInt> {
        self.0.payload.seed.map(SafeInt)
    }

    /// The model; null only when it cannot be read.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<AiModel>> {
        let loader = service::<DataLoader<AiLoader>>(ctx)?;
        Ok(loader.load_one(ModelOf(self.0.ai_model_id)).await?.map(AiModel))
    }

    /// Its items by position, at most 50; null only when they cannot be read.
    async fn items(&self, ctx: &Context<'_>) -> Result<Option<Vec<AiTaskItem>>> {
        let loader = service::<DataLoader<AiLoader>>(ctx)?;
        let items = loader.load_one(ItemsOf(self.0.id)).await?.unwrap_or_default();
        Ok(Some(items.into_iter().take(ITEMS_MAX).map(AiTaskItem).collect()))
    }

    /// What it has made so far: clusters, ideas, articles or places of images, at most 500. Empty for a function whose
    /// results are its items' own; what was deleted since is left out. Null only when they cannot be read.
    async fn products(&self, ctx: &Context<'_>) -> Result<Option<Vec<Node>>> {
        let Some(kind) = product_kind(self.0.function) else { return Ok(Some(Vec::new())) };
        let items = service::<DataLoader<AiLoader>>(ctx)?.load_one(ItemsOf(self.0.id)).await?.unwrap_or_default();
        let ids = items.iter().flat_map(|item| item.products.clone()).take(PRODUCTS_MAX);
        // At once, so that a loader reads them with one statement.
        let found = try_join_all(ids.map(|id| node::find(ctx, kind, id))).await?;
        Ok(Some(found.into_iter().flatten().collect()))
    }

    /// How many items were asked for.
    async fn items_total(&self) -> i32 {
        self.0.items_total
    }

    /// How many items were delivered.
    async fn items_delivered(&self) -> i32 {
        self.0.items_delivered
    }

    /// How many items failed; none of them was charged.
    async fn items_failed(&self) -> i32 {
        self.0.items_failed
    }

    /// Credits charged so far.
    async fn credits_used(&self) -> Credits {
        Credits(self.0.credits_used)
    }

    /// What all attempts cost us at the provider, in US dollars; null while not known, and for those who may not see
    /// figures of the business.
    async fn provider_cost(&self, ctx: &Context<'_>) -> Result<Option<Decimal>> {
        let may_see = viewer(ctx)?.can(Feature::AnalyticsView, Level::Read);
        Ok(self.0.provider_cost_nanousd.filter(|_| may_see).map(Decimal))
    }

    /// What went wrong; null unless it did.
    async fn error(&self) -> Option<AiTaskError> {
        let code = self.0.error_code.clone()?;
        Some(AiTaskError { message: self.0.error_text.clone().unwrap_or_else(|| code.clone()), code })
    }

    /// Whether its end was asked for and has not come yet.
    async fn is_cancelling(&self) -> bool {
        self.0.is_cancelling && !self.0.status.is_final()
    }

    /// The number of its last event.
    async fn sequence(&self) -> SafeInt {
        SafeInt(self.0.event_seq)
    }

    /// When it was accepted.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it ended; null while it has not.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(DateTime)
    }
}

connection!(AiTaskConnection, AiTaskEdge, AiTask, "AI tasks", |task: &AiTask| task.0.id);
