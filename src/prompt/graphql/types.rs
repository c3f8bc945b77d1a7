//! `SystemPrompt`, its versions and its history.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject, dataloader::DataLoader};
use uuid::Uuid;

use super::{
    loader::{PromptLoader, PromptOf, RunningSplitOf, UsageOf, VersionOf},
    looking,
    split::{PromptSplit, PromptSplitConnection},
};
use crate::{
    auth::graphql::{User, person},
    connection,
    error::Error,
    graphql::{
        context::service,
        node::{self, NodeKind},
        page::ConnectionArgs,
        scalars::{Credits, DateTime, Decimal, Json, SafeInt},
    },
    prompt::{
        Prompts,
        model::{
            prompt::{self, Activation},
            split::Usage,
        },
    },
};

/// What a system prompt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::prompt::model::Category")]
pub enum PromptCategory {
    /// Instructions of an AI function.
    AiFunction,
    /// The background of a carousel.
    CarouselBackground,
    /// What an event looks like.
    EventType,
    /// A look to draw in.
    StylePreset,
    /// What every image prompt ends with, and templates.
    SystemDefault,
    /// What a short text is to be like.
    TextGeneration,
}

/// A named text under (category, key). Seen by those who look at prompts.
#[derive(Debug, Clone)]
pub struct SystemPrompt(pub prompt::SystemPrompt);

impl SystemPrompt {
    /// The prompt, if the viewer may see prompts. Refuses: `Unauthenticated`, `Forbidden`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        let (right, prompts) = looking(ctx)?;
        Ok(prompts.prompt(right, id).await?.map(Self))
    }

    /// The prompt, for a caller that holds what names it.
    pub(super) async fn load(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        Ok(service::<DataLoader<PromptLoader>>(ctx)?.load_one(PromptOf(id)).await?.map(Self))
    }
}

/// A named text under (category, key), with immutable versions of which one is active.
#[Object]
impl SystemPrompt {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::SystemPrompt, self.0.id)
    }

    /// The category; with the key it is unique.
    async fn category(&self) -> PromptCategory {
        self.0.category.into()
    }

    /// The key, 1–100 characters, unique in its category in any case; null for the empty key.
    async fn key(&self) -> Option<&str> {
        self.0.key.shown()
    }

    /// A label, 1–200 characters.
    async fn name(&self) -> &str {
        &self.0.active.body.name
    }

    /// What it is for, at most 2,000 characters.
    async fn description(&self) -> Option<&str> {
        self.0.active.body.description.as_deref()
    }

    /// The text that counts, 1–20,000 characters.
    async fn content(&self) -> &str {
        &self.0.active.body.content
    }

    /// Open data of a client: an object of at most 16 KiB.
    async fn metadata(&self) -> Json {
        Json(self.0.active.body.metadata.to_value())
    }

    /// Whether look-ups find it. A disabled prompt keeps its active version.
    async fn is_enabled(&self) -> bool {
        self.0.is_enabled
    }

    /// The number of the active version, to be given as `expectedVersion`.
    async fn version(&self) -> i32 {
        self.0.active.number
    }

    /// The version that counts.
    async fn active_version(&self) -> SystemPromptVersion {
        SystemPromptVersion(self.0.active.clone())
    }

    /// Its versions, newest first.
    async fn versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<SystemPromptVersionConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        Ok(Some(service::<Prompts>(ctx)?.versions(self.0.id, &args).await?.map(SystemPromptVersion).into()))
    }

    /// Which version became active when, by whom, newest first.
    async fn activations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<SystemPromptActivationConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        Ok(Some(service::<Prompts>(ctx)?.activations(self.0.id, &args).await?.map(SystemPromptActivation).into()))
    }

    /// Versions that were tried side by side, newest first.
    async fn splits(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<PromptSplitConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        Ok(Some(service::<Prompts>(ctx)?.splits(self.0.id, &args).await?.map(PromptSplit).into()))
    }

    /// The split that is running; null when none is.
    async fn running_split(&self, ctx: &Context<'_>) -> Result<Option<PromptSplit>> {
        let loader = service::<DataLoader<PromptLoader>>(ctx)?;
        Ok(loader.load_one(RunningSplitOf(self.0.id)).await?.map(PromptSplit))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

connection!(SystemPromptConnection, SystemPromptEdge, SystemPrompt, "system prompts", |prompt: &SystemPrompt| {
    prompt.0.id
});

/// One version of a system prompt, which never changes.
#[derive(Debug, Clone)]
pub struct SystemPromptVersion(pub prompt::PromptVersion);

impl SystemPromptVersion {
    /// The version, if the viewer may see prompts. Refuses: `Unauthenticated`, `Forbidden`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        looking(ctx)?;
        Self::load(ctx, id).await
    }

    /// The version, for a caller that holds what names it.
    pub(super) async fn load(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        Ok(service::<DataLoader<PromptLoader>>(ctx)?.load_one(VersionOf(id)).await?.map(Self))
    }
}

