//! Ideogram's own API: images with legible lettering, and their enlargement.
//!
//! Follows the API reference at developer.ideogram.ai ("Generate with Ideogram 3.0", "Upscale"). Both endpoints take a
//! form and answer with the URL of a file that expires, so the file is fetched within the same call. The API has no
//! idempotency key: a request that is sent again is a new one. It reports no cost.

mod fault;
mod settings;
mod wire;

use reqwest::RequestBuilder;
use reqwest::header::HeaderName;

use self::wire::{Answer, Datum};
use super::http::{Http, Protocol, Session};
use super::{
    Call, FailureCode, ImageProvider, ImageRequest, ImageResult, ProviderFailure, ProviderFuture, SettingSpec,
    UpscaleRequest,
};

const PROTOCOL: Protocol =
    Protocol { base_url: "https://api.ideogram.ai", request_id: "x-request-id", explain: fault::explain };

const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// The largest file that the API takes to enlarge.
const UPSCALE_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Ideogram.
pub struct Ideogram(Http);

impl Ideogram {
    /// The adapter, on these connections.
    #[must_use]
    pub fn new(http: Http) -> Self {
        Self(http)
    }
}

async fn draw(session: &mut Session<'_>, request: &ImageRequest) -> Result<ImageResult, ProviderFailure> {
    let post = session.post_form(["v1", request.model.as_str(), "generate"], wire::generate_form(request));
    fetched(session, post).await
}

async fn enlarge(session: &mut Session<'_>, request: &UpscaleRequest) -> Result<ImageResult, ProviderFailure> {
    let unable = |detail| ProviderFailure::unsent(FailureCode::InvalidParameters, detail);
    if request.factor != 2 {
        return Err(unable("this provider enlarges by 2 only"));
    }
    if request.bytes.len() > UPSCALE_BYTES_MAX {
        return Err(unable("this provider enlarges files of at most 10 MiB"));
    }
    let post = session.post_form(["upscale"], wire::upscale_form(request)?);
    fetched(session, post).await
}

/// Sends `post`, and fetches the file that the answer names.
async fn fetched(session: &mut Session<'_>, post: RequestBuilder) -> Result<ImageResult, ProviderFailure> {
    let post = post.header(API_KEY, session.key("")?);
    let answer: Answer = session.send_for_json(post).await?;
    match answer.data.into_iter().flatten().next() {
        // The URL of an unsafe image is empty; one that is there all the same is not fetched.
        Some(Datum { is_image_safe: Some(false), .. }) => {
            Err(ProviderFailure::new(FailureCode::ProviderRefused, "the image did not pass the safety check"))
        }
        Some(Datum { url: Some(url), .. }) => {
            let bytes = session.download(&url).await?;
            session.image(bytes, None)
        }
        _ => Err(ProviderFailure::new(FailureCode::GenerationFailed, "the answer holds no image")),
    }
}

impl ImageProvider for Ideogram {
    fn name(&self) -> &'static str {
        "ideogram"
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

    fn upscale_image<'a>(&'a self, request: &'a UpscaleRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(async move {
            let mut session = Session::open(&self.0, &PROTOCOL, call)?;
            let outcome = call.guard(enlarge(&mut session, request)).await;
            session.end(outcome)
        })
    }
}
