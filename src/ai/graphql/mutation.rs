//! Commands that start or end AI work.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use uuid::Uuid;

use super::{
    access::spender,
    compose::{EventPromptInput, TooLongPolicy},
    refusal::{Given, accept_refusal},
    task::AiTask,
    things::decode_all,
};
use crate::{
    ai::{
        Ai, Spender,
        model::{
            AcceptError, AiFunction, AspectRatio, GenerateImages, GenerateText, MakeThings, Order, Picture, Quality,
            Targets, UpscaleImages,
        },
        service::CancelError,
    },
    error::{Error, Failure},
    graphql::{
        context::service,
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        scalars::SafeInt,
    },
    image::graphql::Image,
};

/// How much care a model takes with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Quality")]
pub enum ImageQuality {
    /// Quick and cheap.
    Fast,
    /// The usual.
    Standard,
    /// Better.
    High,
    /// The best it can.
    Ultra,
}

/// What to draw.
#[derive(Debug, InputObject)]
pub struct GenerateImagesInput {
    /// Whose credits; the viewer's personal account when omitted.
    account_id: Option<ID>,
    /// What to draw; not empty, and not longer than the model takes. Give this or `event`.
    prompt: Option<String>,
    /// An event to draw, whose prompt is composed. Give this or `prompt`.
    event: Option<EventPromptInput>,
    /// 1–50 places for images in articles, each `PENDING`, which get theirs: what is drawn is their own prompt. Give these in
    /// place of `prompt`, `event`, `count` and `seed`.
    content_image_ids: Option<Vec<ID>>,
    /// What becomes of a composed prompt that is longer than the model takes.
    #[graphql(default_with = "TooLongPolicy::Refuse")]
    on_too_long: TooLongPolicy,
    /// How many images, 1–8.
    #[graphql(default = 1)]
    count: i32,
    /// Width to height: 1:1, 16:9, 9:16, 4:3, 3:4, 4:5, 5:7, 3:2, 2:3, 10:16, 16:10, 1:3 or 3:1, where the model has it.
    #[graphql(default = "1:1")]
    aspect_ratio: String,
    /// How much care the model takes, where it offers a choice.
    #[graphql(default_with = "ImageQuality::Standard")]
    quality: ImageQuality,
    /// Which model; the default one when omitted.
    model_id: Option<ID>,
    /// 0–4294967295; chosen and recorded by the server when omitted, where the model takes seeds.
    seed: Option<SafeInt>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did.
    idempotency_key: ID,
    /// The `quote` of `quoteAiTask` for the same input: exactly what was quoted is held, or the answer is `QUOTE_EXPIRED`.
    quote: Option<String>,
}

/// What `generateImages` did.
#[derive(SimpleObject)]
pub struct GenerateImagesPayload {
    /// The task that draws them, its credits held; null when refused.
    task: Option<AiTask>,
    /// `INSUFFICIENT_CREDITS`, `CAP_EXCEEDED`, `QUOTE_EXPIRED`, `PROMPT_EMPTY`, `PROMPT_TOO_LONG`, `COUNT_OUT_OF_RANGE`, `SEED_OUT_OF_RANGE`,
    /// `UNKNOWN_EVENT_TYPE`, `UNKNOWN_STYLE`, `UNKNOWN_DETAIL`, `DETAIL_REQUIRED`, `DETAIL_INVALID`, `STORE_UNAVAILABLE`,
    /// `UNSUPPORTED_ASPECT_RATIO`, `UNSUPPORTED_QUALITY`, `UNSUPPORTED_SEED`, `UNSUPPORTED_FUNCTION`, `MODEL_NOT_FOUND`,
    /// `MODEL_INACTIVE`, `MODEL_KIND_MISMATCH`, `NOT_FOUND`, `NAMED_TWICE`, `WRONG_STATE`, `ACCOUNT_FROZEN`,
    /// `ACCOUNT_CLOSED`, `ACCOUNT_SUSPENDED`, `BACKLOG_FULL`, `LEDGER_BUSY`. Empty when it was accepted.
    user_errors: Vec<UserError>,
}

