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
use super::http::{Http, Protocol, Session, TextProtocol, named};
use super::{FailureCode, ProviderFailure, SettingSpec, TextDeltas, TextRequest, TextResult};

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

impl TextProtocol for Anthropic {
    const NAME: &'static str = "anthropic";
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
        if request.seed.is_some() {
            return Err(ProviderFailure::unsent(FailureCode::InvalidParameters, "the Messages API takes no seed"));
        }
        let post = session.post_json(["messages"], &Body::new(request), "text/event-stream")?;
        let post = named(post, &request.request_key)?.header(API_KEY, session.key("")?).header(VERSION, "2023-06-01");
        session.send_for_text(post, Events::default(), request.max_output_tokens, deltas).await
    }
}
