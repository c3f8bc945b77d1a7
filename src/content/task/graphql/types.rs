//! `ContentTask`.

use async_graphql::{Context, Enum, ID, Object, Result, dataloader::DataLoader};
use uuid::Uuid;

use super::loader::{ContentTaskLoader, TaskOf, TaskOfIdea};
use crate::{
    connection,
    content::task,
    error::Error,
    graphql::{
        context::service,
        loaders::owned,
        node::{self, NodeKind},
        scalars::DateTime,
    },
    idea::graphql::Idea,
    keyword::graphql::{Cluster, ContentType, sector_of},
    site::graphql::{Sector, Site},
};

/// Where a content task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::model::ContentTaskState")]
pub enum ContentTaskState {
    /// Waiting to be written.
    Queued,
    /// Being written.
    InProgress,
    /// Written.
    Completed,
    /// Writing it failed.
    Failed,
}

/// Something that is to be written.
#[derive(Debug, Clone)]
pub struct ContentTask(pub task::ContentTask);

owned!(ContentTask: ContentTaskLoader, TaskOf);

impl ContentTask {
    /// The content task that was made of an idea, for a caller that holds the idea.
    pub async fn of_idea(ctx: &Context<'_>, idea: Uuid) -> Result<Option<Self>, Error> {
        Ok(service::<DataLoader<ContentTaskLoader>>(ctx)?.load_one(TaskOfIdea(idea)).await?.map(Self))
    }
}

/// Something that is to be written.
#[Object]
impl ContentTask {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::ContentTask, self.0.id)
    }

    /// The site it is for.
    async fn site(&self, ctx: &Context<'_>) -> Result<Option<Site>> {
        Ok(Site::load(ctx, self.0.site_id).await?)
    }

    /// The sector it is in; null where it is in none.
    async fn sector(&self, ctx: &Context<'_>) -> Result<Option<Sector>> {
        sector_of(ctx, self.0.sector_id).await
    }

    /// The cluster it is for; null where it is for none.
    async fn cluster(&self, ctx: &Context<'_>) -> Result<Option<Cluster>> {
        match self.0.cluster_id {
            Some(id) => Ok(Cluster::load(ctx, id).await?),
            None => Ok(None),
        }
    }

    /// The idea it was made of; null where it was made by hand.
    async fn idea(&self, ctx: &Context<'_>) -> Result<Option<Idea>> {
        match self.0.idea_id {
            Some(id) => Ok(Idea::load(ctx, id).await?),
            None => Ok(None),
        }
    }

    /// The title of what is to be written.
    async fn title(&self) -> &str {
        &self.0.plan.title
    }

    /// Its headings, one a line; may be empty.
    async fn outline(&self) -> &str {
        &self.0.plan.outline
    }

    /// The keywords it aims at, at most 20; may be empty.
    async fn keywords(&self) -> &[String] {
        &self.0.plan.keywords
    }

    /// What kind of content it is.
    async fn content_type(&self) -> ContentType {
        self.0.plan.content_type.into()
    }

    /// How long it should be, 50–10,000 words.
    async fn target_words(&self) -> i32 {
        self.0.plan.target_words
    }

    /// The higher, the sooner runs take it; -100 to 100.
    async fn priority(&self) -> i32 {
        self.0.priority
    }

    /// How often writing it failed, 0–4. After the fourth time it is not taken up again.
    async fn tries(&self) -> i32 {
        self.0.tries
    }

    /// Where it is in its life.
    async fn state(&self) -> ContentTaskState {
        self.0.state.into()
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

connection!(ContentTaskConnection, ContentTaskEdge, ContentTask, "content tasks", |task: &ContentTask| task.0.id);
