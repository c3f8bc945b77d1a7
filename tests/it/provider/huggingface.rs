use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use inkledger::ai::provider::http::HttpOptions;
use inkledger::ai::provider::huggingface::HuggingFace;
use inkledger::ai::provider::{
    Access, Call, FailureClass, FailureCode, ImageProvider, ImageRequest, ImageResult, ProviderFailure, Settings,
    Timeouts, UpscaleRequest,
};
use serde_json::{Value, json};

use super::text_protocols::{LONG, SHORT, sample};
use super::{API_KEY, access, assert_harmless, at, http, patient, settings};
use crate::support::fake_provider::{FakeProvider, Peer, Piece, Reply, listen};

const SDXL: &str = "stabilityai/stable-diffusion-xl-base-1.0";
const QWEN: &str = "Qwen/Qwen-Image";

fn adapter() -> HuggingFace {
    HuggingFace::new(http(&HttpOptions::default()))
}

fn request(model: &str) -> ImageRequest {
    ImageRequest { model: model.to_owned(), ..super::image_request() }
}

/// A real image of 64 × 48 pixels.
fn picture(format: ::image::ImageFormat) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let pixels = ::image::RgbImage::from_fn(64, 48, |x, y| ::image::Rgb([x as u8, y as u8, (x * y) as u8]));
    ::image::DynamicImage::from(pixels).write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn png() -> Vec<u8> {
    picture(::image::ImageFormat::Png)
}

fn drawn(content_type: &str, bytes: Vec<u8>) -> Reply {
    Reply::pieces(content_type, vec![Piece::Bytes(bytes)])
}

/// What fal answers: the image inside a `data:` URL.
fn inside(bytes: &[u8]) -> Reply {
    at_url(&format!("data:image/png;base64,{}", BASE64.encode(bytes)))
}

fn at_url(url: &str) -> Reply {
    Reply::json(
        &json!({ "images": [{ "url": url, "width": 64, "height": 48 }], "seed": 7, "has_nsfw_concepts": [false] }),
    )
}

async fn draw(reply: Reply, request: &ImageRequest) -> Result<ImageResult, ProviderFailure> {
    let fake = FakeProvider::with([reply]).await;
    adapter().generate_image(request, &at(&fake.base_url())).await
}

async fn failure(reply: Reply, model: &str) -> ProviderFailure {
    let failure = draw(reply, &request(model)).await.unwrap_err();
    assert_harmless(&failure);
    failure
}

