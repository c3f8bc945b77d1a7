//! One provider call, and what becomes of its answer.

use std::{future::Future, time::Duration};

use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Run;
use crate::{
    ai::{
        model::{Item, ModelKind, SEED_MAX},
        provider::{
            Call, FailureClass, FailureCode, ImageRequest, ImageResult, ProviderFailure, TextRequest, TextResult,
        },
        service::Ai,
        store,
    },
    jobs::event,
};

/// What a provider delivered.
pub(super) enum Answer {
    /// An image, not yet checked.
    Image(ImageResult),
    /// A text.
    Text(TextResult),
}

/// Either request, ready to leave.
pub(super) enum Request {
    Image(ImageRequest),
    Text(TextRequest),
}

impl Request {
    /// SHA-256 over what the provider will be asked.
    pub(super) fn hash(&self) -> Vec<u8> {
        let text = match self {
            Self::Image(request) => format!(
                "image\n{}\n{}x{}\n{:?}\n{}",
                request.model, request.width, request.height, request.seed, request.prompt
            ),
            Self::Text(request) => format!(
                "text\n{}\n{}\n{:?}\n{}\n{}",
                request.model,
                request.max_output_tokens,
                request.seed,
                request.system.as_deref().unwrap_or_default(),
                request.prompt
            ),
        };
        ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref().to_vec()
    }
}

impl Run<'_> {
    /// Each item of a task has a seed of its own, the first one's and then the next ones, where the model takes seeds.
    pub(super) fn seed_of(&self, item: &Item) -> Option<i64> {
        Some((self.work.task.payload.seed? + i64::from(item.position)) % (SEED_MAX + 1))
    }

    /// What to ask for `item`.
    pub(super) fn request(&self, item: &Item, attempt: Uuid) -> Request {
        let (task, model) = (&self.work.task, &self.work.model.model);
        let seed = self.seed_of(item).and_then(|seed| u32::try_from(seed).ok());
        let request_key = attempt.to_string();
        match model.kind {
            ModelKind::Image => {
                let side = |value: i32| u32::try_from(value).unwrap_or(1);
                let (width, height) = model.size.unwrap_or((1, 1));
                Request::Image(ImageRequest {
                    model: model.provider_model.clone(),
                    prompt: task.payload.prompt.clone(),
                    width: side(width),
                    height: side(height),
                    seed,
                    request_key,
                })
            }
            ModelKind::Text => Request::Text(TextRequest {
                model: model.provider_model.clone(),
                system: None,
                prompt: task.payload.prompt.clone(),
                max_output_tokens: u32::try_from(model.output_token_limit.unwrap_or(1)).unwrap_or(u32::MAX),
                seed,
                request_key,
            }),
        }
    }

    /// Sends `request` once. When a cancel is asked for meanwhile, the call gets its grace and is then withdrawn; the
    /// second value says whether one was.
    pub(super) async fn call(&self, request: &Request) -> (Result<Answer, ProviderFailure>, bool) {
        let parts = &self.ai.parts;
        let provider = self.work.model.model.provider.as_str();
        let missing = || ProviderFailure::unsent(FailureCode::InvalidApiKey, "no adapter of this name is set up");
        match request {
            Request::Image(request) => {
                let Some(adapter) = parts.providers.image(provider) else { return (Err(missing()), false) };
                let call = Call::new(parts.config.image_timeouts);
                let cancel = call.cancel.clone();
                let work = adapter.generate_image(request, &call);
                let (result, cancelled) = self.watched(work, &cancel).await;
                (result.map(Answer::Image), cancelled)
            }
            Request::Text(request) => {
                let Some(adapter) = parts.providers.text(provider) else { return (Err(missing()), false) };
                let call = Call::new(parts.config.text_timeouts);
                let cancel = call.cancel.clone();
                let work = adapter.generate_text(request, &call, None);
                let (result, cancelled) = self.watched(work, &cancel).await;
                (result.map(Answer::Text), cancelled)
            }
        }
    }

    async fn watched<T>(&self, work: impl Future<Output = T> + Unpin, cancel: &CancellationToken) -> (T, bool) {
        let mut work = work;
        tokio::select! {
            biased;
            result = &mut work => return (result, false),
            () = cancel_asked(self.ai, self.grip.task_id) => {}
        }
        tokio::select! {
            biased;
            result = &mut work => return (result, true),
            () = tokio::time::sleep(self.ai.parts.config.cancel_grace) => {}
        }
        cancel.cancel();
        (work.await, true)
    }

    /// How long to wait before try number `tried + 1`; `None`: no further try.
    pub(super) fn retry_after(&self, failure: &ProviderFailure, tried: usize) -> Option<Duration> {
        let config = &self.ai.parts.config;
        if tried >= config.tries_max {
            return None;
        }
        let power = u32::try_from(tried.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
        let step = config.retry_base.saturating_mul(2_u32.saturating_pow(power));
        let [byte] = crate::ids::random::<1>(self.ai.parts.ids.as_ref());
        // 1/256 … 1: never quite nothing.
        let share = (f64::from(byte) + 1.0) / 256.0;
        match failure.class {
            FailureClass::Transient => Some(step.min(config.retry_max).mul_f64(share)),
            // Full jitter may fall near nothing and burn every try in seconds; a throttled caller waits at least half.
            FailureClass::Throttled => {
                let wait = failure.retry_after.unwrap_or_default().max(step.mul_f64(0.5 + share / 2.0));
                Some(wait.min(config.throttle_max))
            }
            _ => None,
        }
    }
}

/// Returns once a cancel of `task` has committed: by hint, or within the time between two looks.
async fn cancel_asked(ai: &Ai, task: Uuid) {
    let mut hints = ai.parts.bus.subscribe();
    let key = task.to_string();
    loop {
        match store::find_cancelling(ai.parts.db.reader(), task).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::warn!(error = %error, "could not see whether an AI task was cancelled"),
        }
        let hinted = async {
            loop {
                match hints.recv().await {
                    Ok(hint) if hint.topic == event::TOPIC && hint.key == key => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending::<()>().await,
                }
            }
        };
        tokio::select! {
            () = hinted => {}
            () = tokio::time::sleep(ai.parts.config.watch) => {}
        }
    }
}
