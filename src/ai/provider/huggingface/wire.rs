//! What goes over the wire: a body for each provider behind the router, and a lenient reader of fal's answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::settings::PARAMETERS;
use crate::ai::provider::ImageRequest;
use crate::ai::provider::http::picked;

/// Body of `POST {base}/hf-inference/models/{model}`. Field order is part of the tests.
#[derive(Serialize)]
pub(super) struct HfBody<'a> {
    inputs: &'a str,
    parameters: HfParameters,
}

#[derive(Serialize)]
struct HfParameters {
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

impl<'a> HfBody<'a> {
    pub(super) fn new(request: &'a ImageRequest) -> Self {
        let (width, height, seed) = (request.width, request.height, request.seed);
        let settings = picked(&request.settings, PARAMETERS);
        Self { inputs: &request.prompt, parameters: HfParameters { width, height, seed, settings } }
    }
}

/// Body of `POST {base}/fal-ai/{model}`. Field order is part of the tests.
#[derive(Serialize)]
pub(super) struct FalBody<'a> {
    prompt: &'a str,
    image_size: Size,
    num_images: u8,
    /// Whether the image comes inside the answer.
    sync_mode: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'a Value>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

#[derive(Serialize)]
struct Size {
    width: u32,
    height: u32,
}

impl<'a> FalBody<'a> {
    pub(super) fn new(request: &'a ImageRequest) -> Self {
        Self {
            prompt: &request.prompt,
            image_size: Size { width: request.width, height: request.height },
            num_images: 1,
            sync_mode: true,
            seed: request.seed,
            output_format: request.settings.get("output_format"),
            settings: picked(&request.settings, PARAMETERS),
        }
    }
}

/// fal's answer.
#[derive(Deserialize)]
pub(super) struct FalAnswer {
    #[serde(default)]
    pub(super) images: Option<Vec<FalImage>>,
    #[serde(default)]
    pub(super) has_nsfw_concepts: Option<Vec<bool>>,
}

/// An image as a `data:` URL, or behind one.
#[derive(Deserialize)]
pub(super) struct FalImage {
    #[serde(default)]
    pub(super) url: Option<String>,
}
