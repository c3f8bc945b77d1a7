//! What a request asks of a model, and which models can: the one place that decides it, before any credit is held and
//! again before each call.

use super::{AiFunction, AiModel, AspectRatio, ModelRefusal, PricedModel, Quality};

/// The most models that one request may be tried on: an item is sent six times at most.
pub const CHAIN_MAX: usize = 6;

/// What is asked of a model. Shape and quality count for images only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// What to do.
    pub function: AiFunction,
    /// Width to height.
    pub ratio: AspectRatio,
    /// How much care.
    pub quality: Quality,
    /// Whether the client gave a seed; one that the server chooses binds nobody.
    pub has_seed: bool,
    /// The prompt's length in Unicode scalar values.
    pub prompt_chars: i64,
}

impl Wish {
    /// A wish for `function` with `prompt`, square and in standard quality.
    pub fn new(function: AiFunction, prompt: &str, has_seed: bool) -> Self {
        Self {
            function,
            ratio: AspectRatio::SQUARE,
            quality: Quality::Standard,
            has_seed,
            prompt_chars: i64::try_from(prompt.chars().count()).unwrap_or(i64::MAX),
        }
    }
}

/// Whether `model` can do what is asked, whatever becomes of its provider. The refusals for shape, quality, seed and
/// length name no other models yet. Refuses: `KindMismatch`, `Inactive`, `FunctionUnsupported`, `RatioUnsupported`,
/// `QualityUnsupported`, `SeedUnsupported`, `PromptTooLong`.
pub fn able(model: &AiModel, wish: &Wish) -> Result<(), ModelRefusal> {
    if model.kind != wish.function.model_kind() {
        return Err(ModelRefusal::KindMismatch);
    }
    if !model.is_active {
        return Err(ModelRefusal::Inactive);
    }
    fits(model, wish)
}

/// [`able`] without asking whether the model is switched on: work that was quoted is finished with it.
pub fn fits(model: &AiModel, wish: &Wish) -> Result<(), ModelRefusal> {
    let caps = &model.capabilities;
    let models = Vec::new;
    if !caps.functions.contains(&wish.function) {
        return Err(ModelRefusal::FunctionUnsupported { function: wish.function, models: models() });
    }
    if wish.function == AiFunction::GenerateImages {
        if caps.size(wish.ratio).is_none() {
            return Err(ModelRefusal::RatioUnsupported { ratio: wish.ratio, models: models() });
        }
        if !caps.qualities.contains_key(&wish.quality) {
            return Err(ModelRefusal::QualityUnsupported { quality: wish.quality, models: models() });
        }
    }
    if wish.has_seed && !model.takes_seed {
        return Err(ModelRefusal::SeedUnsupported { models: models() });
    }
    if wish.prompt_chars > model.prompt_length_limit {
        let (length, limit) = (wish.prompt_chars, model.prompt_length_limit);
        return Err(ModelRefusal::PromptTooLong { length, limit, models: models() });
    }
    Ok(())
}

/// Whether `model` is the sandbox's. What the sandbox makes never stands in for what a provider makes, nor the other way.
pub fn is_sandbox(model: &AiModel) -> bool {
    model.provider == "sandbox"
}

/// The models that a request is tried on, in order: `first`, then every other one that is able and whose provider is
/// set up, by priority and name. `is_set_up` says so for a model.
pub fn chain(
    first: &PricedModel,
    all: &[PricedModel],
    wish: &Wish,
    is_set_up: impl Fn(&AiModel) -> bool,
) -> Vec<PricedModel> {
    let stands_in = |other: &&PricedModel| {
        other.model.id != first.model.id
            && is_sandbox(&other.model) == is_sandbox(&first.model)
            && able(&other.model, wish).is_ok()
            && is_set_up(&other.model)
    };
    let mut others: Vec<&PricedModel> = all.iter().filter(stands_in).collect();
    others.sort_by(|a, b| {
        let key = |one: &PricedModel| (one.model.capabilities.priority, one.model.name.clone(), one.model.id);
        key(a).cmp(&key(b))
    });
    std::iter::once(first).chain(others).take(CHAIN_MAX).cloned().collect()
}

