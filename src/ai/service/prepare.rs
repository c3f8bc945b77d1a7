//! From an order to what a provider will be asked: prompts are read and composed, images looked up, and the models chosen
//! that can do it. All of it before any credit is held.

use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::Ai;
use crate::{
    ai::{
        maker::{Ask, Brief},
        model::{
            AcceptError, AiFunction, AiModel, AspectRatio, BULK_MAX, ComposedPrompt, EventOrder, ModelKind,
            ModelRefusal, Order, Original, PricedModel, Quality, Rates, StandIn, Subject, Target, TargetRefusal,
            Targets, TaskPayload, Wish,
        },
        store,
    },
    error::{Error, Failure, Internal},
    flag::Flag,
    prompt::{
        ComposeError, Composed, PromptUse, Purpose,
        model::{
            compose::EventRequest,
            fit::{ModelFit, ModelLimit, fit, fit_all},
        },
    },
};

/// The most pixels of an image, enlarged or not.
const PIXELS_MAX: i64 = 64_000_000;

/// How many times as wide and as high an enlargement is.
pub(in crate::ai) const UPSCALE_FACTOR: u32 = 2;

/// Bytes of what a text model is usually told: instructions, data block and schema.
const TYPICAL_INPUT_BYTES: usize = 6_000;

/// The most characters of an image's prompt where no image model says what it reads.
const IMAGE_PROMPT_CHARS: usize = 1_000;

/// What a provider will be asked, and what it is recorded with.
pub(super) struct Prepared {
    /// The prompts: one for all items, or one for each.
    prompts: Vec<String>,
    system: Option<String>,
    composed: Option<ComposedPrompt>,
    originals: Vec<Original>,
    /// What each item is about, where that is a thing of the pipeline.
    pub(super) targets: Vec<Target>,
    /// How many items.
    pub(super) count: i32,
    /// The stored versions that it was made from.
    pub(super) uses: Vec<PromptUse>,
    /// The version that the hold names.
    pub(super) prompt_version_id: Option<Uuid>,
    /// The model of the quote, and those that may stand in for it.
    pub(super) model: PricedModel,
    pub(super) stand_ins: Vec<PricedModel>,
    watermark: Option<String>,
}

impl Prepared {
    /// Credits to hold for each item.
    pub(super) fn holds(&self) -> Result<Vec<i64>, Internal> {
        let price = &self.model.price;
        let told = self.system.as_ref().map_or(0, String::len);
        let hold = |prompt: &String| match price.rates {
            Rates::Image { .. } => price.image_credits(),
            Rates::Text { .. } => {
                let limit = self.model.model.output_token_limit.unwrap_or(0);
                price.text_hold(prompt.len().saturating_add(told), limit)
            }
        };
        let holds: Result<Vec<_>, _> = self.prompts.iter().map(hold).collect();
        let holds = holds.map_err(|error| Internal::new("quoting a command", error))?;
        let items = usize::try_from(self.count).unwrap_or(0);
        Ok(holds.into_iter().cycle().take(items).collect())
    }

    /// The images that are enlarged, one for each item; none otherwise.
    pub(super) fn originals(&self) -> impl Iterator<Item = Uuid> {
        self.originals.iter().map(|original| original.image)
    }

    /// What is stored with the task of a stage, whose items have their own.
    pub(super) fn stage_payload(&self) -> TaskPayload {
        TaskPayload { count: 1, model: self.model.model.name.clone(), ..TaskPayload::default() }
    }

    /// What is stored with the task. `chosen` is the seed for when the client gave none.
    pub(super) fn payload(&self, order: &Order, chosen: impl FnOnce() -> i64) -> TaskPayload {
        let takes_seed = self.model.model.takes_seed && order.function != AiFunction::UpscaleImage;
        TaskPayload {
            is_erased: false,
            prompt: self.prompts.first().cloned().unwrap_or_default(),
            prompts: if self.prompts.len() > 1 { self.prompts.clone() } else { Vec::new() },
            system: self.system.clone(),
            composed: self.composed.clone(),
            originals: self.originals.clone(),
            targets: self.targets.clone(),
            count: self.count,
            ratio: order.ratio,
            quality: order.quality,
            seed: takes_seed.then(|| order.seed.unwrap_or_else(chosen)),
            model: self.model.model.name.clone(),
            stand_ins: self.stand_ins.iter().map(|one| StandIn { model: one.model.id, price: one.price.id }).collect(),
            watermark: self.watermark.clone(),
        }
    }
}

