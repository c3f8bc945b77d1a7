use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use inkledger::ai::provider::{
    Call, FailureClass, FailureCode, ImageRequest, ProviderFailure, Timeouts, UpscaleRequest,
};
use serde_json::{Value, json};

use super::image_stage::{CANCEL, RESULT, Service, file, png, queued, serve_status, serve_status_as, status};
use super::{API_KEY, access, assert_harmless, at, settings};
use crate::support::fake_provider::{FakeProvider, Piece, Reply};

const SERVICE: Service = Service::Fal;
const LONG: Duration = Duration::from_secs(30);

fn steps(fake: &FakeProvider) -> Vec<String> {
    fake.received().iter().map(|one| format!("{} {}", one.method, one.path)).collect()
}

/// A call that is done once its status has been asked for.
async fn ended_with(result: Reply) -> Result<inkledger::ai::provider::ImageResult, ProviderFailure> {
    let fake = FakeProvider::start().await;
    fake.push(queued(&fake));
    serve_status(&fake, "COMPLETED");
    fake.serve(RESULT, result);
    let outcome = SERVICE.draw(&fake).await;
    assert!(!steps(&fake).iter().any(|step| step.contains("cancel")), "what has ended is not withdrawn");
    outcome
}

#[tokio::test]
async fn a_request_goes_through_the_queue_step_by_step_and_byte_for_byte() {
    let fake = FakeProvider::start().await;
    let made = Reply::json(&json!({ "images": [{ "url": fake.url("/made/1.png") }], "seed": 7 }));
    for reply in [queued(&fake), status("IN_QUEUE"), status("IN_PROGRESS"), status("COMPLETED"), made, file(png())] {
        fake.push(reply);
    }
    let result = SERVICE.draw(&fake).await.unwrap();
    assert_eq!((result.bytes.to_vec(), result.content_type, result.cost_nanousd), (png(), "image/png", None));
    assert_eq!(result.provider_ref.as_deref(), Some("req-1"));
    let asked = "GET /v1/fal-ai/ideogram/requests/req-1/status";
    let result = "GET /v1/fal-ai/ideogram/requests/req-1";
    assert_eq!(steps(&fake), ["POST /v1/fal-ai/ideogram/v3", asked, asked, asked, result, "GET /made/1.png"]);
    let received = fake.received();
    let key = format!("Key {API_KEY}");
    for one in &received[..5] {
        assert_eq!(one.header("authorization"), Some(key.as_str()));
    }
    assert!(received[5].headers.values().all(|value| !value.to_str().unwrap().contains(API_KEY)));
    // What is not begun by the time that we give up is not begun at all.
    assert_eq!(received[0].header("x-fal-request-timeout"), Some("30"));
    assert_eq!(
        received[0].text(),
        r#"{"prompt":"canary prompt about lanterns","image_size":{"width":64,"height":48},"num_images":1}"#
    );
}

#[tokio::test]
async fn every_seed_and_setting_reaches_the_body() {
    let sent = async |request: ImageRequest| {
        let fake = FakeProvider::with([Reply::status(400, &json!(null))]).await;
        SERVICE.adapter().generate_image(&request, &at(&fake.base_url())).await.unwrap_err();
        fake.received()[0].clone()
    };
    let all = json!({
        "rendering_speed": "TURBO", "style": "DESIGN", "style_preset": "ART_DECO", "expand_prompt": false,
        "negative_prompt": "rain", "num_inference_steps": 30, "guidance_scale": 3.5, "acceleration": "high",
        "enable_safety_checker": true, "safety_tolerance": "2", "output_format": "png", "sync_mode": true,
    });
    let request = ImageRequest { seed: Some(u32::MAX), settings: settings(all), ..SERVICE.request() };
    assert_eq!(
        sent(request).await.text(),
        r#"{"prompt":"canary prompt about lanterns","image_size":{"width":64,"height":48},"num_images":1,"seed":2147483647,"acceleration":"high","enable_safety_checker":true,"expand_prompt":false,"guidance_scale":3.5,"negative_prompt":"rain","num_inference_steps":30,"output_format":"png","rendering_speed":"TURBO","safety_tolerance":"2","style":"DESIGN","style_preset":"ART_DECO","sync_mode":true}"#
    );
    let by_ratio = settings(json!({ "size_field": "aspect_ratio" }));
    let model = "fal-ai/flux-pro/v1.1-ultra".to_owned();
    let request = ImageRequest { model, seed: Some(u32::MAX), settings: by_ratio, ..SERVICE.request() };
    let other = sent(request).await;
    assert_eq!(other.path, "/v1/fal-ai/flux-pro/v1.1-ultra");
    assert_eq!(
        other.text(),
        r#"{"prompt":"canary prompt about lanterns","aspect_ratio":"4:3","num_images":1,"seed":4294967295}"#
    );
}

