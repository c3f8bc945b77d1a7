//! What goes over the wire: two forms, and a lenient reader of their common answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::settings::GENERATE_FIELDS;
use crate::ai::provider::http::{Form, to_json};
use crate::ai::provider::{ImageRequest, ProviderFailure, UpscaleRequest};

/// The shapes that the API has names for.
const ASPECT_RATIOS: &[&str] =
    &["1x3", "3x1", "1x2", "2x1", "9x16", "16x9", "10x16", "16x10", "2x3", "3x2", "3x4", "4x3", "4x5", "5x4", "1x1"];

/// The API's seeds have 31 bits: a greater one stands for its lower 31.
const SEED_MASK: u32 = 0x7fff_ffff;

/// The form of `POST {base}/v1/{model}/generate`. The order of the fields is part of the tests.
pub(super) fn generate_form(request: &ImageRequest) -> Form {
    let ratio = request.ratio.to_string().replace(':', "x");
    let exact = request.settings.get("size_field").and_then(Value::as_str) == Some("resolution");
    let form = Form::default().text("prompt", &request.prompt);
    // The API takes one or the other. A shape without a name is asked for by its pixels, never replaced by another.
    let form = if !exact && ASPECT_RATIOS.contains(&ratio.as_str()) {
        form.text("aspect_ratio", &ratio)
    } else {
        form.text("resolution", &format!("{}x{}", request.width, request.height))
    };
    let form = form.text("num_images", "1");
    let form = match request.seed {
        Some(seed) => form.text("seed", &(seed & SEED_MASK).to_string()),
        None => form,
    };
    GENERATE_FIELDS
        .iter()
        .filter_map(|name| Some((name, request.settings.get(*name)?.as_str()?)))
        .fold(form, |form, (name, value)| form.text(name, value))
}

/// The part of the form of `POST {base}/upscale` that is not the file.
#[derive(Serialize)]
struct Enlargement<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resemblance: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    magic_prompt_option: Option<&'a Value>,
    num_images: u8,
}

/// The form of `POST {base}/upscale`.
///
/// # Errors
/// `INVALID_PARAMETERS`, unsent.
pub(super) fn upscale_form(request: &UpscaleRequest) -> Result<Form, ProviderFailure> {
    let enlargement = Enlargement {
        prompt: &request.prompt,
        resemblance: request.settings.get("resemblance"),
        detail: request.settings.get("detail"),
        magic_prompt_option: request.settings.get("magic_prompt"),
        num_images: 1,
    };
    let json = to_json(&enlargement)?;
    let name = match request.content_type {
        "image/jpeg" => "image.jpg",
        "image/webp" => "image.webp",
        _ => "image.png",
    };
    Ok(Form::default().text("image_request", &String::from_utf8_lossy(&json)).file(
        "image_file",
        name,
        request.content_type,
        &request.bytes,
    ))
}

/// The answer of both.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    pub(super) data: Option<Vec<Datum>>,
}

#[derive(Deserialize)]
pub(super) struct Datum {
    #[serde(default)]
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) is_image_safe: Option<bool>,
}