/// One version of a system prompt, which never changes.
#[Object]
impl SystemPromptVersion {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::SystemPromptVersion, self.0.id)
    }

    /// The prompt it is a version of.
    async fn prompt(&self, ctx: &Context<'_>) -> Result<Option<SystemPrompt>> {
        Ok(SystemPrompt::load(ctx, self.0.prompt_id).await?)
    }

    /// 1 or more, rising; an import may leave gaps.
    async fn number(&self) -> i32 {
        self.0.number
    }

    /// A label, 1–200 characters.
    async fn name(&self) -> &str {
        &self.0.body.name
    }

    /// What it is for, at most 2,000 characters.
    async fn description(&self) -> Option<&str> {
        self.0.body.description.as_deref()
    }

    /// The text, 1–20,000 characters.
    async fn content(&self) -> &str {
        &self.0.body.content
    }

    /// Open data of a client: an object of at most 16 KiB.
    async fn metadata(&self) -> Json {
        Json(self.0.body.metadata.to_value())
    }

    /// Who wrote it; null when it was the server or its operator, or somebody the viewer may not see.
    async fn author(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.0.author_id).await?)
    }

    /// Why, in the author's words, at most 500 characters.
    async fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }

    /// What work composed from it came to, counted from the records.
    async fn usage(&self, ctx: &Context<'_>) -> Result<Option<PromptUsage>> {
        let found = service::<DataLoader<PromptLoader>>(ctx)?.load_one(UsageOf(self.0.id)).await?;
        Ok(Some(found.unwrap_or_default().into()))
    }

    /// When it was written.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

connection!(
    SystemPromptVersionConnection,
    SystemPromptVersionEdge,
    SystemPromptVersion,
    "versions of a system prompt",
    |version: &SystemPromptVersion| i64::from(version.0.number)
);

/// Why a version became active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::prompt::model::prompt::ActivationCause")]
pub enum PromptActivationCause {
    /// The shipped catalogue was installed.
    Install,
    /// The prompt was made.
    Create,
    /// The prompt was edited.
    Update,
    /// Somebody went back, or forward, to it.
    Activate,
    /// The shipped text was restored.
    Reset,
    /// A file was imported.
    Import,
    /// The optimiser was applied.
    Optimise,
    /// An optimisation was undone.
    Undo,
    /// A split ended in its favour.
    Split,
}

/// A version of a system prompt became active.
#[derive(Debug, Clone)]
pub struct SystemPromptActivation(pub Activation);

/// A version of a system prompt became active.
#[Object]
impl SystemPromptActivation {
    /// 1, 2, 3 … per prompt.
    async fn number(&self) -> i32 {
        self.0.number
    }

    /// The version that became active.
    async fn version(&self, ctx: &Context<'_>) -> Result<Option<SystemPromptVersion>> {
        Ok(SystemPromptVersion::load(ctx, self.0.version_id).await?)
    }

    /// The version that was active before; null when the prompt was made.
    async fn previous_version(&self, ctx: &Context<'_>) -> Result<Option<SystemPromptVersion>> {
        match self.0.previous_version_id {
            Some(id) => Ok(SystemPromptVersion::load(ctx, id).await?),
            None => Ok(None),
        }
    }

    /// Why.
    async fn cause(&self) -> PromptActivationCause {
        self.0.cause.into()
    }

    /// Who; null when it was the server or its operator, or somebody the viewer may not see.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.0.actor_id).await?)
    }

    /// When.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

connection!(
    SystemPromptActivationConnection,
    SystemPromptActivationEdge,
    SystemPromptActivation,
    "activations of a system prompt",
    |activation: &SystemPromptActivation| i64::from(activation.0.number)
);

/// What work composed from a version came to, counted from the records of AI tasks. A task counts for each version it was
/// composed from.
#[derive(Debug, Clone, SimpleObject)]
pub struct PromptUsage {
    /// AI tasks.
    pub tasks: SafeInt,
    /// Items delivered.
    pub items_delivered: SafeInt,
    /// Items that failed.
    pub items_failed: SafeInt,
    /// Credits charged, refunds not taken off.
    pub credits_charged: Credits,
    /// Credits given back.
    pub credits_refunded: Credits,
    /// Credits still held for work under way.
    pub credits_held: Credits,
    /// What providers cost, US dollars; null while no cost is known.
    pub provider_cost: Option<Decimal>,
}

impl From<Usage> for PromptUsage {
    fn from(usage: Usage) -> Self {
        Self {
            tasks: SafeInt(usage.tasks),
            items_delivered: SafeInt(usage.items_delivered),
            items_failed: SafeInt(usage.items_failed),
            credits_charged: Credits(usage.credits_charged),
            credits_refunded: Credits(usage.credits_refunded),
            credits_held: Credits(usage.credits_held),
            provider_cost: usage.cost_nanousd.map(Decimal),
        }
    }
}
