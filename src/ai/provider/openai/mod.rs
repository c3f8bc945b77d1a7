//! The OpenAI protocol at any base URL: chat completions and image generations.
//!
//! Our own adapter over reqwest, because every failure must end in exactly one code, bytes must be capped, and the
//! request key must reach the wire. It never follows a redirect, never uses a proxy from the environment, never
//! retries, and never lets the key or the provider's words into an error.

mod body;
mod chat;
mod download;
mod fault;
mod sse;
mod wire;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};

use self::body::Body;
use self::chat::Fold;
use self::download::Downloads;
use self::fault::ErrorInfo;
use self::wire::{ChatBody, ImageAnswer, ImageBody};
use super::{
    Call, FailureCode, ImageProvider, ImageRequest, ImageResult, ProviderFailure, ProviderFuture, TextDeltas,
    TextProvider, TextRequest, TextResult, TokenUsage, image_content_type,
};

/// The most bytes of a text answer: a stream spends some 300 bytes on a token.
const TEXT_ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most bytes of an image answer: 20 MiB in base64, and some JSON around it.
const IMAGE_ANSWER_BYTES_MAX: usize = 28 * 1024 * 1024;
/// The most bytes of an error answer that are read to classify it.
const ERROR_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The longest provider reference kept.
const PROVIDER_REF_CHARS_MAX: usize = 128;

const ORGANIZATION: HeaderName = HeaderName::from_static("openai-organization");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How the output limit is spelt on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputLimitField {
    /// `max_completion_tokens`, which current models of the original require.
    #[default]
    MaxCompletionTokens,
    /// `max_tokens`, which many servers that speak the protocol know alone.
    MaxTokens,
}

/// What an adapter is built from. `Debug` hides the key.
#[derive(Debug, Clone)]
pub struct OpenAiSettings {
    /// Where the paths hang, such as `https://api.openai.com/v1`: http or https, no query, no credentials.
    pub base_url: String,
    /// Sent as bearer token.
    pub api_key: SecretString,
    /// Sent as `OpenAI-Organization`.
    pub organization: Option<String>,
    /// Whether text is asked for as a stream. A server that answers with one JSON document is understood either way.
    pub stream: bool,
    /// Limit for connecting, TLS included.
    pub connect_timeout: Duration,
    /// How the output limit is spelt.
    pub output_limit_field: OutputLimitField,
    /// Host names, besides the base URL's origin, from which images may be fetched even over http or from a private
    /// address.
    pub image_hosts: Vec<String>,
}

impl OpenAiSettings {
    /// The usual settings for a server: streaming, 5 s to connect.
    #[must_use]
    pub fn new(base_url: impl Into<String>, api_key: SecretString) -> Self {
        Self {
            base_url: base_url.into(),
            api_key,
            organization: None,
            stream: true,
            connect_timeout: Duration::from_secs(5),
            output_limit_field: OutputLimitField::default(),
            image_hosts: Vec::new(),
        }
    }
}

/// Why an adapter cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum OpenAiSetupError {
    /// The base URL is no absolute http or https URL, or holds a query, a fragment or credentials.
    #[error("the base URL must be http or https, without query, fragment or credentials")]
    BaseUrl,
    /// The key or the organisation cannot be a header.
    #[error("the key and the organisation must be visible ASCII")]
    Header,
    /// No rustls crypto provider is installed for the process.
    #[error("no TLS back end is installed")]
    Crypto,
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
}

/// A provider that speaks the OpenAI protocol. Connections are pooled; share one behind an `Arc`.
pub struct OpenAi {
    client: Client,
    base: Url,
    headers: HeaderMap,
    downloads: Downloads,
    stream: bool,
    output_limit_field: OutputLimitField,
}

/// What is known of a call so far, kept outside its future so that a time-out or a cancellation can still report it.
#[derive(Default)]
struct Seen {
    usage: Option<TokenUsage>,
    provider_ref: Option<String>,
}

