//! Models as an administrator's data.

use std::collections::BTreeMap;

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::{
    model::{AiFunction, AiModel, AiModelKind},
    mutation::ImageQuality,
    price::PriceInput,
};
use crate::{
    ai::{
        Ai,
        model::{self, AspectRatio, Capabilities, PRIORITY, PriceFault, PricedModel, Quality, Settings},
        provider::settings::SettingFault,
        service::{CreateModel, DefaultError, EditModel, ModelError, PriceError},
    },
    error::{Error, Failure},
    graphql::{
        context::{request, service, viewer},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        scalars::{Decimal, Json, SafeInt},
    },
    viewer::{Feature, FeatureRight, Level},
};

/// A shape that a model draws.
#[derive(Debug, InputObject)]
pub struct AiModelShapeInput {
    /// Width to height: 1:1, 16:9, 9:16, 4:3, 3:4, 4:5, 5:7, 3:2, 2:3, 10:16, 16:10, 1:3 or 3:1.
    ratio: String,
    /// Exact width in pixels, 1–8192.
    width: i32,
    /// Exact height in pixels, 1–8192.
    height: i32,
}

/// A quality that a model offers.
#[derive(Debug, InputObject)]
pub struct AiModelQualityInput {
    /// Which.
    quality: ImageQuality,
    /// The provider's parameters for it, an object by name; none when omitted.
    settings: Option<Json>,
}

/// A model to be entered.
#[derive(Debug, InputObject)]
pub struct CreateAiModelInput {
    /// Its name with us, 1–100 characters, unique among active models.
    name: String,
    /// The adapter that serves it, such as `openai`.
    provider: String,
    /// The provider's own name for it, 1–100 characters.
    provider_model: String,
    /// What it makes.
    kind: AiModelKind,
    /// The functions it serves, at most 8.
    functions: Vec<AiFunction>,
    /// The longest prompt it takes, in Unicode scalar values: 1–1000000.
    prompt_length_limit: SafeInt,
    /// The most tokens it writes in one call, 1–1000000: text models only.
    output_token_limit: Option<SafeInt>,
    /// The shapes it draws, at most 13: image models only.
    #[graphql(default)]
    aspect_ratios: Vec<AiModelShapeInput>,
    /// The qualities it offers, at most 4: image models only.
    #[graphql(default)]
    qualities: Vec<AiModelQualityInput>,
    /// The provider's parameters of every call, an object by name; none when omitted.
    settings: Option<Json>,
    /// Whether it takes seeds.
    #[graphql(default = false)]
    takes_seed: bool,
    /// How many times as wide and high it can make an image, 2–8, at most 8 values.
    #[graphql(default)]
    upscale_factors: Vec<i32>,
    /// Requests that may begin in a minute; no limit of ours when omitted.
    rate_per_minute: Option<i32>,
    /// Requests that may be under way at once; no limit of ours when omitted.
    concurrency: Option<i32>,
    /// 0–1000: the lower, the earlier it stands in for another model.
    #[graphql(default = 100)]
    priority: i32,
    /// Whether new work may use it at once.
    #[graphql(default = false)]
    is_active: bool,
    /// Its first price.
    price: PriceInput,
}

/// What `createAiModel` did.
#[derive(SimpleObject)]
pub struct CreateAiModelPayload {
    /// The model; null when refused.
    model: Option<AiModel>,
    /// `NAME_INVALID`, `NAME_TAKEN`, `ADAPTER_MISSING`, `LIMIT_OUT_OF_RANGE`, `CAPABILITY_INVALID`,
    /// `UNSUPPORTED_ASPECT_RATIO`, `SETTING_UNKNOWN`, `SETTING_INVALID`, `PRICE_INVALID`, `PRICE_TOO_FINE`,
    /// `PRICE_KIND_MISMATCH`.
    user_errors: Vec<UserError>,
}

