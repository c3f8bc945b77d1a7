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
use super::http::{Http, Protocol, Session, TextProtocol, named};
use super::{ProviderFailure, SettingSpec, TextDeltas, TextRequest, TextResult};

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

impl TextProtocol for Ollama {
    const NAME: &'static str = "ollama";
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
        let post = session.post_json(["api", "chat"], &Body::new(request), "application/x-ndjson")?;
        let mut post = named(post, &request.request_key)?;
        if let Some(bearer) = session.key_if_any("Bearer ")? {
            post = post.header(AUTHORIZATION, bearer);
        }
        session.send_for_text(post, Chunks, request.max_output_tokens, deltas).await
    }
}