/// What is sent, before a model was chosen for it.
#[derive(Default)]
struct Matter {
    prompts: Vec<String>,
    system: Option<String>,
    originals: Vec<Original>,
    targets: Vec<Target>,
    /// Whether an image that is enlarged is marked, as its enlargement will be.
    is_marked: bool,
    uses: Vec<PromptUse>,
    /// That of the event's prompt, or the first that a text model is told.
    prompt_version_id: Option<Uuid>,
}

impl Matter {
    /// The most characters that a model is told for one item.
    fn length(&self) -> i64 {
        let longest = self.prompts.iter().map(|prompt| prompt.chars().count()).max().unwrap_or(0);
        i64::try_from(longest).unwrap_or(i64::MAX).saturating_add(self.told())
    }

    /// The characters of that which are ours.
    fn told(&self) -> i64 {
        let told = self.system.as_ref().map_or(0, |system| system.chars().count());
        i64::try_from(told).unwrap_or(i64::MAX)
    }
}

fn refused(error: ComposeError) -> AcceptError {
    match error {
        ComposeError::Details(faults) => AcceptError::Event(faults),
        ComposeError::UnknownTextKind(kind) => AcceptError::UnknownTextKind(kind),
        ComposeError::Store(failed) => {
            tracing::error!(cause = %failed.0.chain(), "prompts could not be read");
            AcceptError::PromptsUnavailable
        }
    }
}

/// The same refusal in terms of what the user wrote and may write: `told` characters of the length are ours.
fn less_told(refusal: AcceptError, told: i64) -> AcceptError {
    match refusal {
        AcceptError::Model(ModelRefusal::PromptTooLong { length, limit, models }) => {
            let (length, limit) = (length.saturating_sub(told), limit.saturating_sub(told).max(0));
            AcceptError::Model(ModelRefusal::PromptTooLong { length, limit, models })
        }
        other => other,
    }
}

fn limit_of(model: &AiModel) -> ModelLimit {
    ModelLimit { model: model.name.clone(), max: usize::try_from(model.prompt_length_limit).unwrap_or(0) }
}

fn is_enhanced(quality: Quality) -> bool {
    matches!(quality, Quality::High | Quality::Ultra)
}

