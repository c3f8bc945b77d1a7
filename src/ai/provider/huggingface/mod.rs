//! Hugging Face's Inference Providers: images by way of its router.
//!
//! Follows huggingface.co/docs/inference-providers ("Text to Image") and what its clients send. The router hands a
//! request on to a provider behind it, each with a protocol of its own. Two of them are spoken here, because the
//! models in use are served by them: `hf-inference`, which answers with the image's bytes (SDXL), and `fal-ai`, which
//! answers with JSON (Qwen-Image). With fal the image is asked for inside the answer, so nothing of it stays behind a
//! public address. Which model is served by whom, and under which name, its page at huggingface.co says; that can
//! change, so both are settings. Images are not enlarged, and the router reports no cost.

mod fault;
mod settings;
mod wire;

use reqwest::header::{AUTHORIZATION, HeaderName};
use serde_json::Value;

use self::wire::{FalAnswer, FalBody, HfBody};
use super::http::{Http, IMAGE_BYTES_MAX, Protocol, Session, decode_data_url, named, wrong_media_type};
use super::{
    Call, FailureCode, ImageProvider, ImageRequest, ImageResult, ProviderFailure, ProviderFuture, SettingSpec,
};

const PROTOCOL: Protocol =
    Protocol { base_url: "https://router.huggingface.co", request_id: "x-request-id", explain: fault::explain };

/// Whether an image drawn before may be answered.
const USE_CACHE: HeaderName = HeaderName::from_static("x-use-cache");

/// Models that are not served by `hf-inference`, and what fal calls them.
const BY_FAL: &[(&str, &str)] = &[("Qwen/Qwen-Image", "fal-ai/qwen-image")];

/// Hugging Face's router.
pub struct HuggingFace(Http);

impl HuggingFace {
    /// The adapter, on these connections.
    #[must_use]
    pub fn new(http: Http) -> Self {
        Self(http)
    }
}

/// Who behind the router draws, and what the model is called there.
#[derive(Debug, PartialEq, Eq)]
enum Route<'a> {
    HfInference(&'a str),
    Fal(&'a str),
}

impl<'a> Route<'a> {
    fn of(request: &'a ImageRequest) -> Self {
        let word = |name: &str| request.settings.get(name).and_then(Value::as_str);
        let by_fal = BY_FAL.iter().find(|(model, _)| *model == request.model).map(|(_, name)| *name);
        let is_by_fal = word("inference_provider").map_or(by_fal.is_some(), |provider| provider == "fal-ai");
        let name = word("provider_model");
        if is_by_fal {
            Self::Fal(name.or(by_fal).unwrap_or(&request.model))
        } else {
            Self::HfInference(name.unwrap_or(&request.model))
        }
    }
}

async fn draw(session: &mut Session<'_>, request: &ImageRequest) -> Result<ImageResult, ProviderFailure> {
    match Route::of(request) {
        Route::HfInference(model) => draw_by_hf(session, request, model).await,
        Route::Fal(model) => draw_by_fal(session, request, model).await,
    }
}

async fn draw_by_hf(
    session: &mut Session<'_>,
    request: &ImageRequest,
    model: &str,
) -> Result<ImageResult, ProviderFailure> {
    let format = request.settings.get("output_format").and_then(Value::as_str);
    let accept = if format == Some("jpeg") { "image/jpeg" } else { "image/png" };
    let path = ["hf-inference", "models"].into_iter().chain(model.split('/'));
    let post = named(session.post_json(path, &HfBody::new(request), accept)?, &request.request_key)?;
    let mut post = post.header(AUTHORIZATION, session.key("Bearer ")?);
    if request.seed.is_none() {
        // Without a seed two equal requests are two wishes; the cache would answer both with one image.
        post = post.header(USE_CACHE, "false");
    }
    let reply = session.send(post).await?;
    let media = reply.media_type();
    if !media.starts_with("image/") && media != "application/octet-stream" {
        return Err(wrong_media_type());
    }
    let bytes = reply.bytes(IMAGE_BYTES_MAX, FailureCode::CorruptImage).await?;
    session.image(bytes, None)
}

async fn draw_by_fal(
    session: &mut Session<'_>,
    request: &ImageRequest,
    model: &str,
) -> Result<ImageResult, ProviderFailure> {
    let path = ["fal-ai"].into_iter().chain(model.split('/'));
    let post = named(session.post_json(path, &FalBody::new(request), "application/json")?, &request.request_key)?;
    let post = post.header(AUTHORIZATION, session.key("Bearer ")?);
    let answer: FalAnswer = session.send_for_json(post).await?;
    if answer.has_nsfw_concepts.into_iter().flatten().next() == Some(true) {
        return Err(ProviderFailure::new(FailureCode::ProviderRefused, "the provider's filter blacked the image out"));
    }
    let Some(url) = answer.images.into_iter().flatten().next().and_then(|image| image.url) else {
        return Err(ProviderFailure::new(FailureCode::GenerationFailed, "the answer holds no image"));
    };
    let bytes = match decode_data_url(&url) {
        Some(bytes) => bytes?,
        None => session.download(&url).await?,
    };
    session.image(bytes, None)
}

impl ImageProvider for HuggingFace {
    fn name(&self) -> &'static str {
        "huggingface"
    }

    fn own_base_url(&self) -> Option<&'static str> {
        Some(PROTOCOL.base_url)
    }

    fn image_settings(&self) -> &'static [SettingSpec] {
        settings::IMAGE
    }

    fn generate_image<'a>(&'a self, request: &'a ImageRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(async move {
            let mut session = Session::open(&self.0, &PROTOCOL, call)?;
            let outcome = call.guard(draw(&mut session, request)).await;
            session.end(outcome)
        })
    }
}
