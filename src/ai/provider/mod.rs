//! Providers: outside services that write text or draw images for money, behind two traits.
//!
//! An adapter turns one request into one call and its outcome into a result or a [`ProviderFailure`]. It never
//! retries, never reads or writes the database, and knows nothing of accounts, credits or prices: the engine decides
//! whether, when and how often to call, and records every call before its first byte leaves.

pub mod anthropic;
pub mod call;
pub mod failure;
pub mod fal;
pub mod gemini;
pub mod http;
pub mod huggingface;
pub mod ideogram;
mod money;
pub mod ollama;
pub mod openai;
pub mod runware;
pub mod sandbox;
pub mod settings;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use tokio::sync::mpsc;

pub use call::{Access, Call, Timeouts};
pub use failure::{FailureClass, FailureCode, ProviderFailure};
pub use settings::{SettingKind, SettingSpec, Settings};

use crate::ai::model::{AspectRatio, Quality};

/// The answer of a provider call, as a boxed future so that the traits stay object-safe.
pub type ProviderFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ProviderFailure>> + Send + 'a>>;

/// Receives pieces of text in order while a model writes. Unbounded, because a slow reader must never stall a paid
/// call; the adapter's cap on the length of an answer bounds it.
pub type TextDeltas = mpsc::UnboundedSender<String>;

/// A service that writes text.
pub trait TextProvider: Send + Sync {
    /// The adapter's name in the model registry, such as `openai`.
    fn name(&self) -> &'static str;

    /// Where calls go when nobody says otherwise; `None` where that is nowhere in particular.
    fn own_base_url(&self) -> Option<&'static str> {
        None
    }

    /// The settings that [`TextRequest::settings`] may hold; every one of them reaches the wire.
    fn text_settings(&self) -> &'static [SettingSpec] {
        &[]
    }

    /// Sends `request` once. Pieces of the text go to `deltas` as they arrive; the result holds the whole text. A
    /// repetition with the same `request_key` is a new call, unless the provider itself honours the key.
    ///
    /// # Errors
    /// Any [`ProviderFailure`].
    fn generate_text<'a>(
        &'a self,
        request: &'a TextRequest,
        call: &'a Call,
        deltas: Option<TextDeltas>,
    ) -> ProviderFuture<'a, TextResult>;
}

/// A service that draws images, one per call.
pub trait ImageProvider: Send + Sync {
    /// The adapter's name in the model registry, such as `openai`.
    fn name(&self) -> &'static str;

    /// Where calls go when nobody says otherwise; `None` where that is nowhere in particular.
    fn own_base_url(&self) -> Option<&'static str> {
        None
    }

    /// The settings that [`ImageRequest::settings`] and [`UpscaleRequest::settings`] may hold; every one of them reaches
    /// the wire.
    fn image_settings(&self) -> &'static [SettingSpec] {
        &[]
    }

    /// Sends `request` once and returns the bytes as received: recognised by their first bytes, not yet decoded. The
    /// caller checks them with `image::pixels` before anyone is charged.
    ///
    /// # Errors
    /// Any [`ProviderFailure`].
    fn generate_image<'a>(&'a self, request: &'a ImageRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult>;

    /// Sends `request` once and returns the larger image's bytes, under the rules of [`Self::generate_image`].
    ///
    /// # Errors
    /// Any [`ProviderFailure`]; `INVALID_PARAMETERS`, unsent, from an adapter that cannot enlarge.
    fn upscale_image<'a>(&'a self, request: &'a UpscaleRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        let _ = (request, call);
        Box::pin(async {
            Err(ProviderFailure::unsent(FailureCode::InvalidParameters, "this adapter cannot enlarge images"))
        })
    }
}

/// Tokens a provider reports for one call; never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenUsage {
    /// Tokens read.
    pub input: i64,
    /// Tokens written.
    pub output: i64,
}

/// A request for text. `Debug` shows lengths in place of the prompts.
#[derive(Clone, PartialEq, Eq)]
pub struct TextRequest {
    /// The model's name as the provider knows it.
    pub model: String,
    /// Instructions, kept apart from the prompt where the provider can.
    pub system: Option<String>,
    /// What to write about.
    pub prompt: String,
    /// The most tokens the model may write, at least 1.
    pub max_output_tokens: u32,
    /// For models that take one; `None` leaves it to the provider.
    pub seed: Option<u32>,
    /// What the administrator set for the provider and the model, checked against [`TextProvider::text_settings`].
    pub settings: Settings,
    /// Our name for this attempt: 1–200 visible ASCII characters, sent as idempotency and correlation key.
    pub request_key: String,
}

