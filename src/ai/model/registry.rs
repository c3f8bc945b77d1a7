//! AI models as data.

use uuid::Uuid;

use super::{AiFunction, ModelKind, PriceVersion};
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
    /// Width and height of its images in pixels; image models only.
    pub size: Option<(i32, i32)>,
    /// Whether a seed may be sent to it.
    pub takes_seed: bool,
    /// Whether new work may use it.
    pub is_active: bool,
    /// When it was entered.
    pub created_at: Micros,
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

/// Why a model cannot do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
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
    /// A seed was given, and it takes none.
    #[error("This AI model takes no seed. Leave it out, or choose one of `aiModels` whose `takesSeed` is true.")]
    SeedUnsupported,
}

impl AiModel {
    /// Whether `function` may use it. Refuses: `KindMismatch`, `Inactive`.
    pub fn serves(&self, function: AiFunction) -> Result<(), ModelRefusal> {
        if self.kind != function.model_kind() {
            Err(ModelRefusal::KindMismatch)
        } else if !self.is_active {
            Err(ModelRefusal::Inactive)
        } else {
            Ok(())
        }
    }
}
