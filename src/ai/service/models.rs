//! Models as an administrator's data: entering, editing, choosing defaults. Each act is audited in its own transaction.

use std::collections::BTreeMap;

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::Ai;
use crate::{
    ai::{
        model::{
            AiFunction, AiModel, AspectRatio, Capabilities, CapabilityFault, ModelKind, PriceEntry, PriceFault,
            PriceVersion, PricedModel, Quality, Settings, is_invisible,
        },
        provider::settings::{SettingFault, check_settings},
        registry::CREDIT_PRICE_NANOUSD,
        store::{self, NewModel},
    },
    audit::{Actor, Entry, store::insert_entry},
    clock::Micros,
    db::constraint::violated,
    error::{Error, Failure, Internal},
    viewer::FeatureRight,
};

/// The longest name of a model, ours or the provider's.
const NAME_MAX: usize = 100;

/// A model to be entered.
#[derive(Debug, Clone)]
pub struct CreateModel {
    /// Its name with us.
    pub name: String,
    /// The adapter that serves it.
    pub provider: String,
    /// The provider's own name for it.
    pub provider_model: String,
    /// What it makes.
    pub kind: ModelKind,
    /// The most tokens it writes in one call; text models only.
    pub output_token_limit: Option<i64>,
    /// The longest prompt.
    pub prompt_length_limit: i64,
    /// Whether it takes seeds.
    pub takes_seed: bool,
    /// Whether new work may use it at once.
    pub is_active: bool,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Its first price.
    pub price: PriceEntry,
}

/// What changes about a model; `None` leaves it.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each is described by the field of `CreateModel` or `Capabilities` of the same name")]
pub struct EditModel {
    pub name: Option<String>,
    pub provider_model: Option<String>,
    pub output_token_limit: Option<i64>,
    pub prompt_length_limit: Option<i64>,
    pub takes_seed: Option<bool>,
    pub is_active: Option<bool>,
    pub functions: Option<Vec<AiFunction>>,
    pub shapes: Option<BTreeMap<AspectRatio, (i32, i32)>>,
    pub qualities: Option<BTreeMap<Quality, Settings>>,
    pub settings: Option<Settings>,
    pub upscale_factors: Option<Vec<i32>>,
    /// `Some(None)` lifts the limit.
    pub rate_per_minute: Option<Option<i32>>,
    /// `Some(None)` lifts the limit.
    pub concurrency: Option<Option<i32>>,
    pub priority: Option<i32>,
}