/// Text, complete and not empty.
#[derive(Clone, PartialEq, Eq)]
pub struct TextResult {
    /// The text as received.
    pub text: String,
    /// `None` when the provider reported none.
    pub usage: Option<TokenUsage>,
    /// The provider's own name for the request.
    pub provider_ref: Option<String>,
    /// How the model ended.
    pub finish: Finish,
}

/// How a model ended a complete answer. Cut and refused answers are failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model said it was done.
    Stop,
    /// The answer ended properly without a reason.
    Unstated,
}

/// A request for one image. `Debug` shows the length in place of the prompt.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageRequest {
    /// The model's name as the provider knows it.
    pub model: String,
    /// What to draw.
    pub prompt: String,
    /// The shape that `width` and `height` stand for, for providers that are told the shape instead.
    pub ratio: AspectRatio,
    /// The care asked for; what it means on the wire is in `settings`.
    pub quality: Quality,
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
    /// For models that take one; `None` leaves it to the provider.
    pub seed: Option<u32>,
    /// What the administrator set for the provider, the model and the quality, checked against
    /// [`ImageProvider::image_settings`].
    pub settings: Settings,
    /// Our name for this attempt: 1–200 visible ASCII characters, sent as idempotency and correlation key.
    pub request_key: String,
}

/// A request for the same image, larger. `Debug` shows lengths in place of prompt and bytes.
#[derive(Clone, PartialEq)]
pub struct UpscaleRequest {
    /// The model's name as the provider knows it.
    pub model: String,
    /// What the image shows, for models that ask for it.
    pub prompt: String,
    /// The image.
    pub bytes: Bytes,
    /// `image/png`, `image/jpeg` or `image/webp`.
    pub content_type: &'static str,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// How many times as wide and as high; 2.
    pub factor: u32,
    /// As in [`ImageRequest::settings`].
    pub settings: Settings,
    /// Our name for this attempt: 1–200 visible ASCII characters, sent as idempotency and correlation key.
    pub request_key: String,
}

/// One image as received, at most 20 MiB.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageResult {
    /// The file.
    pub bytes: Bytes,
    /// `image/png`, `image/jpeg` or `image/webp`, by the first bytes and not by what the provider claims.
    pub content_type: &'static str,
    /// What the provider says it charged, in nano-dollars; `None` when it does not say.
    pub cost_nanousd: Option<i64>,
    /// The provider's own name for the request.
    pub provider_ref: Option<String>,
    /// Tokens, for models priced by them.
    pub usage: Option<TokenUsage>,
}

impl fmt::Debug for TextRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextRequest")
            .field("model", &self.model)
            .field("system_bytes", &self.system.as_ref().map(String::len))
            .field("prompt_bytes", &self.prompt.len())
            .field("max_output_tokens", &self.max_output_tokens)
            .field("seed", &self.seed)
            .field("settings", &self.settings)
            .field("request_key", &self.request_key)
            .finish()
    }
}

impl fmt::Debug for TextResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextResult")
            .field("text_bytes", &self.text.len())
            .field("usage", &self.usage)
            .field("provider_ref", &self.provider_ref)
            .field("finish", &self.finish)
            .finish()
    }
}

impl fmt::Debug for ImageRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageRequest")
            .field("model", &self.model)
            .field("prompt_bytes", &self.prompt.len())
            .field("width", &self.width)
            .field("height", &self.height)
            .field("seed", &self.seed)
            .field("settings", &self.settings)
            .field("request_key", &self.request_key)
            .finish()
    }
}

impl fmt::Debug for UpscaleRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpscaleRequest")
            .field("model", &self.model)
            .field("prompt_bytes", &self.prompt.len())
            .field("bytes", &self.bytes.len())
            .field("content_type", &self.content_type)
            .field("width", &self.width)
            .field("height", &self.height)
            .field("factor", &self.factor)
            .field("settings", &self.settings)
            .field("request_key", &self.request_key)
            .finish()
    }
}

impl fmt::Debug for ImageResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageResult")
            .field("bytes", &self.bytes.len())
            .field("content_type", &self.content_type)
            .field("cost_nanousd", &self.cost_nanousd)
            .field("provider_ref", &self.provider_ref)
            .field("usage", &self.usage)
            .finish()
    }
}

/// The content type of an image by its first bytes; `None` for anything but PNG, JPEG and WebP.
#[must_use]
pub(crate) fn image_content_type(bytes: &[u8]) -> Option<&'static str> {
    match ::image::guess_format(bytes).ok()? {
        ::image::ImageFormat::Png => Some("image/png"),
        ::image::ImageFormat::Jpeg => Some("image/jpeg"),
        ::image::ImageFormat::WebP => Some("image/webp"),
        _ => None,
    }
}
