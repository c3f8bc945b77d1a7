//! One call to a provider over HTTP: where to, as whom, and what is known of it so far.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url};
use secrecy::ExposeSecret;

use super::body::{self, Body, FirstByte};
use super::{Form, Http, Refusal, fault, json};
use crate::ai::provider::{
    Call, FailureClass, FailureCode, ImageResult, ProviderFailure, TokenUsage, image_content_type,
};

/// The most bytes of an error answer that are read to classify it.
const ERROR_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The most bytes of an image answer: 20 MiB in base64, and some JSON around it.
const IMAGE_ANSWER_BYTES_MAX: usize = 28 * 1024 * 1024;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest provider reference kept.
const PROVIDER_REF_CHARS_MAX: usize = 128;

/// What is fixed about a provider's protocol.
pub(crate) struct Protocol {
    /// The provider's own base URL.
    pub(crate) base_url: &'static str,
    /// The answer's header that names the request, in lower case; empty where there is none.
    pub(crate) request_id: &'static str,
    /// Which failure an error answer is.
    pub(crate) explain: fn(&Refusal) -> ProviderFailure,
}

/// One call. What is seen of it lives outside the future that carries it out, so that a time-out or a cancellation can
/// still report it.
pub(crate) struct Session<'a> {
    http: &'a Http,
    protocol: &'static Protocol,
    /// The call.
    pub(crate) call: &'a Call,
    base: Url,
    /// What is known so far.
    pub(crate) seen: Seen,
}

/// What is known of a call so far.
#[derive(Default)]
pub(crate) struct Seen {
    /// Tokens reported.
    pub(crate) usage: Option<TokenUsage>,
    provider_ref: Option<String>,
    answered: bool,
}

/// A good answer whose body is still to be read.
pub(crate) struct Reply {
    response: Response,
    first: FirstByte,
    chunk: Duration,
}

impl<'a> Session<'a> {
    /// Begins a call; nothing is sent.
    ///
    /// # Errors
    /// `CANCELLED`; `UNKNOWN_ERROR` as the operator's fault for a base URL that is not absolute http or https, or
    /// holds a query, a fragment or credentials. All unsent.
    pub(crate) fn open(http: &'a Http, protocol: &'static Protocol, call: &'a Call) -> Result<Self, ProviderFailure> {
        call.check_not_cancelled()?;
        let base = call.access.base_url.as_deref().unwrap_or(protocol.base_url);
        let base = base_url(base).ok_or_else(|| {
            ProviderFailure::unsent(FailureCode::UnknownError, "the base URL cannot be used")
                .with_class(FailureClass::OperatorFault)
        })?;
        Ok(Self { http, protocol, call, base, seen: Seen::default() })
    }

    /// Ends a call: a failure takes along what was seen.
    ///
    /// # Errors
    /// The failure given.
    pub(crate) fn end<T>(self, outcome: Result<T, ProviderFailure>) -> Result<T, ProviderFailure> {
        outcome.map_err(|failure| ProviderFailure {
            usage: failure.usage.or(self.seen.usage),
            sent: failure.sent || self.seen.answered,
            provider_ref: self.seen.provider_ref,
            ..failure
        })
    }

    /// The key behind `prefix`, as a header that nothing prints.
    ///
    /// # Errors
    /// `INVALID_API_KEY`, unsent, for a key that is missing or cannot be a header.
    pub(crate) fn key(&self, prefix: &str) -> Result<HeaderValue, ProviderFailure> {
        self.key_if_any(prefix)?.ok_or_else(|| ProviderFailure::unsent(FailureCode::InvalidApiKey, "no key is set"))
    }

