//! Models as an administrator's data.

mod input;

use std::collections::BTreeMap;

use async_graphql::{Context, ID, MaybeUndefined, Object, Result};

use super::model::{AiFunction, AiModel};
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
        scalars::{Decimal, Json},
    },
    viewer::{Feature, FeatureRight, Level},
};
use input::{
    AddPriceVersionInput, AddPriceVersionPayload, AiModelQualityInput, AiModelShapeInput, CreateAiModelInput,
    CreateAiModelPayload, SetCreditPriceInput, SetCreditPricePayload, SetDefaultAiModelInput, SetDefaultAiModelPayload,
    UpdateAiModelInput, UpdateAiModelPayload,
};

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
    Ok(Some(request(ctx)?.request_id.to_string()))
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
