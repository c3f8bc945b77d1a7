//! The kinds of fault that an image service can commit, in one table: what we call it, what may follow, and whether it
//! may have cost money.

use std::time::Duration;

use inkledger::ai::provider::{FailureClass, FailureCode, Timeouts};
use serde_json::{Value, json};

use super::image_stage::{RESULT, Service, file, ideogram_image, queued, runware, serve_status};
use super::{access, assert_harmless, patient};
use crate::support::fake_provider::{FakeProvider, Peer, Piece, Reply, listen};

/// What is done to a call.
enum Deed {
    /// The first answer.
    Answers(Reply),
    /// The result of a request that went through fal's queue.
    Results(Reply),
    /// The answer names a file, and this is what lies there.
    Serves(Reply),
    /// A peer below HTTP.
    Is(Peer),
    /// Nobody is there.
    IsAway,
}

fn status(status: u16, body: Value) -> Deed {
    Deed::Answers(Reply::status(status, &body))
}

fn detail(kind: &str) -> Value {
    json!({ "detail": [{ "loc": ["body", "prompt"], "msg": "words of the provider", "type": kind }] })
}

fn table() -> Vec<(&'static str, Service, Deed, FailureCode, FailureClass, bool)> {
    use FailureClass::{Malformed, OperatorFault, Permanent, Throttled, Transient, Unknown};
    use FailureCode as C;
    use Service::{Fal, Ideogram, Runware};
    let errors = |code: &str| json!({ "errors": [{ "code": code, "message": "words of the provider" }] });
    let half = vec![Piece::text("{"), Piece::Pause(Duration::from_secs(30))];
    let moved = Reply::status(307, &json!({})).with_header("location", "http://127.0.0.1:1/");
    vec![
        ("nobody listens", Ideogram, Deed::IsAway, C::NetworkError, Transient, false),
        ("hangs up", Fal, Deed::Is(Peer::Closes), C::NetworkError, Transient, true),
        ("resets", Runware, Deed::Is(Peer::Resets), C::NetworkError, Transient, true),
        ("says nothing", Ideogram, Deed::Answers(Reply::Silence), C::TimeoutFirstByte, Transient, true),
        ("stalls", Runware, Deed::Answers(Reply::pieces("application/json", half)), C::TimeoutChunk, Transient, true),
        ("redirects", Fal, Deed::Answers(moved), C::UnknownError, OperatorFault, true),
        ("refuses the key", Ideogram, status(401, json!(null)), C::InvalidApiKey, OperatorFault, true),
        ("forbids the key this", Runware, status(403, json!(null)), C::Unauthorized, OperatorFault, true),
        ("does not know the model", Fal, status(404, json!(null)), C::Unauthorized, OperatorFault, true),
        (
            "wants money",
            Runware,
            status(402, errors("insufficientCredits")),
            C::ProviderFundsExhausted,
            OperatorFault,
            true,
        ),
        (
            "locks the account",
            Fal,
            status(403, json!({ "detail": "User is locked. Reason: Exhausted balance." })),
            C::ProviderFundsExhausted,
            OperatorFault,
            true,
        ),
        ("asks for less", Ideogram, status(429, json!(null)), C::RateLimited, Throttled, true),
        ("is down", Runware, status(503, json!(null)), C::ServiceUnavailable, Transient, true),
        ("refuses the prompt", Ideogram, status(422, json!(null)), C::ProviderRefused, Permanent, true),
        (
            "refuses the prompt late",
            Fal,
            Deed::Results(Reply::status(422, &detail("content_policy_violation"))),
            C::ProviderRefused,
            Permanent,
            true,
        ),
        ("refuses a parameter", Runware, status(400, errors("invalidWidth")), C::InvalidParameters, Permanent, true),
        ("finds the prompt too long", Fal, status(422, detail("string_too_long")), C::PromptTooLong, Permanent, true),
        (
            "fails while it draws",
            Runware,
            Deed::Answers(runware(move |task| json!({ "errors": [{ "code": "inferenceError", "taskUUID": task }] }))),
            C::GenerationFailed,
            Unknown,
            true,
        ),
        (
            "ends without an image",
            Fal,
            Deed::Results(Reply::json(&json!({ "images": [] }))),
            C::GenerationFailed,
            Unknown,
            true,
        ),
        (
            "withholds an unsafe image",
            Ideogram,
            Deed::Answers(Reply::json(&json!({ "data": [{ "url": null, "is_image_safe": false }] }))),
            C::ProviderRefused,
            Permanent,
            true,
        ),
        (
            "names a file of ours",
            Ideogram,
            Deed::Answers(ideogram_image("http://169.254.169.254/latest/meta-data/")),
            C::GenerationFailed,
            Unknown,
            true,
        ),
        (
            "names a file that is gone",
            Ideogram,
            Deed::Serves(Reply::status(404, &json!(null))),
            C::GenerationFailed,
            Unknown,
            true,
        ),
        (
            "serves a page for an image",
            Fal,
            Deed::Serves(file(b"<html>sorry</html>".to_vec())),
            C::CorruptImage,
            Transient,
            true,
        ),
        (
            "serves too much",
            Ideogram,
            Deed::Serves(file(vec![0; 20 * 1024 * 1024 + 1])),
            C::CorruptImage,
            Transient,
            true,
        ),
        (
            "breaks off inside the file",
            Fal,
            Deed::Serves(Reply::pieces("image/png", vec![Piece::text("x"), Piece::Break])),
            C::NetworkError,
            Transient,
            true,
        ),
        (
            "sends no base64",
            Runware,
            Deed::Answers(runware(|task| json!({ "data": [{ "taskUUID": task, "imageBase64Data": "!" }] }))),
            C::CorruptImage,
            Transient,
            true,
        ),
        (
            "answers with a page",
            Runware,
            Deed::Answers(Reply::ok("text/html", "<html>")),
            C::ParseFailed,
            Malformed,
            true,
        ),
        (
            "answers with half a JSON",
            Ideogram,
            Deed::Answers(Reply::ok("application/json", "{\"data\": [")),
            C::ParseFailed,
            Malformed,
            true,
        ),
        (
            "speaks of strange things",
            Runware,
            Deed::Answers(Reply::json(&json!({ "errors": [{ "code": "strangeNews" }] }))),
            C::UnknownError,
            Unknown,
            true,
        ),
    ]
}

