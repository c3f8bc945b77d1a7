//! Runware: image models of many makers, open ones above all, priced by work done.
//!
//! Follows runware.ai/docs ("Image inference", "Upscale", "Errors"): one address takes a list of tasks and answers with
//! a list of results and a list of errors, each by the task's UUID. Ours holds one task, whose UUID follows from the
//! request key. A model is named by its AIR, such as `runware:101@1`. The cost of each task is asked for and reported.

mod fault;
mod settings;
mod wire;

use reqwest::header::AUTHORIZATION;
use uuid::Uuid;

use self::wire::{Answer, Drawing, Enlargement};
use super::http::{Http, Protocol, Session, decode_base64, decode_data_url};
use super::{
    Call, FailureCode, ImageProvider, ImageRequest, ImageResult, ProviderFailure, ProviderFuture, SettingSpec,
    UpscaleRequest,
};

const PROTOCOL: Protocol =
    Protocol { base_url: "https://api.runware.ai/v1", request_id: "x-request-id", explain: fault::explain };

/// Runware.
pub struct Runware(Http);

impl Runware {
    /// The adapter, on these connections.
    #[must_use]
    pub fn new(http: Http) -> Self {
        Self(http)
    }

    /// Has one task done.
    async fn carry(
        &self,
        call: &Call,
        task: Uuid,
        body: &(impl serde::Serialize + Sync),
    ) -> Result<ImageResult, ProviderFailure> {
        let mut session = Session::open(&self.0, &PROTOCOL, call)?;
        let outcome = call.guard(image(&mut session, task, body)).await;
        session.end(outcome)
    }
}

async fn image(
    session: &mut Session<'_>,
    task: Uuid,
    body: &(impl serde::Serialize + Sync),
) -> Result<ImageResult, ProviderFailure> {
    let post = session.post_json([], &[body], "application/json")?.header(AUTHORIZATION, session.key("Bearer ")?);
    let answer: Answer = session.send_for_json(post).await?;
    session.seen.note_id(Some(&task.to_string()));
    let Some(datum) = answer.datum(task) else {
        return Err(match answer.error(task) {
            Some(error) => fault::from_error(error),
            None => ProviderFailure::new(FailureCode::GenerationFailed, "the answer holds no image"),
        });
    };
    if datum.is_unfit() {
        return Err(ProviderFailure::new(FailureCode::ProviderRefused, "the image was found unfit"));
    }
    let bytes = if let Some(text) = &datum.image_base64_data {
        decode_base64(text)?
    } else if let Some(bytes) = datum.image_data_uri.as_deref().and_then(decode_data_url) {
        bytes?
    } else if let Some(url) = &datum.image_url {
        session.download(url).await?
    } else {
        return Err(ProviderFailure::new(FailureCode::GenerationFailed, "the result holds no image"));
    };
    session.image(bytes, datum.cost_nanousd())
}

impl ImageProvider for Runware {
    fn name(&self) -> &'static str {
        "runware"
    }

    fn own_base_url(&self) -> Option<&'static str> {
        Some(PROTOCOL.base_url)
    }

    fn image_settings(&self) -> &'static [SettingSpec] {
        settings::IMAGE
    }

    fn generate_image<'a>(&'a self, request: &'a ImageRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(async move {
            let task = wire::task_uuid(&request.request_key);
            self.carry(call, task, &Drawing::new(request, task)).await
        })
    }

    fn upscale_image<'a>(&'a self, request: &'a UpscaleRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(async move {
            let task = wire::task_uuid(&request.request_key);
            self.carry(call, task, &Enlargement::new(request, task)?).await
        })
    }
}
