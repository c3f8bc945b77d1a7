//! fal: image models of many makers behind one queue, Ideogram 3 among them.
//!
//! Follows docs.fal.ai ("Queue", "Platform headers", "Model errors", "Request errors"): a request is put into the
//! queue, its status is asked for until it is done, and the result names the files. A model is named by its path, such as
//! `fal-ai/ideogram/v3`. The queue has no idempotency key, so a request that is put in again is a new one. It reports
//! no cost in money.
//!
//! The key goes to the base URL's host alone: URLs that the queue names elsewhere are not followed. A request that we
//! give up is withdrawn, so that nobody works on what nobody waits for.

mod fault;
mod queue;
mod settings;
mod wire;

use self::queue::Ticket;
use self::wire::{Drawing, Enlargement, Output};
use super::http::{Http, Protocol, Session, decode_data_url};
use super::{
    Call, FailureCode, ImageProvider, ImageRequest, ImageResult, ProviderFailure, ProviderFuture, SettingSpec,
    UpscaleRequest,
};

const PROTOCOL: Protocol =
    Protocol { base_url: "https://queue.fal.run", request_id: "x-fal-request-id", explain: fault::explain };

/// fal.
pub struct Fal(Http);

impl Fal {
    /// The adapter, on these connections.
    #[must_use]
    pub fn new(http: Http) -> Self {
        Self(http)
    }

    /// Carries `body` through the queue to an image.
    async fn carry(
        &self,
        call: &Call,
        model: &str,
        body: &(impl serde::Serialize + Sync),
    ) -> Result<ImageResult, ProviderFailure> {
        let mut session = Session::open(&self.0, &PROTOCOL, call)?;
        // Outlives the work, so that a call that is cut short can still withdraw its request.
        let mut ticket = Ticket::default();
        let outcome = call.guard(image(&mut session, &mut ticket, model, body)).await;
        if outcome.is_err() {
            ticket.withdraw(&mut session).await;
        }
        session.end(outcome)
    }
}

async fn image(
    session: &mut Session<'_>,
    ticket: &mut Ticket,
    model: &str,
    body: &(impl serde::Serialize + Sync),
) -> Result<ImageResult, ProviderFailure> {
    ticket.submit(session, model, body).await?;
    let ended = ticket.wait(session).await?;
    let output: Output = ticket.result(session).await?;
    if output.is_blanked() {
        return Err(ProviderFailure::new(FailureCode::ProviderRefused, "the safety checker blanked the image"));
    }
    let Some(url) = output.url() else {
        return Err(
            ended.unwrap_or_else(|| ProviderFailure::new(FailureCode::GenerationFailed, "the result holds no image"))
        );
    };
    let bytes = match decode_data_url(url) {
        Some(bytes) => bytes?,
        None => session.download(url).await?,
    };
    session.image(bytes, None)
}

impl ImageProvider for Fal {
    fn name(&self) -> &'static str {
        "fal"
    }

    fn own_base_url(&self) -> Option<&'static str> {
        Some(PROTOCOL.base_url)
    }

    fn image_settings(&self) -> &'static [SettingSpec] {
        settings::IMAGE
    }

    fn generate_image<'a>(&'a self, request: &'a ImageRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(async move { self.carry(call, &request.model, &Drawing::new(request)).await })
    }

    fn upscale_image<'a>(&'a self, request: &'a UpscaleRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(async move { self.carry(call, &request.model, &Enlargement::new(request)?).await })
    }
}
