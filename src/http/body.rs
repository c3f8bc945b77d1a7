//! A POST's body: its declared type (G3), its size while it is read (G6), its text.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, header},
};
use bytes::BytesMut;
use futures_util::StreamExt as _;
use tokio::time::{Duration, timeout};

use super::fault::HttpFault;

/// Refuses a body that is not declared as plain UTF-8 JSON.
pub(super) fn check_type(headers: &HeaderMap) -> Result<(), HttpFault> {
    let refuse = || HttpFault::media_type("Send the request as `Content-Type: application/json` in UTF-8.");
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else { return Err(refuse()) };
    if !content_type.to_str().is_ok_and(is_utf8_json) {
        return Err(refuse());
    }
    let is_plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
        return Err(HttpFault::media_type("Send the request without `Content-Encoding`."));
    }
    Ok(())
}

fn is_utf8_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    is_json
        && parts.filter(|part| !part.is_empty()).all(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            !key.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}

/// Reads at most `maximum` bytes within `wait`. A longer body is refused at the first byte too many, or before the
/// first if it says so itself.
pub(super) async fn read(headers: &HeaderMap, body: Body, maximum: usize, wait: Duration) -> Result<Bytes, HttpFault> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > maximum as u64) {
        return Err(HttpFault::too_large(maximum));
    }
    timeout(wait, collect(body, maximum)).await.unwrap_or_else(|_| Err(HttpFault::timeout()))
}

async fn collect(body: Body, maximum: usize) -> Result<Bytes, HttpFault> {
    let mut chunks = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| HttpFault::bad_request("The request body ended early."))?;
        if whole.len().saturating_add(chunk.len()) > maximum {
            return Err(HttpFault::too_large(maximum));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    // G3
    #[test]
    fn takes_json_in_utf8_and_nothing_else() {
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
            assert!(is_utf8_json(good), "{good}");
        }
        let bad = [
            "",
            "text/plain",
            "application/json; charset=utf-16",
            "application/graphql",
            "application/jsonp",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
            "text/plain; application/json",
        ];
        for bad in bad {
            assert!(!is_utf8_json(bad), "{bad}");
        }
    }

    // G6
    #[tokio::test]
    async fn stops_reading_at_the_first_byte_too_many() {
        let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1000])));
        let wait = Duration::from_secs(5);
        let outcome = read(&HeaderMap::new(), Body::from_stream(endless), 10_000, wait).await;
        assert_eq!(outcome.unwrap_err().status.as_u16(), 413);
        let whole = read(&HeaderMap::new(), Body::from(vec![b'x'; 10_000]), 10_000, wait).await;
        assert_eq!(whole.unwrap().len(), 10_000);
    }
}
