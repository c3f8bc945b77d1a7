//! What administrators say of models, and what they are answered.

use async_graphql::{ID, InputObject, MaybeUndefined, SimpleObject};

use crate::{
    ai::graphql::{
        model::{AiFunction, AiModel, AiModelKind},
        mutation::ImageQuality,
        price::PriceInput,
    },
    graphql::{
        error::UserError,
        scalars::{Decimal, Json, SafeInt},
    },
};

/// A shape that a model draws.
#[derive(Debug, InputObject)]
pub struct AiModelShapeInput {
    /// Width to height: 1:1, 16:9, 9:16, 4:3, 3:4, 4:5, 5:7, 3:2, 2:3, 10:16, 16:10, 1:3 or 3:1.
    pub(super) ratio: String,
    /// Exact width in pixels, 1–8192.
    pub(super) width: i32,
    /// Exact height in pixels, 1–8192.
    pub(super) height: i32,
}

/// A quality that a model offers.
#[derive(Debug, InputObject)]
pub struct AiModelQualityInput {
    /// Which.
    pub(super) quality: ImageQuality,
    /// The provider's parameters for it, an object by name; none when omitted.
    pub(super) settings: Option<Json>,
}

/// A model to be entered.
#[derive(Debug, InputObject)]
pub struct CreateAiModelInput {
    /// Its name with us, 1–100 characters, unique among active models.
    pub(super) name: String,
    /// The adapter that serves it, such as `openai`.
    pub(super) provider: String,
    /// The provider's own name for it, 1–100 characters.
    pub(super) provider_model: String,
    /// What it makes.
    pub(super) kind: AiModelKind,
    /// The functions it serves, at most 8.
    pub(super) functions: Vec<AiFunction>,
    /// The longest prompt it takes, in Unicode scalar values: 1–1000000.
    pub(super) prompt_length_limit: SafeInt,
    /// The most tokens it writes in one call, 1–1000000: text models only.
    pub(super) output_token_limit: Option<SafeInt>,
    /// The shapes it draws, at most 13: image models only.
    #[graphql(default)]
    pub(super) aspect_ratios: Vec<AiModelShapeInput>,
    /// The qualities it offers, at most 4: image models only.
    #[graphql(default)]
    pub(super) qualities: Vec<AiModelQualityInput>,
    /// The provider's parameters of every call, an object by name; none when omitted.
    pub(super) settings: Option<Json>,
    /// Whether it takes seeds.
    #[graphql(default = false)]
    pub(super) takes_seed: bool,
    /// How many times as wide and high it can make an image, 2–8, at most 8 values.
    #[graphql(default)]
    pub(super) upscale_factors: Vec<i32>,
    /// Requests that may begin in a minute; no limit of ours when omitted.
    pub(super) rate_per_minute: Option<i32>,
    /// Requests that may be under way at once; no limit of ours when omitted.
    pub(super) concurrency: Option<i32>,
    /// 0–1000: the lower, the earlier it stands in for another model.
    #[graphql(default = 100)]
    pub(super) priority: i32,
    /// Whether new work may use it at once.
    #[graphql(default = false)]
    pub(super) is_active: bool,
    /// Its first price.
    pub(super) price: PriceInput,
}

/// What `createAiModel` did.
#[derive(SimpleObject)]
pub struct CreateAiModelPayload {
    /// The model; null when refused.
    pub(super) model: Option<AiModel>,
    /// `NAME_INVALID`, `NAME_TAKEN`, `ADAPTER_MISSING`, `LIMIT_OUT_OF_RANGE`, `CAPABILITY_INVALID`,
    /// `UNSUPPORTED_ASPECT_RATIO`, `SETTING_UNKNOWN`, `SETTING_INVALID`, `PRICE_INVALID`, `PRICE_TOO_FINE`,
    /// `PRICE_KIND_MISMATCH`.
    pub(super) user_errors: Vec<UserError>,
}