#[tokio::test]
async fn the_request_to_hf_inference_is_on_the_wire_byte_for_byte() {
    let fake = FakeProvider::with([drawn("image/png", png()), drawn("image/jpeg", png())]).await;
    let (adapter, call) = (adapter(), at(&fake.url("")));
    adapter.generate_image(&request(SDXL), &call).await.unwrap();
    let tuned = ImageRequest {
        seed: Some(u32::MAX),
        settings: settings(json!({
            "guidance_scale": 7.5, "num_inference_steps": 30, "negative_prompt": "blur", "output_format": "jpeg",
            "inference_provider": "hf-inference", "provider_model": "some/other",
        })),
        ..request(QWEN)
    };
    adapter.generate_image(&tuned, &call).await.unwrap();

    let received = fake.received();
    assert_eq!(
        received[0].text(),
        r#"{"inputs":"canary prompt about lanterns","parameters":{"width":64,"height":48}}"#
    );
    assert_eq!(
        received[1].text(),
        r#"{"inputs":"canary prompt about lanterns","parameters":{"width":64,"height":48,"seed":4294967295,"guidance_scale":7.5,"negative_prompt":"blur","num_inference_steps":30}}"#
    );
    assert_eq!(received[0].path, format!("/hf-inference/models/{SDXL}"));
    assert_eq!(received[1].path, "/hf-inference/models/some/other");
    assert_eq!((received[0].header("accept"), received[1].header("accept")), (Some("image/png"), Some("image/jpeg")));
    // Two wishes without a seed are not to be answered with one image.
    assert_eq!((received[0].header("x-use-cache"), received[1].header("x-use-cache")), (Some("false"), None));
    for request in &received {
        assert_eq!((request.method.as_str(), request.query.as_str()), ("POST", ""));
        assert_eq!(request.header("authorization"), Some(format!("Bearer {API_KEY}").as_str()));
        assert_eq!(request.header("idempotency-key"), Some("attempt-2"));
        assert_eq!(request.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn the_request_to_fal_is_on_the_wire_byte_for_byte() {
    let fake = FakeProvider::with([inside(&png()), inside(&png()), inside(&png())]).await;
    let (adapter, call) = (adapter(), at(&fake.url("")));
    adapter.generate_image(&request(QWEN), &call).await.unwrap();
    let tuned = ImageRequest {
        seed: Some(7),
        settings: settings(json!({
            "guidance_scale": 4, "num_inference_steps": 30, "negative_prompt": "blur", "output_format": "jpeg",
            "inference_provider": "fal-ai", "provider_model": "fal-ai/fast-sdxl",
        })),
        ..request(SDXL)
    };
    adapter.generate_image(&tuned, &call).await.unwrap();
    let by_its_name =
        ImageRequest { settings: settings(json!({ "inference_provider": "fal-ai" })), ..request("fal-ai/flux/dev") };
    adapter.generate_image(&by_its_name, &call).await.unwrap();

    let received = fake.received();
    assert_eq!(
        received[0].text(),
        r#"{"prompt":"canary prompt about lanterns","image_size":{"width":64,"height":48},"num_images":1,"sync_mode":true}"#
    );
    assert_eq!(
        received[1].text(),
        r#"{"prompt":"canary prompt about lanterns","image_size":{"width":64,"height":48},"num_images":1,"sync_mode":true,"seed":7,"output_format":"jpeg","guidance_scale":4,"negative_prompt":"blur","num_inference_steps":30}"#
    );
    assert_eq!(received[0].path, "/fal-ai/fal-ai/qwen-image");
    assert_eq!(received[1].path, "/fal-ai/fal-ai/fast-sdxl");
    assert_eq!(received[2].path, "/fal-ai/fal-ai/flux/dev");
    for request in &received {
        assert_eq!(request.header("authorization"), Some(format!("Bearer {API_KEY}").as_str()));
        assert_eq!(request.header("accept"), Some("application/json"));
    }
}

#[tokio::test]
async fn an_image_arrives_with_its_type_and_reference_however_it_is_sent() {
    for (format, content_type) in [
        (::image::ImageFormat::Png, "image/png"),
        (::image::ImageFormat::Jpeg, "image/jpeg"),
        (::image::ImageFormat::WebP, "image/webp"),
    ] {
        let bytes = picture(format);
        for claimed in ["image/png", "application/octet-stream"] {
            let reply = drawn(claimed, bytes.clone()).with_header("x-request-id", "req_7");
            let result = draw(reply, &request(SDXL)).await.unwrap();
            assert_eq!((result.bytes.as_ref(), result.content_type), (bytes.as_slice(), content_type));
            assert_eq!((result.provider_ref.as_deref(), result.cost_nanousd), (Some("req_7"), None));
        }
        let result = draw(inside(&bytes), &request(QWEN)).await.unwrap();
        assert_eq!((result.bytes.as_ref(), result.content_type), (bytes.as_slice(), content_type));
    }
    let fake = FakeProvider::start().await;
    fake.serve("/generated/1", drawn("image/png", png()));
    fake.push(at_url(&fake.url("/generated/1")));
    let result = adapter().generate_image(&request(QWEN), &at(&fake.base_url())).await.unwrap();
    assert_eq!(result.bytes.to_vec(), png());
    assert_eq!(fake.received()[1].header("authorization"), None, "the key stays with the router");
}

#[tokio::test]
async fn answers_without_an_image_are_typed() {
    use FailureCode::{CorruptImage, GenerationFailed, NetworkError, ParseFailed, ProviderRefused};
    let json = |body: Value| Reply::json(&body);
    for (model, reply, code) in [
        (SDXL, drawn("image/png", b"<html>".to_vec()), CorruptImage),
        (SDXL, drawn("image/png", Vec::new()), CorruptImage),
        (SDXL, drawn("image/png", vec![0; 20 * 1024 * 1024 + 1]), CorruptImage),
        (SDXL, json(json!({ "error": "words of the provider" })), ParseFailed),
        (SDXL, Reply::ok("text/html", "<html>"), ParseFailed),
        (SDXL, Reply::Raw { status: 200, headers: vec![], body: vec![Piece::Bytes(png())] }, ParseFailed),
        (SDXL, Reply::pieces("image/png", vec![Piece::Bytes(png()), Piece::Break]), NetworkError),
        (QWEN, json(json!({ "images": [] })), GenerationFailed),
        (QWEN, json(json!({})), GenerationFailed),
        (QWEN, json(json!({ "images": [{ "width": 64 }] })), GenerationFailed),
        (QWEN, json(json!({ "images": [{ "url": "x" }], "has_nsfw_concepts": [true] })), ProviderRefused),
        (QWEN, at_url("data:image/png;base64,!!"), CorruptImage),
        (QWEN, at_url("data:image/png;base64,"), CorruptImage),
        (QWEN, inside(b"GIF89a of long ago"), CorruptImage),
        (QWEN, at_url("http://169.254.169.254/latest/meta-data/"), GenerationFailed),
        (QWEN, at_url("https://127.0.0.1/1.png"), GenerationFailed),
        (QWEN, Reply::ok("application/json", "{\"images\": ["), ParseFailed),
        (QWEN, Reply::ok("application/json", "[]"), ParseFailed),
        (QWEN, drawn("image/png", png()), ParseFailed),
    ] {
        let failure = failure(reply, model).await;
        assert_eq!((failure.code, failure.sent), (code, true), "{failure:?}");
    }
}

#[tokio::test]
async fn every_error_answer_has_one_code_and_class() {
    use FailureClass::{OperatorFault, Permanent, Throttled, Transient, Unknown};
    use FailureCode as C;
    let says = |text: &str| json!({ "error": text });
    let fal = |kind: &str| json!({ "detail": [{ "loc": ["body", "prompt"], "msg": "words", "type": kind }] });
    for (status, body, code, class) in [
        (
            400,
            json!({ "error": ["Error in `parameters.width`: range"], "warnings": [] }),
            C::InvalidParameters,
            Permanent,
        ),
        (400, says("Model X is not supported by provider hf-inference."), C::Unauthorized, OperatorFault),
        (400, says("The prompt is too long"), C::PromptTooLong, Permanent),
        (400, says("NSFW content detected"), C::ProviderRefused, Permanent),
        (401, says("Invalid username or password."), C::InvalidApiKey, OperatorFault),
        (402, says("You have exceeded your monthly included credits"), C::ProviderFundsExhausted, OperatorFault),
        (403, says("This authentication method does not have sufficient permissions"), C::Unauthorized, OperatorFault),
        (404, says("Model not found"), C::Unauthorized, OperatorFault),
        (404, json!(null), C::UnknownError, OperatorFault),
        (410, says("gone"), C::UnknownError, OperatorFault),
        (413, says("Payload too large"), C::PromptTooLong, Permanent),
        (418, says("short and stout"), C::UnknownError, Unknown),
        (422, fal("content_policy_violation"), C::ProviderRefused, Permanent),
        (422, fal("string_too_long"), C::PromptTooLong, Permanent),
        (422, fal("no_media_generated"), C::GenerationFailed, Unknown),
        (422, fal("generation_timeout"), C::ServiceUnavailable, Transient),
        (422, fal("greater_than"), C::InvalidParameters, Permanent),
        (422, json!({ "detail": "words" }), C::InvalidParameters, Permanent),
        (429, says("Too many requests"), C::RateLimited, Throttled),
        (500, says("CUDA out of memory"), C::ServiceUnavailable, Transient),
        (502, json!("<html>"), C::ServiceUnavailable, Transient),
        (503, says("Service unavailable"), C::ServiceUnavailable, Transient),
        (503, says("Model X is currently loading"), C::ServiceUnavailable, Throttled),
        (504, json!(null), C::ServiceUnavailable, Transient),
    ] {
        for model in [SDXL, QWEN] {
            let failure = failure(Reply::status(status, &body), model).await;
            assert_eq!((failure.code, failure.class), (code, class), "{status} {body}: {failure:?}");
            assert!(failure.sent && failure.detail.contains(&status.to_string()), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn a_model_that_loads_says_how_long() {
    let loading =
        |time: Value| Reply::status(503, &json!({ "error": "Model is currently loading", "estimated_time": time }));
    let wait = async |reply| failure(reply, SDXL).await.retry_after;
    assert_eq!(wait(loading(json!(20.5))).await, Some(Duration::from_millis(20_500)));
    assert_eq!(wait(loading(json!(20.5)).with_header("retry-after", "3")).await, Some(Duration::from_secs(3)));
    assert_eq!(wait(loading(json!("soon"))).await, None);
    assert_eq!(wait(loading(json!(-1))).await, None);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_unsent() {
    let fake = FakeProvider::start().await;
    let refused = async |request: &ImageRequest, call: &Call| {
        let failure = adapter().generate_image(request, call).await.unwrap_err();
        assert!(!failure.sent, "{failure:?}");
        failure.code
    };
    for model in [SDXL, QWEN] {
        let keyless = patient().with_access(Access { base_url: Some(fake.base_url()), key: None });
        assert_eq!(refused(&request(model), &keyless).await, FailureCode::InvalidApiKey);
        let cancelled = at(&fake.base_url());
        cancelled.cancel.cancel();
        assert_eq!(refused(&request(model), &cancelled).await, FailureCode::Cancelled);
        let spaced = ImageRequest { request_key: "with space".into(), ..request(model) };
        assert_eq!(refused(&spaced, &at(&fake.base_url())).await, FailureCode::InvalidParameters);
        assert_eq!(refused(&request(model), &at("http://127.0.0.1:1")).await, FailureCode::NetworkError);
        let mute = listen(Peer::Mute).await;
        let impatient = HuggingFace::new(http(&HttpOptions { connect_timeout: SHORT, ..HttpOptions::default() }));
        let call = at(&format!("https://{mute}"));
        let failure = impatient.generate_image(&request(model), &call).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (FailureCode::TimeoutConnect, false));
    }
    let enlarge = UpscaleRequest {
        model: SDXL.into(),
        prompt: String::new(),
        bytes: png().into(),
        content_type: "image/png",
        width: 64,
        height: 48,
        factor: 2,
        settings: Settings::new(),
        request_key: "attempt-3".into(),
    };
    let failure = adapter().upscale_image(&enlarge, &at(&fake.base_url())).await.unwrap_err();
    assert_eq!((failure.code, failure.sent), (FailureCode::InvalidParameters, false));
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn every_time_limit_and_a_cancel_have_codes_of_their_own() {
    let call = |base: &str, first_byte, chunk, total| {
        Call::new(Timeouts { first_byte, chunk, total }).with_access(access(base))
    };
    for (model, media) in [(SDXL, "image/png"), (QWEN, "application/json")] {
        let code = async |reply: Reply, first_byte, chunk, total| {
            let fake = FakeProvider::with([reply]).await;
            let call = call(&fake.base_url(), first_byte, chunk, total);
            let failure = adapter().generate_image(&request(model), &call).await.unwrap_err();
            assert!(failure.sent);
            failure.code
        };
        assert_eq!(code(Reply::Silence, SHORT, LONG, LONG).await, FailureCode::TimeoutFirstByte);
        let stalls = Reply::pieces(media, vec![Piece::text("{"), Piece::Pause(LONG)]);
        assert_eq!(code(stalls.clone(), LONG, SHORT, LONG).await, FailureCode::TimeoutChunk);
        assert_eq!(code(stalls.clone(), LONG, LONG, SHORT).await, FailureCode::TimeoutTotal);

        let fake = FakeProvider::with([stalls]).await;
        let call = at(&fake.base_url());
        let (adapter, request, cancel) = (adapter(), request(model), call.cancel.clone());
        let (outcome, ()) = tokio::join!(adapter.generate_image(&request, &call), async {
            while fake.received().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            cancel.cancel();
        });
        let failure = outcome.unwrap_err();
        assert_eq!((failure.code, failure.sent), (FailureCode::Cancelled, true));
    }
}

#[tokio::test]
async fn every_declared_setting_changes_what_is_sent() {
    let adapter = adapter();
    for (model, reply) in [(SDXL, drawn("image/png", png())), (QWEN, inside(&png()))] {
        for spec in adapter.image_settings() {
            // Who draws decides what the answer looks like, so it is tried where the requests are compared byte by byte.
            if spec.name == "inference_provider" {
                continue;
            }
            let fake = FakeProvider::with([reply.clone()]).await;
            let value = sample(spec);
            let settings = Settings::from_iter([(spec.name.to_owned(), value.clone())]);
            let request = ImageRequest { settings, ..request(model) };
            adapter.generate_image(&request, &at(&fake.base_url())).await.unwrap();
            let received = fake.received().remove(0);
            let all =
                format!("{} {} {}", received.path, received.header("accept").unwrap_or_default(), received.text());
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert!(all.contains(&shown), "{model} {}: {all}", spec.name);
        }
    }
}