#[tokio::test]
async fn every_kind_of_fault_has_one_code_one_class_and_a_word_on_money() {
    let table = table();
    assert!(table.len() >= 15);
    let timeouts =
        Timeouts { first_byte: Duration::from_millis(900), chunk: Duration::from_millis(300), ..patient().timeouts };
    for (what, service, deed, code, class, may_be_charged) in table {
        let fake = FakeProvider::start().await;
        let mut base = fake.base_url();
        match deed {
            Deed::Answers(reply) => fake.push(reply),
            Deed::Results(reply) => {
                fake.push(queued(&fake));
                serve_status(&fake, "COMPLETED");
                fake.serve(RESULT, reply);
            }
            Deed::Serves(reply) => {
                service.serve_all(&fake);
                fake.serve("/made/1.png", reply);
            }
            Deed::Is(peer) => base = format!("http://{}/v1", listen(peer).await),
            Deed::IsAway => base = "http://127.0.0.1:1/v1".to_owned(),
        }
        let call = inkledger::ai::provider::Call::new(timeouts).with_access(access(&base));
        let failure = service.draw_by(&call).await.unwrap_err();
        assert_harmless(&failure);
        let told = (failure.code, failure.class, failure.sent);
        assert_eq!(told, (code, class, may_be_charged), "{service:?} {what}: {failure:?}");
    }
}