/// What changes about a model; what is omitted stays.
#[derive(Debug, InputObject)]
pub struct UpdateAiModelInput {
    /// Which model.
    model_id: ID,
    /// The `version` that was read; another one is `VERSION_CONFLICT`.
    expected_version: i32,
    /// Its name with us, 1–100 characters.
    name: Option<String>,
    /// The provider's own name for it, 1–100 characters.
    provider_model: Option<String>,
    /// The functions it serves, at most 8.
    functions: Option<Vec<AiFunction>>,
    /// The longest prompt it takes, 1–1000000.
    prompt_length_limit: Option<SafeInt>,
    /// The most tokens it writes in one call, 1–1000000.
    output_token_limit: Option<SafeInt>,
    /// The shapes it draws, at most 13.
    aspect_ratios: Option<Vec<AiModelShapeInput>>,
    /// The qualities it offers, at most 4.
    qualities: Option<Vec<AiModelQualityInput>>,
    /// The provider's parameters of every call, an object by name.
    settings: Option<Json>,
    /// Whether it takes seeds.
    takes_seed: Option<bool>,
    /// How many times as wide and high it can make an image, at most 8 values.
    upscale_factors: Option<Vec<i32>>,
    /// Requests that may begin in a minute; null lifts the limit.
    rate_per_minute: MaybeUndefined<i32>,
    /// Requests that may be under way at once; null lifts the limit.
    concurrency: MaybeUndefined<i32>,
    /// 0–1000: the lower, the earlier it stands in for another model.
    priority: Option<i32>,
    /// Whether new work may use it. A default cannot be switched off.
    is_active: Option<bool>,
}

/// What `updateAiModel` did.
#[derive(SimpleObject)]
pub struct UpdateAiModelPayload {
    /// The model as it is now; null when refused.
    model: Option<AiModel>,
    /// `MODEL_NOT_FOUND`, `VERSION_CONFLICT`, `MODEL_IS_DEFAULT`, and those of `createAiModel` but the prices'.
    user_errors: Vec<UserError>,
}

/// Which model serves a function when none is named.
#[derive(Debug, InputObject)]
pub struct SetDefaultAiModelInput {
    /// Which function.
    function: AiFunction,
    /// Which model: active, and serving the function.
    model_id: ID,
}

/// What `setDefaultAiModel` did.
#[derive(SimpleObject)]
pub struct SetDefaultAiModelPayload {
    /// The model; null when refused.
    model: Option<AiModel>,
    /// `MODEL_NOT_FOUND`, `MODEL_INACTIVE`, `MODEL_KIND_MISMATCH`, `UNSUPPORTED_FUNCTION`.
    user_errors: Vec<UserError>,
}

/// A new price of a model.
#[derive(Debug, InputObject)]
pub struct AddPriceVersionInput {
    /// Which model.
    model_id: ID,
    /// The price.
    price: PriceInput,
}

/// What `addPriceVersion` did.
#[derive(SimpleObject)]
pub struct AddPriceVersionPayload {
    /// The model with its new price; null when refused.
    model: Option<AiModel>,
    /// `MODEL_NOT_FOUND`, `PRICE_INVALID`, `PRICE_TOO_FINE`, `PRICE_KIND_MISMATCH`.
    user_errors: Vec<UserError>,
}

/// What one credit is worth from now on.
#[derive(Debug, InputObject)]
pub struct SetCreditPriceInput {
    /// US dollars as a decimal text such as "0.01", at most nine decimals, 0.000000001 to 1000.
    credit_price: String,
}

/// What `setCreditPrice` did.
#[derive(SimpleObject)]
pub struct SetCreditPricePayload {
    /// What one credit is worth now, in US dollars; null when refused.
    credit_price: Option<Decimal>,
    /// How many models got a new price version; null when refused.
    models_changed: Option<i32>,
    /// `PRICE_INVALID`, `PRICE_TOO_FINE`.
    user_errors: Vec<UserError>,
}

const SHAPES_MAX: usize = 13;

