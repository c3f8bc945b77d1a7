use inkledger::ai::provider::{FailureClass, FailureCode, ProviderFailure, TextRequest, TokenUsage};
use serde_json::json;

use super::text_protocols::{adapter, request};
use super::{assert_harmless, at, settings};
use crate::support::fake_provider::{FakeProvider, Piece, Reply};
use crate::support::fake_text::{OLLAMA, ollama_line};

async fn write(reply: Reply) -> Result<inkledger::ai::provider::TextResult, ProviderFailure> {
    let fake = FakeProvider::with([reply]).await;
    adapter("ollama").generate_text(&request(), &at(&fake.url("")), None).await
}

async fn failure(reply: Reply) -> ProviderFailure {
    let failure = write(reply).await.unwrap_err();
    assert_harmless(&failure);
    failure
}

#[tokio::test]
async fn the_request_is_on_the_wire_byte_for_byte() {
    let fake = FakeProvider::with([OLLAMA.says("x"), OLLAMA.says("x")]).await;
    let (adapter, call) = (adapter("ollama"), at(&fake.url("/")));
    let plain = TextRequest { seed: Some(7), ..request() };
    let tuned = TextRequest {
        system: None,
        seed: Some(u32::MAX),
        settings: settings(json!({
            "temperature": 0.5, "top_k": 40, "top_p": 0.9, "min_p": 0.05, "repeat_penalty": 1.1, "repeat_last_n": 64,
            "presence_penalty": 0.25, "frequency_penalty": -0.25, "num_ctx": 8192, "think": false, "keep_alive": "10m",
        })),
        ..request()
    };
    for request in [&plain, &tuned] {
        adapter.generate_text(request, &call, None).await.unwrap();
    }
    let received = fake.received();
    assert_eq!(
        received[0].text(),
        r#"{"model":"gpt-test","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"canary prompt about lanterns"}],"stream":true,"truncate":false,"options":{"num_predict":200,"seed":7}}"#
    );
    assert_eq!(
        received[1].text(),
        r#"{"model":"gpt-test","messages":[{"role":"user","content":"canary prompt about lanterns"}],"stream":true,"truncate":false,"options":{"frequency_penalty":-0.25,"min_p":0.05,"num_ctx":8192,"num_predict":200,"presence_penalty":0.25,"repeat_last_n":64,"repeat_penalty":1.1,"seed":2147483647,"temperature":0.5,"top_k":40,"top_p":0.9},"keep_alive":"10m","think":false}"#
    );
    for request in &received {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/api/chat"));
        assert_eq!(request.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn how_the_model_ended_decides() {
    for reply in [OLLAMA.ends("Half a", "length"), Reply::json(&(OLLAMA.whole)("Half a", "length"))] {
        let failure = failure(reply).await;
        assert_eq!((failure.code, failure.class), (FailureCode::OutputTruncated, FailureClass::Malformed));
        assert_eq!(failure.usage, Some(TokenUsage { input: 12, output: 34 }));
    }
    assert_eq!(failure(OLLAMA.ends("", "load")).await.code, FailureCode::EmptyOutput);
    let thinking = json!({ "message": { "content": "", "thinking": "hm" }, "done": false });
    let end = json!({ "done": true, "eval_count": 5 });
    let pieces = vec![Piece::text(format!("{thinking}\n")), ollama_line("Mine."), Piece::text(format!("{end}"))];
    let result = write(OLLAMA.stream(pieces)).await.unwrap();
    assert_eq!(
        (result.text.as_str(), result.usage),
        ("Mine.", None),
        "a last line needs no end; half a report is none"
    );
}

#[tokio::test]
async fn every_error_answer_has_one_code_and_class() {
    use FailureClass::{OperatorFault, Permanent, Throttled, Transient};
    use FailureCode as C;
    for (status, message, code, class) in [
        (404, "model \"none\" not found, try pulling it first", C::Unauthorized, OperatorFault),
        (404, "model 'none' not found", C::Unauthorized, OperatorFault),
        (404, "", C::UnknownError, OperatorFault),
        (400, "invalid option provided: num_x", C::InvalidParameters, Permanent),
        (400, "\"llama3.2\" does not support thinking", C::InvalidParameters, Permanent),
        (400, "the input length exceeds the context length", C::PromptTooLong, Permanent),
        (400, "json: cannot unmarshal", C::InvalidParameters, Permanent),
        (401, "unauthorized", C::InvalidApiKey, OperatorFault),
        (403, "", C::Unauthorized, OperatorFault),
        (402, "", C::ProviderFundsExhausted, OperatorFault),
        (413, "", C::PromptTooLong, Permanent),
        (429, "", C::RateLimited, Throttled),
        (500, "llama runner process has terminated: exit status 2", C::ServiceUnavailable, Transient),
        (500, "model requires more system memory (9.1 GiB) than is available", C::ServiceUnavailable, OperatorFault),
        (500, "CUDA error: out of memory", C::ServiceUnavailable, OperatorFault),
        (500, "", C::ServiceUnavailable, Transient),
        (502, "", C::ServiceUnavailable, Transient),
        (503, "server busy, please try again. maximum pending requests exceeded", C::ServiceUnavailable, Throttled),
    ] {
        let failure = failure(Reply::status(status, &json!({ "error": message }))).await;
        assert_eq!((failure.code, failure.class), (code, class), "{status} {message}: {failure:?}");
        assert!(failure.sent && failure.detail.contains(&status.to_string()), "{failure:?}");
    }
    let text = Reply::Raw { status: 404, headers: vec![], body: vec![Piece::text("404 page not found")] };
    assert_eq!(failure(text).await.code, FailureCode::UnknownError);
}

#[tokio::test]
async fn an_error_inside_a_stream_is_typed() {
    for (error, code, class) in [
        (json!("llama runner process has terminated"), FailureCode::ServiceUnavailable, FailureClass::Transient),
        (json!("an error was encountered: unexpected EOF"), FailureCode::ServiceUnavailable, FailureClass::Transient),
        (json!("too many concurrent requests"), FailureCode::RateLimited, FailureClass::Throttled),
        (json!("words of the provider"), FailureCode::UnknownError, FailureClass::Unknown),
        (json!({ "message": "words of the provider" }), FailureCode::UnknownError, FailureClass::Unknown),
    ] {
        let line = Piece::text(format!("{}\n", json!({ "error": error })));
        let failure = failure(OLLAMA.stream(vec![ollama_line("A beginning"), line])).await;
        assert_eq!((failure.code, failure.class), (code, class), "{error}");
    }
    // An older server says so with a good status and nothing else.
    let whole = Reply::json(&json!({ "error": "model 'none' not found" }));
    assert_eq!(failure(whole).await.code, FailureCode::Unauthorized);
}
