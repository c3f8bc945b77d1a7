//! Home, and what answers where nothing is: a page for people, JSON for programs.

use std::sync::LazyLock;

use axum::{
    body::Body,
    extract::{Extension, Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};

use super::{
    accept::{Media, wants_html},
    fault::HttpFault,
    router::RequestMeta,
    state::HttpState,
};

const HOME: &str = include_str!("../../web/public-404/home.html");
const NOT_FOUND: &str = include_str!("../../web/public-404/not_found.html");

/// Nothing from elsewhere, no script; the one style sheet is named by its hash.
static HOME_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(HOME));
static NOT_FOUND_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(NOT_FOUND));

/// The policy of `page`, which has one style sheet.
pub(super) fn policy(page: &str) -> HeaderValue {
    let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).map_or("", |(css, _)| css);
    let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// `/`.
pub(super) async fn home() -> Response<Body> {
    html(StatusCode::OK, HOME.to_owned(), &HOME_POLICY)
}

/// Every path that is none of ours.
pub(super) async fn not_found(
    State(state): State<HttpState>,
    Extension(meta): Extension<RequestMeta>,
    request: Request,
) -> Response<Body> {
    answer(&state, &meta, request.headers(), request.uri().path(), "There is no page at this address.")
}

/// A path of ours with a method it does not have.
pub(super) async fn method_not_allowed(
    State(state): State<HttpState>,
    Extension(meta): Extension<RequestMeta>,
) -> Response<Body> {
    HttpFault::method("GET, HEAD", "This address answers GET.").answer(&state, &meta.request_id, Media::Json)
}

/// 404 as a page or as JSON, saying `detail`. `path` is shown on the page.
pub(super) fn answer(
    state: &HttpState,
    meta: &RequestMeta,
    headers: &HeaderMap,
    path: &str,
    detail: &str,
) -> Response<Body> {
    let mut answer = if wants_html(headers) {
        let page = NOT_FOUND
            .replace("{{detail}}", &escape(detail))
            .replace("{{back}}", &escape(&back(headers)))
            .replace("{{path}}", &escape(&shortened(path)));
        html(StatusCode::NOT_FOUND, page, &NOT_FOUND_POLICY)
    } else {
        nothing_here(state, meta, detail)
    };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    answer
}

/// 404 for programs.
pub(super) fn nothing_here(state: &HttpState, meta: &RequestMeta, detail: &str) -> Response<Body> {
    HttpFault::new(StatusCode::NOT_FOUND, "NOT_FOUND", detail).answer(state, &meta.request_id, Media::Json)
}

/// A page as an answer.
pub(super) fn html(status: StatusCode, page: String, policy: &HeaderValue) -> Response<Body> {
    let mut answer = Response::new(Body::from(page));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

/// Where Back leads without a script: the page of this server that the reader came from, else home.
fn back(headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let came_from = || {
        let referer = text(header::REFERER)?;
        let rest = referer.strip_prefix("http://").or_else(|| referer.strip_prefix("https://"))?;
        let (host, path) = rest.split_once('/')?;
        (host == text(header::HOST)? && !path.starts_with(['/', '\\'])).then(|| format!("/{path}"))
    };
    came_from().unwrap_or_else(|| "/".to_owned())
}

/// Characters of a path that the page shows.
const PATH_CHARS: usize = 200;

fn shortened(path: &str) -> String {
    if path.chars().count() <= PATH_CHARS {
        path.to_owned()
    } else {
        path.chars().take(PATH_CHARS).chain(['…']).collect()
    }
}

/// `text` as HTML shows it.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // A template's own marks must not come back in from outside.
            '{' => safe.push_str("&#123;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_leads_only_to_pages_of_this_server() {
        let of = |referer: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("ink.example:8080"));
            headers.insert(header::REFERER, HeaderValue::from_static(referer));
            back(&headers)
        };
        assert_eq!(of("http://ink.example:8080/graphiql?a=1"), "/graphiql?a=1");
        assert_eq!(of("https://evil.example/graphiql"), "/");
        assert_eq!(of("http://ink.example:8080.evil.example/x"), "/");
        assert_eq!(of("http://ink.example:8080//evil.example"), "/");
        assert_eq!(of("javascript:alert(1)"), "/");
        assert_eq!(back(&HeaderMap::new()), "/");
    }

    #[test]
    fn shows_no_markup_from_outside() {
        assert_eq!(escape("<b a='\"'>&{{back}}"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;&#123;&#123;back}}");
    }
}
