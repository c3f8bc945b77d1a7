use inkledger::ai::provider::http::HttpOptions;
use inkledger::ai::provider::openai::OpenAi;
use inkledger::ai::provider::{FailureCode, ImageProvider, TokenUsage};
use inkledger::image::pixels;
use serde_json::json;

use super::{adapter, at, http, image_failure, image_from, image_request, settings};
use crate::support::fake_openai::{image, image_at};
use crate::support::fake_provider::{Billed, FakeProvider, Piece, Reply};

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

fn served(bytes: Vec<u8>) -> Reply {
    Reply::pieces("application/octet-stream", vec![Piece::Bytes(bytes)])
}

#[tokio::test]
async fn an_image_in_base64_arrives_with_its_type_usage_and_cost() {
    for (format, content_type) in [
        (::image::ImageFormat::Png, "image/png"),
        (::image::ImageFormat::Jpeg, "image/jpeg"),
        (::image::ImageFormat::WebP, "image/webp"),
    ] {
        let bytes = picture(format);
        let usage = json!({ "input_tokens": 11, "output_tokens": 272, "total_tokens": 283, "cost": 0.0412 });
        let fake = FakeProvider::with([image(&bytes, Some(usage))]).await;
        let result = image_from(&fake).await.unwrap();
        assert_eq!((result.bytes.as_ref(), result.content_type), (bytes.as_slice(), content_type));
        assert_eq!(result.usage, Some(TokenUsage { input: 11, output: 272 }));
        assert_eq!(result.cost_nanousd, Some(41_200_000));
        assert_eq!(pixels::check(&result.bytes).unwrap().width, 64);
        let billed = Billed { request_key: "attempt-2".into(), model: "draw-test".into(), tokens: (0, 0), images: 1 };
        assert_eq!(fake.billed(), [billed]);
    }
}

#[tokio::test]
async fn the_request_is_on_the_wire_byte_for_byte() {
    let fake = FakeProvider::with([image(&png(), None), image(&png(), None), image(&png(), None)]).await;
    let (adapter, call) = (adapter(), at(&format!("{}/", fake.base_url())));
    let result = adapter.generate_image(&image_request(), &call).await.unwrap();
    assert_eq!((result.usage, result.cost_nanousd), (None, None));
    let mut seeded = image_request();
    seeded.seed = Some(u32::MAX);
    adapter.generate_image(&seeded, &call).await.unwrap();
    let mut tuned = image_request();
    tuned.settings = settings(json!({
        "quality": "high", "style": "vivid", "background": "opaque", "output_format": "webp",
        "output_compression": 80, "moderation": "low", "organization": "org-9",
    }));
    adapter.generate_image(&tuned, &call).await.unwrap();

    let received = fake.received();
    assert_eq!(received[0].path, "/v1/images/generations");
    assert_eq!(
        received[0].text(),
        r#"{"model":"draw-test","prompt":"canary prompt about lanterns","n":1,"size":"64x48"}"#
    );
    assert_eq!(
        received[1].text(),
        r#"{"model":"draw-test","prompt":"canary prompt about lanterns","n":1,"size":"64x48","seed":4294967295}"#
    );
    assert_eq!(
        received[2].text(),
        r#"{"model":"draw-test","prompt":"canary prompt about lanterns","n":1,"size":"64x48","background":"opaque","moderation":"low","output_compression":80,"output_format":"webp","quality":"high","style":"vivid"}"#
    );
    assert_eq!(received[2].header("openai-organization"), Some("org-9"));
    assert_eq!(received[0].header("openai-organization"), None);
    assert_eq!(received[0].header("idempotency-key"), Some("attempt-2"));
    assert_eq!(received[0].header("x-client-request-id"), Some("attempt-2"));
}

#[tokio::test]
async fn an_image_behind_a_url_of_the_same_origin_is_fetched_without_the_key() {
    let fake = FakeProvider::start().await;
    fake.serve("/generated/1", served(png()));
    fake.push(image_at(fake.url("/generated/1")));
    let result = image_from(&fake).await.unwrap();
    assert_eq!((result.bytes.to_vec(), result.content_type), (png(), "image/png"));
    let fetched = &fake.received()[1];
    assert_eq!((fetched.method.as_str(), fetched.path.as_str()), ("GET", "/generated/1"));
    assert_eq!(fetched.header("authorization"), None);
}

