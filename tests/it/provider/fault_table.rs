//! Every kind of fault a provider can commit, in one table: which failure it is, what may follow, and whether it may
//! have cost anything.

use std::collections::HashSet;
use std::time::Duration;

use inkledger::ai::provider::http::HttpOptions;
use inkledger::ai::provider::huggingface::HuggingFace;
use inkledger::ai::provider::{
    Call, FailureClass, FailureCode, ImageProvider, ImageRequest, ProviderFailure, Timeouts, TokenUsage,
};
use serde_json::json;

use super::text_protocols::{LONG, SHORT, adapter, impatient, request};
use super::{access, http};
use crate::support::fake_provider::{FakeProvider, Peer, Piece, Reply, listen};
use crate::support::fake_text::{
    ANTHROPIC, GEMINI, OLLAMA, Voice, anthropic_error, anthropic_event, anthropic_start, anthropic_text, gemini_chunk,
    google_error, ollama_line,
};

/// What a fault may have cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charge {
    /// Nothing left us: certainly nothing.
    Nothing,
    /// The request arrived, and the provider reported no use.
    Perhaps,
    /// The provider reported these tokens.
    Tokens(i64, i64),
}

/// Where the call goes.
enum Peers {
    Nobody,
    Raw(Peer),
    RawTls(Peer),
    Answers(Reply),
    Cancelled(Reply),
}

/// One kind of fault.
struct Fault {
    kind: &'static str,
    provider: &'static str,
    peer: Peers,
    limits: (Duration, Duration, Duration),
    expected: (FailureCode, FailureClass, Charge),
}

fn fault(
    kind: &'static str,
    provider: &'static str,
    peer: Peers,
    expected: (FailureCode, FailureClass, Charge),
) -> Fault {
    Fault { kind, provider, peer, limits: (LONG, LONG, LONG), expected }
}

fn answered(
    kind: &'static str,
    provider: &'static str,
    reply: Reply,
    expected: (FailureCode, FailureClass, Charge),
) -> Fault {
    fault(kind, provider, Peers::Answers(reply), expected)
}

async fn commit(fault: Fault) -> ProviderFailure {
    let mut fake = None;
    let mut is_cancelled = false;
    let adapter = if matches!(fault.peer, Peers::RawTls(Peer::Mute)) { impatient } else { adapter };
    let base_url = match fault.peer {
        Peers::Nobody => "http://127.0.0.1:1".to_owned(),
        Peers::Raw(peer) => format!("http://{}", listen(peer).await),
        Peers::RawTls(peer) => format!("https://{}", listen(peer).await),
        Peers::Answers(reply) => fake.insert(FakeProvider::with([reply]).await).base_url(),
        Peers::Cancelled(reply) => {
            is_cancelled = true;
            fake.insert(FakeProvider::with([reply]).await).base_url()
        }
    };
    let (first_byte, chunk, total) = fault.limits;
    let call = Call::new(Timeouts { first_byte, chunk, total }).with_access(access(&base_url));
    if is_cancelled {
        let cancel = call.cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(700)).await;
            cancel.cancel();
        });
    }
    if fault.provider == "huggingface" {
        let adapter = HuggingFace::new(http(&HttpOptions::default()));
        let request = ImageRequest { model: "some/model".into(), ..super::image_request() };
        adapter.generate_image(&request, &call).await.unwrap_err()
    } else {
        adapter(fault.provider).generate_text(&request(), &call, None).await.unwrap_err()
    }
}

fn stalled(voice: &Voice, mut pieces: Vec<Piece>) -> Reply {
    pieces.push(Piece::Pause(LONG));
    voice.stream(pieces)
}

fn begun() -> Vec<Piece> {
    vec![anthropic_start(&json!({ "input_tokens": 12, "output_tokens": 1 })), anthropic_text("A beginning")]
}

