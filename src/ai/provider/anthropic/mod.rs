//! Anthropic's Messages API.
//!
//! Follows the API reference at platform.claude.com/docs ("Messages", "Streaming messages", "Errors"). Every answer is
//! asked for as a stream; a server that answers whole is understood too. The protocol has no seed, so a request with
//! one is refused unsent rather than carried out without it.

mod events;
mod fault;
mod settings;
mod wire;

use reqwest::header::HeaderName;

use self::events::Events;
use self::wire::Body;
use super::http::{Http, Protocol, Session, named};
use super::{
    Call, FailureCode, ProviderFailure, ProviderFuture, SettingSpec, TextDeltas, TextProvider, TextRequest, TextResult,
};

const PROTOCOL: Protocol =
    Protocol { base_url: "https://api.anthropic.com/v1", request_id: "request-id", explain: fault::explain };

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// Anthropic, or a server that speaks its Messages API.
pub struct Anthropic(Http);

impl Anthropic {
    /// The adapter, on these connections.
    #[must_use]
    pub fn new(http: Http) -> Self {
        Self(http)
    }
}

async fn write(
    session: &mut Session<'_>,
    request: &TextRequest,
    deltas: Option<&TextDeltas>,
) -> Result<TextResult, ProviderFailure> {
    if request.seed.is_some() {
        return Err(ProviderFailure::unsent(FailureCode::InvalidParameters, "the Messages API takes no seed"));
    }
    let post = session.post_json(["messages"], &Body::new(request), "text/event-stream")?;
    let post = named(post, &request.request_key)?.header(API_KEY, session.key("")?).header(VERSION, "2023-06-01");
    session.send_for_text(post, Events::default(), request.max_output_tokens, deltas).await
}

impl TextProvider for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn own_base_url(&self) -> Option<&'static str> {
        Some(PROTOCOL.base_url)
    }

    fn text_settings(&self) -> &'static [SettingSpec] {
        settings::TEXT
    }

    fn generate_text<'a>(
        &'a self,
        request: &'a TextRequest,
        call: &'a Call,
        deltas: Option<TextDeltas>,
    ) -> ProviderFuture<'a, TextResult> {
        Box::pin(async move {
            let mut session = Session::open(&self.0, &PROTOCOL, call)?;
            let outcome = call.guard(write(&mut session, request, deltas.as_ref())).await;
            session.end(outcome)
        })
    }
}
