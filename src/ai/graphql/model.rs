//! `AiModel`: a model with what it costs.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject, dataloader::DataLoader};
use uuid::Uuid;

use super::{
    loader::{AiLoader, GateOf, ModelOf, PricesOf},
    mutation::ImageQuality,
    price::PriceVersion,
};
use crate::{
    ai::model::{PricedModel, Rates},
    error::Error,
    graphql::{
        context::{service, viewer},
        node::{self, NodeKind},
        scalars::{Credits, DateTime, Decimal, Json, SafeInt},
    },
    viewer::{Feature, Level},
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

/// A shape that a model draws.
#[derive(Debug, Clone, SimpleObject)]
pub struct AiModelShape {
    /// Width to height, such as 16:9.
    pub ratio: String,
    /// Exact width in pixels.
    pub width: i32,
    /// Exact height in pixels.
    pub height: i32,
}

/// What a quality adds to a call.
#[derive(Debug, Clone, SimpleObject)]
pub struct AiModelQuality {
    /// Which.
    pub quality: ImageQuality,
    /// The provider's parameters for it, by name.
    pub settings: Json,
}

/// Whether the viewer may see how models are set up.
fn sees_settings(ctx: &Context<'_>) -> Result<bool, Error> {
    Ok(viewer(ctx)?.can(Feature::SystemSettingsView, Level::Read))
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

    /// Width of its usual images in pixels; null for text models.
    async fn width(&self) -> Option<i32> {
        self.0.model.size.map(|(width, _)| width)
    }

    /// Height of its usual images in pixels; null for text models.
    async fn height(&self) -> Option<i32> {
        self.0.model.size.map(|(_, height)| height)
    }

    /// The functions it serves, at most 8.
    async fn functions(&self) -> Vec<AiFunction> {
        self.0.model.capabilities.functions.iter().copied().map(Into::into).collect()
    }

    /// The shapes it draws, at most 13; none for text models.
    async fn aspect_ratios(&self) -> Vec<AiModelShape> {
        let shapes = self.0.model.capabilities.shapes_in_order().into_iter();
        shapes.map(|(ratio, (width, height))| AiModelShape { ratio: ratio.to_string(), width, height }).collect()
    }

    /// The qualities it offers, least first, at most 4; none for text models.
    async fn qualities(&self) -> Vec<ImageQuality> {
        self.0.model.capabilities.qualities.keys().copied().map(Into::into).collect()
    }

    /// How many times as wide and high it can make an image, at most 8 values; none where it enlarges nothing.
    async fn upscale_factors(&self) -> &[i32] {
        &self.0.model.capabilities.upscale_factors
    }

    /// The provider's own name for it.
    async fn provider_model(&self) -> &str {
        &self.0.model.provider_model
    }

    /// Requests that may begin in a minute, over all processes; null: no limit of ours.
    async fn rate_per_minute(&self) -> Option<i32> {
        self.0.model.capabilities.rate_per_minute
    }

    /// Requests that may be under way at once, over all processes; null: no limit of ours.
    async fn concurrency(&self) -> Option<i32> {
        self.0.model.capabilities.concurrency
    }

    /// 0–1000: the lower, the earlier it stands in for another model.
    async fn priority(&self) -> i32 {
        self.0.model.capabilities.priority
    }

    /// Until when requests to it wait or go to another model, because it failed several times in a row; null while it is
    /// used, and for those who may not see settings.
    async fn paused_until(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        if !sees_settings(ctx)? {
            return Ok(None);
        }
        let gate = service::<DataLoader<AiLoader>>(ctx)?.load_one(GateOf(self.0.model.id)).await?;
        Ok(gate.map(|gate| DateTime(gate.open_until)))
    }

    /// Raised by every edit; give it as `expectedVersion`.
    async fn version(&self) -> i32 {
        self.0.model.version
    }

    /// The provider's parameters of every call, by name; null for those who may not see settings.
    async fn settings(&self, ctx: &Context<'_>) -> Result<Option<Json>> {
        let settings = || Json(serde_json::Value::Object(self.0.model.capabilities.settings.clone()));
        Ok(sees_settings(ctx)?.then(settings))
    }

    /// What each quality adds to a call, at most 4; null for those who may not see settings.
    async fn quality_settings(&self, ctx: &Context<'_>) -> Result<Option<Vec<AiModelQuality>>> {
        if !sees_settings(ctx)? {
            return Ok(None);
        }
        let qualities = self.0.model.capabilities.qualities.iter();
        let entry = |(quality, settings): (&crate::ai::model::Quality, &crate::ai::model::Settings)| AiModelQuality {
            quality: (*quality).into(),
            settings: Json(serde_json::Value::Object(settings.clone())),
        };
        Ok(Some(qualities.map(entry).collect()))
    }

    /// Its price versions, newest first, at most 100; null for those who may not see settings.
    async fn prices(&self, ctx: &Context<'_>) -> Result<Option<Vec<PriceVersion>>> {
        if !sees_settings(ctx)? {
            return Ok(None);
        }
        let loader = service::<DataLoader<AiLoader>>(ctx)?;
        let prices = loader.load_one(PricesOf(self.0.model.id)).await?.unwrap_or_default();
        Ok(Some(prices.into_iter().map(PriceVersion).collect()))
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