/// What to write.
#[derive(Debug, InputObject)]
pub struct GenerateTextInput {
    /// Whose credits; the viewer's personal account when omitted.
    account_id: Option<ID>,
    /// What to write about; not empty, and not longer than the model takes. Give this or `prompts`.
    prompt: Option<String>,
    /// What to write about in 1–50 texts of one task, one for each, held for together and charged one by one.
    prompts: Option<Vec<String>>,
    /// Which kind of text, such as `header`, `body` or `cta`: a key of the prompts of category TEXT_GENERATION. Any when
    /// omitted.
    kind: Option<String>,
    /// Which model; the default one when omitted.
    model_id: Option<ID>,
    /// 0–4294967295; chosen and recorded by the server when omitted, where the model takes seeds.
    seed: Option<SafeInt>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did.
    idempotency_key: ID,
    /// The `quote` of `quoteAiTask` for the same input: exactly what was quoted is held, or the answer is `QUOTE_EXPIRED`.
    quote: Option<String>,
}

/// What `generateText` did.
#[derive(SimpleObject)]
pub struct GenerateTextPayload {
    /// The task that writes it, its credits held; null when refused.
    task: Option<AiTask>,
    /// The codes of `generateImages`, and `UNKNOWN_TEXT_KIND`. Empty when it was accepted.
    user_errors: Vec<UserError>,
}

/// What to enlarge.
#[derive(Debug, InputObject)]
pub struct UpscaleImageInput {
    /// Whose credits and images; the viewer's personal account when omitted.
    account_id: Option<ID>,
    /// The image. Give this or `imageIds`.
    image_id: Option<ID>,
    /// 1–50 images of one task, each once, held for together and charged one by one.
    image_ids: Option<Vec<ID>>,
    /// Which model; the default one when omitted.
    model_id: Option<ID>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did.
    idempotency_key: ID,
    /// The `quote` of `quoteAiTask` for the same input: exactly what was quoted is held, or the answer is `QUOTE_EXPIRED`.
    quote: Option<String>,
}

/// What `upscaleImage` did.
#[derive(SimpleObject)]
pub struct UpscaleImagePayload {
    /// The task that enlarges them, its credits held; null when refused.
    task: Option<AiTask>,
    /// The enlargements that were there already, with `ALREADY_UPSCALED`; else null. Nothing is charged for them.
    enlargements: Option<Vec<Image>>,
    /// `INSUFFICIENT_CREDITS`, `CAP_EXCEEDED`, `QUOTE_EXPIRED`, `NOT_FOUND`, `ALREADY_UPSCALED`, `UPSCALE_UNDER_WAY`, `IMAGE_TWICE`, `IMAGE_TOO_LARGE`,
    /// `COUNT_OUT_OF_RANGE`, `UNSUPPORTED_FUNCTION`, `MODEL_NOT_FOUND`, `MODEL_INACTIVE`, `MODEL_KIND_MISMATCH`,
    /// `ACCOUNT_FROZEN`, `ACCOUNT_CLOSED`, `ACCOUNT_SUSPENDED`, `BACKLOG_FULL`, `LEDGER_BUSY`. Empty when it was accepted.
    user_errors: Vec<UserError>,
}

/// Which task ends.
#[derive(Debug, InputObject)]
pub struct CancelAiTaskInput {
    /// The task.
    task_id: ID,
}

/// What `cancelAiTask` did.
#[derive(SimpleObject)]
pub struct CancelAiTaskPayload {
    /// The task: cancelled, or ending; null when refused.
    task: Option<AiTask>,
    /// `TASK_ENDED`.
    user_errors: Vec<UserError>,
}

type Outcome<R> = Result<crate::ai::model::AiTask, Failure<R>>;

pub(super) fn split<R>(
    outcome: Outcome<R>,
    refused: impl FnOnce(R) -> Vec<UserError>,
) -> Result<(Option<AiTask>, Vec<UserError>), Error> {
    match outcome {
        Ok(task) => Ok((Some(AiTask(task)), Vec::new())),
        Err(Failure::Refused(refusal)) => Ok((None, refused(refusal))),
        Err(Failure::Fault(error)) => Err(error),
    }
}

