//! What goes over the wire: a list of one task, and a lenient reader of answers.

use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::{Builder, Uuid};

use super::settings::{DRAW_FIELDS, ENLARGE_FIELDS};
use crate::ai::provider::http::{encode_base64, picked};
use crate::ai::provider::{FailureCode, ImageRequest, ProviderFailure, Settings, UpscaleRequest, money};

/// The task's UUID: the API wants version 4, and our keys need not be UUIDs, so it is a hash of the key in that form.
pub(super) fn task_uuid(request_key: &str) -> Uuid {
    let hash = digest::digest(&digest::SHA256, request_key.as_bytes());
    let mut bytes = [0; 16];
    for (byte, of_hash) in bytes.iter_mut().zip(hash.as_ref()) {
        *byte = *of_hash;
    }
    Builder::from_random_bytes(bytes).into_uuid()
}

/// The API's seeds begin at 1 and go beyond ours: 0 becomes the first number that none of ours is.
fn seed(ours: u32) -> u64 {
    if ours == 0 { u64::from(u32::MAX) + 1 } else { u64::from(ours) }
}

/// A task that draws. Field order is part of the tests.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Drawing<'a> {
    task_type: &'static str,
    #[serde(rename = "taskUUID")]
    task_uuid: Uuid,
    model: &'a str,
    positive_prompt: &'a str,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    number_results: u8,
    #[serde(flatten)]
    output: Output<'a>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(request: &'a ImageRequest, task_uuid: Uuid) -> Self {
        Self {
            task_type: "imageInference",
            task_uuid,
            model: &request.model,
            positive_prompt: &request.prompt,
            width: request.width,
            height: request.height,
            seed: request.seed.map(seed),
            number_results: 1,
            output: Output::new(&request.settings),
            settings: picked(&request.settings, DRAW_FIELDS),
        }
    }
}

/// A task that enlarges.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Enlargement<'a> {
    task_type: &'a str,
    #[serde(rename = "taskUUID")]
    task_uuid: Uuid,
    model: &'a str,
    input_image: String,
    upscale_factor: u32,
    #[serde(flatten)]
    output: Output<'a>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

impl<'a> Enlargement<'a> {
    /// # Errors
    /// `INVALID_PARAMETERS`, unsent, for a factor that the API does not have.
    pub(super) fn new(request: &'a UpscaleRequest, task_uuid: Uuid) -> Result<Self, ProviderFailure> {
        if !(2..=4).contains(&request.factor) {
            return Err(ProviderFailure::unsent(FailureCode::InvalidParameters, "this provider enlarges by 2, 3 or 4"));
        }
        Ok(Self {
            task_type: chosen(&request.settings, "upscaleTaskType", "imageUpscale"),
            task_uuid,
            model: &request.model,
            input_image: encode_base64(&request.bytes, Some(request.content_type)),
            upscale_factor: request.factor,
            output: Output::new(&request.settings),
            settings: picked(&request.settings, ENLARGE_FIELDS),
        })
    }
}

/// How either comes back.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output<'a> {
    output_type: &'a str,
    output_format: &'a str,
    include_cost: bool,
}

impl<'a> Output<'a> {
    fn new(settings: &'a Settings) -> Self {
        Self {
            output_type: chosen(settings, "outputType", "base64Data"),
            output_format: chosen(settings, "outputFormat", "PNG"),
            include_cost: true,
        }
    }
}

fn chosen<'s>(settings: &'s Settings, name: &str, usual: &'static str) -> &'s str {
    settings.get(name).and_then(Value::as_str).unwrap_or(usual)
}

/// Results and errors, of our one task.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    data: Option<Vec<Datum>>,
    #[serde(default)]
    errors: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Datum {
    #[serde(default, rename = "taskUUID")]
    task_uuid: Option<String>,
    #[serde(default)]
    pub(super) image_base64_data: Option<String>,
    #[serde(default, rename = "imageDataURI")]
    pub(super) image_data_uri: Option<String>,
    #[serde(default, rename = "imageURL")]
    pub(super) image_url: Option<String>,
    #[serde(default, rename = "NSFWContent")]
    nsfw_content: Option<bool>,
    #[serde(default)]
    cost: Option<Box<RawValue>>,
}

impl Answer {
    /// The result of this task; another's is never taken for it.
    pub(super) fn datum(&self, task: Uuid) -> Option<&Datum> {
        self.data.iter().flatten().find(|datum| is_of(datum.task_uuid.as_deref(), task))
    }

    /// The error of this task, or of the whole request.
    pub(super) fn error(&self, task: Uuid) -> Option<&Value> {
        let uuid = |error: &&Value| is_of(error.get("taskUUID").and_then(Value::as_str), task);
        self.errors.iter().flatten().find(uuid)
    }
}

impl Datum {
    /// Whether the check that an administrator asked for found the image unfit.
    pub(super) fn is_unfit(&self) -> bool {
        self.nsfw_content == Some(true)
    }

    /// The cost in nano-dollars, half up; `None` when absent, negative or beyond range.
    pub(super) fn cost_nanousd(&self) -> Option<i64> {
        money::cost_nanousd(self.cost.as_deref()?)
    }
}

fn is_of(named: Option<&str>, task: Uuid) -> bool {
    named.is_none_or(|named| Uuid::parse_str(named).is_ok_and(|named| named == task))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_a_version_4_uuid_that_follows_from_its_key() {
        let one = task_uuid("attempt-1");
        assert_eq!((one.get_version_num(), one), (4, task_uuid("attempt-1")));
        assert_ne!(one, task_uuid("attempt-2"));
        assert_eq!(task_uuid("0198f5a0-0000-7000-8000-000000000000").get_version_num(), 4);
    }

    #[test]
    fn no_two_seeds_become_one() {
        assert_eq!([0, 1, u32::MAX].map(seed), [4_294_967_296, 1, 4_294_967_295]);
    }
}
