//! `PUT /files/uploads/…`: files sent to signed addresses. The address is checked before a byte is read, the size while
//! it is; nothing is asked but the address.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Extension, Request, State},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
};

use super::{accept::Media, body, fault::HttpFault, origin, router::RequestMeta, state::HttpState};
use crate::{
    error::Failure,
    storage::{
        SignatureRefusal,
        upload::{ReceiveUploadError, UPLOAD_BYTES_MAX},
    },
};

/// How long a file may take: 5 MiB over a slow line.
const WAIT: Duration = Duration::from_secs(90);

/// Every method of `/files/uploads/…`.
pub(super) async fn endpoint(
    State(state): State<HttpState>,
    Extension(meta): Extension<RequestMeta>,
    request: Request,
) -> Response<Body> {
    if origin::is_preflight(request.method(), request.headers()) {
        return origin::preflight();
    }
    match receive(&state, &meta, request).await {
        Ok(()) => received(),
        Err(fault) => fault.answer(&state, &meta.request_id, Media::Json),
    }
}

async fn receive(state: &HttpState, meta: &RequestMeta, request: Request) -> Result<(), HttpFault> {
    if request.method() != Method::PUT {
        return Err(HttpFault::method("PUT", "Send the file with PUT."));
    }
    let Some(uploads) = &state.uploads else { return Err(missing()) };
    let (parts, body) = request.into_parts();
    let id =
        uploads.admit(parts.uri.path(), parts.uri.query().unwrap_or_default()).map_err(|refusal| match refusal {
            SignatureRefusal::Expired => expired(ReceiveUploadError::Expired),
            SignatureRefusal::BadSignature => missing(),
        })?;
    check_plain(&parts.headers)?;
    let bytes = body::read(&parts.headers, body, UPLOAD_BYTES_MAX, WAIT).await?;
    uploads.receive(id, bytes).await.map_err(|failure| match failure {
        Failure::Refused(refusal @ ReceiveUploadError::Expired) => expired(refusal),
        Failure::Refused(refusal @ ReceiveUploadError::Received) => {
            HttpFault::new(StatusCode::CONFLICT, "UPLOAD_RECEIVED", sentence(refusal))
        }
        Failure::Refused(refusal @ ReceiveUploadError::Empty) => {
            HttpFault::new(StatusCode::BAD_REQUEST, "UPLOAD_EMPTY", sentence(refusal))
        }
        Failure::Refused(ReceiveUploadError::TooLarge) => HttpFault::too_large(UPLOAD_BYTES_MAX),
        Failure::Fault(error) => HttpFault::of(&error, &meta.request_id),
    })
}

/// The bytes are kept as they are: packed ones would be read as something else.
fn check_plain(headers: &HeaderMap) -> Result<(), HttpFault> {
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().all(plain) {
        return Ok(());
    }
    Err(HttpFault::media_type("Send the file without `Content-Encoding`."))
}

fn received() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Forged, or none of ours: which of these is not told.
fn missing() -> HttpFault {
    HttpFault::new(StatusCode::NOT_FOUND, "NOT_FOUND", "There is no such address to send a file to.")
}

fn expired(refusal: ReceiveUploadError) -> HttpFault {
    HttpFault::new(StatusCode::GONE, "UPLOAD_EXPIRED", sentence(refusal))
}

fn sentence(refusal: ReceiveUploadError) -> String {
    let text = refusal.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}
