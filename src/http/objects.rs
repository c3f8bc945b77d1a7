//! `/files/…`: stored objects by signed address. Whoever holds the address may read, until it expires; nobody else
//! learns whether there is an object.

use std::{ops::RangeInclusive, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Extension, Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use futures_util::future::{BoxFuture, FutureExt as _};

use super::{accept::Media, fault::HttpFault, pages, router::RequestMeta, state::HttpState};
use crate::{
    clock::Clock,
    error::Error,
    storage::{ObjectKey, SignatureRefusal, Storage, StorageError, UrlSigner, chain},
};

/// What is known of an object beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAs {
    /// Its media type, such as `image/png`.
    pub content_type: String,
    /// The store it lies in.
    pub store: String,
}

/// Tells what an object is and where. `app` looks it up in the database, where storage does not.
pub trait ContentTypes: Send + Sync + 'static {
    /// What the object under `key` is. `None` when there is none or it was deleted.
    fn stored_as<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, Result<Option<StoredAs>, Error>>;
}

/// Opens signed addresses.
pub trait ObjectDoor: Send + Sync + 'static {
    /// The object that `path` with `query`, both as received, opens now.
    fn open<'a>(&'a self, path: &'a str, query: &'a str) -> BoxFuture<'a, Result<OpenObject, ObjectRefusal>>;
}

/// An object that may be read.
#[derive(Debug, Clone)]
pub struct OpenObject {
    /// Its media type.
    pub content_type: String,
    /// All of it.
    pub bytes: Bytes,
}

/// Why an address opens nothing.
#[derive(Debug)]
pub enum ObjectRefusal {
    /// It was genuine and is too old.
    Expired,
    /// It is forged, or there is no object: the two are never told apart.
    NotFound,
    /// The store or the database failed.
    Fault(Error),
}

/// Signed addresses of our own storage.
pub struct StoredObjects {
    /// Where the bytes are.
    pub storage: Storage,
    /// Whose signatures count.
    pub signer: Arc<UrlSigner>,
    /// What the objects are.
    pub content_types: Arc<dyn ContentTypes>,
    /// When addresses expire.
    pub clock: Arc<dyn Clock>,
}

impl ObjectDoor for StoredObjects {
    fn open<'a>(&'a self, path: &'a str, query: &'a str) -> BoxFuture<'a, Result<OpenObject, ObjectRefusal>> {
        self.read(path, query).boxed()
    }
}

impl StoredObjects {
    async fn read(&self, path: &str, query: &str) -> Result<OpenObject, ObjectRefusal> {
        let key = self.signer.verify(path, query, self.clock.now()).map_err(|refusal| match refusal {
            SignatureRefusal::Expired => ObjectRefusal::Expired,
            SignatureRefusal::BadSignature => ObjectRefusal::NotFound,
        })?;
        let known = self.content_types.stored_as(&key).await.map_err(ObjectRefusal::Fault)?;
        let known = known.ok_or(ObjectRefusal::NotFound)?;
        let bytes = self.storage.get_from(&known.store, &key).await.map_err(|error| match error {
            StorageError::NotFound => {
                tracing::error!(image.id = %key.image_id(), store = known.store, "a stored object is not in its store");
                ObjectRefusal::NotFound
            }
            other => {
                tracing::error!(store = known.store, error = %chain(&other), "a stored object could not be read");
                ObjectRefusal::Fault(Error::DependencyUnavailable { which: "storage" })
            }
        })?;
        Ok(OpenObject { content_type: known.content_type, bytes })
    }
}

/// GET and HEAD of `/files/…`.
pub(super) async fn file(
    State(state): State<HttpState>,
    Extension(meta): Extension<RequestMeta>,
    request: Request,
) -> Response<Body> {
    let (path, headers) = (request.uri().path(), request.headers());
    let Some(objects) = &state.objects else {
        return pages::answer(&state, &meta, headers, path, "There is no such file.");
    };
    match objects.open(path, request.uri().query().unwrap_or_default()).await {
        Ok(object) => answer(headers, object),
        Err(ObjectRefusal::Expired) => {
            pages::answer(&state, &meta, headers, path, "This address has expired; ask for a new one.")
        }
        Err(ObjectRefusal::NotFound) => pages::answer(&state, &meta, headers, path, "There is no such file."),
        Err(ObjectRefusal::Fault(error)) => {
            HttpFault::of(&error, &meta.request_id).answer(&state, &meta.request_id, Media::Json)
        }
    }
}

/// The object or the range asked for. What a provider or a user made is never to run as a page of ours.
fn answer(asked: &HeaderMap, object: OpenObject) -> Response<Body> {
    let size = object.bytes.len();
    let range = asked.get(header::RANGE).and_then(|value| range(value.to_str().ok()?, size));
    let (status, body, content_range) = match range {
        None => (StatusCode::OK, object.bytes, None),
        Some(Some(part)) => {
            let shown = format!("bytes {}-{}/{size}", part.start(), part.end());
            (StatusCode::PARTIAL_CONTENT, object.bytes.slice(part), Some(shown))
        }
        Some(None) => (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new(), Some(format!("bytes */{size}"))),
    };
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let content_type =
        HeaderValue::from_str(&object.content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600, immutable"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"),
    );
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    if let Some(shown) = content_range.and_then(|shown| HeaderValue::from_str(&shown).ok()) {
        headers.insert(header::CONTENT_RANGE, shown);
    }
    answer
}

/// One byte range of `size` bytes. `None`: the header asks for nothing we serve in part, so all of it is sent;
/// `Some(None)`: it cannot be satisfied.
fn range(text: &str, size: usize) -> Option<Option<RangeInclusive<usize>>> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    if last.contains(',') || first.is_empty() && last.is_empty() {
        return None;
    }
    let end = size.checked_sub(1);
    let part = if first.is_empty() {
        let wanted: usize = last.parse().ok()?;
        end.filter(|_| wanted > 0).map(|end| size.saturating_sub(wanted)..=end)
    } else {
        let first: usize = first.parse().ok()?;
        let last = if last.is_empty() { usize::MAX } else { last.parse().ok()? };
        if last < first {
            return None;
        }
        end.filter(|end| first <= *end).map(|end| first..=last.min(end))
    };
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_range_and_ignores_what_it_does_not_serve() {
        assert_eq!(range("bytes=0-9", 100), Some(Some(0..=9)));
        assert_eq!(range("bytes=90-", 100), Some(Some(90..=99)));
        assert_eq!(range("bytes=-5", 100), Some(Some(95..=99)));
        assert_eq!(range("bytes=-500", 100), Some(Some(0..=99)));
        assert_eq!(range("bytes=50-500", 100), Some(Some(50..=99)));
        assert_eq!(range("bytes=100-", 100), Some(None));
        assert_eq!(range("bytes=-0", 100), Some(None));
        assert_eq!(range("bytes=0-", 0), Some(None));
        for ignored in ["bytes=9-1", "bytes=0-1,5-6", "items=0-1", "bytes=-", "bytes=a-b", ""] {
            assert_eq!(range(ignored, 100), None, "{ignored}");
        }
    }
}
