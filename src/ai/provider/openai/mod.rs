//! The OpenAI protocol at any base URL: chat completions and image generations.
//!
//! Follows the API reference at developers.openai.com/api/reference ("Create chat completion", "Create image") and its
//! guide to error codes. Any server that speaks the protocol can be named by its base URL. A key is needed at OpenAI
//! itself, and sent elsewhere if there is one. Images are not enlarged: the API offers no such thing.

mod chat;
mod fault;
mod settings;
mod wire;

use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, HeaderName};
use serde_json::Value;

use self::chat::Chunks;
use self::wire::{ChatBody, ImageAnswer, ImageBody};
use super::http::{Http, Protocol, Session, TextProtocol, decode_base64, header_value, named};
use super::{
    Call, FailureCode, ImageProvider, ImageRequest, ImageResult, ProviderFailure, ProviderFuture, SettingSpec,
    Settings, TextDeltas, TextRequest, TextResult,
};

const PROTOCOL: Protocol =
    Protocol { base_url: "https://api.openai.com/v1", request_id: "x-request-id", explain: fault::explain };

const ORGANIZATION: HeaderName = HeaderName::from_static("openai-organization");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");

/// A provider that speaks the OpenAI protocol.
pub struct OpenAi(Http);

impl OpenAi {
    /// The adapter, on these connections.
    #[must_use]
    pub fn new(http: Http) -> Self {
        Self(http)
    }
}

/// What every request carries: whom it is from, and our name for the attempt.
fn authorised(
    session: &Session<'_>,
    request: RequestBuilder,
    request_key: &str,
    settings: &Settings,
) -> Result<RequestBuilder, ProviderFailure> {
    let request = named(request, request_key)?;
    let bearer = if session.is_own_host() { Some(session.key("Bearer ")?) } else { session.key_if_any("Bearer ")? };
    let mut request = request.header(CLIENT_REQUEST_ID, request_key);
    if let Some(bearer) = bearer {
        request = request.header(AUTHORIZATION, bearer);
    }
    if let Some(organization) = settings.get("organization").and_then(Value::as_str) {
        let value = header_value(organization).ok_or_else(|| {
            ProviderFailure::unsent(FailureCode::InvalidParameters, "the organisation cannot be a header")
        })?;
        request = request.header(ORGANIZATION, value);
    }
    Ok(request)
}

async fn draw(session: &mut Session<'_>, request: &ImageRequest) -> Result<ImageResult, ProviderFailure> {
    let post = session.post_json(["images", "generations"], &ImageBody::new(request), "application/json")?;
    let post = authorised(session, post, &request.request_key, &request.settings)?;
    let answer: ImageAnswer = session.send_for_json(post).await?;
    session.seen.usage = answer.usage.as_ref().and_then(wire::Usage::tokens);
    if let Some(error) = answer.error.filter(|error| !error.is_null()) {
        return Err(fault::from_error(&error));
    }
    let bytes = match answer.data.into_iter().flatten().next() {
        Some(wire::ImageDatum { b64_json: Some(text), .. }) => decode_base64(&text)?,
        Some(wire::ImageDatum { url: Some(url), .. }) => session.download(&url).await?,
        _ => return Err(ProviderFailure::new(FailureCode::GenerationFailed, "the answer holds no image")),
    };
    session.image(bytes, answer.usage.as_ref().and_then(wire::Usage::cost_nanousd))
}

impl TextProtocol for OpenAi {
    const NAME: &'static str = "openai";
    const PROTOCOL: &'static Protocol = &PROTOCOL;
    const SETTINGS: &'static [SettingSpec] = settings::TEXT;

    fn http(&self) -> &Http {
        &self.0
    }

    async fn write(
        &self,
        session: &mut Session<'_>,
        request: &TextRequest,
        deltas: Option<&TextDeltas>,
    ) -> Result<TextResult, ProviderFailure> {
        let stream = request.settings.get("stream").and_then(Value::as_bool).unwrap_or(true);
        let accept = if stream { "text/event-stream" } else { "application/json" };
        let post = session.post_json(["chat", "completions"], &ChatBody::new(request, stream), accept)?;
        let post = authorised(session, post, &request.request_key, &request.settings)?;
        session.send_for_text(post, Chunks, request.max_output_tokens, deltas).await
    }
}

impl ImageProvider for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn own_base_url(&self) -> Option<&'static str> {
        Some(PROTOCOL.base_url)
    }

    fn image_settings(&self) -> &'static [SettingSpec] {
        settings::IMAGE
    }

    fn generate_image<'a>(&'a self, request: &'a ImageRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(async move {
            let mut session = Session::open(&self.0, &PROTOCOL, call)?;
            let outcome = call.guard(draw(&mut session, request)).await;
            session.end(outcome)
        })
    }
}