    /// As [`Self::key`], where a provider may need none.
    ///
    /// # Errors
    /// `INVALID_API_KEY`, unsent, for a key that cannot be a header.
    pub(crate) fn key_if_any(&self, prefix: &str) -> Result<Option<HeaderValue>, ProviderFailure> {
        let Some(key) = self.call.access.key.as_ref().map(ExposeSecret::expose_secret).filter(|key| !key.is_empty())
        else {
            return Ok(None);
        };
        let unusable = || ProviderFailure::unsent(FailureCode::InvalidApiKey, "the key must be visible ASCII");
        header_value(key).ok_or_else(unusable)?;
        let mut value = HeaderValue::from_str(&format!("{prefix}{key}")).map_err(|_| unusable())?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Whether the call goes to the provider's own address rather than to another server that speaks its protocol.
    pub(crate) fn is_own_host(&self) -> bool {
        base_url(self.protocol.base_url).is_some_and(|own| own.origin() == self.base.origin())
    }

    /// The path below the base URL that `segments` make, each escaped.
    pub(crate) fn url<'s>(&self, segments: impl IntoIterator<Item = &'s str>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// A request to the path below the base URL that `segments` make, each escaped.
    pub(crate) fn request<'s>(&self, method: Method, segments: impl IntoIterator<Item = &'s str>) -> RequestBuilder {
        self.http.0.plain.request(method, self.url(segments))
    }

    /// A request that posts JSON and accepts `accept`.
    ///
    /// # Errors
    /// `INVALID_PARAMETERS`, unsent.
    pub(crate) fn post_json<'s>(
        &self,
        segments: impl IntoIterator<Item = &'s str>,
        body: &impl serde::Serialize,
        accept: &'static str,
    ) -> Result<RequestBuilder, ProviderFailure> {
        with_json(self.request(Method::POST, segments), body, accept)
    }

    /// As [`Self::post_json`], to an address made with [`Self::url`].
    ///
    /// # Errors
    /// `INVALID_PARAMETERS`, unsent.
    pub(crate) fn post_json_at(
        &self,
        url: Url,
        body: &impl serde::Serialize,
        accept: &'static str,
    ) -> Result<RequestBuilder, ProviderFailure> {
        with_json(self.http.0.plain.request(Method::POST, url), body, accept)
    }

    /// A request that posts a form.
    pub(crate) fn post_form<'s>(&self, segments: impl IntoIterator<Item = &'s str>, form: Form) -> RequestBuilder {
        let (content_type, body) = form.finish();
        self.request(Method::POST, segments)
            .header(CONTENT_TYPE, content_type)
            .header(ACCEPT, "application/json")
            .body(body)
    }

    /// A request to a URL that the provider named for this very call. It is to carry the key, so it must lie where the
    /// base URL lies.
    ///
    /// # Errors
    /// `GENERATION_FAILED` for any other URL.
    pub(crate) fn request_at(&self, method: Method, url: &str) -> Result<RequestBuilder, ProviderFailure> {
        let url = Url::parse(url)
            .ok()
            .filter(|url| url.origin() == self.base.origin() && url.username().is_empty() && url.password().is_none());
        let url = url.ok_or_else(|| {
            ProviderFailure::new(FailureCode::GenerationFailed, "the provider names a URL on another host than its own")
        })?;
        Ok(self.http.0.plain.request(method, url).header(ACCEPT, "application/json"))
    }

    /// Sends `request` once and returns a good answer.
    ///
    /// # Errors
    /// What the protocol makes of an error answer, `TIMEOUT_FIRST_BYTE`, and the failures of connecting.
    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Result<Reply, ProviderFailure> {
        let chunk = self.call.timeouts.chunk;
        let mut first = body::first_byte(self.call.timeouts.first_byte);
        let response = body::until(&mut first, request.send()).await?.map_err(|error| fault::from_transport(&error))?;
        self.seen.answered = true;
        self.seen.note_id(response.headers().get(self.protocol.request_id).and_then(|id| id.to_str().ok()));
        if response.status().is_success() {
            return Ok(Reply { response, first, chunk });
        }
        let (status, headers) = (response.status(), response.headers().clone());
        // The status has already failed the call: a body that cannot be read merely explains less.
        let body = Body::new(response, first, chunk, ERROR_ANSWER_BYTES_MAX, FailureCode::ParseFailed);
        let body = body.collect().await.unwrap_or_default();
        Err((self.protocol.explain)(&Refusal { status, headers, body }))
    }

    /// Sends `request` once and reads a JSON object.
    ///
    /// # Errors
    /// As [`Self::send`]; `PARSE_FAILED` for another content type or unreadable JSON; `CORRUPT_IMAGE` for more bytes
    /// than an image in base64 has.
    pub(crate) async fn send_for_json<T: serde::de::DeserializeOwned>(
        &mut self,
        request: RequestBuilder,
    ) -> Result<T, ProviderFailure> {
        let reply = self.send(request).await?;
        if reply.media_type() != "application/json" {
            return Err(wrong_media_type());
        }
        json::from_json(&reply.bytes(IMAGE_ANSWER_BYTES_MAX, FailureCode::CorruptImage).await?)
    }

    /// The image behind a URL that the provider named.
    ///
    /// # Errors
    /// As [`Http::fetch_image`].
    pub(crate) async fn download(&self, url: &str) -> Result<Bytes, ProviderFailure> {
        self.http.fetch_image(url, &self.base, self.call).await
    }

    /// The result for these bytes.
    ///
    /// # Errors
    /// `CORRUPT_IMAGE`.
    pub(crate) fn image(&self, bytes: Bytes, cost_nanousd: Option<i64>) -> Result<ImageResult, ProviderFailure> {
        let content_type = image_content_type(&bytes).ok_or_else(|| {
            ProviderFailure::new(FailureCode::CorruptImage, "the bytes are neither PNG, JPEG nor WebP")
        })?;
        let (provider_ref, usage) = (self.seen.provider_ref.clone(), self.seen.usage);
        Ok(ImageResult { bytes, content_type, cost_nanousd, provider_ref, usage })
    }
}

