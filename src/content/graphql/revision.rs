//! `ContentRevision`: a version of a text.

use async_graphql::{Context, Enum, Object, Result, dataloader::DataLoader};

use super::loader::{ContentLoader, RevisionTextOf};
use crate::{
    ai::graphql::AiTask,
    auth::graphql::{User, person},
    connection,
    content::model,
    graphql::{context::service, scalars::DateTime},
};

/// How a version of a text came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::model::RevisionCause")]
pub enum ContentRevisionCause {
    /// A function wrote it.
    Generated,
    /// A person did.
    Edited,
    /// A function improved it.
    Optimized,
}

/// A version of a text. It never changes.
#[derive(Debug, Clone)]
pub struct ContentRevision(pub(super) model::Revision);

/// A version of a text. It never changes.
#[Object]
impl ContentRevision {
    /// The version of the content that it came with, 1 or more; the numbers between are changes of other things.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// How it came about.
    async fn cause(&self) -> ContentRevisionCause {
        self.0.cause.into()
    }

    /// The title.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// The text, cleaned HTML; null only when it is gone.
    async fn html(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let key = RevisionTextOf(self.0.content_id, self.0.version);
        Ok(service::<DataLoader<ContentLoader>>(ctx)?.load_one(key).await?)
    }

    /// The excerpt; may be empty.
    async fn excerpt(&self) -> &str {
        &self.0.excerpt
    }

    /// The title for search engines; may be empty.
    async fn meta_title(&self) -> &str {
        &self.0.meta_title
    }

    /// The description for search engines; may be empty.
    async fn meta_description(&self) -> &str {
        &self.0.meta_description
    }

    /// How well the text before served its keywords by rules, 0–100; null unless it was optimised into this one.
    async fn score_before(&self) -> Option<i32> {
        self.0.score_before
    }

    /// How well this text serves them; null unless it is an optimisation.
    async fn score(&self) -> Option<i32> {
        self.0.score
    }

    /// What an optimisation changed, in the model's words, at most 10 lines; empty otherwise. Null never.
    async fn changes(&self) -> Option<&[String]> {
        Some(&self.0.changes)
    }

    /// Words of its text, 0 or more.
    async fn words(&self) -> i32 {
        self.0.words
    }

    /// Who wrote it; null when a function did, and to those who may not look at people.
    async fn author(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.0.author_id).await?)
    }

    /// The AI task that wrote it; null when a person did.
    async fn ai_task(&self, ctx: &Context<'_>) -> Result<Option<AiTask>> {
        match self.0.ai_task_id {
            Some(id) => Ok(AiTask::find(ctx, id).await?),
            None => Ok(None),
        }
    }

    /// When it was written.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

connection!(
    ContentRevisionConnection,
    ContentRevisionEdge,
    ContentRevision,
    "versions of a text",
    |revision: &ContentRevision| i64::from(revision.0.version)
);