#[tokio::test]
async fn an_image_is_fetched_from_another_host_only_if_it_is_configured() {
    let files = FakeProvider::start().await;
    files.serve("/1.png", served(png()));
    let url = format!("http://localhost:{}/1.png", files.port());
    let fake = FakeProvider::with([image_at(url.clone()), image_at(url)]).await;
    assert_eq!(image_from(&fake).await.unwrap_err().code, FailureCode::GenerationFailed);
    assert!(files.received().is_empty());

    let options = HttpOptions { image_hosts: vec!["LOCALHOST".into()], ..HttpOptions::default() };
    let adapter = OpenAi::new(http(&options));
    let result = adapter.generate_image(&image_request(), &at(&fake.base_url())).await.unwrap();
    assert_eq!(result.bytes.to_vec(), png());
    assert_eq!(files.received()[0].header("authorization"), None);
}

#[tokio::test]
async fn no_answer_turns_us_against_our_own_network() {
    let inside = FakeProvider::start().await;
    inside.serve("/1.png", served(png()));
    let port = inside.port();
    for url in [
        format!("http://127.0.0.1:{port}/1.png"),
        format!("http://localhost:{port}/1.png"),
        format!("https://127.0.0.1:{port}/1.png"),
        format!("https://localhost:{port}/1.png"),
        format!("https://2130706433:{port}/1.png"),
        format!("https://0x7f.1:{port}/1.png"),
        format!("https://[::1]:{port}/1.png"),
        format!("https://[::ffff:127.0.0.1]:{port}/1.png"),
        "https://169.254.169.254/latest/meta-data/".into(),
        "http://169.254.169.254/latest/meta-data/".into(),
        "https://10.0.0.1/1.png".into(),
        "file:///etc/passwd".into(),
        "ftp://example.com/1.png".into(),
        "data:image/png;base64,iVBORw0KGgo=".into(),
        "//example.com/1.png".into(),
        String::new(),
    ] {
        let failure = image_failure(image_at(url.clone())).await;
        assert_eq!((failure.code, failure.sent), (FailureCode::GenerationFailed, true), "{url}: {failure:?}");
    }
    assert!(inside.received().is_empty());
}

#[tokio::test]
async fn a_file_that_cannot_be_fetched_is_typed() {
    let other = FakeProvider::start().await;
    other.serve("/1.png", served(png()));
    let redirect = Reply::status(302, &json!({})).with_header("location", other.url("/1.png"));
    let large = served(vec![0; 20 * 1024 * 1024 + 1]);
    let broken = Reply::pieces("image/png", vec![Piece::Bytes(png()), Piece::Break]);
    for (reply, code) in [
        (redirect, FailureCode::GenerationFailed),
        (Reply::status(404, &json!({})), FailureCode::GenerationFailed),
        (large, FailureCode::CorruptImage),
        (broken, FailureCode::NetworkError),
        (served(b"<html>expired</html>".to_vec()), FailureCode::CorruptImage),
        (served(Vec::new()), FailureCode::CorruptImage),
    ] {
        let fake = FakeProvider::start().await;
        fake.serve("/1.png", reply);
        fake.push(image_at(fake.url("/1.png")));
        let failure = image_from(&fake).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (code, true), "{failure:?}");
    }
    assert!(other.received().is_empty());
    let credentials = FakeProvider::start().await;
    let url = credentials.url("/1.png").replace("http://", "http://user:word@");
    credentials.push(image_at(url));
    assert_eq!(image_from(&credentials).await.unwrap_err().code, FailureCode::GenerationFailed);
}

#[tokio::test]
async fn answers_without_an_image_are_typed() {
    let json = |body: serde_json::Value| Reply::json(&body);
    for (reply, code) in [
        (json(json!({ "data": [] })), FailureCode::GenerationFailed),
        (json(json!({ "created": 1 })), FailureCode::GenerationFailed),
        (json(json!({ "data": [{ "revised_prompt": "x" }] })), FailureCode::GenerationFailed),
        (json(json!({ "data": [{ "b64_json": "!!not base64" }] })), FailureCode::CorruptImage),
        (json(json!({ "data": [{ "b64_json": "" }] })), FailureCode::CorruptImage),
        (json(json!({ "error": { "code": "moderation_blocked" } })), FailureCode::ProviderRefused),
        (image(b"GIF89a of long ago", None), FailureCode::CorruptImage),
        (Reply::ok("application/json", "{\"data\": ["), FailureCode::ParseFailed),
        (Reply::ok("application/json", "[]"), FailureCode::ParseFailed),
        (Reply::ok("text/html", "<html>"), FailureCode::ParseFailed),
        (
            Reply::pieces("application/json", vec![Piece::Bytes(vec![b' '; 29 * 1024 * 1024])]),
            FailureCode::CorruptImage,
        ),
        (Reply::pieces("application/json", vec![Piece::text("{"), Piece::Break]), FailureCode::NetworkError),
    ] {
        let failure = image_failure(reply).await;
        assert_eq!((failure.code, failure.sent), (code, true), "{failure:?}");
    }
}
