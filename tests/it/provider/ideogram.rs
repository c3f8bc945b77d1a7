use inkledger::ai::model::AspectRatio;
use inkledger::ai::provider::{FailureClass, FailureCode, ImageRequest};
use serde_json::json;

use super::image_stage::{Service, file, ideogram_image, png};
use super::{API_KEY, assert_harmless, at, settings};
use crate::support::fake_provider::{FakeProvider, Piece, Received, Reply};

const SERVICE: Service = Service::Ideogram;

/// The parts of a form, byte for byte but for the boundary.
fn parts(received: &Received) -> Vec<String> {
    let kind = received.header("content-type").unwrap().to_owned();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let text = received.text();
    let inner = text.strip_prefix(&format!("--{boundary}\r\n")).unwrap();
    let inner = inner.strip_suffix(&format!("\r\n--{boundary}--\r\n")).unwrap();
    inner.split(&format!("\r\n--{boundary}\r\n")).map(str::to_owned).collect()
}

fn field(name: &str, value: &str) -> String {
    format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}")
}

async fn sent(request: &ImageRequest) -> Vec<String> {
    let fake = FakeProvider::start().await;
    SERVICE.serve_all(&fake);
    SERVICE.adapter().generate_image(request, &at(&fake.base_url())).await.unwrap();
    parts(&fake.received()[0])
}

#[tokio::test]
async fn a_request_is_a_form_byte_for_byte_and_its_image_is_fetched_without_the_key() {
    let fake = FakeProvider::start().await;
    SERVICE.serve_all(&fake);
    let result = SERVICE.draw(&fake).await.unwrap();
    assert_eq!((result.bytes.to_vec(), result.content_type), (png(), "image/png"));
    assert_eq!((result.cost_nanousd, result.usage), (None, None));
    let received = fake.received();
    let (asked, fetched) = (&received[0], &received[1]);
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/v1/v1/ideogram-v3/generate"));
    assert_eq!((asked.header("api-key"), asked.header("authorization")), (Some(API_KEY), None));
    assert_eq!(asked.header("accept"), Some("application/json"));
    assert_eq!(
        parts(asked),
        [field("prompt", "canary prompt about lanterns"), field("aspect_ratio", "4x3"), field("num_images", "1")]
    );
    assert_eq!((fetched.method.as_str(), fetched.path.as_str()), ("GET", "/made/1.png"));
    assert!(fetched.headers.values().all(|value| value != API_KEY));
}

#[tokio::test]
async fn every_shape_seed_and_setting_reaches_the_form() {
    let all = json!({
        "rendering_speed": "QUALITY", "style_type": "DESIGN", "style_preset": "ART_DECO", "magic_prompt": "OFF",
        "negative_prompt": "rain",
    });
    let request = ImageRequest { seed: Some(7), settings: settings(all), ..SERVICE.request() };
    assert_eq!(
        sent(&request).await[2..],
        [
            field("num_images", "1"),
            field("seed", "7"),
            field("magic_prompt", "OFF"),
            field("negative_prompt", "rain"),
            field("rendering_speed", "QUALITY"),
            field("style_preset", "ART_DECO"),
            field("style_type", "DESIGN"),
        ]
    );
    // Its seeds have 31 bits.
    for (seed, sent_as) in [(0, "0"), (0x7fff_ffff, "2147483647"), (0x8000_0000, "0"), (u32::MAX, "2147483647")] {
        let request = ImageRequest { seed: Some(seed), ..SERVICE.request() };
        assert_eq!(sent(&request).await[3], field("seed", sent_as));
    }
    for ratio in AspectRatio::ALL {
        let request = ImageRequest { ratio, width: 700, height: 500, ..SERVICE.request() };
        // The one shape it has no name for is asked for by its pixels.
        let expected = match ratio.to_string().as_str() {
            "5:7" => field("resolution", "700x500"),
            named => field("aspect_ratio", &named.replace(':', "x")),
        };
        assert_eq!(sent(&request).await[1], expected);
    }
    let exact = settings(json!({ "size_field": "resolution" }));
    let request = ImageRequest { settings: exact, ..SERVICE.request() };
    assert_eq!(sent(&request).await[1], field("resolution", "64x48"));
}

