//! Server-sent events, distinct connections (G21): `next` events with a result as `data`, one `complete` at the end,
//! comments as heartbeats.

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, Response},
};
use futures_util::{Stream, StreamExt as _};
use std::convert::Infallible;

use super::{
    answer,
    fault::{BROKEN, errors_body, refusal_body},
    live::Part,
};
use crate::graphql::gate::Refused;

/// The stream as an answer.
pub(super) fn answer(parts: impl Stream<Item = Part> + Send + 'static) -> Response<Body> {
    respond(Body::from_stream(parts.map(|part| Ok::<_, Infallible>(Bytes::from(frame(part))))))
}

/// A refused document, which by the protocol is one `next` and `complete`. `None` when the refusal is not about the
/// document and keeps its own status.
pub(super) fn refused(refused: &Refused) -> Option<Response<Body>> {
    refused.kind.is_about_document().then(|| respond(Body::from(format!("{}{COMPLETE}", next(&refusal_body(refused))))))
}

const COMPLETE: &str = "event: complete\ndata:\n\n";

fn next(result: &str) -> String {
    // JSON as we write it has no line break, so one `data` line holds it.
    format!("event: next\ndata: {result}\n\n")
}

fn frame(part: Part) -> String {
    match part {
        Part::Next(answer) => next(&serde_json::to_string(&answer).unwrap_or_else(|_| BROKEN.to_owned())),
        Part::Heartbeat => ":\n\n".to_owned(),
        Part::Fatal(fault) => format!("{}{COMPLETE}", next(&errors_body(&[fault]))),
        Part::Complete => COMPLETE.to_owned(),
    }
}

fn respond(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    answer::mark(response.headers_mut(), "text/event-stream; charset=utf-8");
    // Tells nginx and its like not to hold events back.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