impl Seen {
    /// Keeps the first reference seen: the header's, else the answer's own id.
    pub(crate) fn note_id(&mut self, id: Option<&str>) {
        if self.provider_ref.is_none() {
            let plain = id.map(|id| -> String {
                id.chars().filter(char::is_ascii_graphic).take(PROVIDER_REF_CHARS_MAX).collect()
            });
            self.provider_ref = plain.filter(|id| !id.is_empty());
        }
    }

    /// The provider's own name for the request.
    pub(crate) fn provider_ref(&self) -> Option<String> {
        self.provider_ref.clone()
    }
}

impl Reply {
    /// The media type in lower case without parameters, empty if the answer names none.
    pub(crate) fn media_type(&self) -> String {
        fault::media_type(self.response.headers())
    }

    /// The body, piece by piece; more than `cap` bytes are `too_large`.
    pub(crate) fn body(self, cap: usize, too_large: FailureCode) -> Body {
        Body::new(self.response, self.first, self.chunk, cap, too_large)
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`Body::collect`].
    pub(crate) async fn bytes(self, cap: usize, too_large: FailureCode) -> Result<Bytes, ProviderFailure> {
        self.body(cap, too_large).collect().await
    }
}

fn with_json(
    request: RequestBuilder,
    body: &impl serde::Serialize,
    accept: &'static str,
) -> Result<RequestBuilder, ProviderFailure> {
    Ok(request.header(CONTENT_TYPE, "application/json").header(ACCEPT, accept).body(json::to_json(body)?))
}

/// The failure of an answer in a content type that the protocol does not have.
pub(crate) fn wrong_media_type() -> ProviderFailure {
    ProviderFailure::new(FailureCode::ParseFailed, "the answer has another content type than this protocol's")
}

/// `text` as a header, if it is visible ASCII without blanks.
pub(crate) fn header_value(text: &str) -> Option<HeaderValue> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    HeaderValue::from_str(text).ok().filter(|_| visible)
}

/// The same request with our name for the attempt. Few providers promise to honour it; it costs nothing, and it finds a
/// call in a proxy's log.
///
/// # Errors
/// `INVALID_PARAMETERS`, unsent, for a name that cannot be a header.
pub(crate) fn named(request: RequestBuilder, request_key: &str) -> Result<RequestBuilder, ProviderFailure> {
    let key = header_value(request_key)
        .filter(|_| (1..=200).contains(&request_key.len()))
        .ok_or_else(|| ProviderFailure::unsent(FailureCode::InvalidParameters, "the request key cannot be a header"))?;
    Ok(request.header(IDEMPOTENCY_KEY, key))
}

fn base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    (plain && anonymous && url.has_host() && matches!(url.scheme(), "http" | "https")).then_some(url)
}