/// The names of models that can do what is asked and whose provider is set up, at most ten.
pub fn names_of_able(all: &[PricedModel], wish: &Wish, is_set_up: impl Fn(&AiModel) -> bool) -> Vec<String> {
    let can = |one: &&PricedModel| able(&one.model, wish).is_ok() && is_set_up(&one.model);
    all.iter().filter(can).take(10).map(|one| one.model.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ai::model::{Capabilities, ModelKind, PriceVersion, Rates};

    fn model(number: u128, provider: &str, priority: i32, change: impl FnOnce(&mut AiModel)) -> PricedModel {
        let mut capabilities = Capabilities::image([(AspectRatio::SQUARE, (512, 512))]);
        capabilities.priority = priority;
        let mut model = AiModel {
            id: Uuid::from_u128(number),
            name: format!("model {number}"),
            provider: provider.to_owned(),
            provider_model: "m".to_owned(),
            kind: ModelKind::Image,
            output_token_limit: None,
            prompt_length_limit: 500,
            size: Some((512, 512)),
            takes_seed: true,
            is_active: true,
            created_at: 0,
            capabilities,
            version: 1,
        };
        change(&mut model);
        let price = PriceVersion {
            id: Uuid::nil(),
            ai_model_id: model.id,
            number: 1,
            rates: Rates::Image { cost_nanousd: None, credits_per_image: 1 },
            credit_price_nanousd: 1,
            created_at: 0,
        };
        PricedModel { model, price, default_of: Vec::new() }
    }

    fn wish() -> Wish {
        Wish::new(AiFunction::GenerateImages, "a fox", true)
    }

    #[test]
    fn each_lack_has_its_own_refusal() {
        let one = model(1, "p", 1, |_| {}).model;
        let none = Vec::new;
        let refused = |wish: Wish| able(&one, &wish).unwrap_err();
        assert_eq!(able(&one, &wish()), Ok(()));
        assert_eq!(able(&one, &Wish { prompt_chars: 500, ..wish() }), Ok(()));
        assert_eq!(
            refused(Wish { prompt_chars: 501, ..wish() }),
            ModelRefusal::PromptTooLong { length: 501, limit: 500, models: none() }
        );
        let tall = AspectRatio::parse("4:5").unwrap();
        assert_eq!(
            refused(Wish { ratio: tall, ..wish() }),
            ModelRefusal::RatioUnsupported { ratio: tall, models: none() }
        );
        let quality = Quality::Ultra;
        assert_eq!(refused(Wish { quality, ..wish() }), ModelRefusal::QualityUnsupported { quality, models: none() });
        assert_eq!(refused(Wish { function: AiFunction::GenerateText, ..wish() }), ModelRefusal::KindMismatch);
        let function = AiFunction::UpscaleImage;
        assert_eq!(
            refused(Wish { function, ..wish() }),
            ModelRefusal::FunctionUnsupported { function, models: none() }
        );
        let seedless = model(2, "p", 1, |model| model.takes_seed = false).model;
        assert_eq!(able(&seedless, &wish()), Err(ModelRefusal::SeedUnsupported { models: none() }));
        assert_eq!(able(&seedless, &Wish { has_seed: false, ..wish() }), Ok(()));
        let off = model(3, "p", 1, |model| model.is_active = false).model;
        assert_eq!(able(&off, &wish()), Err(ModelRefusal::Inactive));
        assert_eq!(fits(&off, &wish()), Ok(()));
    }

    // REQ-A-33: the sandbox never stands in for a real provider.
    #[test]
    fn the_chain_holds_only_those_who_can_in_order_of_priority() {
        let first = model(1, "openai", 900, |_| {});
        let all = [
            first.clone(),
            model(2, "fal", 30, |_| {}),
            model(3, "runware", 20, |_| {}),
            model(4, "sandbox", 1, |_| {}),
            model(5, "gone", 1, |_| {}),
            model(6, "fal", 1, |model| model.takes_seed = false),
            model(7, "fal", 1, |model| model.is_active = false),
        ];
        let numbers = |models: Vec<PricedModel>| models.iter().map(|one| one.model.id.as_u128()).collect::<Vec<_>>();
        let is_set_up = |model: &AiModel| model.provider != "gone";
        assert_eq!(numbers(chain(&first, &all, &wish(), is_set_up)), [1, 3, 2]);
        let sandbox = &all[3];
        assert_eq!(numbers(chain(sandbox, &all, &wish(), is_set_up)), [4]);
        let names = names_of_able(&all, &Wish { has_seed: false, ..wish() }, is_set_up);
        assert_eq!(names, ["model 1", "model 2", "model 3", "model 4", "model 6"]);
        let many: Vec<_> = (10..30).map(|number| model(number, "fal", 1, |_| {})).collect();
        assert_eq!(chain(&first, &many, &wish(), is_set_up).len(), CHAIN_MAX);
    }
}
