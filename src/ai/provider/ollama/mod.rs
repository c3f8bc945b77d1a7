//! Ollama: models on the operator's own machine.
//!
//! Follows docs/api.md of github.com/ollama/ollama ("Generate a chat completion"). Answers come as newline-delimited
//! JSON. It needs no key; one that is set, for a server behind a proxy, is sent. A prompt that the model cannot read
//! whole is refused rather than cut: older servers, which ignore `truncate`, cut it.

mod fault;
mod lines;
mod settings;
mod wire;

use reqwest::header::AUTHORIZATION;

use self::lines::Chunks;
use self::wire::Body;
use super::http::{Http, Protocol, Session, named};
use super::{Call, ProviderFailure, ProviderFuture, SettingSpec, TextDeltas, TextProvider, TextRequest, TextResult};

/// No answer names the request.
const PROTOCOL: Protocol = Protocol { base_url: "http://127.0.0.1:11434", request_id: "", explain: fault::explain };

/// Ollama, or a server that speaks its API.
pub struct Ollama(Http);

impl Ollama {
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
    let post = session.post_json(["api", "chat"], &Body::new(request), "application/x-ndjson")?;
    let mut post = named(post, &request.request_key)?;
    if let Some(bearer) = session.key_if_any("Bearer ")? {
        post = post.header(AUTHORIZATION, bearer);
    }
    session.send_for_text(post, Chunks, request.max_output_tokens, deltas).await
}

impl TextProvider for Ollama {
    fn name(&self) -> &'static str {
        "ollama"
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
