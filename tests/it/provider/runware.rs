use inkledger::ai::provider::{FailureClass, FailureCode, ImageRequest, UpscaleRequest};
use serde_json::{Value, json};

use super::image_stage::{Service, file, png, runware, runware_image};
use super::{API_KEY, assert_harmless, at, settings};
use crate::support::fake_provider::{FakeProvider, Piece, Reply};

const SERVICE: Service = Service::Runware;

/// What a key becomes: SHA-256 cut to a UUID of version 4. Known from elsewhere: `printf attempt-2 | sha256sum`.
const TASK: &str = "66708974-e5ef-4736-9fb9-8996c3e198c0";

async fn sent(request: &ImageRequest) -> String {
    let fake = FakeProvider::start().await;
    SERVICE.serve_all(&fake);
    SERVICE.adapter().generate_image(request, &at(&fake.base_url())).await.unwrap();
    fake.received()[0].text()
}

#[tokio::test]
async fn a_request_is_a_list_of_one_task_byte_for_byte_and_its_cost_is_exact() {
    let fake = FakeProvider::with([runware_image(&png(), &json!(0.0013))]).await;
    let result = SERVICE.draw(&fake).await.unwrap();
    assert_eq!((result.bytes.to_vec(), result.content_type), (png(), "image/png"));
    assert_eq!((result.cost_nanousd, result.provider_ref.as_deref()), (Some(1_300_000), Some(TASK)));
    let asked = &fake.received()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/v1"));
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {API_KEY}").as_str()));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    let expected = format!(
        r#"[{{"taskType":"imageInference","taskUUID":"{TASK}","model":"runware:101@1","positivePrompt":"canary prompt about lanterns","width":64,"height":48,"numberResults":1,"outputType":"base64Data","outputFormat":"PNG","includeCost":true}}]"#
    );
    assert_eq!(asked.text(), expected);
    let slash = at(&format!("{}/", fake.base_url()));
    fake.push(runware_image(&png(), &Value::Null));
    let result = SERVICE.draw_by(&slash).await.unwrap();
    assert_eq!((result.cost_nanousd, fake.received()[1].path.as_str()), (None, "/v1"));
}

