//! From the Gate's word to an HTTP answer: status by profile and media type (G2), headers of every GraphQL answer (G7).

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};

use super::{
    accept::Media,
    fault::{BROKEN, refusal_body, retry_after},
    settings::StatusProfile,
};
use crate::graphql::gate::{Answer, RefusalKind, Refused};

/// The only success status that HTTP libraries have no name for: `data` that comes with errors.
const PARTIAL_SUCCESS: u16 = 294;

/// Status of an executed operation.
pub(super) fn executed_status(profile: StatusProfile, has_errors: bool) -> StatusCode {
    match profile {
        StatusProfile::Draft202608 if has_errors => StatusCode::from_u16(PARTIAL_SUCCESS).unwrap_or(StatusCode::OK),
        _ => StatusCode::OK,
    }
}

/// Status of a request that the Gate refused.
pub(super) fn refused_status(profile: StatusProfile, media: Media, kind: RefusalKind) -> StatusCode {
    match kind {
        RefusalKind::RateLimited { .. } => return StatusCode::TOO_MANY_REQUESTS,
        RefusalKind::Internal => return StatusCode::INTERNAL_SERVER_ERROR,
        // Clients send the text then; a proxy on the way must not take it for a fault.
        RefusalKind::UnknownHash => return StatusCode::OK,
        _ => {}
    }
    match (profile, media, kind) {
        (StatusProfile::Audit, Media::GraphqlJson, _) | (StatusProfile::Audit, _, RefusalKind::Parameters) => {
            StatusCode::BAD_REQUEST
        }
        (StatusProfile::Audit, _, _) => StatusCode::OK,
        (StatusProfile::Draft202608, _, RefusalKind::Parse) => StatusCode::BAD_REQUEST,
        (StatusProfile::Draft202608, _, _) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// An executed operation as one JSON answer.
pub(super) fn executed(profile: StatusProfile, media: Media, answer: &Answer) -> Response<Body> {
    let status = executed_status(profile, !answer.errors.is_empty());
    let body = serde_json::to_string(answer).unwrap_or_else(|_| BROKEN.to_owned());
    json(status, media, body)
}

/// A refusal as one JSON answer.
pub(super) fn refused(profile: StatusProfile, media: Media, refused: &Refused) -> Response<Body> {
    let mut answer = json(refused_status(profile, media, refused.kind), media, refusal_body(refused));
    if let RefusalKind::RateLimited { retry_after_ms } = refused.kind {
        answer.headers_mut().insert(header::RETRY_AFTER, retry_after(retry_after_ms));
    }
    answer
}

/// `body` as `media` with the headers of every GraphQL answer.
pub(super) fn json(status: StatusCode, media: Media, body: impl Into<Body>) -> Response<Body> {
    let content_type = match media {
        Media::GraphqlJson => "application/graphql-response+json; charset=utf-8",
        _ => "application/json; charset=utf-8",
    };
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    mark(answer.headers_mut(), content_type);
    answer
}

/// The headers of every GraphQL answer, streams included.
pub(super) fn mark(headers: &mut HeaderMap, content_type: &'static str) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

#[cfg(test)]
mod tests {
    use super::*;

    // G2: the table, line by line.
    #[test]
    fn chooses_the_status_of_each_profile() {
        use StatusProfile::{Audit, Draft202608};
        let executed = |profile, errors| executed_status(profile, errors).as_u16();
        assert_eq!((executed(Audit, false), executed(Audit, true)), (200, 200));
        assert_eq!((executed(Draft202608, false), executed(Draft202608, true)), (200, 294));
        let kinds = [
            (RefusalKind::Parse, 400, 200, 400),
            (RefusalKind::Validation, 400, 200, 422),
            (RefusalKind::Limit, 400, 200, 422),
            (RefusalKind::Cost, 400, 200, 422),
            (RefusalKind::Variables, 400, 200, 422),
            (RefusalKind::Operation, 400, 200, 422),
            (RefusalKind::Introspection, 400, 200, 422),
            (RefusalKind::NotTrusted, 400, 200, 422),
            (RefusalKind::Parameters, 400, 400, 422),
            (RefusalKind::UnknownHash, 200, 200, 200),
            (RefusalKind::RateLimited { retry_after_ms: 1 }, 429, 429, 429),
            (RefusalKind::Internal, 500, 500, 500),
        ];
        for (kind, graphql, json, draft) in kinds {
            assert_eq!(refused_status(Audit, Media::GraphqlJson, kind).as_u16(), graphql, "{kind:?}");
            assert_eq!(refused_status(Audit, Media::Json, kind).as_u16(), json, "{kind:?}");
            assert_eq!(refused_status(Draft202608, Media::GraphqlJson, kind).as_u16(), draft, "{kind:?}");
            assert_eq!(refused_status(Draft202608, Media::Json, kind).as_u16(), draft, "{kind:?}");
        }
    }
}
