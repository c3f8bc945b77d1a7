//! `ContentImage`: a place for an image in content.

use async_graphql::{Context, Enum, ID, Object, Result};

use super::{
    content::Content,
    loader::{ContentImageOf, ContentLoader},
};
use crate::{
    content::model,
    graphql::{
        loaders::owned,
        node::{self, NodeKind},
        scalars::DateTime,
    },
    image::graphql::Image,
};

/// Where in a content an image stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::model::ContentImageKind")]
pub enum ContentImageKind {
    /// At its head.
    Featured,
    /// Inside it.
    InArticle,
}

/// Where an image of a content is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::content::model::ContentImageState")]
pub enum ContentImageState {
    /// Described, not drawn.
    Pending,
    /// Being drawn.
    Generating,
    /// Drawn and in our store.
    Generated,
    /// Drawing it failed.
    Failed,
    /// Whether it was drawn is not known. It costs nothing, and can be drawn again.
    Uncertain,
}

/// A place for an image in a content, and what is in it.
#[derive(Debug, Clone)]
pub struct ContentImage(pub model::ContentImage);

owned!(ContentImage: ContentLoader, ContentImageOf);

/// A place for an image in a content, and what is in it.
#[Object]
impl ContentImage {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::ContentImage, self.0.id)
    }

    /// The content it is in.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        Ok(Content::load(ctx, self.0.content_id).await?)
    }

    /// Where in it.
    async fn kind(&self) -> ContentImageKind {
        self.0.kind.into()
    }

    /// Its place among those of its kind, from 0.
    async fn position(&self) -> i32 {
        self.0.position
    }

    /// What is to be drawn.
    async fn prompt(&self) -> &str {
        &self.0.prompt
    }

    /// What it shows, for those who do not see it, at most 250 characters.
    async fn alt_text(&self) -> &str {
        &self.0.alt_text
    }

    /// Where it is in its life.
    async fn state(&self) -> ContentImageState {
        self.0.state.into()
    }

    /// The image; null until it is generated.
    async fn image(&self, ctx: &Context<'_>) -> Result<Option<Image>> {
        match self.0.image_id {
            Some(id) => Ok(Image::load(ctx, id).await?),
            None => Ok(None),
        }
    }

    /// Why drawing it failed, or that its outcome is unknown, a stable code; null otherwise.
    async fn error_code(&self) -> Option<&str> {
        self.0.error_code.as_deref()
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