pub(super) fn model_of(id: Option<&ID>) -> Result<Option<Uuid>, Error> {
    id.map(|id| node::decode(NodeKind::AiModel, id, &["input", "modelId"])).transpose()
}

/// Refuses: `BadUserInput` unless exactly one is given.
pub(super) fn picture(
    prompt: Option<String>,
    event: Option<EventPromptInput>,
    policy: TooLongPolicy,
) -> Result<Picture, Error> {
    match (prompt, event) {
        (Some(prompt), None) => Ok(Picture::Prompt(prompt)),
        (None, Some(event)) => Ok(Picture::Event(event.into_order(policy)?)),
        _ => Err(Error::bad_input("Give `prompt` or `event`, one of them.", &["input", "prompt"])),
    }
}

/// Refuses: `BadUserInput` unless exactly one is given.
pub(super) fn prompts(one: Option<String>, many: Option<Vec<String>>) -> Result<Vec<String>, Error> {
    match (one, many) {
        (Some(prompt), None) => Ok(vec![prompt]),
        (None, Some(prompts)) => Ok(prompts),
        _ => Err(Error::bad_input("Give `prompt` or `prompts`, one of them.", &["input", "prompt"])),
    }
}

/// Refuses: `BadUserInput` unless exactly one is given, and each is an image's id.
pub(super) fn images(one: Option<ID>, many: Option<Vec<ID>>) -> Result<Vec<Uuid>, Error> {
    match (one, many) {
        (Some(id), None) => Ok(vec![node::decode(NodeKind::Image, &id, &["input", "imageId"])?]),
        (None, Some(ids)) => ids.iter().map(|id| node::decode(NodeKind::Image, id, &["input", "imageIds"])).collect(),
        _ => Err(Error::bad_input("Give `imageId` or `imageIds`, one of them.", &["input", "imageId"])),
    }
}

/// Commands that start or end AI work.
#[derive(Default)]
pub struct AiMutation;

#[Object]
impl AiMutation {
    /// Draws images: holds the credits of all of them, all or none, then draws, stores and charges one by one.
    #[graphql(guard = "MutationPolicy", visible = "visible::images_generate")]
    async fn generate_images(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to draw, and whose credits.")] input: GenerateImagesInput,
    ) -> Result<Option<GenerateImagesPayload>> {
        let spender = spender(ctx, input.account_id.as_ref()).await?;
        let Some(ratio) = AspectRatio::parse(&input.aspect_ratio) else {
            return Ok(Some(GenerateImagesPayload {
                task: None,
                user_errors: accept_refusal(AcceptError::RatioUnknown, Given::DRAWING),
            }));
        };
        if let Some(ids) = &input.content_image_ids {
            if input.prompt.is_some() || input.event.is_some() || input.seed.is_some() || input.count != 1 {
                let message = "Give `contentImageIds` alone: places have prompts of their own, and get one image each.";
                return Err(Error::bad_input(message, &["input", "contentImageIds"]).into());
            }
            if input.quote.is_some() {
                let message = "There are no quotes for `contentImageIds`. Leave `quote` out.";
                return Err(Error::bad_input(message, &["input", "quote"]).into());
            }
            let command = MakeThings {
                function: AiFunction::GenerateImages,
                idempotency_key: input.idempotency_key.0,
                targets: Targets {
                    ids: decode_all(NodeKind::ContentImage, ids, "contentImageIds")?,
                    ..Targets::default()
                },
                ratio,
                quality: input.quality.into(),
                ai_model_id: model_of(input.model_id.as_ref())?,
            };
            let done = service::<Ai>(ctx)?.make_things(spender, command).await;
            let given = Given::things("contentImageIds", "count");
            let (task, user_errors) = split(done, |refusal| accept_refusal(refusal, given))?;
            return Ok(Some(GenerateImagesPayload { task, user_errors }));
        }
        let command = GenerateImages {
            idempotency_key: input.idempotency_key.0,
            picture: picture(input.prompt, input.event, input.on_too_long)?,
            count: input.count,
            ratio,
            quality: input.quality.into(),
            ai_model_id: model_of(input.model_id.as_ref())?,
            seed: input.seed.map(|seed| seed.0),
        };
        let (order, quote) = (Order::from(command), input.quote.as_deref());
        let done = service::<Ai>(ctx)?.carry_out(spender, order, quote).await;
        let (task, user_errors) = split(done, |refusal| accept_refusal(refusal, Given::DRAWING))?;
        Ok(Some(GenerateImagesPayload { task, user_errors }))
    }

