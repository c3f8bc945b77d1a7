//! Paths, and what holds for every request: its id, its address, a bound on its URI, panics as answers.

use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode},
    middleware::{self, Next},
    routing::{any, get},
};
use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::{
    accept::Media, address, assets, docs, fault::HttpFault, graphql, health, objects, origin, pages, serve::Link,
    state::HttpState, uploads,
};
use crate::storage::UPLOAD_PREFIX;

/// What the first layer found out about a request.
#[derive(Debug, Clone)]
pub(super) struct RequestMeta {
    /// Ours, or the client's if it is sane.
    pub(super) request_id: String,
    /// The caller's address.
    pub(super) address: IpAddr,
    /// What the client calls itself.
    pub(super) client: Option<Arc<str>>,
    /// The connection; absent when the router is called without one.
    pub(super) link: Option<Arc<Link>>,
}

/// Every path of the server. Needs nothing but `state`, so tests may call it without a socket.
pub fn router(state: HttpState) -> Router {
    Router::new()
        .route("/graphql", any(graphql::endpoint))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/.well-known/inkledger-ledger-keys.json", get(health::ledger_keys))
        .route("/graphiql", get(assets::graphiql))
        .route("/docs", get(docs::first))
        .route("/docs/{*name}", get(docs::named))
        .route("/claim", get(assets::claim))
        .route("/link/{page}", get(assets::link))
        .route("/assets/{*name}", get(assets::asset))
        .route("/files/{*key}", get(objects::file))
        .route("/files/uploads/{id}", any(uploads::endpoint))
        .route("/", get(pages::home))
        .method_not_allowed_fallback(pages::method_not_allowed)
        .fallback(pages::not_found)
        .layer(middleware::from_fn_with_state(state.clone(), every_request))
        .with_state(state)
}

/// Bytes of path and query; longer is 414.
const URI_BYTES_MAX: usize = 8 * 1024;

async fn every_request(State(state): State<HttpState>, mut request: Request, next: Next) -> Response<Body> {
    let headers = request.headers();
    let request_id = sane_id(headers).unwrap_or_else(|| state.ids.uuid().to_string());
    let link = request.extensions().get::<Arc<Link>>().cloned();
    let peer = link.as_ref().map_or(address::NOWHERE, |link| link.peer);
    let address = address::caller(peer, headers, state.settings.trusted_proxies);
    let client = client_name(headers);
    // What marks the answer; the request itself is consumed by its handler.
    let methods = match request.uri().path() {
        "/graphql" => Some("GET, POST"),
        path if path.starts_with(UPLOAD_PREFIX) => Some("PUT"),
        _ => None,
    };
    let cors: HeaderMap = headers
        .iter()
        .filter(|(name, _)| *name == "origin")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let is_preflight = origin::is_preflight(request.method(), headers);
    let count = Count::of(&request);
    let uri_bytes = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    request.extensions_mut().insert(RequestMeta { request_id: request_id.clone(), address, client, link });

    let mut answer = if uri_bytes > URI_BYTES_MAX {
        HttpFault::uri_too_long(URI_BYTES_MAX).answer(&state, &request_id, Media::Json)
    } else {
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(answer) => answer,
            Err(_) => {
                tracing::error!(request.id = request_id, "a request panicked");
                HttpFault::internal().answer(&state, &request_id, Media::Json)
            }
        }
    };
    count.end(answer.status());
    let headers = answer.headers_mut();
    if let Some(methods) = methods {
        headers.insert("vary", HeaderValue::from_static("Accept, Origin"));
        origin::mark(&state.settings.origins, &cors, headers, is_preflight.then_some(methods));
    }
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert("x-request-id", value);
    }
    answer
}

/// A request that is counted when its answer begins, under words of which there are few.
struct Count {
    path: &'static str,
    method: &'static str,
    started: Instant,
}

/// Paths that are counted by themselves: each stands for all that begin with it.
const COUNTED: [&str; 9] =
    ["/graphql", "/healthz", "/readyz", "/metrics", "/.well-known/", "/graphiql", "/claim", "/assets/", "/files/"];

impl Count {
    fn of(request: &Request) -> Self {
        let path = request.uri().path();
        let is_one = |known: &&&str| path == **known || known.ends_with('/') && path.starts_with(**known);
        let method = ["GET", "POST", "PUT", "HEAD", "OPTIONS"].into_iter().find(|known| request.method() == *known);
        Self {
            path: COUNTED.iter().find(is_one).copied().unwrap_or("other"),
            method: method.unwrap_or("other"),
            started: Instant::now(),
        }
    }

    fn end(self, status: StatusCode) {
        let Self { path, method, started } = self;
        let status = status.as_u16().to_string();
        metrics::counter!("inkledger_http_requests_total", "path" => path, "method" => method, "status" => status)
            .increment(1);
        metrics::histogram!("inkledger_http_request_seconds", "path" => path).record(started.elapsed().as_secs_f64());
    }
}

/// The client's `X-Request-Id`, when it is fit for a log line: 1 to 64 letters, digits, `.`, `_` and `-`.
fn sane_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    let is_sane = (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    is_sane.then(|| id.to_owned())
}

/// Bytes kept of what a client calls itself.
const CLIENT_BYTES_MAX: usize = 200;

/// What the client calls itself: its `X-Client-Name`, else its `User-Agent`.
fn client_name(headers: &HeaderMap) -> Option<Arc<str>> {
    let name = headers.get("x-client-name").or_else(|| headers.get("user-agent"))?.as_bytes();
    let name = name.get(..CLIENT_BYTES_MAX).unwrap_or(name);
    Some(String::from_utf8_lossy(name).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_request_id_only_if_it_is_fit_for_a_log() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", HeaderValue::from_static(text));
            sane_id(&headers)
        };
        assert_eq!(of("abc-123_4.5").as_deref(), Some("abc-123_4.5"));
        assert_eq!(of(""), None);
        assert_eq!(of("a b"), None);
        assert_eq!(of("<script>"), None);
        assert_eq!(of("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), None);
    }
}