fn on_the_way() -> Vec<Fault> {
    use Charge::{Nothing, Perhaps, Tokens};
    use FailureClass::{Malformed, Transient};
    use FailureCode as C;
    let limited = |fault: Fault, first_byte, chunk, total| Fault { limits: (first_byte, chunk, total), ..fault };
    let endless = (0..100).flat_map(|_| [ollama_line("on and "), Piece::Pause(Duration::from_millis(20))]).collect();
    let raw = |kind, provider, peer, sent| {
        fault(kind, provider, Peers::Raw(peer), (C::NetworkError, Transient, if sent { Perhaps } else { Nothing }))
    };
    vec![
        fault("nobody listens", "anthropic", Peers::Nobody, (C::NetworkError, Transient, Nothing)),
        fault("TLS never answers", "gemini", Peers::RawTls(Peer::Mute), (C::TimeoutConnect, Transient, Nothing)),
        fault(
            "TLS is not spoken",
            "ollama",
            Peers::RawTls(Peer::Says("HTTP/1.1 400 Bad\r\n\r\n")),
            (C::NetworkError, Transient, Nothing),
        ),
        raw("closed after the request", "anthropic", Peer::Closes, true),
        raw("reset after the request", "gemini", Peer::Resets, true),
        raw("cut inside the head", "ollama", Peer::Says("HTTP/1.1 200 OK\r\ncontent-ty"), true),
        raw("another protocol", "huggingface", Peer::Says("SSH-2.0-OpenSSH_9.6\r\n\r\n"), true),
        limited(
            answered("no first byte", "gemini", Reply::Silence, (C::TimeoutFirstByte, Transient, Perhaps)),
            SHORT,
            LONG,
            LONG,
        ),
        limited(
            answered(
                "a stall after use was told",
                "anthropic",
                stalled(&ANTHROPIC, begun()),
                (C::TimeoutChunk, Transient, Tokens(12, 1)),
            ),
            LONG,
            SHORT,
            LONG,
        ),
        limited(
            answered(
                "a stall before use was told",
                "ollama",
                stalled(&OLLAMA, vec![ollama_line("A ")]),
                (C::TimeoutChunk, Transient, Perhaps),
            ),
            LONG,
            SHORT,
            LONG,
        ),
        limited(
            answered("never done", "ollama", OLLAMA.stream(endless), (C::TimeoutTotal, Transient, Perhaps)),
            LONG,
            LONG,
            SHORT,
        ),
        fault(
            "cancelled by us",
            "anthropic",
            Peers::Cancelled(stalled(&ANTHROPIC, begun())),
            (C::Cancelled, FailureClass::Cancelled, Tokens(12, 1)),
        ),
        answered(
            "the stream is cut",
            "anthropic",
            ANTHROPIC.stream(begun()),
            (C::NetworkError, Transient, Tokens(12, 1)),
        ),
        answered(
            "a chunk is cut",
            "gemini",
            GEMINI.stream(vec![Piece::text("data: {\"cand"), Piece::Break]),
            (C::NetworkError, Transient, Perhaps),
        ),
        answered(
            "another content type",
            "gemini",
            Reply::ok("text/html", "<html>"),
            (C::ParseFailed, Malformed, Perhaps),
        ),
        answered(
            "no JSON",
            "ollama",
            OLLAMA.stream(vec![Piece::text("gibberish\n")]),
            (C::ParseFailed, Malformed, Perhaps),
        ),
        answered(
            "no UTF-8",
            "anthropic",
            ANTHROPIC.stream(vec![Piece::Bytes(b"data: \xff\n\n".to_vec())]),
            (C::ParseFailed, Malformed, Perhaps),
        ),
        answered(
            "a line without end",
            "gemini",
            GEMINI.stream(vec![Piece::Bytes(vec![b'a'; 5 << 20])]),
            (C::ParseFailed, Malformed, Perhaps),
        ),
        answered(
            "no image but markup",
            "huggingface",
            Reply::ok("image/png", "<html>"),
            (C::CorruptImage, Transient, Perhaps),
        ),
        answered(
            "an image too large",
            "huggingface",
            Reply::pieces("image/png", vec![Piece::Bytes(vec![0; (20 << 20) + 1])]),
            (C::CorruptImage, Transient, Perhaps),
        ),
        answered(
            "an image cut short",
            "huggingface",
            Reply::pieces("image/png", vec![Piece::Bytes(vec![0x89]), Piece::Break]),
            (C::NetworkError, Transient, Perhaps),
        ),
    ]
}

