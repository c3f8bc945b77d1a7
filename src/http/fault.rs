//! Faults of HTTP itself, before or beside GraphQL: one status, one coded error, never `data` (G7).

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};

use super::{accept::Media, answer, state::HttpState};
use crate::{
    clock::to_rfc3339,
    db::full::outage_of,
    error::{Error, Internal},
    graphql::gate::{Fault, Refused},
};

/// A request that was refused before it reached the Gate.
#[derive(Debug, Clone)]
pub(super) struct HttpFault {
    pub(super) status: StatusCode,
    /// Boxed: refusals are rare and every step of a request carries room for one.
    fault: Box<Fault>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl HttpFault {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl AsRef<str>) -> Self {
        Self { status, fault: Box::new(Fault::new(code, message)), header: None }
    }

    fn with(mut self, name: &str, value: u64) -> Self {
        *self.fault = self.fault.with(name, value);
        self
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// 405, saying what is allowed.
    pub(super) fn method(allow: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
            .with_header(header::ALLOW, HeaderValue::from_static(allow))
    }

    /// 406.
    pub(super) fn not_acceptable(message: &'static str) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", message)
    }

    /// 413, saying how many bytes are permitted.
    pub(super) fn too_large(maximum: usize) -> Self {
        let message = format!("The request body exceeds {maximum} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)
            .with("maximum", maximum as u64)
            // The rest of the body is never read, so the connection cannot be used again.
            .with_header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// 414.
    pub(super) fn uri_too_long(maximum: usize) -> Self {
        Self::new(
            StatusCode::URI_TOO_LONG,
            "URI_TOO_LONG",
            format!("The address exceeds {maximum} bytes; send the request by POST."),
        )
    }

    /// 415.
    pub(super) fn media_type(message: &'static str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    /// 400: the request itself is malformed, in every profile.
    pub(super) fn bad_request(message: impl AsRef<str>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// 429 with `Retry-After` in whole seconds, rounded up.
    pub(super) fn rate_limited(retry_after_ms: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", "Too many requests. Try again later.")
            .with("retryAfterMs", retry_after_ms)
            .with_header(header::RETRY_AFTER, retry_after(retry_after_ms))
    }

    /// 503: nothing was executed and another process, or this one later, will answer.
    pub(super) fn shutting_down() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "SHUTTING_DOWN", Error::ShuttingDown.to_string())
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 503: the request did not arrive in time.
    pub(super) fn timeout() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", "The request body did not arrive in time.")
            .with_header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// A fault of ours or of the judge of tokens; the cause goes to the log only.
    pub(super) fn of(error: &Error, request_id: &str) -> Self {
        let error = &outage_of(error.clone());
        if let Error::Internal(internal) = error {
            tracing::error!(request.id = request_id, cause = internal.chain(), "a request failed");
        }
        match error {
            Error::RateLimited { retry_after_ms } => Self::rate_limited(*retry_after_ms),
            Error::ShuttingDown => Self::shutting_down(),
            Error::Timeout | Error::DependencyUnavailable { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), error.to_string())
            }
            Error::Internal(_) => Self::internal(),
            _ => Self::new(StatusCode::BAD_REQUEST, error.code(), error.to_string()),
        }
    }

    /// 500.
    pub(super) fn internal() -> Self {
        let constant = Internal::new("", "").to_string();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", constant)
    }

    /// The whole answer, as JSON of the type `media` (streams get plain JSON).
    pub(super) fn answer(self, state: &HttpState, request_id: &str, media: Media) -> Response<Body> {
        let body = errors_body(&[stamp(*self.fault, state, request_id)]);
        let media = if media.streams() { Media::Json } else { media };
        let mut answer = answer::json(self.status, media, body);
        if let Some((name, value)) = self.header {
            answer.headers_mut().insert(name, value);
        }
        answer
    }
}

/// Adds `requestId` and `timestamp`.
pub(super) fn stamp(fault: Fault, state: &HttpState, request_id: &str) -> Fault {
    fault.with("requestId", request_id).with("timestamp", to_rfc3339(state.clock.now()))
}

/// `{"errors":[…]}`.
pub(super) fn errors_body(faults: &[Fault]) -> String {
    #[derive(serde::Serialize)]
    struct Body<'a> {
        errors: &'a [Fault],
    }
    serde_json::to_string(&Body { errors: faults }).unwrap_or_else(|_| BROKEN.to_owned())
}

/// The same for a refusal of the Gate.
pub(super) fn refusal_body(refused: &Refused) -> String {
    errors_body(&refused.errors)
}

/// An answer that cannot be written as JSON, which no value of ours is.
pub(super) const BROKEN: &str =
    r#"{"errors":[{"message":"Something went wrong on our side.","extensions":{"code":"INTERNAL"}}]}"#;

/// `Retry-After` in whole seconds, at least one.
pub(super) fn retry_after(ms: u64) -> HeaderValue {
    HeaderValue::from(ms.div_ceil(1_000).max(1))
}
