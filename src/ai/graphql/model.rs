//! `AiModel`: a model with what it costs.

use async_graphql::{Context, Enum, ID, Object, dataloader::DataLoader};
use uuid::Uuid;

use super::loader::{AiLoader, ModelOf};
use crate::{
    ai::model::{PricedModel, Rates},
    error::Error,
    graphql::{
        context::service,
        node::{self, NodeKind},
        scalars::{Credits, Decimal, SafeInt},
    },
};

/// What an AI function makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::ai::model::ModelKind")]
pub enum AiModelKind {
    /// Text.
    Text,
    /// Images.
    Image,
}

/// A kind of AI work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::ai::model::AiFunction")]
pub enum AiFunction {
    /// Sort keywords into clusters.
    ClusterKeywords,
    /// Think of articles for a cluster.
    GenerateIdeas,
    /// Write an article.
    GenerateContent,
    /// Describe the images of an article.
    GenerateImagePrompts,
    /// Draw images.
    GenerateImages,
    /// Improve an article.
    OptimizeContent,
    /// Enlarge an image.
    UpscaleImage,
    /// Write a text.
    GenerateText,
}

/// A model of a provider, with its current price.
#[derive(Debug, Clone)]
pub struct AiModel(pub PricedModel);

impl AiModel {
    /// The model of that id.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        Ok(service::<DataLoader<AiLoader>>(ctx)?.load_one(ModelOf(id)).await?.map(Self))
    }
}

/// A model of a provider, with its current price.
#[Object]
impl AiModel {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::AiModel, self.0.model.id)
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.model.name
    }

    /// Whose model it is, such as `openai`.
    async fn provider(&self) -> &str {
        &self.0.model.provider
    }

    /// Whether its output is the sandbox's: offline, deterministic, for trying out and tests.
    async fn is_sandbox(&self) -> bool {
        self.0.model.provider == "sandbox"
    }

    /// What it makes.
    async fn kind(&self) -> AiModelKind {
        self.0.model.kind.into()
    }

    /// Whether new work may use it.
    async fn is_active(&self) -> bool {
        self.0.model.is_active
    }

    /// The functions it serves when no model is named, at most 8.
    async fn default_of(&self) -> Vec<AiFunction> {
        self.0.default_of.iter().copied().map(Into::into).collect()
    }

    /// The longest prompt it takes, in Unicode scalar values.
    async fn prompt_length_limit(&self) -> SafeInt {
        SafeInt(self.0.model.prompt_length_limit)
    }

    /// The most tokens it writes in one call; null for image models.
    async fn output_token_limit(&self) -> Option<SafeInt> {
        self.0.model.output_token_limit.map(SafeInt)
    }

    /// Width of its images in pixels; null for text models.
    async fn width(&self) -> Option<i32> {
        self.0.model.size.map(|(width, _)| width)
    }

    /// Height of its images in pixels; null for text models.
    async fn height(&self) -> Option<i32> {
        self.0.model.size.map(|(_, height)| height)
    }

    /// Whether a seed may be given.
    async fn takes_seed(&self) -> bool {
        self.0.model.takes_seed
    }

    /// Credits per stored image; null for text models.
    async fn credits_per_image(&self) -> Option<Credits> {
        match self.0.price.rates {
            Rates::Image { credits_per_image, .. } => Some(Credits(credits_per_image)),
            Rates::Text { .. } => None,
        }
    }

    /// Tokens, read and written, that one credit pays; null for image models.
    async fn tokens_per_credit(&self) -> Option<SafeInt> {
        match self.0.price.rates {
            Rates::Text { tokens_per_credit, .. } => Some(SafeInt(tokens_per_credit)),
            Rates::Image { .. } => None,
        }
    }

    /// What one credit is worth, in US dollars.
    async fn credit_price(&self) -> Decimal {
        Decimal(self.0.price.credit_price_nanousd)
    }

    /// The number of the current price version: 1, 2, 3 …
    async fn price_version(&self) -> i32 {
        self.0.price.number
    }
}
