//! Origins whose pages may read answers (CORS) and open sockets (G5, G9). Compared as browsers write them: a look-alike
//! is another origin, and so is `null`.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header},
};

/// A setting that is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no origin; write it like https://app.example.com, without a path")]
pub struct OriginUnreadable(String);

/// The allow-list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(BTreeSet<String>);

impl Origins {
    /// Reads `scheme://host` or `scheme://host:port`; the scheme's own port is left out as browsers do.
    pub fn parse<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, OriginUnreadable> {
        list.into_iter().map(normal).collect::<Result<_, _>>().map(Self)
    }

    /// The same list and `origins`.
    #[must_use]
    pub fn and(mut self, origins: Self) -> Self {
        self.0.extend(origins.0);
        self
    }

    /// Is this, the value of an `Origin` header, on the list?
    pub fn allow(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.0.contains(origin))
    }
}

fn normal(text: &str) -> Result<String, OriginUnreadable> {
    let unreadable = || OriginUnreadable(text.to_owned());
    let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
    let uri: Uri = text.parse().map_err(|_| unreadable())?;
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(unreadable()) };
    let is_bare = uri.path().trim_matches('/').is_empty() && uri.query().is_none() && !text.contains(['@', '*']);
    let own = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return Err(unreadable()),
    };
    if !is_bare {
        return Err(unreadable());
    }
    Ok(match uri.port_u16() {
        Some(port) if port != own => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

/// Is this the question a browser asks before a cross-origin request?
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answers a preflight: what is allowed for origins on the list, nothing for others. Never with credentials (G5).
pub(super) fn preflight() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// Adds what lets the page of an allowed origin read `answer`; `preflight` names the methods when one is asked for.
pub(super) fn mark(origins: &Origins, request: &HeaderMap, answer: &mut HeaderMap, preflight: Option<&'static str>) {
    let Some(origin) = request.get(header::ORIGIN).filter(|origin| origins.allow(origin)) else { return };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    if let Some(methods) = preflight {
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        answer.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(
                "authorization, content-type, accept, x-request-id, x-client-name, x-client-version, \
                 apollographql-client-name, apollographql-client-version",
            ),
        );
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    } else {
        answer.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("x-request-id, retry-after, allow"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // G9
    #[test]
    fn a_look_alike_is_another_origin() {
        let origins = Origins::parse(["https://App.example.com:443/", "http://localhost:4000"]).unwrap();
        for good in ["https://app.example.com", "http://localhost:4000"] {
            assert!(origins.allow(&HeaderValue::from_static(good)), "{good}");
        }
        let bad = [
            "null",
            "",
            "https://app.example.com.evil.com",
            "https://evil-app.example.com",
            "http://app.example.com",
            "https://app.example.com:444",
            "https://app.example.com/",
            "https://user@app.example.com",
            "http://localhost",
        ];
        for bad in bad {
            assert!(!origins.allow(&HeaderValue::from_static(bad)), "{bad}");
        }
    }

    #[test]
    fn refuses_settings_that_are_no_origin() {
        for text in
            ["*", "null", "example.com", "https://*.example.com", "ftp://a.b", "https://a.b/path", "https://u@a.b"]
        {
            assert!(Origins::parse([text]).is_err(), "{text}");
        }
    }
}