/// What changes about a model; what is omitted stays.
#[derive(Debug, InputObject)]
pub struct UpdateAiModelInput {
    /// Which model.
    pub(super) model_id: ID,
    /// The `version` that was read; another one is `VERSION_CONFLICT`.
    pub(super) expected_version: i32,
    /// Its name with us, 1–100 characters.
    pub(super) name: Option<String>,
    /// The provider's own name for it, 1–100 characters.
    pub(super) provider_model: Option<String>,
    /// The functions it serves, at most 8.
    pub(super) functions: Option<Vec<AiFunction>>,
    /// The longest prompt it takes, 1–1000000.
    pub(super) prompt_length_limit: Option<SafeInt>,
    /// The most tokens it writes in one call, 1–1000000.
    pub(super) output_token_limit: Option<SafeInt>,
    /// The shapes it draws, at most 13.
    pub(super) aspect_ratios: Option<Vec<AiModelShapeInput>>,
    /// The qualities it offers, at most 4.
    pub(super) qualities: Option<Vec<AiModelQualityInput>>,
    /// The provider's parameters of every call, an object by name.
    pub(super) settings: Option<Json>,
    /// Whether it takes seeds.
    pub(super) takes_seed: Option<bool>,
    /// How many times as wide and high it can make an image, at most 8 values.
    pub(super) upscale_factors: Option<Vec<i32>>,
    /// Requests that may begin in a minute; null lifts the limit.
    pub(super) rate_per_minute: MaybeUndefined<i32>,
    /// Requests that may be under way at once; null lifts the limit.
    pub(super) concurrency: MaybeUndefined<i32>,
    /// 0–1000: the lower, the earlier it stands in for another model.
    pub(super) priority: Option<i32>,
    /// Whether new work may use it. A default cannot be switched off.
    pub(super) is_active: Option<bool>,
}

/// What `updateAiModel` did.
#[derive(SimpleObject)]
pub struct UpdateAiModelPayload {
    /// The model as it is now; null when refused.
    pub(super) model: Option<AiModel>,
    /// `MODEL_NOT_FOUND`, `VERSION_CONFLICT`, `MODEL_IS_DEFAULT`, and those of `createAiModel` but the prices'.
    pub(super) user_errors: Vec<UserError>,
}

/// Which model serves a function when none is named.
#[derive(Debug, InputObject)]
pub struct SetDefaultAiModelInput {
    /// Which function.
    pub(super) function: AiFunction,
    /// Which model: active, and serving the function.
    pub(super) model_id: ID,
}

/// What `setDefaultAiModel` did.
#[derive(SimpleObject)]
pub struct SetDefaultAiModelPayload {
    /// The model; null when refused.
    pub(super) model: Option<AiModel>,
    /// `MODEL_NOT_FOUND`, `MODEL_INACTIVE`, `MODEL_KIND_MISMATCH`, `UNSUPPORTED_FUNCTION`.
    pub(super) user_errors: Vec<UserError>,
}

/// A new price of a model.
#[derive(Debug, InputObject)]
pub struct AddPriceVersionInput {
    /// Which model.
    pub(super) model_id: ID,
    /// The price.
    pub(super) price: PriceInput,
}

/// What `addPriceVersion` did.
#[derive(SimpleObject)]
pub struct AddPriceVersionPayload {
    /// The model with its new price; null when refused.
    pub(super) model: Option<AiModel>,
    /// `MODEL_NOT_FOUND`, `PRICE_INVALID`, `PRICE_TOO_FINE`, `PRICE_KIND_MISMATCH`.
    pub(super) user_errors: Vec<UserError>,
}

/// What one credit is worth from now on.
#[derive(Debug, InputObject)]
pub struct SetCreditPriceInput {
    /// US dollars as a decimal text such as "0.01", at most nine decimals, 0.000000001 to 1000.
    pub(super) credit_price: String,
}

/// What `setCreditPrice` did.
#[derive(SimpleObject)]
pub struct SetCreditPricePayload {
    /// What one credit is worth now, in US dollars; null when refused.
    pub(super) credit_price: Option<Decimal>,
    /// How many models got a new price version; null when refused.
    pub(super) models_changed: Option<i32>,
    /// `PRICE_INVALID`, `PRICE_TOO_FINE`.
    pub(super) user_errors: Vec<UserError>,
}
