//! For operators, load balancers and outsiders: alive, ready, metrics, the public keys of the ledger.

use axum::{
    body::Body,
    extract::{Extension, State},
    http::{HeaderValue, Response, StatusCode, header},
};

use super::{pages, router::RequestMeta, state::HttpState};

/// `/healthz`: 200 while the process answers at all.
pub(super) async fn alive() -> Response<Body> {
    json(StatusCode::OK, &serde_json::json!({"status": "alive"}))
}

/// `/readyz`: 200 with the parts that do not work, or 503 while the process drains.
pub(super) async fn ready(State(state): State<HttpState>) -> Response<Body> {
    let report = state.readiness.report().await;
    let draining = report.draining || state.shutdown.is_cancelled();
    let (status, word) = match (draining, report.degraded.is_empty()) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, true) => (StatusCode::OK, "ready"),
        (false, false) => (StatusCode::OK, "degraded"),
    };
    json(status, &serde_json::json!({"status": word, "degraded": report.degraded}))
}

/// `/metrics` in the Prometheus text format.
pub(super) async fn metrics(State(state): State<HttpState>, Extension(meta): Extension<RequestMeta>) -> Response<Body> {
    let Some(render) = &state.metrics else {
        return pages::nothing_here(&state, &meta, "Metrics are switched off.");
    };
    let mut answer = Response::new(Body::from(render().await));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The public keys of anchors and receipts, for anyone on any page.
pub(super) async fn ledger_keys(
    State(state): State<HttpState>,
    Extension(meta): Extension<RequestMeta>,
) -> Response<Body> {
    let Some(keys) = &state.ledger_keys else {
        return pages::nothing_here(&state, &meta, "This server signs nothing.");
    };
    let mut answer = Response::new(Body::from(keys.clone()));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(value.to_string()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
