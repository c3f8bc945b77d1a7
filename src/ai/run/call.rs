//! One provider call, and what becomes of its answer.

use std::future::Future;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Run, route::Target};
use crate::{
    ai::{
        model::{AiModel, Item, ModelKind, SEED_MAX, Settings},
        provider::{
            Call, FailureCode, ImageRequest, ImageResult, ProviderFailure, TextRequest, TextResult, UpscaleRequest,
            image_content_type,
        },
        service::UPSCALE_FACTOR,
        shelf::OriginalBytes,
    },
    error::Error,
    jobs::event,
};

/// What a provider delivered.
pub(super) enum Answer {
    /// An image, not yet checked.
    Image(ImageResult),
    /// A text.
    Text(TextResult),
}

/// A request, ready to leave.
pub(super) enum Request {
    Image(ImageRequest),
    Text(TextRequest),
    Upscale(UpscaleRequest),
}

/// The image that an item enlarges.
pub(super) struct Source {
    /// Its bytes, unmarked.
    pub(super) bytes: Bytes,
    /// Its media type.
    pub(super) content_type: &'static str,
    /// Its width in pixels.
    pub(super) width: u32,
    /// Its height in pixels.
    pub(super) height: u32,
}

/// Settings as they are stored with an attempt: a JSON object.
pub(super) fn settings_text(settings: &Settings) -> String {
    serde_json::Value::Object(settings.clone()).to_string()
}

impl Request {
    /// SHA-256 over what the provider will be asked.
    pub(super) fn hash(&self) -> Vec<u8> {
        let text = match self {
            Self::Image(request) => format!(
                "image\n{}\n{}x{}\n{:?}\n{}\n{}",
                request.model,
                request.width,
                request.height,
                request.seed,
                settings_text(&request.settings),
                request.prompt
            ),
            Self::Text(request) => format!(
                "text\n{}\n{}\n{:?}\n{}\n{}\n{}",
                request.model,
                request.max_output_tokens,
                request.seed,
                settings_text(&request.settings),
                request.system.as_deref().unwrap_or_default(),
                request.prompt
            ),
            Self::Upscale(request) => format!(
                "upscale\n{}\n{}\n{}\n{}\n{}",
                request.model,
                request.factor,
                settings_text(&request.settings),
                hex::encode(ring::digest::digest(&ring::digest::SHA256, &request.bytes)),
                request.prompt
            ),
        };
        ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref().to_vec()
    }
}