impl OpenAi {
    /// Builds the adapter; sends nothing.
    ///
    /// # Errors
    /// [`OpenAiSetupError`], each variant saying which setting to mend.
    pub fn new(settings: &OpenAiSettings) -> Result<Self, OpenAiSetupError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(OpenAiSetupError::Crypto);
        }
        let base = base_url(&settings.base_url)?;
        let client = client(settings).build().map_err(OpenAiSetupError::Client)?;
        Ok(Self {
            headers: headers(settings)?,
            downloads: Downloads::new(settings, client.clone(), base.clone())?,
            client,
            base,
            stream: settings.stream,
            output_limit_field: settings.output_limit_field,
        })
    }

    async fn text(
        &self,
        request: &TextRequest,
        call: &Call,
        deltas: Option<TextDeltas>,
    ) -> Result<TextResult, ProviderFailure> {
        call.check_not_cancelled()?;
        let mut seen = Seen::default();
        let outcome = call.guard(self.exchange_text(request, call, deltas, &mut seen)).await;
        outcome.map_err(|failure| seen.complete(failure))
    }

    async fn exchange_text(
        &self,
        request: &TextRequest,
        call: &Call,
        deltas: Option<TextDeltas>,
        seen: &mut Seen,
    ) -> Result<TextResult, ProviderFailure> {
        let body = ChatBody::new(request, self.stream, self.output_limit_field);
        let accept = if self.stream { "text/event-stream" } else { "application/json" };
        let (response, first) =
            self.post("chat/completions", &request.request_key, accept, to_json(&body)?, call, seen).await?;
        let media = fault::media_type(response.headers());
        let body = Body::new(response, first, call.timeouts.chunk, TEXT_ANSWER_BYTES_MAX, FailureCode::ParseFailed);
        // What the server says it sends decides, not what was asked for: some cannot stream and answer whole.
        match media.as_str() {
            "text/event-stream" => Fold::default().stream(body, seen, deltas.as_ref()).await,
            "application/json" => Fold::default().whole(&body.collect().await?, seen, deltas.as_ref()),
            _ => Err(wrong_media_type()),
        }
    }

    async fn image(&self, request: &ImageRequest, call: &Call) -> Result<ImageResult, ProviderFailure> {
        call.check_not_cancelled()?;
        let mut seen = Seen::default();
        let outcome = call.guard(self.exchange_image(request, call, &mut seen)).await;
        outcome.map_err(|failure| seen.complete(failure))
    }

    async fn exchange_image(
        &self,
        request: &ImageRequest,
        call: &Call,
        seen: &mut Seen,
    ) -> Result<ImageResult, ProviderFailure> {
        let body = to_json(&ImageBody::new(request))?;
        let (response, first) =
            self.post("images/generations", &request.request_key, "application/json", body, call, seen).await?;
        if fault::media_type(response.headers()) != "application/json" {
            return Err(wrong_media_type());
        }
        let body = Body::new(response, first, call.timeouts.chunk, IMAGE_ANSWER_BYTES_MAX, FailureCode::CorruptImage);
        let answer: ImageAnswer = wire::read(&body.collect().await?)
            .ok_or_else(|| ProviderFailure::new(FailureCode::ParseFailed, "the answer is not the JSON expected"))?;
        seen.usage = answer.usage.as_ref().and_then(wire::Usage::tokens);
        if let Some(error) = answer.error.filter(|error| !error.is_null()) {
            return Err(fault::from_error(&ErrorInfo::read(&error)));
        }
        let bytes = match answer.data.into_iter().flatten().next() {
            Some(wire::ImageDatum { b64_json: Some(text), .. }) => decode_base64(&text)?,
            Some(wire::ImageDatum { url: Some(url), .. }) => self.downloads.fetch(&url, call).await?,
            _ => {
                return Err(ProviderFailure::new(FailureCode::GenerationFailed, "the answer holds no image"));
            }
        };
        let content_type = image_content_type(&bytes).ok_or_else(|| {
            ProviderFailure::new(FailureCode::CorruptImage, "the bytes are neither PNG, JPEG nor WebP")
        })?;
        Ok(ImageResult {
            bytes,
            content_type,
            cost_nanousd: answer.usage.as_ref().and_then(wire::Usage::cost_nanousd),
            provider_ref: seen.provider_ref.clone(),
            usage: seen.usage,
        })
    }

    /// Posts `body` and returns a good answer whose body is still to be read.
    async fn post(
        &self,
        path: &str,
        request_key: &str,
        accept: &'static str,
        body: Vec<u8>,
        call: &Call,
        seen: &mut Seen,
    ) -> Result<(Response, body::FirstByte), ProviderFailure> {
        let key = header_value(request_key).filter(|_| (1..=200).contains(&request_key.len())).ok_or_else(|| {
            ProviderFailure::unsent(FailureCode::InvalidParameters, "the request key cannot be a header")
        })?;
        let url = format!("{}/{path}", self.base.as_str().trim_end_matches('/'));
        let request = self
            .client
            .post(url)
            .headers(self.headers.clone())
            .header(IDEMPOTENCY_KEY, key.clone())
            .header(CLIENT_REQUEST_ID, key)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, accept)
            .body(body);
        let mut first = body::first_byte(call.timeouts.first_byte);
        let response = body::until(&mut first, request.send()).await?.map_err(|error| fault::from_transport(&error))?;
        seen.note_id(response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()));
        if response.status().is_success() {
            return Ok((response, first));
        }
        let (status, headers) = (response.status(), response.headers().clone());
        // The status has already failed the call: a body that cannot be read merely explains less.
        let explanation =
            Body::new(response, first, call.timeouts.chunk, ERROR_ANSWER_BYTES_MAX, FailureCode::ParseFailed);
        let error = ErrorInfo::read_body(&explanation.collect().await.unwrap_or_default());
        Err(fault::from_status(status, &headers, &error))
    }
}