fn shapes(input: Vec<AiModelShapeInput>) -> Result<BTreeMap<AspectRatio, (i32, i32)>, UserError> {
    let wrong = |text: String| UserError::new(UserErrorCode::UnsupportedAspectRatio, text, &["input", "aspectRatios"]);
    if input.len() > SHAPES_MAX {
        return Err(wrong(format!("`aspectRatios` has {}; it takes at most {SHAPES_MAX}.", input.len())));
    }
    let known = || AspectRatio::ALL.map(|ratio| ratio.to_string()).join(", ");
    let mut shapes = BTreeMap::new();
    for shape in input {
        let Some(ratio) = AspectRatio::parse(&shape.ratio) else {
            return Err(wrong(format!("There is no such aspect ratio. Known: {}.", known())));
        };
        if shapes.insert(ratio, (shape.width, shape.height)).is_some() {
            return Err(twice("aspectRatios", &shape.ratio));
        }
    }
    Ok(shapes)
}

/// What is listed twice is a slip, and which of the two was meant cannot be told.
fn twice(field: &str, what: &str) -> UserError {
    let text = format!("`{field}` has {what} twice. Name each once.");
    UserError::new(UserErrorCode::CapabilityInvalid, text, &["input", field])
}

fn functions(input: Vec<AiFunction>) -> Result<Vec<model::AiFunction>, UserError> {
    let mut functions: Vec<model::AiFunction> = Vec::with_capacity(input.len());
    for function in input.into_iter().map(model::AiFunction::from) {
        if functions.contains(&function) {
            return Err(twice("functions", function.as_str()));
        }
        functions.push(function);
    }
    Ok(functions)
}

fn factors(input: Vec<i32>) -> Result<Vec<i32>, UserError> {
    match input.iter().enumerate().find(|(at, factor)| input.iter().take(*at).any(|other| other == *factor)) {
        Some((_, factor)) => Err(twice("upscaleFactors", &factor.to_string())),
        None => Ok(input),
    }
}

/// Settings as an object. Refuses: `SETTING_INVALID`.
pub(super) fn settings(input: Option<Json>, field: &str) -> Result<Settings, UserError> {
    match input.map(|json| json.0) {
        None | Some(serde_json::Value::Null) => Ok(Settings::new()),
        Some(serde_json::Value::Object(map)) => Ok(map),
        Some(_) => {
            let text = "Settings are an object of names and values.";
            Err(UserError::new(UserErrorCode::SettingInvalid, text, &["input", field]))
        }
    }
}

fn qualities(input: Vec<AiModelQualityInput>) -> Result<BTreeMap<Quality, Settings>, UserError> {
    let mut qualities = BTreeMap::new();
    for one in input {
        let quality = Quality::from(one.quality);
        if qualities.insert(quality, settings(one.settings, "qualities")?).is_some() {
            return Err(twice("qualities", quality.as_str()));
        }
    }
    Ok(qualities)
}

/// A fault of a setting as a refusal.
pub(super) fn setting_refusal(fault: &SettingFault) -> UserError {
    let code = match fault {
        SettingFault::Unknown { .. } => UserErrorCode::SettingUnknown,
        SettingFault::Invalid { .. } => UserErrorCode::SettingInvalid,
    };
    UserError::new(code, fault.to_string(), &["input", "settings"])
}

fn price_refusal(fault: &PriceFault) -> UserError {
    let code = match fault {
        PriceFault::TooFine { .. } => UserErrorCode::PriceTooFine,
        PriceFault::KindMismatch => UserErrorCode::PriceKindMismatch,
        PriceFault::NotAnAmount { .. }
        | PriceFault::TooLarge { .. }
        | PriceFault::TooSmall { .. }
        | PriceFault::OutOfRange { .. } => UserErrorCode::PriceInvalid,
    };
    UserError::new(code, fault.to_string(), &["input", "price"])
}

fn model_refused(error: ModelError) -> UserError {
    let text = error.to_string();
    let (code, path): (_, &[&str]) = match error {
        ModelError::NotFound => (UserErrorCode::ModelNotFound, &["input", "modelId"]),
        ModelError::VersionConflict { expected, current } => {
            return UserError::conflicting(text, expected, current);
        }
        ModelError::NameInvalid(field) => return UserError::new(UserErrorCode::NameInvalid, text, &["input", field]),
        ModelError::NameTaken => (UserErrorCode::NameTaken, &["input", "name"]),
        ModelError::NoAdapter { .. } => (UserErrorCode::AdapterMissing, &["input", "provider"]),
        ModelError::LimitInvalid { field, .. } => {
            return UserError::new(UserErrorCode::LimitOutOfRange, text, &["input", field]);
        }
        ModelError::Capability(fault) => {
            return UserError::new(UserErrorCode::CapabilityInvalid, text, &["input", fault.field()]);
        }
        ModelError::Setting(fault) => return setting_refusal(&fault),
        ModelError::Price(fault) => return price_refusal(&fault),
        ModelError::IsDefault { .. } => (UserErrorCode::ModelIsDefault, &["input", "modelId"]),
    };
    UserError::new(code, text, path)
}