/// Why a model was not entered or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// There is no such model.
    #[error("There is no such AI model. Choose one of `aiModels`.")]
    NotFound,
    /// Somebody changed it meanwhile.
    #[error("The AI model was changed meanwhile: it has version {current}, not {expected}. Read it again.")]
    VersionConflict {
        /// As given.
        expected: i32,
        /// As it is.
        current: i32,
    },
    /// A name that is empty or too long, or looks like another one.
    #[error("`{0}` must have 1–{NAME_MAX} characters, none of them invisible.")]
    NameInvalid(&'static str),
    /// Another active model has the name.
    #[error("Another active AI model has this name. Choose another, or switch that one off.")]
    NameTaken,
    /// There is no adapter for it.
    #[error("This version has no adapter called \"{provider}\" for models of this kind. Known: {known}.")]
    NoAdapter {
        /// As given.
        provider: String,
        /// Those there are for that kind.
        known: String,
    },
    /// A limit out of range.
    #[error("`{field}` is out of range: {expected}.")]
    LimitInvalid {
        /// Which.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// Capabilities that make no sense.
    #[error(transparent)]
    Capability(#[from] CapabilityFault),
    /// A setting that the adapter does not know, or a value that does not fit.
    #[error(transparent)]
    Setting(#[from] SettingFault),
    /// The first price.
    #[error(transparent)]
    Price(#[from] PriceFault),
    /// A default cannot be switched off, or lose the function it is the default of.
    #[error("This AI model is the default of {}. Make another one the default first.", functions.join(", "))]
    IsDefault {
        /// Of which functions.
        functions: Vec<String>,
    },
}

/// Why a model was not made the default.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefaultError {
    /// There is no such model.
    #[error("There is no such AI model. Choose one of `aiModels`.")]
    NotFound,
    /// It is switched off.
    #[error("This AI model is switched off. Switch it on first.")]
    Inactive,
    /// It makes another kind of thing.
    #[error("This AI model makes another kind of thing.")]
    KindMismatch,
    /// It does not serve the function.
    #[error("This AI model does not serve this function.")]
    FunctionUnsupported,
}

/// One audited act on a model.
#[derive(Clone)]
pub(super) struct Act {
    pub(super) right: FeatureRight,
    pub(super) entry_id: Uuid,
    pub(super) request_id: Option<String>,
    pub(super) now: Micros,
}

impl Act {
    pub(super) async fn audit(
        &self,
        tx: &DatabaseTransaction,
        action: &'static str,
        target: (&'static str, Option<Uuid>),
        change: (Option<String>, Option<String>),
    ) -> Result<(), Internal> {
        let entry = Entry {
            id: self.entry_id,
            account_id: None,
            actor: Actor::from(self.right),
            action,
            target_kind: target.0,
            target_id: target.1,
            before: change.0,
            after: change.1,
            request_id: self.request_id.clone(),
            at: self.now,
        };
        Ok(insert_entry(tx, &entry).await?)
    }
}

/// A model in the words of the audit trail.
fn described(model: &AiModel) -> String {
    let caps = &model.capabilities;
    serde_json::json!({
        "name": model.name, "provider": model.provider, "providerModel": model.provider_model,
        "isActive": model.is_active, "promptLengthLimit": model.prompt_length_limit,
        "outputTokenLimit": model.output_token_limit, "takesSeed": model.takes_seed,
        "functions": caps.functions_text(), "aspectRatios": caps.shapes_text(), "qualities": caps.qualities_text(),
        "settings": caps.settings_text(), "upscaleFactors": caps.factors_text(),
        "ratePerMinute": caps.rate_per_minute, "concurrency": caps.concurrency, "priority": caps.priority,
        "version": model.version,
    })
    .to_string()
}

fn name_of(text: &str, field: &'static str) -> Result<String, ModelError> {
    let text = text.trim();
    let fits = (1..=NAME_MAX).contains(&text.chars().count()) && !text.chars().any(is_invisible);
    if fits { Ok(text.to_owned()) } else { Err(ModelError::NameInvalid(field)) }
}

impl Ai {
    pub(super) fn act(&self, right: FeatureRight, request_id: Option<String>) -> Act {
        Act { right, entry_id: self.parts.ids.uuid(), request_id, now: self.parts.clock.now() }
    }

    /// Whether a model may be stored as it is: names, limits, capabilities, settings.
    fn check_model(&self, model: &AiModel) -> Result<(), ModelError> {
        if !(1..=1_000_000).contains(&model.prompt_length_limit) {
            return Err(ModelError::LimitInvalid { field: "promptLengthLimit", expected: "1–1000000" });
        }
        let output_fits = match (model.kind, model.output_token_limit) {
            (ModelKind::Text, Some(limit)) => (1..=1_000_000).contains(&limit),
            (ModelKind::Image, None) => true,
            _ => false,
        };
        if !output_fits {
            let expected = "1–1000000 for a text model, and none for an image model";
            return Err(ModelError::LimitInvalid { field: "outputTokenLimit", expected });
        }
        model.capabilities.check(model.kind)?;
        let providers = &self.parts.providers;
        // Without an adapter nothing can be sent, and nothing is known of its settings.
        let Some(specs) = providers.specs(&model.provider, model.kind) else { return Ok(()) };
        check_settings(specs, &model.capabilities.settings)?;
        for settings in model.capabilities.qualities.values() {
            check_settings(specs, settings)?;
        }
        Ok(())
    }

    /// A model without an adapter cannot be switched on.
    fn check_adapter(&self, model: &AiModel) -> Result<(), ModelError> {
        let providers = &self.parts.providers;
        if providers.serves(&model.provider, model.kind) {
            return Ok(());
        }
        let known: Vec<_> = providers.names().into_iter().filter(|name| providers.serves(name, model.kind)).collect();
        Err(ModelError::NoAdapter { provider: model.provider.clone(), known: known.join(", ") })
    }

    /// Enters a model with its first price. Refuses: any [`ModelError`] but `NotFound`, `VersionConflict`, `IsDefault`.
    pub async fn create_model(
        &self,
        right: FeatureRight,
        new: CreateModel,
        request_id: Option<String>,
    ) -> Result<PricedModel, Failure<ModelError>> {
        let act = self.act(right, request_id);
        let model = AiModel {
            id: self.parts.ids.uuid(),
            name: name_of(&new.name, "name").map_err(Failure::Refused)?,
            provider: new.provider,
            provider_model: name_of(&new.provider_model, "providerModel").map_err(Failure::Refused)?,
            kind: new.kind,
            output_token_limit: new.output_token_limit,
            prompt_length_limit: new.prompt_length_limit,
            size: new.capabilities.usual_size(),
            takes_seed: new.takes_seed,
            is_active: new.is_active,
            created_at: act.now,
            capabilities: new.capabilities.tidied(),
            version: 1,
        };
        self.check_adapter(&model).and_then(|()| self.check_model(&model)).map_err(Failure::Refused)?;
        let rates = new.price.rates(new.kind).map_err(|fault| Failure::Refused(fault.into()))?;
        let price = PriceVersion {
            id: self.parts.ids.uuid(),
            ai_model_id: model.id,
            number: 1,
            rates,
            credit_price_nanousd: CREDIT_PRICE_NANOUSD,
            created_at: act.now,
        };
        let id = model.id;
        let written = self
            .parts
            .db
            .write((act, NewModel { model, price, shipped: None }), |tx, (act, new)| {
                Box::pin(async move {
                    let mut new = new.clone();
                    if let Some(price) = store::find_credit_price(tx).await? {
                        new.price.credit_price_nanousd = price;
                    }
                    if new.model.is_active && store::is_name_taken(tx, &new.model.name, new.model.id).await? {
                        return Err(Failure::Refused(ModelError::NameTaken));
                    }
                    store::insert_model(tx, &new, act.now).await?;
                    let after = Some(described(&new.model));
                    act.audit(tx, "ai_model.create", ("ai_model", Some(new.model.id)), (None, after)).await?;
                    Ok(())
                })
            })
            .await;
        self.model_written(written, id).await
    }

    /// Changes a model. Work that was quoted before goes on under its own terms. Refuses: any [`ModelError`] but `Price`.
    pub async fn update_model(
        &self,
        right: FeatureRight,
        id: Uuid,
        expected: i32,
        edit: EditModel,
        request_id: Option<String>,
    ) -> Result<PricedModel, Failure<ModelError>> {
        let act = self.act(right, request_id);
        let ai = self.clone();
        let written = self
            .parts
            .db
            .write((act, edit, ai), move |tx, (act, edit, ai)| {
                Box::pin(async move {
                    let found = store::lock_model(tx, id).await?;
                    let before = found.ok_or(Failure::Refused(ModelError::NotFound))?;
                    let current = before.model.version;
                    if current != expected {
                        return Err(Failure::Refused(ModelError::VersionConflict { expected, current }));
                    }
                    let model = edited(&before.model, edit).map_err(Failure::Refused)?;
                    ai.check_model(&model).map_err(Failure::Refused)?;
                    if model.is_active && !before.model.is_active {
                        ai.check_adapter(&model).map_err(Failure::Refused)?;
                    }
                    let lost =
                        |function: &&AiFunction| !model.is_active || !model.capabilities.functions.contains(function);
                    let lost: Vec<String> =
                        before.default_of.iter().filter(lost).map(|function| function.as_str().to_owned()).collect();
                    if !lost.is_empty() {
                        return Err(Failure::Refused(ModelError::IsDefault { functions: lost }));
                    }
                    if model.is_active && store::is_name_taken(tx, &model.name, id).await? {
                        return Err(Failure::Refused(ModelError::NameTaken));
                    }
                    store::update_model(tx, &model, act.now).await?;
                    let change = (Some(described(&before.model)), Some(described(&model)));
                    act.audit(tx, "ai_model.update", ("ai_model", Some(id)), change).await?;
                    Ok(())
                })
            })
            .await;
        self.model_written(written, id).await
    }

    async fn model_written(
        &self,
        written: Result<(), Failure<ModelError>>,
        id: Uuid,
    ) -> Result<PricedModel, Failure<ModelError>> {
        match written {
            // Two gave the name at once.
            Err(Failure::Fault(Error::Internal(internal)))
                if internal
                    .source
                    .downcast_ref::<sea_orm::DbErr>()
                    .and_then(violated)
                    .is_some_and(|name| name == "ai_model_name_key") =>
            {
                return Err(Failure::Refused(ModelError::NameTaken));
            }
            written => written?,
        }
        let found = store::find_model(self.parts.db.reader(), id).await?;
        Ok(found.ok_or_else(|| Internal::new("reading a model back", "it is not there"))?)
    }

    /// Makes a model the one that serves `function` when none is named; in force with the next quote in every process.
    /// Refuses: any [`DefaultError`].
    pub async fn set_default_model(
        &self,
        right: FeatureRight,
        function: AiFunction,
        id: Uuid,
        request_id: Option<String>,
    ) -> Result<PricedModel, Failure<DefaultError>> {
        let act = self.act(right, request_id);
        self.parts
            .db
            .write(act, move |tx, act| {
                Box::pin(async move {
                    // The lock keeps it from being switched off until this has committed.
                    let found = store::lock_model(tx, id).await?;
                    let model = found.ok_or(Failure::Refused(DefaultError::NotFound))?.model;
                    if model.kind != function.model_kind() {
                        return Err(Failure::Refused(DefaultError::KindMismatch));
                    }
                    if !model.is_active {
                        return Err(Failure::Refused(DefaultError::Inactive));
                    }
                    if !model.capabilities.functions.contains(&function) {
                        return Err(Failure::Refused(DefaultError::FunctionUnsupported));
                    }
                    let former = store::set_default(tx, function, id, act.now).await?;
                    if former == Some(id) {
                        return Ok(());
                    }
                    let said =
                        |model: Uuid| serde_json::json!({"function": function.as_str(), "model": model}).to_string();
                    let change = (former.map(said), Some(said(id)));
                    act.audit(tx, "ai_model.set_default", ("ai_model", Some(id)), change).await?;
                    Ok(())
                })
            })
            .await?;
        let found = store::find_model(self.parts.db.reader(), id).await?;
        Ok(found.ok_or_else(|| Internal::new("reading a model back", "it is not there"))?)
    }
}

fn edited(before: &AiModel, edit: &EditModel) -> Result<AiModel, ModelError> {
    let mut model = before.clone();
    if let Some(name) = &edit.name {
        model.name = name_of(name, "name")?;
    }
    if let Some(name) = &edit.provider_model {
        model.provider_model = name_of(name, "providerModel")?;
    }
    model.output_token_limit = edit.output_token_limit.or(model.output_token_limit);
    model.prompt_length_limit = edit.prompt_length_limit.unwrap_or(model.prompt_length_limit);
    model.takes_seed = edit.takes_seed.unwrap_or(model.takes_seed);
    model.is_active = edit.is_active.unwrap_or(model.is_active);
    let caps = &mut model.capabilities;
    if let Some(functions) = &edit.functions {
        caps.functions.clone_from(functions);
    }
    if let Some(shapes) = &edit.shapes {
        caps.shapes.clone_from(shapes);
    }
    if let Some(qualities) = &edit.qualities {
        caps.qualities.clone_from(qualities);
    }
    if let Some(settings) = &edit.settings {
        caps.settings.clone_from(settings);
    }
    if let Some(factors) = &edit.upscale_factors {
        caps.upscale_factors.clone_from(factors);
    }
    caps.rate_per_minute = edit.rate_per_minute.unwrap_or(caps.rate_per_minute);
    caps.concurrency = edit.concurrency.unwrap_or(caps.concurrency);
    caps.priority = edit.priority.unwrap_or(caps.priority);
    model.capabilities = model.capabilities.clone().tidied();
    model.size = model.capabilities.usual_size();
    model.version = before.version.saturating_add(1);
    Ok(model)
}
