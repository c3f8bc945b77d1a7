//! What work would cost, before it starts.

use async_graphql::{ComplexObject, Context, ID, InputObject, Object, Result, SimpleObject};
use uuid::Uuid;

use super::{
    access::spender,
    compose::{EventPromptInput, TooLongPolicy},
    model::{AiFunction, AiModel},
    mutation::{ImageQuality, images, model_of, picture, prompts},
    refusal::{Given, accept_refusal},
};
use crate::{
    ai::{
        Ai, Quote,
        model::{self, AcceptError, AspectRatio, GenerateImages, GenerateText, Order, UpscaleImages},
    },
    error::{Error, Failure},
    graphql::{
        context::service,
        error::UserError,
        guard::{QueryPolicy, visible},
        scalars::{Credits, DateTime, SafeInt},
    },
    ledger::{graphql::CreditCap, model::Cap},
    prompt::graphql::SystemPromptVersion,
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

/// A cap that a hold would count against.
#[derive(SimpleObject)]
pub struct QuotedCap {
    /// The cap as it stands.
    cap: CreditCap,
    /// Whether it admits the quoted credits now.
    is_sufficient: bool,
}

/// What work would hold. `quote` binds it for 15 minutes: a mutation that brings it holds exactly this, or answers `QUOTE_EXPIRED`
/// when prices or prompts have changed since. Nothing is reserved: the balance and the caps are judged with the mutation.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct QuoteAiTaskPayload {
    /// The most it can cost, in credits: what would be held for all items. Null when refused.
    credits: Option<Credits>,
    /// The same for each item, in their order. Null when refused.
    credits_per_item: Option<Vec<Credits>>,
    /// The model that would do it. Null when refused.
    model: Option<AiModel>,
    /// For `quote` of the function's own mutation, with the same input. Null when refused.
    quote: Option<String>,
    /// Until when it binds. Null when refused.
    expires_at: Option<DateTime>,
    /// Whether the available credits cover it now. Null when refused.
    is_balance_sufficient: Option<bool>,
    /// What would remain available. Null when refused, and when the available credits do not cover it.
    remaining: Option<Credits>,
    /// The caps that the hold would count against. Null when refused.
    caps: Option<Vec<QuotedCap>>,
    #[graphql(skip)]
    prompt_version_id: Option<Uuid>,
    /// What the function's own mutation would refuse, lack of credits aside. Empty when it would not.
    user_errors: Vec<UserError>,
}

#[ComplexObject]
impl QuoteAiTaskPayload {
    /// The stored prompt version that the hold would name; null without one, for those who may not see prompts, and when refused.
    async fn prompt_version(&self, ctx: &Context<'_>) -> Result<Option<SystemPromptVersion>> {
        let Some(id) = self.prompt_version_id else { return Ok(None) };
        match SystemPromptVersion::find(ctx, id).await {
            Err(Error::Forbidden { .. }) => Ok(None),
            found => Ok(found?),
        }
    }
}

impl QuoteAiTaskPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self {
            credits: None,
            credits_per_item: None,
            model: None,
            quote: None,
            expires_at: None,
            is_balance_sufficient: None,
            remaining: None,
            caps: None,
            prompt_version_id: None,
            user_errors,
        }
    }
}

impl From<Quote> for QuoteAiTaskPayload {
    fn from(quote: Quote) -> Self {
        let remaining = quote.remaining();
        let quoted = |cap: &Cap| QuotedCap { cap: (*cap).into(), is_sufficient: cap.room() >= quote.credits };
        Self {
            credits: Some(Credits(quote.credits)),
            caps: Some(quote.caps.iter().map(quoted).collect()),
            credits_per_item: Some(quote.holds.into_iter().map(Credits).collect()),
            model: Some(AiModel(quote.model)),
            quote: Some(quote.token),
            expires_at: Some(DateTime(quote.expires_at)),
            is_balance_sufficient: Some(remaining.is_some()),
            remaining: remaining.map(Credits),
            prompt_version_id: quote.prompt_version_id,
            user_errors: Vec::new(),
        }
    }
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
    /// What a command would hold, which model would do it, and what binds it. Nothing is held and nothing is sent.
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
            Ok(quote) => quote.into(),
            Err(Failure::Refused(refusal)) => QuoteAiTaskPayload::refused(accept_refusal(refusal, given)),
            Err(Failure::Fault(error)) => return Err(error.into()),
        }))
    }
}