fn split<R>(
    outcome: Result<PricedModel, Failure<R>>,
    refused: impl FnOnce(R) -> UserError,
) -> Result<(Option<AiModel>, Vec<UserError>), Error> {
    match outcome {
        Ok(model) => Ok((Some(AiModel(model)), Vec::new())),
        Err(Failure::Refused(refusal)) => Ok((None, vec![refused(refusal)])),
        Err(Failure::Fault(error)) => Err(error),
    }
}

fn default_refused(error: DefaultError) -> UserError {
    let code = match error {
        DefaultError::NotFound => UserErrorCode::ModelNotFound,
        DefaultError::Inactive => UserErrorCode::ModelInactive,
        DefaultError::KindMismatch => UserErrorCode::ModelKindMismatch,
        DefaultError::FunctionUnsupported => UserErrorCode::UnsupportedFunction,
    };
    UserError::new(code, error.to_string(), &["input", "modelId"])
}

fn price_refused(error: PriceError) -> UserError {
    match error {
        PriceError::NotFound => UserError::new(UserErrorCode::ModelNotFound, error.to_string(), &["input", "modelId"]),
        PriceError::Price(fault) => price_refusal(&fault),
    }
}

fn model_id(id: &ID) -> Result<uuid::Uuid, Error> {
    node::decode(NodeKind::AiModel, id, &["input", "modelId"])
}

fn right(ctx: &Context<'_>, feature: Feature, level: Level) -> Result<FeatureRight, Error> {
    viewer(ctx)?.may(feature, level)
}

fn request_id(ctx: &Context<'_>) -> Result<Option<String>, Error> {
    Ok(Some(request(ctx)?.request_id.clone()))
}

fn created(input: CreateAiModelInput) -> Result<CreateModel, UserError> {
    let capabilities = Capabilities {
        functions: functions(input.functions)?,
        shapes: shapes(input.aspect_ratios)?,
        qualities: qualities(input.qualities)?,
        settings: settings(input.settings, "settings")?,
        upscale_factors: factors(input.upscale_factors)?,
        rate_per_minute: input.rate_per_minute,
        concurrency: input.concurrency,
        priority: input.priority,
    };
    const { assert!(PRIORITY == 100, "the default in the schema") };
    Ok(CreateModel {
        name: input.name,
        provider: input.provider,
        provider_model: input.provider_model,
        kind: input.kind.into(),
        output_token_limit: input.output_token_limit.map(|limit| limit.0),
        prompt_length_limit: input.prompt_length_limit.0,
        takes_seed: input.takes_seed,
        is_active: input.is_active,
        capabilities,
        price: input.price.into(),
    })
}

