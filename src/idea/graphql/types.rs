//! `Idea`.

use async_graphql::{Context, Enum, ID, Object, Result};

use super::loader::{IdeaLoader, IdeaOf};
use crate::{
    connection,
    content::task::graphql::ContentTask,
    graphql::{
        loaders::owned,
        node::{self, NodeKind},
        scalars::DateTime,
    },
    idea,
    keyword::graphql::{Cluster, ContentType, sector_of},
    site::graphql::{Sector, Site},
};

/// Where an idea is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::idea::model::IdeaState")]
pub enum IdeaState {
    /// Found, and nothing more.
    New,
    /// A content task was made of it.
    Queued,
    /// Its content was written.
    Completed,
    /// Turned down.
    Rejected,
}

/// Something that could be written for a cluster.
#[derive(Debug, Clone)]
pub struct Idea(pub idea::Idea);

owned!(Idea: IdeaLoader, IdeaOf);

/// Something that could be written for a cluster.
#[Object]
impl Idea {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::Idea, self.0.id)
    }

    /// The site it is for.
    async fn site(&self, ctx: &Context<'_>) -> Result<Option<Site>> {
        Ok(Site::load(ctx, self.0.site_id).await?)
    }

    /// The sector it is in; null where it is in none.
    async fn sector(&self, ctx: &Context<'_>) -> Result<Option<Sector>> {
        sector_of(ctx, self.0.sector_id).await
    }

    /// The cluster it is for.
    async fn cluster(&self, ctx: &Context<'_>) -> Result<Option<Cluster>> {
        Ok(Cluster::load(ctx, self.0.cluster_id).await?)
    }

    /// Its title, unique in its cluster.
    async fn title(&self) -> &str {
        &self.0.plan.title
    }

    /// Its headings, one a line; may be empty.
    async fn outline(&self) -> &str {
        &self.0.plan.outline
    }

    /// The keywords it aims at, at most 20; may be empty.
    async fn target_keywords(&self) -> &[String] {
        &self.0.plan.keywords
    }

    /// What kind of content it is for.
    async fn content_type(&self) -> ContentType {
        self.0.plan.content_type.into()
    }

    /// How long it should be, 50–10,000 words.
    async fn target_words(&self) -> i32 {
        self.0.plan.target_words
    }

    /// Where it is in its life.
    async fn state(&self) -> IdeaState {
        self.0.state.into()
    }

    /// The content task that was made of it; null while none was.
    async fn content_task(&self, ctx: &Context<'_>) -> Result<Option<ContentTask>> {
        Ok(ContentTask::of_idea(ctx, self.0.id).await?)
    }

    /// When it was found.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

connection!(IdeaConnection, IdeaEdge, Idea, "ideas", |idea: &Idea| idea.0.id);