fn in_the_answer() -> Vec<Fault> {
    use Charge::{Perhaps, Tokens};
    use FailureClass::{Malformed, Permanent, Throttled, Unknown};
    use FailureCode as C;
    let mut overloaded = begun();
    overloaded.push(anthropic_event(&anthropic_error("overloaded_error", "")));
    let exhausted = google_error(429, "RESOURCE_EXHAUSTED", "", &json!([]));
    let exhausted = vec![Piece::event(&gemini_chunk(Some("A "), None)), Piece::event(&exhausted)];
    let died = vec![ollama_line("A "), Piece::text("{\"error\":\"words of the provider\"}\n")];
    let blocked = json!({ "promptFeedback": { "blockReason": "SAFETY" } });
    vec![
        answered(
            "cut at the output limit",
            "anthropic",
            ANTHROPIC.ends("Half", "max_tokens"),
            (C::OutputTruncated, Malformed, Tokens(12, 34)),
        ),
        answered(
            "cut at the context window",
            "anthropic",
            ANTHROPIC.ends("Half", "model_context_window_exceeded"),
            (C::OutputTruncated, Malformed, Tokens(12, 34)),
        ),
        answered(
            "the model refuses",
            "anthropic",
            ANTHROPIC.ends("", "refusal"),
            (C::ContentRefused, Permanent, Tokens(12, 34)),
        ),
        answered(
            "the filter stops the answer",
            "gemini",
            GEMINI.ends("Some", "SAFETY"),
            (C::ContentRefused, Permanent, Tokens(12, 34)),
        ),
        answered(
            "the answer is somebody's text",
            "gemini",
            GEMINI.ends("Some", "RECITATION"),
            (C::ContentRefused, Permanent, Tokens(12, 34)),
        ),
        answered(
            "ended for no reason",
            "gemini",
            GEMINI.ends("Some", "OTHER"),
            (C::UnknownError, Unknown, Tokens(12, 34)),
        ),
        answered(
            "waits for a tool",
            "anthropic",
            ANTHROPIC.ends("Some", "tool_use"),
            (C::UnknownError, Unknown, Tokens(12, 34)),
        ),
        answered("nothing written", "ollama", OLLAMA.says(" "), (C::EmptyOutput, Malformed, Tokens(12, 34))),
        answered(
            "the prompt is blocked",
            "gemini",
            GEMINI.stream(vec![Piece::event(&blocked)]),
            (C::ProviderRefused, Permanent, Perhaps),
        ),
        answered(
            "overloaded while answering",
            "anthropic",
            ANTHROPIC.stream(overloaded),
            (C::ServiceUnavailable, Throttled, Tokens(12, 1)),
        ),
        answered(
            "quota used up while answering",
            "gemini",
            GEMINI.stream(exhausted),
            (C::RateLimited, Throttled, Tokens(12, 34)),
        ),
        answered("an error without a name", "ollama", OLLAMA.stream(died), (C::UnknownError, Unknown, Perhaps)),
    ]
}