#[tokio::test]
async fn an_image_is_enlarged_byte_for_byte() {
    let fake = FakeProvider::start().await;
    let (adapter, call) = (SERVICE.adapter(), at(&fake.base_url()));
    let mut request = SERVICE.enlargement();
    SERVICE.serve_all(&fake);
    let result = adapter.upscale_image(&request, &call).await.unwrap();
    assert_eq!(result.bytes.to_vec(), png());
    let asked = fake.received()[0].clone();
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/v1/upscale"));
    assert_eq!(asked.header("api-key"), Some(API_KEY));
    let image = "Content-Disposition: form-data; name=\"image_file\"; filename=\"image.jpg\"\r\nContent-Type: \
                 image/jpeg\r\n\r\nsmall picture";
    let order = field("image_request", r#"{"prompt":"canary prompt about lanterns","num_images":1}"#);
    assert_eq!(parts(&asked), [order, image.to_owned()]);

    request.prompt.clear();
    request.settings = settings(json!({ "resemblance": 60, "detail": 40, "magic_prompt": "OFF" }));
    request.content_type = "image/png";
    SERVICE.serve_all(&fake);
    adapter.upscale_image(&request, &call).await.unwrap();
    let again = parts(&fake.received()[2]);
    let order = r#"{"resemblance":60,"detail":40,"magic_prompt_option":"OFF","num_images":1}"#;
    assert_eq!(again[0], field("image_request", order));
    assert!(again[1].contains("filename=\"image.png\"\r\nContent-Type: image/png\r\n"));
}

#[tokio::test]
async fn what_cannot_be_enlarged_is_refused_unsent() {
    let fake = FakeProvider::start().await;
    let large = vec![0; 10 * 1024 * 1024 + 1].into();
    for (factor, bytes) in [(4, SERVICE.enlargement().bytes), (2, large)] {
        let request = inkledger::ai::provider::UpscaleRequest { factor, bytes, ..SERVICE.enlargement() };
        let failure = SERVICE.adapter().upscale_image(&request, &at(&fake.base_url())).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (FailureCode::InvalidParameters, false));
    }
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn every_error_answer_has_one_code_and_class() {
    use FailureClass::{OperatorFault, Permanent, Throttled, Transient, Unknown};
    use FailureCode as C;
    let says = |text: &str| json!({ "error": text });
    for (status, body, code, class) in [
        (400, says("words of the provider"), C::InvalidParameters, Permanent),
        (400, says("The prompt exceeds the maximum length"), C::PromptTooLong, Permanent),
        (400, says("Prompt failed the safety check"), C::ProviderRefused, Permanent),
        (400, says("Insufficient credits"), C::ProviderFundsExhausted, OperatorFault),
        (401, says("Invalid key"), C::InvalidApiKey, OperatorFault),
        (402, json!(null), C::ProviderFundsExhausted, OperatorFault),
        (403, says("words of the provider"), C::Unauthorized, OperatorFault),
        (403, json!({ "message": "Insufficient balance" }), C::ProviderFundsExhausted, OperatorFault),
        (404, json!(null), C::Unauthorized, OperatorFault),
        (405, json!(null), C::UnknownError, OperatorFault),
        (413, json!(null), C::InvalidParameters, Permanent),
        (418, json!(null), C::UnknownError, Unknown),
        (422, says("words of the provider"), C::ProviderRefused, Permanent),
        (422, json!({ "detail": [{ "loc": ["body", "seed"], "type": "int" }] }), C::InvalidParameters, Permanent),
        (429, json!(null), C::RateLimited, Throttled),
        (500, json!(null), C::ServiceUnavailable, Transient),
        (503, says("words of the provider"), C::ServiceUnavailable, Transient),
        (504, json!(null), C::ServiceUnavailable, Transient),
    ] {
        let fake = FakeProvider::with([Reply::status(status, &body)]).await;
        let failure = SERVICE.draw(&fake).await.unwrap_err();
        assert_harmless(&failure);
        assert_eq!((failure.code, failure.class), (code, class), "{status} {body}: {failure:?}");
        assert!(failure.sent && failure.detail.contains(&status.to_string()), "{failure:?}");
    }
    let slow = Reply::status(429, &json!({})).with_header("retry-after", "7").with_header("x-request-id", "r-9");
    let failure = SERVICE.draw(&FakeProvider::with([slow]).await).await.unwrap_err();
    assert_eq!(failure.retry_after, Some(std::time::Duration::from_secs(7)));
    assert_eq!(failure.provider_ref.as_deref(), Some("r-9"));
}

#[tokio::test]
async fn answers_without_a_good_image_are_typed() {
    let fake = FakeProvider::start().await;
    fake.serve("/made/1.png", file(png()));
    let there = fake.url("/made/1.png");
    let one = |datum: serde_json::Value| Reply::json(&json!({ "data": [datum] }));
    for (reply, code) in [
        (one(json!({ "is_image_safe": false, "url": null })), FailureCode::ProviderRefused),
        (one(json!({ "is_image_safe": false, "url": there })), FailureCode::ProviderRefused),
        (one(json!({ "is_image_safe": true, "url": null })), FailureCode::GenerationFailed),
        (one(json!({ "is_image_safe": true, "url": "" })), FailureCode::GenerationFailed),
        (one(json!({ "is_image_safe": "yes", "url": there })), FailureCode::ParseFailed),
        (one(json!({ "is_image_safe": true, "url": 5 })), FailureCode::ParseFailed),
        (Reply::json(&json!({ "data": [] })), FailureCode::GenerationFailed),
        (Reply::json(&json!({ "data": null })), FailureCode::GenerationFailed),
        (Reply::json(&json!({ "data": "none" })), FailureCode::ParseFailed),
        (Reply::json(&json!({})), FailureCode::GenerationFailed),
        (Reply::json(&json!([])), FailureCode::ParseFailed),
        (Reply::ok("application/json", "{\"data\": ["), FailureCode::ParseFailed),
        (Reply::ok("text/html", "<html>"), FailureCode::ParseFailed),
        (Reply::pieces("application/json", vec![Piece::text("{"), Piece::Break]), FailureCode::NetworkError),
    ] {
        fake.push(reply);
        let asked = fake.received().len();
        let failure = SERVICE.draw(&fake).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (code, true), "{failure:?}");
        assert_eq!(fake.received().len(), asked + 1, "nothing is fetched");
    }
}

