//! Multipart subscriptions as Apollo's clients read them (G21). A boundary follows each part at once, because clients
//! take a part as whole only when they see the next one; whether it opens a part or closes the stream is written later.

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, Response},
};
use futures_util::{Stream, StreamExt as _, stream};
use std::convert::Infallible;

use super::{
    answer,
    fault::{BROKEN, errors_body, refusal_body},
    live::Part,
};
use crate::graphql::gate::Refused;

/// What separates the parts.
pub(super) const BOUNDARY: &str = "graphql";

const DELIMITER: &str = "\r\n--graphql";
const CLOSE: &str = "--\r\n";

/// The stream as an answer.
pub(super) fn answer(parts: impl Stream<Item = Part> + Send + 'static) -> Response<Body> {
    let first = stream::iter([DELIMITER.to_owned()]);
    respond(Body::from_stream(first.chain(parts.map(frame)).map(|text| Ok::<_, Infallible>(Bytes::from(text)))))
}

/// A refused document is the payload of the one part. `None` when the refusal is not about the document and keeps its
/// own status.
pub(super) fn refused(refused: &Refused) -> Option<Response<Body>> {
    let json = format!(r#"{{"payload":{}}}"#, refusal_body(refused));
    refused.kind.is_about_document().then(|| respond(Body::from(format!("{DELIMITER}{}{CLOSE}", part(&json)))))
}

fn part(json: &str) -> String {
    format!("\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{json}{DELIMITER}")
}

fn frame(piece: Part) -> String {
    match piece {
        Part::Next(answer) => {
            let result = serde_json::to_string(&answer).unwrap_or_else(|_| BROKEN.to_owned());
            part(&format!(r#"{{"payload":{result}}}"#))
        }
        Part::Heartbeat => part("{}"),
        Part::Fatal(fault) => {
            // `{"payload":null,"errors":[…]}`: the stream failed, not an event of it.
            let json = errors_body(&[fault]).replacen('{', r#"{"payload":null,"#, 1);
            format!("{}{CLOSE}", part(&json))
        }
        Part::Complete => CLOSE.to_owned(),
    }
}

fn respond(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    answer::mark(response.headers_mut(), r#"multipart/mixed;boundary="graphql";subscriptionSpec=1.0"#);
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