    /// Writes a text: holds the most it can cost, then charges the tokens it took.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn generate_text(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to write, and whose credits.")] input: GenerateTextInput,
    ) -> Result<Option<GenerateTextPayload>> {
        let spender = spender(ctx, input.account_id.as_ref()).await?;
        let given = Given::texts(input.prompts.is_some());
        let prompts = prompts(input.prompt, input.prompts)?;
        let command = GenerateText {
            idempotency_key: input.idempotency_key.0,
            prompts,
            kind: input.kind,
            ai_model_id: model_of(input.model_id.as_ref())?,
            seed: input.seed.map(|seed| seed.0),
        };
        let (order, quote) = (Order::from(command), input.quote.as_deref());
        let done = service::<Ai>(ctx)?.carry_out(spender, order, quote).await;
        let (task, user_errors) = split(done, |refusal| accept_refusal(refusal, given))?;
        Ok(Some(GenerateTextPayload { task, user_errors }))
    }

    /// Enlarges images of the account to twice their width and height, each linked to its original and only once: holds
    /// the credits of all of them, all or none, then enlarges, stores and charges one by one.
    #[graphql(guard = "MutationPolicy", visible = "visible::images_generate")]
    async fn upscale_image(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to enlarge, and whose credits.")] input: UpscaleImageInput,
    ) -> Result<Option<UpscaleImagePayload>> {
        let spender = spender(ctx, input.account_id.as_ref()).await?;
        let given = Given::images(input.image_ids.is_some());
        let command = UpscaleImages {
            idempotency_key: input.idempotency_key.0,
            images: images(input.image_id, input.image_ids)?,
            ai_model_id: model_of(input.model_id.as_ref())?,
        };
        let (order, quote) = (Order::from(command), input.quote.as_deref());
        let outcome = service::<Ai>(ctx)?.carry_out(spender, order, quote).await;
        let mut enlargements = None;
        if let Err(Failure::Refused(AcceptError::AlreadyUpscaled(ids))) = &outcome {
            // At once, so that the loader reads them with one statement.
            let found = futures_util::future::try_join_all(ids.iter().map(|id| Image::load(ctx, *id))).await?;
            enlargements = Some(found.into_iter().flatten().collect());
        }
        let (task, user_errors) = split(outcome, |refusal| accept_refusal(refusal, given))?;
        Ok(Some(UpscaleImagePayload { task, enlargements, user_errors }))
    }

    /// Ends an AI task: once this has answered, no request to a provider begins. What was delivered stays and is charged;
    /// the rest is given back. Repeating is harmless.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn cancel_ai_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] input: CancelAiTaskInput,
    ) -> Result<Option<CancelAiTaskPayload>> {
        let id = node::decode(NodeKind::AiTask, &input.task_id, &["input", "taskId"])?;
        let task = AiTask::find(ctx, id).await?.ok_or(Error::NotFound)?;
        let account = node::encode(NodeKind::Account, task.0.account_id);
        let spender: Spender = spender(ctx, Some(&account)).await?;
        let refused = |error: CancelError| {
            let code = match error {
                CancelError::TaskEnded { .. } => UserErrorCode::TaskEnded,
                CancelError::OfRun => UserErrorCode::TaskOfRun,
            };
            vec![UserError::new(code, error.to_string(), &["input", "taskId"])]
        };
        let (task, user_errors) = split(service::<Ai>(ctx)?.cancel_ai_task(spender, id).await, refused)?;
        Ok(Some(CancelAiTaskPayload { task, user_errors }))
    }
}
