//! What the tests of the image services share: their adapters, requests, and good answers.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use inkledger::ai::provider::fal::Fal;
use inkledger::ai::provider::http::{Http, HttpOptions};
use inkledger::ai::provider::ideogram::Ideogram;
use inkledger::ai::provider::runware::Runware;
use inkledger::ai::provider::{
    Call, ImageProvider, ImageRequest, ImageResult, ProviderFailure, Settings, UpscaleRequest,
};
use serde_json::{Value, json};

use super::{PROMPT, at, image_request};
use crate::support::fake_provider::{FakeProvider, Piece, Received, Reply};

/// The image services, for tests that hold for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Fal,
    Ideogram,
    Runware,
}

impl Service {
    pub const ALL: [Self; 3] = [Self::Fal, Self::Ideogram, Self::Runware];

    pub fn adapter(self) -> Arc<dyn ImageProvider> {
        self.adapter_on(super::http(&HttpOptions::default()))
    }

    pub fn adapter_on(self, http: Http) -> Arc<dyn ImageProvider> {
        match self {
            Self::Fal => Arc::new(Fal::new(http)),
            Self::Ideogram => Arc::new(Ideogram::new(http)),
            Self::Runware => Arc::new(Runware::new(http)),
        }
    }

    pub fn request(self) -> ImageRequest {
        let model = match self {
            Self::Fal => "fal-ai/ideogram/v3",
            Self::Ideogram => "ideogram-v3",
            Self::Runware => "runware:101@1",
        };
        ImageRequest { model: model.into(), ..image_request() }
    }

    pub fn enlargement(self) -> UpscaleRequest {
        let model = match self {
            Self::Fal => "fal-ai/ideogram/upscale",
            Self::Ideogram => "upscale",
            Self::Runware => "runware:503@1",
        };
        UpscaleRequest {
            model: model.into(),
            prompt: PROMPT.into(),
            bytes: Bytes::from_static(b"small picture"),
            content_type: "image/jpeg",
            width: 64,
            height: 48,
            factor: 2,
            settings: Settings::new(),
            request_key: "attempt-3".into(),
        }
    }

    /// Draws there.
    pub async fn draw(self, fake: &FakeProvider) -> Result<ImageResult, ProviderFailure> {
        self.draw_by(&at(&fake.base_url())).await
    }

    pub async fn draw_by(self, call: &Call) -> Result<ImageResult, ProviderFailure> {
        self.adapter().generate_image(&self.request(), call).await
    }

    /// Makes `fake` answer everything that drawing or enlarging takes; the image is [`png`].
    pub fn serve_all(self, fake: &FakeProvider) {
        fake.serve("/made/1.png", file(png()));
        let url = fake.url("/made/1.png");
        match self {
            Self::Fal => {
                fake.push(queued(fake));
                serve_status(fake, "COMPLETED");
                fake.serve(RESULT, Reply::json(&json!({ "images": [{ "url": url }], "seed": 7 })));
            }
            Self::Ideogram => fake.push(ideogram_image(&url)),
            Self::Runware => fake.push(runware_image(&png(), &json!(0.0013))),
        }
    }
}

const STATUS: &str = "/v1/fal-ai/ideogram/requests/req-1/status";
pub const RESULT: &str = "/v1/fal-ai/ideogram/requests/req-1";
pub const CANCEL: &str = "/v1/fal-ai/ideogram/requests/req-1/cancel";

/// A real image of 64 × 48 pixels.
pub fn png() -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let pixels = ::image::RgbImage::from_fn(64, 48, |x, y| ::image::Rgb([x as u8, y as u8, (x * y) as u8]));
    ::image::DynamicImage::from(pixels).write_to(&mut file, ::image::ImageFormat::Png).unwrap();
    file.into_inner()
}

pub fn file(bytes: Vec<u8>) -> Reply {
    Reply::pieces("application/octet-stream", vec![Piece::Bytes(bytes)])
}

pub fn ideogram_image(url: &str) -> Reply {
    Reply::json(&json!({
        "created": "2026-01-01T00:00:00Z",
        "data": [{ "url": url, "prompt": "words of the provider", "resolution": "1024x1024", "is_image_safe": true,
            "seed": 12345, "style_type": "GENERAL" }],
    }))
}

/// fal's answer to a submission.
pub fn queued(fake: &FakeProvider) -> Reply {
    Reply::json(&json!({
        "status": "IN_QUEUE", "request_id": "req-1", "queue_position": 0,
        "status_url": fake.url(STATUS), "response_url": fake.url(RESULT), "cancel_url": fake.url(CANCEL),
    }))
}

pub fn status(status: &str) -> Reply {
    let number = if status == "COMPLETED" { 200 } else { 202 };
    Reply::status(number, &json!({ "status": status, "logs": null }))
}

/// Lets the status always be this.
pub fn serve_status(fake: &FakeProvider, name: &str) {
    fake.serve(STATUS, status(name));
}

/// Lets the status always be answered so.
pub fn serve_status_as(fake: &FakeProvider, reply: Reply) {
    fake.serve(STATUS, reply);
}

/// Runware's answer, for whatever task is asked for.
pub fn runware_image(bytes: &[u8], cost: &Value) -> Reply {
    let (data, cost) = (BASE64.encode(bytes), cost.clone());
    runware(move |task| {
        json!({ "data": [{
        "taskType": "imageInference", "taskUUID": task, "imageUUID": "6c5f1c9e-0a39-4b0d-9e39-2f6a3a1f2b7d",
        "imageBase64Data": data, "seed": 7, "cost": cost,
    }] })
    })
}

/// What `answer` says to the task asked for.
pub fn runware(answer: impl Fn(&str) -> Value + Send + Sync + 'static) -> Reply {
    Reply::By(Arc::new(move |received: &Received| {
        Reply::json(&answer(received.json()[0]["taskUUID"].as_str().unwrap_or_default()))
    }))
}