fn patched(input: MaybeUndefined<i32>) -> Option<Option<i32>> {
    match input {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

fn edited(input: UpdateAiModelInput) -> Result<EditModel, UserError> {
    Ok(EditModel {
        name: input.name,
        provider_model: input.provider_model,
        output_token_limit: input.output_token_limit.map(|limit| limit.0),
        prompt_length_limit: input.prompt_length_limit.map(|limit| limit.0),
        takes_seed: input.takes_seed,
        is_active: input.is_active,
        functions: input.functions.map(functions).transpose()?,
        shapes: input.aspect_ratios.map(shapes).transpose()?,
        qualities: input.qualities.map(qualities).transpose()?,
        settings: input.settings.map(|json| settings(Some(json), "settings")).transpose()?,
        upscale_factors: input.upscale_factors.map(factors).transpose()?,
        rate_per_minute: patched(input.rate_per_minute),
        concurrency: patched(input.concurrency),
        priority: input.priority,
    })
}

/// Models and prices.
#[derive(Default)]
pub struct AiRegistryMutation;

#[Object]
impl AiRegistryMutation {
    /// Enters an AI model with its first price.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_settings_manage")]
    async fn create_ai_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The model.")] input: CreateAiModelInput,
    ) -> Result<Option<CreateAiModelPayload>> {
        let right = right(ctx, Feature::SystemSettingsManage, Level::Hero)?;
        let (model, user_errors) = match created(input) {
            Ok(new) => split(service::<Ai>(ctx)?.create_model(right, new, request_id(ctx)?).await, model_refused)?,
            Err(error) => (None, vec![error]),
        };
        Ok(Some(CreateAiModelPayload { model, user_errors }))
    }

    /// Changes an AI model. Work that was quoted before goes on under its own terms.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_settings_manage")]
    async fn update_ai_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which model, and what changes.")] input: UpdateAiModelInput,
    ) -> Result<Option<UpdateAiModelPayload>> {
        let right = right(ctx, Feature::SystemSettingsManage, Level::Hero)?;
        let (id, expected) = (model_id(&input.model_id)?, input.expected_version);
        let (model, user_errors) = match edited(input) {
            Ok(edit) => {
                let done = service::<Ai>(ctx)?.update_model(right, id, expected, edit, request_id(ctx)?).await;
                split(done, model_refused)?
            }
            Err(error) => (None, vec![error]),
        };
        Ok(Some(UpdateAiModelPayload { model, user_errors }))
    }

    /// Chooses the AI model that serves a function when none is named; in force with the next quote in every process.
    #[graphql(guard = "MutationPolicy", visible = "visible::system_settings_manage")]
    async fn set_default_ai_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which function, and which model.")] input: SetDefaultAiModelInput,
    ) -> Result<Option<SetDefaultAiModelPayload>> {
        let right = right(ctx, Feature::SystemSettingsManage, Level::Hero)?;
        let id = model_id(&input.model_id)?;
        let done = service::<Ai>(ctx)?.set_default_model(right, input.function.into(), id, request_id(ctx)?).await;
        let (model, user_errors) = split(done, default_refused)?;
        Ok(Some(SetDefaultAiModelPayload { model, user_errors }))
    }

    /// Gives an AI model a new price, in force with the next quote. Prices are never edited; the same price again changes
    /// nothing.
    #[graphql(guard = "MutationPolicy", visible = "visible::billing_manage")]
    async fn add_price_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which model, and its price.")] input: AddPriceVersionInput,
    ) -> Result<Option<AddPriceVersionPayload>> {
        let right = right(ctx, Feature::BillingManage, Level::Admin)?;
        let id = model_id(&input.model_id)?;
        let done = service::<Ai>(ctx)?.add_price(right, id, &input.price.into(), request_id(ctx)?).await;
        let (model, user_errors) = split(done, price_refused)?;
        Ok(Some(AddPriceVersionPayload { model, user_errors }))
    }

    /// Changes what one credit is worth: a new price version of every AI model, all or none.
    #[graphql(guard = "MutationPolicy", visible = "visible::billing_manage")]
    async fn set_credit_price(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The price of a credit.")] input: SetCreditPriceInput,
    ) -> Result<Option<SetCreditPricePayload>> {
        let right = right(ctx, Feature::BillingManage, Level::Admin)?;
        let done = service::<Ai>(ctx)?.set_credit_price(right, &input.credit_price, request_id(ctx)?).await;
        Ok(Some(match done {
            Ok((price, changed)) => SetCreditPricePayload {
                credit_price: Some(Decimal(price)),
                models_changed: Some(i32::try_from(changed).unwrap_or(i32::MAX)),
                user_errors: Vec::new(),
            },
            Err(Failure::Refused(refusal)) => {
                let path = Some(vec!["input".to_owned(), "creditPrice".to_owned()]);
                let error = UserError { path, ..price_refused(refusal) };
                SetCreditPricePayload { credit_price: None, models_changed: None, user_errors: vec![error] }
            }
            Err(Failure::Fault(error)) => return Err(error.into()),
        }))
    }
}
