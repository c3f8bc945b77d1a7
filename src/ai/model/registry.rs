//! AI models as data.

use uuid::Uuid;

use super::{AiFunction, AspectRatio, Capabilities, ModelKind, PriceVersion, Quality};
use crate::clock::Micros;

/// A model of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AiModel {
    /// Its id.
    pub id: Uuid,
    /// Its name with us; unique among active models.
    pub name: String,
    /// The adapter that serves it, such as `sandbox`.
    pub provider: String,
    /// The provider's own name for it.
    pub provider_model: String,
    /// What it makes.
    pub kind: ModelKind,
    /// The most tokens it writes in one call; text models only.
    pub output_token_limit: Option<i64>,
    /// The longest prompt, in Unicode scalar values.
    pub prompt_length_limit: i64,
    /// Width and height of its images where no shape is named, in pixels; image models only.
    pub size: Option<(i32, i32)>,
    /// Whether a seed may be sent to it.
    pub takes_seed: bool,
    /// Whether new work may use it.
    pub is_active: bool,
    /// When it was entered.
    pub created_at: Micros,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Raised by every edit.
    pub version: i32,
}

/// A model with its current price, and the functions it is the default of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedModel {
    /// The model.
    pub model: AiModel,
    /// The price with the highest number.
    pub price: PriceVersion,
    /// The functions it serves when no model is named.
    pub default_of: Vec<AiFunction>,
}

/// Why a model cannot do what was asked. `models` are the names of those that can, filled in by the router.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelRefusal {
    /// There is no such model.
    #[error("There is no such AI model. Choose one of `aiModels`.")]
    NotFound,
    /// It is switched off, its provider is not set up, or no default is set.
    #[error("This AI model is switched off. Choose an active one of `aiModels`.")]
    Inactive,
    /// It makes another kind of thing.
    #[error("This AI model makes another kind of thing. Choose one of the right kind of `aiModels`.")]
    KindMismatch,
    /// It makes the right kind of thing, but not this.
    #[error("This AI model does not serve {}. {}", function.as_str(), choose(models))]
    FunctionUnsupported {
        /// What was asked.
        function: AiFunction,
        /// Who can.
        models: Vec<String>,
    },
    /// It does not draw this shape.
    #[error("This AI model does not draw {ratio}. {}", choose(models))]
    RatioUnsupported {
        /// What was asked.
        ratio: AspectRatio,
        /// Who can.
        models: Vec<String>,
    },
    /// It does not offer this quality.
    #[error("This AI model does not offer the quality {}. {}", quality.as_str(), choose(models))]
    QualityUnsupported {
        /// What was asked.
        quality: Quality,
        /// Who can.
        models: Vec<String>,
    },
    /// A seed was given, and it takes none.
    #[error("This AI model takes no seed. Leave it out. {}", choose(models))]
    SeedUnsupported {
        /// Who can.
        models: Vec<String>,
    },
    /// The prompt is longer than it takes.
    #[error("The prompt has {length} characters; this model takes {limit}. Shorten it. {}", choose(models))]
    PromptTooLong {
        /// Its length in Unicode scalar values.
        length: i64,
        /// What the model takes.
        limit: i64,
        /// Who can.
        models: Vec<String>,
    },
}

fn choose(models: &[String]) -> String {
    if models.is_empty() { "No active model can.".to_owned() } else { format!("These can: {}.", models.join(", ")) }
}

impl ModelRefusal {
    /// The same refusal, naming the models that can where it names any.
    #[must_use]
    pub fn naming(mut self, able: Vec<String>) -> Self {
        match &mut self {
            Self::FunctionUnsupported { models, .. }
            | Self::RatioUnsupported { models, .. }
            | Self::QualityUnsupported { models, .. }
            | Self::SeedUnsupported { models }
            | Self::PromptTooLong { models, .. } => *models = able,
            Self::NotFound | Self::Inactive | Self::KindMismatch => {}
        }
        self
    }

    /// The names of the models that can; empty where the refusal names none.
    pub fn models(&self) -> &[String] {
        match self {
            Self::FunctionUnsupported { models, .. }
            | Self::RatioUnsupported { models, .. }
            | Self::QualityUnsupported { models, .. }
            | Self::SeedUnsupported { models }
            | Self::PromptTooLong { models, .. } => models,
            Self::NotFound | Self::Inactive | Self::KindMismatch => &[],
        }
    }
}