#[tokio::test]
async fn an_image_is_enlarged_by_the_model_asked_for() {
    let fake = FakeProvider::start().await;
    let (adapter, call) = (SERVICE.adapter(), at(&fake.base_url()));
    fake.push(queued(&fake));
    serve_status(&fake, "COMPLETED");
    fake.serve(RESULT, Reply::json(&json!({ "image": { "url": fake.url("/made/1.png") } })));
    fake.serve("/made/1.png", file(png()));
    let result = adapter.upscale_image(&SERVICE.enlargement(), &call).await.unwrap();
    assert_eq!(result.bytes.to_vec(), png());
    let first = fake.received()[0].clone();
    assert_eq!(first.path, "/v1/fal-ai/ideogram/upscale");
    assert_eq!(
        first.text(),
        r#"{"image_url":"data:image/jpeg;base64,c21hbGwgcGljdHVyZQ==","prompt":"canary prompt about lanterns"}"#
    );
    let tuned = json!({ "creativity": 0.2, "resemblance": 0.5, "detail": 40, "factor_field": "scale" });
    for (model, tuned, end) in [
        ("fal-ai/clarity-upscaler", json!({}), r#""upscale_factor":2}"#),
        ("fal-ai/esrgan", tuned, r#""scale":2,"creativity":0.2,"detail":40,"resemblance":0.5}"#),
        ("fal-ai/aura-sr", json!({ "factor_field": "none" }), r#"lanterns"}"#),
    ] {
        let seen = fake.received().len();
        fake.push(queued(&fake));
        let request = UpscaleRequest { model: model.into(), settings: settings(tuned), ..SERVICE.enlargement() };
        adapter.upscale_image(&request, &call).await.unwrap();
        let body = fake.received()[seen].text();
        assert!(body.ends_with(end), "{body}");
    }
    let seen = fake.received().len();
    let request = UpscaleRequest { factor: 4, ..SERVICE.enlargement() };
    let failure = adapter.upscale_image(&request, &call).await.unwrap_err();
    assert_eq!((failure.code, failure.sent), (FailureCode::InvalidParameters, false));
    assert_eq!(fake.received().len(), seen);
}

#[tokio::test]
async fn urls_on_another_host_are_never_asked_and_never_given_the_key() {
    let other = FakeProvider::start().await;
    let good = FakeProvider::start().await;
    for field in ["status_url", "response_url", "cancel_url"] {
        for url in [other.url("/x"), format!("http://user:word@127.0.0.1:{}/x", good.port()), "no url".to_owned()] {
            let fake = FakeProvider::start().await;
            let mut answer = json!({
                "request_id": "req-1", "status_url": fake.url("/status"), "response_url": fake.url("/result"),
                "cancel_url": fake.url("/cancel"),
            });
            answer[field] = json!(url);
            fake.push(Reply::json(&answer));
            let (end, code) = match field {
                // The request fails, so that it would be withdrawn.
                "cancel_url" => ("PUZZLED", FailureCode::ParseFailed),
                _ => ("COMPLETED", FailureCode::GenerationFailed),
            };
            fake.serve("/status", status(end));
            let failure = SERVICE.draw(&fake).await.unwrap_err();
            assert_eq!((failure.code, failure.sent), (code, true), "{field} {url}: {failure:?}");
            assert_harmless(&failure);
        }
    }
    assert!(other.received().is_empty() && good.received().is_empty());
    for missing in [json!({}), json!({ "request_id": "req-1", "status_url": null })] {
        let failure = SERVICE.draw(&FakeProvider::with([Reply::json(&missing)]).await).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (FailureCode::ParseFailed, true));
    }
}

#[tokio::test]
async fn every_error_of_a_model_or_the_platform_has_one_code_and_class() {
    use FailureClass::{OperatorFault, Permanent, Throttled, Transient, Unknown};
    use FailureCode as C;
    let model = |kind: &str, place: &str| json!({ "detail": [{ "loc": ["body", place], "msg": "words of the provider", "type": kind }] });
    let platform = |kind: &str| json!({ "detail": "words of the provider", "error_type": kind });
    let says = |text: &str| json!({ "detail": text });
    for (number, body, code, class) in [
        (422, model("content_policy_violation", "prompt"), C::ProviderRefused, Permanent),
        (422, model("no_media_generated", "prompt"), C::GenerationFailed, Unknown),
        (422, model("image_too_large", "image_url"), C::InvalidParameters, Permanent),
        (422, model("image_too_small", "image_url"), C::InvalidParameters, Permanent),
        (422, model("file_download_error", "image_url"), C::InvalidParameters, Permanent),
        (422, model("one_of", "style"), C::InvalidParameters, Permanent),
        (422, model("unheard_of", "style"), C::InvalidParameters, Permanent),
        (422, model("sequence_too_long", "prompt"), C::PromptTooLong, Permanent),
        (422, model("sequence_too_long", "style_codes"), C::InvalidParameters, Permanent),
        (400, model("downstream_service_error", "body"), C::GenerationFailed, Unknown),
        (500, model("downstream_service_unavailable", "body"), C::ServiceUnavailable, Transient),
        (500, model("internal_server_error", "body"), C::ServiceUnavailable, Transient),
        (504, model("generation_timeout", "body"), C::ServiceUnavailable, Transient),
        (504, platform("request_timeout"), C::ServiceUnavailable, Transient),
        (504, platform("startup_timeout"), C::ServiceUnavailable, Transient),
        (503, platform("runner_disconnected"), C::ServiceUnavailable, Transient),
        (502, platform("runner_incomplete_response"), C::ServiceUnavailable, Transient),
        (499, platform("client_cancelled"), C::GenerationFailed, Unknown),
        (400, platform("bad_request"), C::InvalidParameters, Permanent),
        (500, platform("internal_error"), C::ServiceUnavailable, Transient),
        (401, says("Authentication is required"), C::InvalidApiKey, OperatorFault),
        (402, json!(null), C::ProviderFundsExhausted, OperatorFault),
        (403, says("User is locked. Reason: Exhausted balance."), C::ProviderFundsExhausted, OperatorFault),
        (403, says("User is locked. Reason: TOP_UP."), C::ProviderFundsExhausted, OperatorFault),
        (403, says("words of the provider"), C::Unauthorized, OperatorFault),
        (404, says("Application not found"), C::Unauthorized, OperatorFault),
        (413, json!(null), C::InvalidParameters, Permanent),
        (418, json!([]), C::UnknownError, Unknown),
        (429, says("words of the provider"), C::RateLimited, Throttled),
        (499, json!(null), C::GenerationFailed, Unknown),
        (503, json!(null), C::ServiceUnavailable, Transient),
    ] {
        let at_once = SERVICE.draw(&FakeProvider::with([Reply::status(number, &body)]).await).await.unwrap_err();
        assert_harmless(&at_once);
        assert_eq!((at_once.code, at_once.class), (code, class), "{number} {body}: {at_once:?}");
        assert!(at_once.sent && at_once.detail.contains(&number.to_string()), "{at_once:?}");
    }
    // The result of a request that ended badly is its error.
    let late = ended_with(Reply::status(422, &model("content_policy_violation", "prompt"))).await.unwrap_err();
    assert_eq!((late.code, late.provider_ref.as_deref()), (C::ProviderRefused, Some("req-1")));
}

#[tokio::test]
async fn headers_tell_what_bodies_do_not() {
    use FailureClass::{Transient, Unknown};
    let failure = async |status: u16, headers: &[(&'static str, &str)]| {
        let reply = Reply::status(status, &json!({ "detail": "words" }));
        let reply = headers.iter().fold(reply, |reply, (name, value)| reply.with_header(name, *value));
        SERVICE.draw(&FakeProvider::with([reply]).await).await.unwrap_err()
    };
    let kind = failure(500, &[("x-fal-error-type", "bad_request")]).await;
    assert_eq!(kind.code, FailureCode::InvalidParameters);
    let worth_it = failure(418, &[("x-fal-retryable", "true"), ("x-fal-request-id", "req-9")]).await;
    assert_eq!((worth_it.class, worth_it.provider_ref.as_deref()), (Transient, Some("req-9")));
    let in_vain = failure(500, &[("x-fal-retryable", "false")]).await;
    assert_eq!((in_vain.code, in_vain.class), (FailureCode::ServiceUnavailable, Unknown));
    let leaked = failure(500, &[("x-fal-error-type", API_KEY)]).await;
    assert_harmless(&leaked);
}

#[tokio::test]
async fn results_without_a_good_image_are_typed() {
    let data = |data: &str| json!({ "images": [{ "url": format!("data:image/png;base64,{data}") }] });
    for (result, code) in [
        (json!({}), FailureCode::GenerationFailed),
        (json!({ "images": [] }), FailureCode::GenerationFailed),
        (json!({ "images": [{ "url": null }] }), FailureCode::GenerationFailed),
        (json!({ "images": [{ "url": "https://10.0.0.1/1.png" }] }), FailureCode::GenerationFailed),
        (json!({ "images": [{ "url": "http://127.0.0.1:1/1.png" }] }), FailureCode::GenerationFailed),
        (json!({ "images": "none" }), FailureCode::ParseFailed),
        (json!({ "images": [{ "url": 5 }] }), FailureCode::ParseFailed),
        (json!([]), FailureCode::ParseFailed),
        (data("!!"), FailureCode::CorruptImage),
        (data("R0lGODlhb2ZvbGQ="), FailureCode::CorruptImage),
    ] {
        let failure = ended_with(Reply::json(&result)).await.unwrap_err();
        assert_eq!((failure.code, failure.sent), (code, true), "{result}: {failure:?}");
    }
    let mut blanked = data(&BASE64.encode(png()));
    assert_eq!(ended_with(Reply::json(&blanked)).await.unwrap().bytes.to_vec(), png());
    blanked["has_nsfw_concepts"] = json!([true]);
    assert_eq!(ended_with(Reply::json(&blanked)).await.unwrap_err().code, FailureCode::ProviderRefused);
    for (reply, code) in [
        (Reply::ok("application/json", "{\"images\": ["), FailureCode::ParseFailed),
        (Reply::ok("text/html", "<html>"), FailureCode::ParseFailed),
        (Reply::pieces("application/json", vec![Piece::text("{"), Piece::Break]), FailureCode::NetworkError),
    ] {
        assert_eq!(ended_with(reply).await.unwrap_err().code, code);
    }
}

#[tokio::test]
async fn a_status_says_how_a_request_ended() {
    let end = async |status: Value, result: Value| {
        let fake = FakeProvider::start().await;
        fake.push(queued(&fake));
        serve_status_as(&fake, Reply::json(&status));
        fake.serve(RESULT, Reply::json(&result));
        let failure = SERVICE.draw(&fake).await.unwrap_err();
        (failure.code, steps(&fake).last().unwrap().starts_with("PUT"))
    };
    let unavailable = (FailureCode::ServiceUnavailable, false);
    let done = json!({ "status": "COMPLETED", "error": "words", "error_type": "runner_server_error" });
    assert_eq!(end(done, json!({})).await, unavailable);
    let failed = json!({ "status": "FAILED", "error_type": "startup_timeout" });
    assert_eq!(end(failed, json!({})).await, unavailable);
    for name in ["FAILED", "CANCELED", "CANCELLED"] {
        assert_eq!(end(json!({ "status": name }), json!({})).await, (FailureCode::GenerationFailed, false));
    }
    // What we do not understand may still be at work.
    for status in [json!({ "status": "PUZZLED" }), json!({ "status": 5 }), json!({})] {
        assert_eq!(end(status, json!({})).await, (FailureCode::ParseFailed, true));
    }
}

#[tokio::test]
async fn a_few_unanswered_questions_are_forgiven_and_more_are_not() {
    let fake = FakeProvider::start().await;
    fake.serve("/made/1.png", file(png()));
    let made = Reply::json(&json!({ "images": [{ "url": fake.url("/made/1.png") }] }));
    let (down, busy) = (Reply::status(502, &json!(null)), Reply::status(429, &json!(null)));
    for reply in [queued(&fake), down.clone(), status("IN_PROGRESS"), busy, status("COMPLETED"), made] {
        fake.push(reply);
    }
    SERVICE.draw(&fake).await.unwrap();

    let fake = FakeProvider::start().await;
    fake.push(queued(&fake));
    serve_status_as(&fake, down);
    let failure = SERVICE.draw(&fake).await.unwrap_err();
    assert_eq!((failure.code, failure.sent), (FailureCode::ServiceUnavailable, true));
    assert_eq!(steps(&fake).len(), 6, "one submission, four questions, one withdrawal");

    let fake = FakeProvider::start().await;
    fake.push(queued(&fake));
    serve_status_as(&fake, Reply::status(401, &json!(null)));
    assert_eq!(SERVICE.draw(&fake).await.unwrap_err().code, FailureCode::InvalidApiKey);
    assert_eq!(steps(&fake).len(), 3, "a refused key stays refused");
}

/// Gives up on a request that never ends, and says what was asked last.
async fn given_up(reply: Reply, timeouts: Timeouts, cancel_after: Option<Duration>) -> (ProviderFailure, String) {
    let fake = FakeProvider::start().await;
    fake.push(queued(&fake));
    serve_status_as(&fake, reply);
    fake.serve(CANCEL, Reply::status(202, &json!({ "status": "CANCELLATION_REQUESTED" })));
    let call = Call::new(timeouts).with_access(access(&fake.base_url()));
    let cancel = call.cancel.clone();
    let (outcome, ()) = tokio::join!(SERVICE.draw_by(&call), async move {
        if let Some(wait) = cancel_after {
            tokio::time::sleep(wait).await;
            cancel.cancel();
        }
    });
    let failure = outcome.unwrap_err();
    assert!(failure.sent && failure.provider_ref.as_deref() == Some("req-1"), "{failure:?}");
    let last = fake.received().last().unwrap().clone();
    assert_eq!(last.header("authorization"), Some(format!("Key {API_KEY}").as_str()));
    (failure, format!("{} {}", last.method, last.path))
}

#[tokio::test]
async fn a_request_that_is_given_up_is_withdrawn_from_the_queue() {
    let withdrawn = format!("PUT {CANCEL}");
    let patient = Timeouts { first_byte: LONG, chunk: LONG, total: LONG };
    let (failure, last) = given_up(status("IN_PROGRESS"), patient, Some(Duration::from_millis(400))).await;
    assert_eq!((failure.code, last.as_str()), (FailureCode::Cancelled, withdrawn.as_str()));
    let hasty = Timeouts { total: Duration::from_millis(600), ..patient };
    let (failure, last) = given_up(status("IN_QUEUE"), hasty, None).await;
    assert_eq!((failure.code, last.as_str()), (FailureCode::TimeoutTotal, withdrawn.as_str()));
    // A question that hangs ends by its own limit, and is then asked again, until the whole time is over.
    let hanging = Timeouts { first_byte: Duration::from_millis(100), total: Duration::from_millis(900), ..patient };
    let (failure, last) = given_up(Reply::Silence, hanging, None).await;
    assert_eq!((failure.code, last.as_str()), (FailureCode::TimeoutTotal, withdrawn.as_str()));
    let hanging = Timeouts { total: LONG, ..hanging };
    let (failure, last) = given_up(Reply::Silence, hanging, None).await;
    assert_eq!((failure.code, last.as_str()), (FailureCode::TimeoutFirstByte, withdrawn.as_str()));
}

#[tokio::test]
async fn a_withdrawal_that_hangs_does_not_hold_its_caller_for_long() {
    let fake = FakeProvider::start().await;
    fake.push(queued(&fake));
    serve_status_as(&fake, Reply::json(&json!({ "status": "PUZZLED" })));
    fake.serve(CANCEL, Reply::Silence);
    let outcome = tokio::time::timeout(Duration::from_secs(5), SERVICE.draw(&fake)).await.unwrap();
    assert_eq!(outcome.unwrap_err().code, FailureCode::ParseFailed);
}