impl TextProvider for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn generate_text<'a>(
        &'a self,
        request: &'a TextRequest,
        call: &'a Call,
        deltas: Option<TextDeltas>,
    ) -> ProviderFuture<'a, TextResult> {
        Box::pin(self.text(request, call, deltas))
    }
}

impl ImageProvider for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn generate_image<'a>(&'a self, request: &'a ImageRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(self.image(request, call))
    }
}

impl Seen {
    /// Keeps the first reference seen: the header's, else the answer's own id.
    fn note_id(&mut self, id: Option<&str>) {
        if self.provider_ref.is_none() {
            let plain = id.map(|id| -> String {
                id.chars().filter(char::is_ascii_graphic).take(PROVIDER_REF_CHARS_MAX).collect()
            });
            self.provider_ref = plain.filter(|id| !id.is_empty());
        }
    }

    fn complete(self, failure: ProviderFailure) -> ProviderFailure {
        ProviderFailure { usage: self.usage, provider_ref: self.provider_ref, ..failure }
    }
}

/// A client that does only what it is told. Proxies in the environment are ignored: they would resolve names for us
/// and so pass by the check of addresses.
fn client(settings: &OpenAiSettings) -> ClientBuilder {
    Client::builder()
        .connect_timeout(settings.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .user_agent(concat!("inkledger/", env!("CARGO_PKG_VERSION")))
}

fn base_url(text: &str) -> Result<Url, OpenAiSetupError> {
    let url = Url::parse(text).map_err(|_| OpenAiSetupError::BaseUrl)?;
    let plain = url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if plain && anonymous && url.has_host() && matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err(OpenAiSetupError::BaseUrl)
    }
}

fn headers(settings: &OpenAiSettings) -> Result<HeaderMap, OpenAiSetupError> {
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {}", settings.api_key.expose_secret());
    let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| OpenAiSetupError::Header)?;
    bearer.set_sensitive(true);
    headers.insert(AUTHORIZATION, bearer);
    if let Some(organization) = &settings.organization {
        let value = header_value(organization).ok_or(OpenAiSetupError::Header)?;
        headers.insert(ORGANIZATION, value);
    }
    Ok(headers)
}

fn header_value(text: &str) -> Option<HeaderValue> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    HeaderValue::from_str(text).ok().filter(|_| visible)
}

fn to_json(body: &impl serde::Serialize) -> Result<Vec<u8>, ProviderFailure> {
    serde_json::to_vec(body)
        .map_err(|_| ProviderFailure::unsent(FailureCode::InvalidParameters, "the request is no JSON"))
}

fn decode_base64(text: &str) -> Result<Bytes, ProviderFailure> {
    let bytes = BASE64
        .decode(text.trim())
        .map_err(|_| ProviderFailure::new(FailureCode::CorruptImage, "the image is not base64"))?;
    if bytes.len() > download::IMAGE_BYTES_MAX {
        return Err(ProviderFailure::new(FailureCode::CorruptImage, "the image is larger than accepted"));
    }
    Ok(Bytes::from(bytes))
}

fn wrong_media_type() -> ProviderFailure {
    ProviderFailure::new(FailureCode::ParseFailed, "the answer has another content type than this protocol's")
}