fn in_place_of_an_answer() -> Vec<Fault> {
    use Charge::Perhaps;
    use FailureClass::{OperatorFault, Permanent, Throttled, Transient, Unknown};
    use FailureCode as C;
    let claude = |status, kind, message| Reply::status(status, &anthropic_error(kind, message));
    let google = |code, status, message| Reply::status(code, &google_error(code, status, message, &json!([])));
    let daily =
        json!([{ "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{ "quotaId": "PerDay" }] }]);
    let daily = Reply::status(429, &google_error(429, "RESOURCE_EXHAUSTED", "", &daily));
    let says = |status, text| Reply::status(status, &json!({ "error": text }));
    let nothing_drawn = Reply::status(422, &json!({ "detail": [{ "type": "no_media_generated" }] }));
    let moved = Reply::status(301, &json!({})).with_header("location", "https://example.com/");
    vec![
        answered(
            "wrong key",
            "anthropic",
            claude(401, "authentication_error", ""),
            (C::InvalidApiKey, OperatorFault, Perhaps),
        ),
        answered(
            "wrong key, said with 400",
            "gemini",
            google(400, "INVALID_ARGUMENT", "API key not valid."),
            (C::InvalidApiKey, OperatorFault, Perhaps),
        ),
        answered(
            "the key may not",
            "gemini",
            google(403, "PERMISSION_DENIED", ""),
            (C::Unauthorized, OperatorFault, Perhaps),
        ),
        answered(
            "no such model",
            "ollama",
            says(404, "model 'x' not found"),
            (C::Unauthorized, OperatorFault, Perhaps),
        ),
        answered(
            "no such address",
            "anthropic",
            Reply::status(404, &json!(null)),
            (C::UnknownError, OperatorFault, Perhaps),
        ),
        answered("moved away", "huggingface", moved, (C::UnknownError, OperatorFault, Perhaps)),
        answered("given up", "huggingface", says(410, "gone"), (C::UnknownError, OperatorFault, Perhaps)),
        answered("no money", "huggingface", says(402, "credits"), (C::ProviderFundsExhausted, OperatorFault, Perhaps)),
        answered(
            "no money, said with 400",
            "anthropic",
            claude(400, "invalid_request_error", "credit balance is too low"),
            (C::ProviderFundsExhausted, OperatorFault, Perhaps),
        ),
        answered(
            "not in this country",
            "gemini",
            google(400, "FAILED_PRECONDITION", "location"),
            (C::Unauthorized, OperatorFault, Perhaps),
        ),
        answered(
            "the machine is too small",
            "ollama",
            says(500, "requires more system memory"),
            (C::ServiceUnavailable, OperatorFault, Perhaps),
        ),
        answered(
            "a parameter is wrong",
            "anthropic",
            claude(400, "invalid_request_error", ""),
            (C::InvalidParameters, Permanent, Perhaps),
        ),
        answered(
            "the prompt is too long",
            "gemini",
            google(400, "INVALID_ARGUMENT", "exceeds the maximum number of tokens"),
            (C::PromptTooLong, Permanent, Perhaps),
        ),
        answered(
            "the request is too large",
            "anthropic",
            claude(413, "request_too_large", ""),
            (C::PromptTooLong, Permanent, Perhaps),
        ),
        answered(
            "the policy forbids it",
            "huggingface",
            says(400, "NSFW content"),
            (C::ProviderRefused, Permanent, Perhaps),
        ),
        answered(
            "too many requests",
            "anthropic",
            claude(429, "rate_limit_error", ""),
            (C::RateLimited, Throttled, Perhaps),
        ),
        answered("the day's quota is used up", "gemini", daily, (C::QuotaExceeded, Throttled, Perhaps)),
        answered(
            "overloaded",
            "anthropic",
            claude(529, "overloaded_error", ""),
            (C::ServiceUnavailable, Throttled, Perhaps),
        ),
        answered("the queue is full", "ollama", says(503, "server busy"), (C::ServiceUnavailable, Throttled, Perhaps)),
        answered(
            "the model loads",
            "huggingface",
            says(503, "is currently loading"),
            (C::ServiceUnavailable, Throttled, Perhaps),
        ),
        answered("broken inside", "gemini", google(500, "INTERNAL", ""), (C::ServiceUnavailable, Transient, Perhaps)),
        answered(
            "too late inside",
            "gemini",
            google(504, "DEADLINE_EXCEEDED", ""),
            (C::ServiceUnavailable, Transient, Perhaps),
        ),
        answered(
            "a gateway's page",
            "huggingface",
            Reply::Raw { status: 502, headers: vec![], body: vec![Piece::text("<html>")] },
            (C::ServiceUnavailable, Transient, Perhaps),
        ),
        answered("nothing was drawn", "huggingface", nothing_drawn, (C::GenerationFailed, Unknown, Perhaps)),
        answered("a status of its own", "ollama", says(418, ""), (C::UnknownError, Unknown, Perhaps)),
    ]
}

#[tokio::test]
async fn every_kind_of_fault_is_one_failure_of_one_class_with_a_known_charge() {
    let all: Vec<Fault> = on_the_way().into_iter().chain(in_the_answer()).chain(in_place_of_an_answer()).collect();
    let kinds: HashSet<&str> = all.iter().map(|fault| fault.kind).collect();
    assert!(kinds.len() == all.len() && all.len() >= 30, "{} kinds in {} rows", kinds.len(), all.len());
    let used: HashSet<&str> = all.iter().map(|fault| fault.provider).collect();
    assert_eq!(used.len(), 4);

    let done = futures_util::future::join_all(all.into_iter().map(|fault| async {
        let (kind, provider, expected) = (fault.kind, fault.provider, fault.expected);
        (kind, provider, expected, commit(fault).await)
    }));
    let mut codes = HashSet::new();
    for (kind, provider, (code, class, charge), failure) in done.await {
        let found = match (failure.sent, failure.usage) {
            (false, None) => Charge::Nothing,
            (true, Some(TokenUsage { input, output })) => Charge::Tokens(input, output),
            (true, None) => Charge::Perhaps,
            (false, Some(_)) => panic!("{kind}: used without being sent"),
        };
        assert_eq!((failure.code, failure.class, found), (code, class, charge), "{provider}: {kind}: {failure:?}");
        let shown = format!("{failure:?}");
        assert!(!shown.contains(super::API_KEY) && !shown.contains(super::PROMPT), "{shown}");
        codes.insert(failure.code);
    }
    let missing: Vec<_> = FailureCode::ALL.iter().filter(|code| !codes.contains(code)).collect();
    assert!(missing.is_empty(), "no fault in the table is {missing:?}");
}