#[tokio::test]
async fn every_seed_and_setting_reaches_the_task() {
    let all = json!({
        "steps": 40, "CFGScale": 3.5, "scheduler": "Euler", "negativePrompt": "rain", "clipSkip": 1,
        "promptWeighting": "compel", "vae": "runware:1@1", "checkNSFW": true, "outputType": "URL",
        "outputFormat": "WEBP", "outputQuality": 80,
    });
    let fake = FakeProvider::start().await;
    fake.serve("/made/1.png", file(png()));
    let url = fake.url("/made/1.png");
    fake.push(runware(move |task| {
        json!({ "data": [{ "taskUUID": task.to_uppercase(), "imageURL": url, "NSFWContent": false, "cost": "0.0019" }] })
    }));
    let request = ImageRequest { seed: Some(7), settings: settings(all), ..SERVICE.request() };
    let result = SERVICE.adapter().generate_image(&request, &at(&fake.base_url())).await.unwrap();
    assert_eq!((result.bytes.to_vec(), result.cost_nanousd), (png(), Some(1_900_000)));
    let received = fake.received();
    assert!(received[0].text().ends_with(
        r#""width":64,"height":48,"seed":7,"numberResults":1,"outputType":"URL","outputFormat":"WEBP","includeCost":true,"CFGScale":3.5,"checkNSFW":true,"clipSkip":1,"negativePrompt":"rain","outputQuality":80,"promptWeighting":"compel","scheduler":"Euler","steps":40,"vae":"runware:1@1"}]"#
    ));
    assert_eq!((received[1].path.as_str(), received[1].header("authorization")), ("/made/1.png", None));
    // Its seeds begin at 1.
    for (seed, sent_as) in [(0, "4294967296"), (1, "1"), (u32::MAX, "4294967295")] {
        let request = ImageRequest { seed: Some(seed), ..SERVICE.request() };
        assert!(sent(&request).await.contains(&format!(r#""seed":{sent_as},"#)));
    }
}

#[tokio::test]
async fn an_image_is_enlarged_byte_for_byte() {
    let fake = FakeProvider::start().await;
    let (adapter, call) = (SERVICE.adapter(), at(&fake.base_url()));
    fake.push(runware_image(&png(), &json!(0.0006)));
    let result = adapter.upscale_image(&SERVICE.enlargement(), &call).await.unwrap();
    assert_eq!((result.bytes.to_vec(), result.cost_nanousd), (png(), Some(600_000)));
    let body = fake.received()[0].text();
    let task = fake.received()[0].json()[0]["taskUUID"].as_str().unwrap().to_owned();
    assert_ne!(task, TASK);
    assert_eq!(
        body,
        format!(
            r#"[{{"taskType":"imageUpscale","taskUUID":"{task}","model":"runware:503@1","inputImage":"data:image/jpeg;base64,c21hbGwgcGljdHVyZQ==","upscaleFactor":2,"outputType":"base64Data","outputFormat":"PNG","includeCost":true}}]"#
        )
    );
    let tuned = settings(json!({ "upscaleTaskType": "upscale", "outputFormat": "JPG", "outputQuality": 90 }));
    let request = UpscaleRequest { settings: tuned, factor: 4, ..SERVICE.enlargement() };
    let uri = "data:image/png;base64,".to_owned()
        + &base64::Engine::encode(&base64::engine::general_purpose::STANDARD, png());
    fake.push(runware(move |task| json!({ "data": [{ "taskUUID": task, "imageDataURI": uri }] })));
    let result = adapter.upscale_image(&request, &call).await.unwrap();
    assert_eq!((result.bytes.to_vec(), result.cost_nanousd), (png(), None));
    let task = &fake.received()[1].json()[0];
    assert_eq!((&task["taskType"], &task["upscaleFactor"]), (&json!("upscale"), &json!(4)));
    assert_eq!((&task["outputFormat"], &task["outputQuality"]), (&json!("JPG"), &json!(90)));

    for factor in [1, 5] {
        let request = UpscaleRequest { factor, ..SERVICE.enlargement() };
        let failure = adapter.upscale_image(&request, &call).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (FailureCode::InvalidParameters, false));
    }
    assert_eq!(fake.received().len(), 2);
}

#[tokio::test]
async fn every_error_has_one_code_and_class_inside_a_good_answer_too() {
    use FailureClass::{OperatorFault, Permanent, Throttled, Transient, Unknown};
    use FailureCode as C;
    let error = |code: &str, message: &str| json!({ "code": code, "message": message, "parameter": "positivePrompt" });
    for (status, code, message, expected, class) in [
        (400, "invalidWidth", "words of the provider", C::InvalidParameters, Permanent),
        (400, "missingParameter", "", C::InvalidParameters, Permanent),
        (400, "invalidPositivePrompt", "The length must be between 2 and 3000", C::PromptTooLong, Permanent),
        (400, "invalidPositivePrompt", "words of the provider", C::InvalidParameters, Permanent),
        (400, "invalidModel", "", C::Unauthorized, OperatorFault),
        (400, "modelNotFound", "", C::Unauthorized, OperatorFault),
        (400, "invalidProviderContent", "", C::ProviderRefused, Permanent),
        (400, "contentModeration", "", C::ProviderRefused, Permanent),
        (400, "inferenceError", "", C::GenerationFailed, Unknown),
        (400, "insufficientCredits", "", C::ProviderFundsExhausted, OperatorFault),
        (400, "rateLimitExceeded", "", C::RateLimited, Throttled),
        (500, "timeoutProvider", "", C::ServiceUnavailable, Transient),
        (500, "internalServerError", "", C::ServiceUnavailable, Transient),
    ] {
        let body = json!({ "errors": [error(code, message)] });
        let fake = FakeProvider::with([Reply::status(status, &body), Reply::json(&body)]).await;
        for _ in 0..2 {
            let failure = SERVICE.draw(&fake).await.unwrap_err();
            assert_harmless(&failure);
            assert_eq!((failure.code, failure.class), (expected, class), "{status} {code}: {failure:?}");
            assert!(failure.sent && failure.detail.contains(code), "{failure:?}");
        }
    }
    for (status, code, expected, class) in [
        (400, "", C::InvalidParameters, Permanent),
        (401, "invalidWidth", C::InvalidApiKey, OperatorFault),
        (402, "", C::ProviderFundsExhausted, OperatorFault),
        (403, "", C::Unauthorized, OperatorFault),
        (404, "", C::Unauthorized, OperatorFault),
        (413, "", C::InvalidParameters, Permanent),
        (418, "", C::UnknownError, Unknown),
        (429, "", C::RateLimited, Throttled),
        (429, "invalidRate", C::RateLimited, Throttled),
        (503, "", C::ServiceUnavailable, Transient),
        (504, "strangeNews", C::ServiceUnavailable, Transient),
    ] {
        let body = json!({ "errors": [error(code, "words of the provider")] });
        let failure = SERVICE.draw(&FakeProvider::with([Reply::status(status, &body)]).await).await.unwrap_err();
        assert_eq!((failure.code, failure.class), (expected, class), "{status} {code}: {failure:?}");
    }
    let unheard = json!({ "errors": [error("strangeNews", API_KEY)] });
    let failure = SERVICE.draw(&FakeProvider::with([Reply::json(&unheard)]).await).await.unwrap_err();
    assert_eq!((failure.code, failure.provider_ref.as_deref()), (C::UnknownError, Some(TASK)));
}

#[tokio::test]
async fn answers_without_a_good_image_are_typed() {
    let other = "6c5f1c9e-0a39-4b0d-9e39-2f6a3a1f2b7d";
    let ours = |datum: Value| {
        runware(move |task| {
            let mut datum = datum.clone();
            datum["taskUUID"] = json!(task);
            json!({ "data": [datum] })
        })
    };
    let refused = |code: &str| json!({ "code": code, "taskUUID": other });
    for (reply, code) in [
        (Reply::json(&json!({ "data": [] })), FailureCode::GenerationFailed),
        (Reply::json(&json!({})), FailureCode::GenerationFailed),
        // Another task's result and another task's error are not ours.
        (
            Reply::json(&json!({ "data": [{ "taskUUID": other, "imageBase64Data": "iVBORw0KGgo=" }],
                "errors": [refused("insufficientCredits")] })),
            FailureCode::GenerationFailed,
        ),
        (ours(json!({})), FailureCode::GenerationFailed),
        (ours(json!({ "imageBase64Data": "!!not base64" })), FailureCode::CorruptImage),
        (ours(json!({ "imageBase64Data": "" })), FailureCode::CorruptImage),
        (ours(json!({ "imageDataURI": "data:image/png;base64,!!" })), FailureCode::CorruptImage),
        (ours(json!({ "imageDataURI": "image/png" })), FailureCode::GenerationFailed),
        (ours(json!({ "imageURL": "http://169.254.169.254/latest" })), FailureCode::GenerationFailed),
        (ours(json!({ "imageBase64Data": "iVBORw0KGgo=", "NSFWContent": true })), FailureCode::ProviderRefused),
        (ours(json!({ "imageBase64Data": 5 })), FailureCode::ParseFailed),
        (Reply::json(&json!({ "data": {} })), FailureCode::ParseFailed),
        (Reply::json(&json!([])), FailureCode::ParseFailed),
        (Reply::ok("application/json", "{\"data\": ["), FailureCode::ParseFailed),
        (Reply::ok("text/html", "<html>"), FailureCode::ParseFailed),
        (
            Reply::pieces("application/json", vec![Piece::Bytes(vec![b' '; 29 * 1024 * 1024])]),
            FailureCode::CorruptImage,
        ),
        (Reply::pieces("application/json", vec![Piece::text("{"), Piece::Break]), FailureCode::NetworkError),
    ] {
        let fake = FakeProvider::with([reply]).await;
        let failure = SERVICE.draw(&fake).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (code, true), "{failure:?}");
        assert_eq!(fake.received().len(), 1);
    }
}
