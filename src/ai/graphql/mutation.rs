//! Commands that start or end AI work.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::{access::spender, task::AiTask};
use crate::{
    ai::{
        Ai, Spender,
        model::{AcceptError, GenerateImages, GenerateText, ModelRefusal},
    },
    error::{Error, Failure},
    graphql::{
        context::service,
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        scalars::SafeInt,
    },
};

/// What to draw.
#[derive(Debug, InputObject)]
pub struct GenerateImagesInput {
    /// Whose credits; the viewer's personal account when omitted.
    account_id: Option<ID>,
    /// What to draw; not empty, and not longer than the model takes.
    prompt: String,
    /// How many images, 1–8.
    #[graphql(default = 1)]
    count: i32,
    /// Which model; the default one when omitted.
    model_id: Option<ID>,
    /// 0–4294967295; chosen and recorded by the server when omitted, where the model takes seeds.
    seed: Option<SafeInt>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did.
    idempotency_key: ID,
}

/// What `generateImages` did.
#[derive(SimpleObject)]
pub struct GenerateImagesPayload {
    /// The task that draws them, its credits held; null when refused.
    task: Option<AiTask>,
    /// `INSUFFICIENT_CREDITS`, `PROMPT_EMPTY`, `PROMPT_TOO_LONG`, `COUNT_OUT_OF_RANGE`, `SEED_OUT_OF_RANGE`,
    /// `UNSUPPORTED_SEED`, `MODEL_NOT_FOUND`, `MODEL_INACTIVE`, `MODEL_KIND_MISMATCH`, `ACCOUNT_FROZEN`,
    /// `ACCOUNT_CLOSED`, `BACKLOG_FULL`, `LEDGER_BUSY`. Empty when it was accepted.
    user_errors: Vec<UserError>,
}

/// What to write.
#[derive(Debug, InputObject)]
pub struct GenerateTextInput {
    /// Whose credits; the viewer's personal account when omitted.
    account_id: Option<ID>,
    /// What to write about; not empty, and not longer than the model takes.
    prompt: String,
    /// Which model; the default one when omitted.
    model_id: Option<ID>,
    /// 0–4294967295; chosen and recorded by the server when omitted, where the model takes seeds.
    seed: Option<SafeInt>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did.
    idempotency_key: ID,
}

/// What `generateText` did.
#[derive(SimpleObject)]
pub struct GenerateTextPayload {
    /// The task that writes it, its credits held; null when refused.
    task: Option<AiTask>,
    /// The codes of `generateImages`. Empty when it was accepted.
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

fn refusal(refusal: AcceptError) -> UserError {
    let message = refusal.to_string();
    let (code, path): (_, &[&str]) = match refusal {
        AcceptError::InsufficientCredits { figures, .. } => {
            return UserError::insufficient(figures.required, figures.available);
        }
        AcceptError::PromptEmpty => (UserErrorCode::PromptEmpty, &["input", "prompt"]),
        AcceptError::PromptTooLong { .. } => (UserErrorCode::PromptTooLong, &["input", "prompt"]),
        AcceptError::CountOutOfRange { .. } => (UserErrorCode::CountOutOfRange, &["input", "count"]),
        AcceptError::SeedOutOfRange => (UserErrorCode::SeedOutOfRange, &["input", "seed"]),
        AcceptError::Model(ModelRefusal::NotFound) => (UserErrorCode::ModelNotFound, &["input", "modelId"]),
        AcceptError::Model(ModelRefusal::Inactive) => (UserErrorCode::ModelInactive, &["input", "modelId"]),
        AcceptError::Model(ModelRefusal::KindMismatch) => (UserErrorCode::ModelKindMismatch, &["input", "modelId"]),
        AcceptError::Model(ModelRefusal::SeedUnsupported) => (UserErrorCode::UnsupportedSeed, &["input", "seed"]),
        AcceptError::AccountFrozen => (UserErrorCode::AccountFrozen, &[]),
        AcceptError::AccountClosed => (UserErrorCode::AccountClosed, &[]),
        AcceptError::BacklogFull => (UserErrorCode::BacklogFull, &[]),
        AcceptError::LedgerBusy => (UserErrorCode::LedgerBusy, &[]),
    };
    UserError::new(code, message, path)
}

type Outcome<R> = Result<crate::ai::model::AiTask, Failure<R>>;

fn split<R>(
    outcome: Outcome<R>,
    refused: impl FnOnce(R) -> UserError,
) -> Result<(Option<AiTask>, Vec<UserError>), Error> {
    match outcome {
        Ok(task) => Ok((Some(AiTask(task)), Vec::new())),
        Err(Failure::Refused(refusal)) => Ok((None, vec![refused(refusal)])),
        Err(Failure::Fault(error)) => Err(error),
    }
}

fn model_of(id: Option<&ID>) -> Result<Option<uuid::Uuid>, Error> {
    id.map(|id| node::decode(NodeKind::AiModel, id, &["input", "modelId"])).transpose()
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
        let command = GenerateImages {
            idempotency_key: input.idempotency_key.0,
            prompt: input.prompt,
            count: input.count,
            ai_model_id: model_of(input.model_id.as_ref())?,
            seed: input.seed.map(|seed| seed.0),
        };
        let (task, user_errors) = split(service::<Ai>(ctx)?.generate_images(spender, command).await, refusal)?;
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
        let command = GenerateText {
            idempotency_key: input.idempotency_key.0,
            prompt: input.prompt,
            ai_model_id: model_of(input.model_id.as_ref())?,
            seed: input.seed.map(|seed| seed.0),
        };
        let (task, user_errors) = split(service::<Ai>(ctx)?.generate_text(spender, command).await, refusal)?;
        Ok(Some(GenerateTextPayload { task, user_errors }))
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
        let refused = |error: crate::ai::service::CancelError| {
            UserError::new(UserErrorCode::TaskEnded, error.to_string(), &["input", "taskId"])
        };
        let (task, user_errors) = split(service::<Ai>(ctx)?.cancel_ai_task(spender, id).await, refused)?;
        Ok(Some(CancelAiTaskPayload { task, user_errors }))
    }
}
