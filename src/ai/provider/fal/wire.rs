//! What goes over the wire: request bodies, and a lenient reader of results.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::settings::{DRAW_FIELDS, ENLARGE_FIELDS};
use crate::ai::provider::http::{encode_base64, picked};
use crate::ai::provider::{FailureCode, ImageRequest, ProviderFailure, Settings, UpscaleRequest};

/// Ideogram's seeds have 31 bits, here too: a greater one stands for its lower 31.
const IDEOGRAM_SEED_MASK: u32 = 0x7fff_ffff;

/// Body of a request that draws. Field order is part of the tests.
#[derive(Serialize)]
pub(super) struct Drawing<'a> {
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_size: Option<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<String>,
    num_images: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

#[derive(Serialize)]
struct Size {
    width: u32,
    height: u32,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(request: &'a ImageRequest) -> Self {
        let by_ratio = chosen(&request.settings, "size_field") == Some("aspect_ratio");
        let size = Size { width: request.width, height: request.height };
        Self {
            prompt: &request.prompt,
            image_size: (!by_ratio).then_some(size),
            aspect_ratio: by_ratio.then(|| request.ratio.to_string()),
            num_images: 1,
            seed: request.seed.map(|seed| if is_ideogram(&request.model) { seed & IDEOGRAM_SEED_MASK } else { seed }),
            settings: picked(&request.settings, DRAW_FIELDS),
        }
    }
}

/// Body of a request that enlarges.
#[derive(Serialize)]
pub(super) struct Enlargement<'a> {
    image_url: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    upscale_factor: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<u32>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

impl<'a> Enlargement<'a> {
    /// # Errors
    /// `INVALID_PARAMETERS`, unsent, for a factor that Ideogram does not have.
    pub(super) fn new(request: &'a UpscaleRequest) -> Result<Self, ProviderFailure> {
        if is_ideogram(&request.model) && request.factor != 2 {
            return Err(ProviderFailure::unsent(FailureCode::InvalidParameters, "this model enlarges by 2 only"));
        }
        let usual = if is_ideogram(&request.model) { "none" } else { "upscale_factor" };
        let field = chosen(&request.settings, "factor_field").unwrap_or(usual);
        Ok(Self {
            image_url: encode_base64(&request.bytes, Some(request.content_type)),
            prompt: &request.prompt,
            upscale_factor: (field == "upscale_factor").then_some(request.factor),
            scale: (field == "scale").then_some(request.factor),
            settings: picked(&request.settings, ENLARGE_FIELDS),
        })
    }
}

fn is_ideogram(model: &str) -> bool {
    model.starts_with("fal-ai/ideogram/")
}

fn chosen<'s>(settings: &'s Settings, name: &str) -> Option<&'s str> {
    settings.get(name).and_then(Value::as_str)
}

/// A result: models that draw list their files, those that enlarge mostly name one.
#[derive(Deserialize)]
pub(super) struct Output {
    #[serde(default)]
    images: Option<Vec<File>>,
    #[serde(default)]
    image: Option<File>,
    #[serde(default)]
    has_nsfw_concepts: Option<Vec<Option<bool>>>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    url: Option<String>,
}

impl Output {
    /// The first file's URL.
    pub(super) fn url(&self) -> Option<&str> {
        let mut files = self.images.iter().flatten().chain(&self.image);
        files.find_map(|file| file.url.as_deref())
    }

    /// Whether the model's checker found the image unfit: it then comes as a black one.
    pub(super) fn is_blanked(&self) -> bool {
        self.has_nsfw_concepts.iter().flatten().next().copied().flatten().unwrap_or(false)
    }
}