#[tokio::test]
async fn an_image_that_expired_or_moved_is_typed_and_no_redirect_is_followed() {
    let other = FakeProvider::start().await;
    other.serve("/1.png", file(png()));
    for (reply, code) in [
        (Reply::status(404, &json!({})), FailureCode::GenerationFailed),
        (Reply::status(403, &json!({})), FailureCode::GenerationFailed),
        (Reply::status(302, &json!({})).with_header("location", other.url("/1.png")), FailureCode::GenerationFailed),
        (file(b"<html>expired</html>".to_vec()), FailureCode::CorruptImage),
        (file(vec![0; 20 * 1024 * 1024 + 1]), FailureCode::CorruptImage),
        (Reply::pieces("image/png", vec![Piece::Bytes(png()), Piece::Break]), FailureCode::NetworkError),
    ] {
        let fake = FakeProvider::start().await;
        fake.serve("/gone.png", reply);
        fake.push(ideogram_image(&fake.url("/gone.png")));
        let failure = SERVICE.draw(&fake).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (code, true), "{failure:?}");
    }
    assert!(other.received().is_empty());
    for url in ["http://169.254.169.254/x.png", "https://127.0.0.1:1/x.png", "file:///etc/passwd", "not a url"] {
        let fake = FakeProvider::with([ideogram_image(url)]).await;
        let failure = SERVICE.draw(&fake).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (FailureCode::GenerationFailed, true), "{url}");
    }
}
