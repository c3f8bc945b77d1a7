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
use super::http::{Http, Protocol, Session, named};
use super::{Call, ProviderFailure, ProviderFuture, SettingSpec, TextDeltas, TextProvider, TextRequest, TextResult};

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

async fn write(
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

impl TextProvider for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
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
