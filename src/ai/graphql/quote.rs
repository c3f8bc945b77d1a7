//! What work would cost, before it starts.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::{
    access::spender,
    compose::{EventPromptInput, TooLongPolicy},
    model::{AiFunction, AiModel},
    mutation::{ImageQuality, images, model_of, picture, prompts},
    refusal::{Given, accept_refusal},
};
use crate::{
    ai::{
        Ai,
        model::{self, AcceptError, AspectRatio, GenerateImages, GenerateText, Order, UpscaleImages},
    },
    error::{Error, Failure},
    graphql::{
        context::service,
        error::UserError,
        guard::{QueryPolicy, visible},
        scalars::{Credits, SafeInt},
    },
};

/// What would be done: the input of the function's own mutation, without its key.
#[derive(Debug, InputObject)]
pub struct QuoteAiTaskInput {
    /// Whose credits; the viewer's personal account when omitted.
    account_id: Option<ID>,
    /// What to do: GENERATE_IMAGES, GENERATE_TEXT or UPSCALE_IMAGE.
    function: AiFunction,
    /// One prompt.
    prompt: Option<String>,
    /// Many prompts, of GENERATE_TEXT.
    prompts: Option<Vec<String>>,
    /// An event, of GENERATE_IMAGES.
    event: Option<EventPromptInput>,
    /// One image, of UPSCALE_IMAGE.
    image_id: Option<ID>,
    /// Many images, of UPSCALE_IMAGE.
    image_ids: Option<Vec<ID>>,
    /// How many images, of GENERATE_IMAGES.
    #[graphql(default = 1)]
    count: i32,
    /// Their shape.
    #[graphql(default = "1:1")]
    aspect_ratio: String,
    /// The care taken with them.
    #[graphql(default_with = "ImageQuality::Standard")]
    quality: ImageQuality,
    /// What becomes of a composed prompt that is longer than the model takes.
    #[graphql(default_with = "TooLongPolicy::Refuse")]
    on_too_long: TooLongPolicy,
    /// Which kind of text, of GENERATE_TEXT.
    kind: Option<String>,
    /// Which model; the default one when omitted.
    model_id: Option<ID>,
    /// The seed that would be asked for.
    seed: Option<SafeInt>,
}

/// What work would hold. Only the hold itself binds: prices may change in between.
#[derive(SimpleObject)]
pub struct QuoteAiTaskPayload {
    /// The most it can cost, in credits: what would be held for all items. Null when refused.
    credits: Option<Credits>,
    /// The same for each item, in their order. Null when refused.
    credits_per_item: Option<Vec<Credits>>,
    /// The model that would do it. Null when refused.
    model: Option<AiModel>,
    /// What the function's own mutation would refuse, lack of credits aside. Empty when it would not.
    user_errors: Vec<UserError>,
}

impl QuoteAiTaskInput {
    fn order(self) -> Result<Result<Order, AcceptError>, Error> {
        let (idempotency_key, ai_model_id) = (String::new(), model_of(self.model_id.as_ref())?);
        let seed = self.seed.map(|seed| seed.0);
        Ok(Ok(match self.function.into() {
            model::AiFunction::GenerateImages => {
                let Some(ratio) = AspectRatio::parse(&self.aspect_ratio) else {
                    return Ok(Err(AcceptError::RatioUnknown));
                };
                let picture = picture(self.prompt, self.event, self.on_too_long)?;
                let (count, quality) = (self.count, self.quality.into());
                Order::from(GenerateImages { idempotency_key, picture, count, ratio, quality, ai_model_id, seed })
            }
            model::AiFunction::GenerateText => {
                let prompts = prompts(self.prompt, self.prompts)?;
                Order::from(GenerateText { idempotency_key, prompts, kind: self.kind, ai_model_id, seed })
            }
            model::AiFunction::UpscaleImage => {
                let images = images(self.image_id, self.image_ids)?;
                Order::from(UpscaleImages { idempotency_key, images, ai_model_id })
            }
            _ => {
                let message = "A quote is for GENERATE_IMAGES, GENERATE_TEXT or UPSCALE_IMAGE.";
                return Err(Error::bad_input(message, &["input", "function"]));
            }
        }))
    }
}

/// Queries about what work would cost.
#[derive(Default)]
pub struct QuoteQuery;

#[Object]
impl QuoteQuery {
    /// What a command would hold, and which model would do it. Nothing is held and nothing is sent.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn quote_ai_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What would be done.")] input: QuoteAiTaskInput,
    ) -> Result<Option<QuoteAiTaskPayload>> {
        let spender = spender(ctx, input.account_id.as_ref()).await?;
        let given = match input.function.into() {
            model::AiFunction::GenerateText => Given::texts(input.prompts.is_some()),
            model::AiFunction::UpscaleImage => Given::images(input.image_ids.is_some()),
            _ => Given::DRAWING,
        };
        let outcome = match input.order()? {
            Ok(order) => service::<Ai>(ctx)?.quote_task(spender, &order).await,
            Err(refusal) => Err(Failure::Refused(refusal)),
        };
        Ok(Some(match outcome {
            Ok(quote) => QuoteAiTaskPayload {
                credits: Some(Credits(quote.credits)),
                credits_per_item: Some(quote.holds.into_iter().map(Credits).collect()),
                model: Some(AiModel(quote.model)),
                user_errors: Vec::new(),
            },
            Err(Failure::Refused(refusal)) => QuoteAiTaskPayload {
                credits: None,
                credits_per_item: None,
                model: None,
                user_errors: accept_refusal(refusal, given),
            },
            Err(Failure::Fault(error)) => return Err(error.into()),
        }))
    }
}