impl Ai {
    /// Refuses: everything in [`AcceptError`] that is known before credits are. Boxed, so that the future of every command
    /// stays small.
    pub(super) fn prepare<'a>(
        &'a self,
        account: Uuid,
        order: &'a Order,
        purpose: Purpose,
    ) -> BoxFuture<'a, Result<Prepared, Failure<AcceptError>>> {
        Box::pin(self.prepare_order(account, order, purpose))
    }

    async fn prepare_order(
        &self,
        account: Uuid,
        order: &Order,
        purpose: Purpose,
    ) -> Result<Prepared, Failure<AcceptError>> {
        let (matter, composed) = match &order.subject {
            Subject::Event(event) => {
                let (matter, composed) = self.composed(account, (order, event), purpose).await?;
                (matter, Some(composed))
            }
            Subject::Prompt(prompt) => (self.told(account, order, vec![prompt.clone()], purpose).await?, None),
            Subject::Prompts(prompts) => (self.told(account, order, prompts.clone(), purpose).await?, None),
            Subject::Images(images) => (self.enlarging(account, images).await?, None),
            Subject::Things(targets) => (self.briefed(account, order, targets, purpose).await?, None),
        };
        let count = match &order.subject {
            Subject::Things(_) => i32::try_from(matter.prompts.len()).unwrap_or(i32::MAX),
            _ => order.count,
        };
        if count > BULK_MAX {
            return Err(Failure::Refused(AcceptError::CountOutOfRange { count, max: BULK_MAX }));
        }
        // What an image shows is a hint to a model that enlarges it, left out where it is too long.
        let length = if matter.originals.is_empty() { matter.length() } else { 0 };
        let routed = self.routed(&order.wish(length), order.ai_model_id).await;
        let (model, stand_ins) =
            routed.map_err(|failure| failure.map_refusal(|refusal| less_told(refusal, matter.told())))?;
        let watermark = match order.function.model_kind() {
            ModelKind::Image => self.parts.shelf.watermark(account).await?,
            ModelKind::Text => None,
        };
        if watermark.is_some() || matter.is_marked {
            // An image that cannot be marked must not be shown, so it is not even begun.
            self.parts.switches.require(Flag::ImageProcessing)?;
        }
        Ok(Prepared {
            prompt_version_id: matter.prompt_version_id,
            prompts: matter.prompts,
            system: matter.system,
            composed,
            originals: matter.originals,
            targets: matter.targets,
            count,
            uses: matter.uses,
            model,
            stand_ins,
            watermark,
        })
    }

    async fn routed(
        &self,
        wish: &Wish,
        model: Option<Uuid>,
    ) -> Result<(PricedModel, Vec<PricedModel>), Failure<AcceptError>> {
        let route = self.route(wish, model).await.map_err(|failure| failure.map_refusal(AcceptError::Model))?;
        let mut route = route.into_iter();
        let first = route.next().ok_or(Failure::Refused(ModelRefusal::Inactive.into()))?;
        Ok((first, route.collect()))
    }

    /// The composed prompt, fitted to the model that will be quoted.
    async fn composed(
        &self,
        account: Uuid,
        (order, event): (&Order, &EventOrder),
        purpose: Purpose,
    ) -> Result<(Matter, ComposedPrompt), Failure<AcceptError>> {
        let (account, enhanced) = (Some(account), is_enhanced(order.quality));
        let composed = self.parts.prompts.compose(&event.request, enhanced, account, purpose).await;
        let Composed { composition, event_type, style, uses } =
            composed.map_err(|error| Failure::Refused(refused(error)))?;
        // The length is judged by the model that the rest of the wish leads to, so that the refusal can name the parts.
        let wish = order.wish(0);
        let (model, _) = self.routed(&wish, order.ai_model_id).await?;
        let others: Vec<_> = self.able_models(&wish).await?.iter().map(limit_of).collect();
        let fitted = fit(composition, &limit_of(&model.model), &others, event.on_too_long)
            .map_err(|refusal| Failure::Refused(AcceptError::PromptTooLong(Box::new(refusal))))?;
        let prompt_version_id = fitted.composition.event_version_id();
        let (text, parts) = (fitted.composition.text, fitted.composition.parts);
        let matter = Matter { prompts: vec![text], uses, prompt_version_id, ..Matter::default() };
        Ok((matter, ComposedPrompt { event_type, style, parts, dropped: fitted.dropped }))
    }

    /// Prompts in the client's words, with what a text model is told beside them.
    async fn told(
        &self,
        account: Uuid,
        order: &Order,
        prompts: Vec<String>,
        purpose: Purpose,
    ) -> Result<Matter, Failure<AcceptError>> {
        if order.function.model_kind() == ModelKind::Image {
            return Ok(Matter { prompts, ..Matter::default() });
        }
        let (function, kind) = (order.function.as_str(), order.text_kind.as_deref());
        let told = self.parts.prompts.instructions(function, kind, Some(account), purpose).await;
        let told = told.map_err(|error| Failure::Refused(refused(error)))?;
        let prompt_version_id = told.uses.first().map(|first| first.version_id);
        Ok(Matter { prompts, system: Some(told.text), uses: told.uses, prompt_version_id, ..Matter::default() })
    }

    /// What one item of a function holds that asks as much as such items usually do. `None` when no model could do it.
    pub async fn typical_hold(&self, function: AiFunction) -> Result<Option<i64>, Error> {
        let wish = Wish::new(function, "", false);
        let model = match self.routed(&wish, None).await {
            Ok((model, _)) => model,
            Err(Failure::Refused(_)) => return Ok(None),
            Err(Failure::Fault(error)) => return Err(error),
        };
        Ok(match model.price.rates {
            Rates::Image { .. } => model.price.image_credits().ok(),
            Rates::Text { .. } => {
                model.price.text_hold(TYPICAL_INPUT_BYTES, model.model.output_token_limit.unwrap_or(0)).ok()
            }
        })
    }

    /// What each item of the pipeline asks of a model, as the things are now.
    async fn briefed(
        &self,
        account: Uuid,
        order: &Order,
        targets: &Targets,
        purpose: Purpose,
    ) -> Result<Matter, Failure<AcceptError>> {
        let maker = self.parts.makers.of(order.function);
        let maker = maker.ok_or_else(|| Internal::new("preparing a command", "nobody makes what it asks for"))?;
        let ask = Ask { account, targets, image_prompt_chars: self.image_prompt_chars().await? };
        let briefs = maker.briefs(ask).await.map_err(|failure| failure.map_refusal(AcceptError::Target))?;
        let is_elsewhere = |brief: &Brief| targets.site.is_some() && brief.target.site != targets.site;
        if let Some(at) = briefs.iter().position(is_elsewhere) {
            return Err(Failure::Refused(TargetRefusal::NotFound { position: at + 1 }.into()));
        }
        let (prompts, targets) = briefs.into_iter().map(|brief| (brief.prompt, brief.target)).unzip();
        Ok(Matter { targets, ..self.told(account, order, prompts, purpose).await? })
    }

    /// The most characters that the default image model reads; of the shortest reader where there is none.
    async fn image_prompt_chars(&self) -> Result<usize, Failure<AcceptError>> {
        let wish = Wish::new(AiFunction::GenerateImages, "", false);
        let limit = match self.routed(&wish, None).await {
            Ok((model, _)) => usize::try_from(model.model.prompt_length_limit).ok(),
            Err(Failure::Refused(_)) => None,
            Err(fault) => return Err(fault),
        };
        Ok(limit.unwrap_or(IMAGE_PROMPT_CHARS))
    }

    async fn enlarging(&self, account: Uuid, images: &[Uuid]) -> Result<Matter, Failure<AcceptError>> {
        let found = self.parts.shelf.enlargeable(account, images).await?;
        let mut matter = Matter::default();
        let mut enlarged = Vec::new();
        for id in images {
            let Some(image) = found.iter().find(|image| image.id == *id) else {
                return Err(Failure::Refused(AcceptError::ImageNotFound(*id)));
            };
            let side = |side: i32| i64::from(side).saturating_mul(i64::from(UPSCALE_FACTOR));
            if side(image.width).saturating_mul(side(image.height)) > PIXELS_MAX {
                return Err(Failure::Refused(AcceptError::ImageTooLarge(*id)));
            }
            enlarged.extend(image.enlarged);
            matter.is_marked |= image.is_marked;
            matter.prompts.push(image.prompt.clone());
            matter.originals.push(Original {
                image: *id,
                event_type: image.about.event_type.clone(),
                style: image.about.style.clone(),
                ratio: image.about.ratio,
                quality: image.about.quality,
            });
        }
        if !enlarged.is_empty() {
            return Err(Failure::Refused(AcceptError::AlreadyUpscaled(enlarged)));
        }
        // A look; of commands that come at once, the items' key lets one through, and the others look again.
        match store::list_enlarging(self.parts.db.reader(), images).await?.first() {
            Some(image) => Err(Failure::Refused(AcceptError::UpscaleUnderWay(*image))),
            None => Ok(matter),
        }
    }

    /// What generation would send for an event, and which models take it. `account` is whose splits count.
    /// Refuses: `Event`, `PromptsUnavailable`.
    pub async fn preview(
        &self,
        request: &EventRequest,
        (ratio, quality): (AspectRatio, Quality),
        account: Option<Uuid>,
    ) -> Result<(Composed, Vec<ModelFit>), Failure<AcceptError>> {
        let composed = self.parts.prompts.compose(request, is_enhanced(quality), account, Purpose::Preview).await;
        let composed = composed.map_err(|error| Failure::Refused(refused(error)))?;
        let wish = Wish::new(AiFunction::GenerateImages, "", false);
        let models = self.able_models(&Wish { ratio, quality, ..wish }).await?;
        let limits: Vec<_> = models.iter().map(limit_of).collect();
        let fits = fit_all(&composed.composition, &limits);
        Ok((composed, fits))
    }
}