impl Run<'_> {
    /// Each item of a task has a seed of its own, the first one's and then the next ones, where the model takes seeds.
    /// A model that stands in for one without seeds gets the attempt's own. Enlarging takes none.
    pub(super) fn seed_of(&self, item: &Item, model: &AiModel, attempt: Uuid) -> Option<i64> {
        if !model.takes_seed || !self.work.task.payload.originals.is_empty() {
            return None;
        }
        let first = self.work.task.payload.seed.map(|seed| seed + i64::from(item.position));
        let [.., a, b, c, d] = *attempt.as_bytes();
        let own = || i64::from(u32::from_be_bytes([a, b, c, d]));
        Some(first.unwrap_or_else(own) % (SEED_MAX + 1))
    }

    /// What `item` enlarges. `Err` is the code that it fails with: the image was deleted or enlarged
    /// meanwhile, or its bytes are lost.
    pub(super) async fn source(&self, item: &Item) -> Result<Result<Option<Source>, &'static str>, Error> {
        let Some(original) = self.work.task.payload.original_at(item.position) else { return Ok(Ok(None)) };
        let (shelf, account) = (&self.ai.parts.shelf, self.grip.account_id);
        let found = shelf.enlargeable(account, &[original.image]).await?;
        let Some(image) = found.into_iter().next() else { return Ok(Err("IMAGE_GONE")) };
        if image.enlarged.is_some() {
            return Ok(Err("ALREADY_UPSCALED"));
        }
        let bytes = match shelf.read_original(account, image.id).await? {
            OriginalBytes::Here(bytes, _) => bytes,
            OriginalBytes::NoImage => return Ok(Err("IMAGE_GONE")),
            OriginalBytes::Lost => return Ok(Err("OBJECT_MISSING")),
        };
        let side = |side: i32| u32::try_from(side).unwrap_or(1);
        let Some(content_type) = image_content_type(&bytes) else {
            tracing::error!(image.id = %image.id, "the stored original of an image is damaged");
            return Ok(Err("OBJECT_MISSING"));
        };
        Ok(Ok(Some(Source { bytes, content_type, width: side(image.width), height: side(image.height) })))
    }

    /// What to ask `target` for `item`: sizes, limits and settings are those of the model that is called.
    pub(super) fn request(&self, item: &Item, target: &Target, attempt: Uuid, source: Option<Source>) -> Request {
        let (task, model) = (&self.work.task, &target.candidate.model);
        let seed = self.seed_of(item, model, attempt).and_then(|seed| u32::try_from(seed).ok());
        let settings = target.settings.clone();
        let request_key = attempt.to_string();
        let prompt = self.prompt_of(item, attempt);
        if let Some(source) = source {
            let is_short =
                i64::try_from(prompt.chars().count()).is_ok_and(|length| length <= model.prompt_length_limit);
            return Request::Upscale(UpscaleRequest {
                model: model.provider_model.clone(),
                prompt: if is_short { prompt.into_owned() } else { String::new() },
                bytes: source.bytes,
                content_type: source.content_type,
                width: source.width,
                height: source.height,
                factor: UPSCALE_FACTOR,
                settings,
                request_key,
            });
        }
        match model.kind {
            ModelKind::Image => {
                let side = |value: i32| u32::try_from(value).unwrap_or(1);
                let (width, height) = model.capabilities.size(task.payload.ratio).or(model.size).unwrap_or((1, 1));
                Request::Image(ImageRequest {
                    model: model.provider_model.clone(),
                    prompt: prompt.into_owned(),
                    width: side(width),
                    height: side(height),
                    ratio: task.payload.ratio,
                    quality: task.payload.quality,
                    seed,
                    settings,
                    request_key,
                })
            }
            ModelKind::Text => Request::Text(TextRequest {
                model: model.provider_model.clone(),
                system: task.payload.system.clone(),
                prompt: prompt.into_owned(),
                max_output_tokens: self.output_limit(model),
                seed,
                settings,
                request_key,
            }),
        }
    }

    /// The most tokens to ask for: a stand-in never writes more than the hold was reckoned for.
    fn output_limit(&self, model: &AiModel) -> u32 {
        let quoted = self.work.model.model.output_token_limit.unwrap_or(i64::MAX);
        let limit = model.output_token_limit.unwrap_or(1).min(quoted);
        u32::try_from(limit).unwrap_or(u32::MAX)
    }

    /// Sends `request` once. When a cancel is asked for meanwhile, the call gets its grace and is then withdrawn; the
    /// second value says whether one was.
    pub(super) async fn call(&self, request: &Request, target: &Target) -> (Result<Answer, ProviderFailure>, bool) {
        let parts = &self.ai.parts;
        let provider = target.candidate.model.provider.as_str();
        let missing = || ProviderFailure::unsent(FailureCode::InvalidApiKey, "no adapter of this name is set up");
        let access = target.set_up.access.clone();
        match request {
            Request::Image(request) => {
                let Some(adapter) = parts.providers.image(provider) else { return (Err(missing()), false) };
                let call = Call::new(parts.config.image_timeouts).with_access(access);
                let cancel = call.cancel.clone();
                let work = adapter.generate_image(request, &call);
                let (result, cancelled) = self.watched(work, &cancel).await;
                (result.map(Answer::Image), cancelled)
            }
            Request::Upscale(request) => {
                let Some(adapter) = parts.providers.image(provider) else { return (Err(missing()), false) };
                let call = Call::new(parts.config.image_timeouts).with_access(access);
                let cancel = call.cancel.clone();
                let work = adapter.upscale_image(request, &call);
                let (result, cancelled) = self.watched(work, &cancel).await;
                (result.map(Answer::Image), cancelled)
            }
            Request::Text(request) => {
                let Some(adapter) = parts.providers.text(provider) else { return (Err(missing()), false) };
                let call = Call::new(parts.config.text_timeouts).with_access(access);
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
            () = self.end_asked() => {}
        }
        tokio::select! {
            biased;
            result = &mut work => return (result, true),
            () = tokio::time::sleep(self.ai.parts.config.cancel_grace) => {}
        }
        cancel.cancel();
        (work.await, true)
    }

    /// Returns once a cancel of the task or its run has committed: by hint, or within the time between two looks.
    async fn end_asked(&self) {
        let parts = &self.ai.parts;
        let mut hints = parts.bus.subscribe();
        loop {
            match self.is_end_asked().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(error = %error, "could not see whether AI work was cancelled"),
            }
            event::hinted(&mut hints, self.asked_at(), parts.config.watch).await;
        }
    }
}
