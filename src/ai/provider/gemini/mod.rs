//! Google's Gemini API.
//!
//! Follows the reference at ai.google.dev/api ("Generating content") and its troubleshooting guide. Every answer is
//! asked for as server-sent events. The key travels in a header: the query, where examples put it, ends up in logs.

mod chunks;
mod fault;
mod settings;
mod wire;

use reqwest::header::HeaderName;

use self::chunks::Chunks;
use self::wire::Body;
use super::http::{Http, Protocol, Session, TextProtocol, named};
use super::{ProviderFailure, SettingSpec, TextDeltas, TextRequest, TextResult};

/// No header of an answer names the request; its body does.
const PROTOCOL: Protocol =
    Protocol { base_url: "https://generativelanguage.googleapis.com/v1beta", request_id: "", explain: fault::explain };

const API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Google, or a server that speaks its Gemini API.
pub struct Gemini(Http);

impl Gemini {
    /// The adapter, on these connections.
    #[must_use]
    pub fn new(http: Http) -> Self {
        Self(http)
    }
}

impl TextProtocol for Gemini {
    const NAME: &'static str = "gemini";
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
        let method = format!("{}:streamGenerateContent", request.model.trim_start_matches("models/"));
        let mut url = session.url(["models", &method]);
        url.set_query(Some("alt=sse"));
        let post = session.post_json_at(url, &Body::new(request), "text/event-stream")?;
        let post = named(post, &request.request_key)?.header(API_KEY, session.key("")?);
        session.send_for_text(post, Chunks, request.max_output_tokens, deltas).await
    }
}
