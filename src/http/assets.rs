//! GraphiQL, the claim page, the pages of links in letters and their files (G67, G68): from disk in debug builds, from the binary in release ones.
//! Served as built, pre-compressed; the server compresses nothing itself.

use std::borrow::Cow;

use axum::{
    body::{Body, Bytes},
    extract::{Extension, Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::{pages, router::RequestMeta, state::HttpState};

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

/// The policy of all pages. Inline styles are the editor's; scripts, workers and fonts are our own files.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The pages below `/link`.
const LINKS: [&str; 3] = ["sign-in", "verify-email", "reset-password"];

const NOT_BUILT: &str = "The web pages are not built into this server. Run script/serve, or build them with \
                         `npm ci && npm run build` in web/ and start the server again.";
const SWITCHED_OFF: &str = "GraphiQL is switched off by the setting http.graphiql.";

/// `/graphiql`.
pub(super) async fn graphiql(
    State(state): State<HttpState>,
    Extension(meta): Extension<RequestMeta>,
    headers: HeaderMap,
) -> Response<Body> {
    if !state.settings.graphiql {
        return pages::answer(&state, &meta, &headers, "/graphiql", SWITCHED_OFF);
    }
    page(&headers, "graphiql.html").unwrap_or_else(|| pages::answer(&state, &meta, &headers, "/graphiql", NOT_BUILT))
}

/// `/claim`: where the printed link of the first start leads.
pub(super) async fn claim(
    State(state): State<HttpState>,
    Extension(meta): Extension<RequestMeta>,
    headers: HeaderMap,
) -> Response<Body> {
    page(&headers, "claim.html").unwrap_or_else(|| pages::answer(&state, &meta, &headers, "/claim", NOT_BUILT))
}

/// `/link/…`: where links in letters lead, unless a product has pages of its own.
pub(super) async fn link(
    State(state): State<HttpState>,
    Extension(meta): Extension<RequestMeta>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let path = format!("/link/{name}");
    if !LINKS.contains(&name.as_str()) {
        return pages::answer(&state, &meta, &headers, &path, "There is no such page.");
    }
    page(&headers, "link.html").unwrap_or_else(|| pages::answer(&state, &meta, &headers, &path, NOT_BUILT))
}

/// `/assets/…`: names hold a hash of the content, so a client never needs to ask twice.
pub(super) async fn asset(
    State(state): State<HttpState>,
    Extension(meta): Extension<RequestMeta>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let path = format!("assets/{name}");
    let Some(mut answer) = find(&headers, &path) else {
        let detail = if Dist::get("graphiql.html").is_some() { "There is no such file." } else { NOT_BUILT };
        return pages::answer(&state, &meta, &headers, &format!("/{path}"), detail);
    };
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    answer.headers_mut().insert(header::CACHE_CONTROL, forever);
    answer
}

fn page(headers: &HeaderMap, name: &str) -> Option<Response<Body>> {
    let mut answer = find(headers, name)?;
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    Some(answer)
}

/// The file, compressed if the client takes that, or 304 when it has it.
fn find(headers: &HeaderMap, name: &str) -> Option<Response<Body>> {
    // `.gz` files are forms of others and have no address of their own; a page has but one, with its policy.
    let is_plain_name = !name.ends_with(".gz") && !name.split('/').any(|part| part == "..");
    let plain = Some(name).filter(|_| is_plain_name).and_then(Dist::get)?;
    let compressed = takes_gzip(headers).then(|| Dist::get(&format!("{name}.gz"))).flatten();
    let is_compressed = compressed.is_some();
    let content_type = content_type(name, &plain);
    let file = compressed.unwrap_or(plain);
    let tag = format!("\"{}\"", hex::encode(file.metadata.sha256_hash().get(..16).unwrap_or_default()));
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known
        .flat_map(|text| text.split(','))
        .any(|known| matches!(known.trim(), "*") || known.trim().trim_start_matches("W/") == tag);

    let mut answer = if is_known {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        Response::new(Body::from(match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        }))
    };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).ok()?);
    if is_compressed && !is_known {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(answer)
}

fn content_type(name: &str, file: &EmbeddedFile) -> HeaderValue {
    let guessed = file.metadata.mimetype();
    let is_text = guessed.starts_with("text/") || name.ends_with(".js") || name.ends_with(".svg");
    let full = if is_text { format!("{guessed}; charset=utf-8") } else { guessed.to_owned() };
    HeaderValue::from_str(&full).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let refused =
            parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0)));
        named && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compresses_only_for_clients_that_take_it() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            takes_gzip(&headers)
        };
        assert!(of("gzip, deflate, br") && of("br;q=1.0, gzip;q=0.8") && of("*"));
        assert!(!of("br") && !of("gzip;q=0") && !of("") && !takes_gzip(&HeaderMap::new()));
    }
}
