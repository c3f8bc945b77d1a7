//! The offline provider: real PNGs and readable text without any model, equal for equal requests, always labelled.
//!
//! It shows the product without a key, and it is the tests' provider: [`SandboxScript`] makes any call fail, stall,
//! lie or panic, and a billing log of its own says what a real provider would have charged, so that tests compare our
//! books with it. It never reads a clock other than for waiting, and opens no connection.

mod answer;
mod draw;
mod font;
mod noise;
mod script;
mod write;

use bytes::Bytes;

use self::script::Asked;
pub use self::script::{BillingLine, BillingOutcome, CallKind, SandboxAnswer, SandboxCall, SandboxScript, Step};
pub use self::write::LABEL;
use super::{
    Call, FailureCode, Finish, ImageProvider, ImageRequest, ImageResult, ProviderFailure, ProviderFuture, TextDeltas,
    TextProvider, TextRequest, TextResult, TokenUsage, UpscaleRequest,
};

/// The most pixels drawn, as many as an image may have.
const PIXELS_MAX: u64 = 64_000_000;

/// The offline provider. Clones share one script and one billing log.
#[derive(Clone, Default)]
pub struct Sandbox {
    script: SandboxScript,
}

impl Sandbox {
    /// A sandbox that follows `script`; the default script lets every call succeed at once.
    #[must_use]
    pub fn new(script: SandboxScript) -> Self {
        Self { script }
    }

    async fn text(
        &self,
        request: &TextRequest,
        call: &Call,
        deltas: Option<TextDeltas>,
    ) -> Result<TextResult, ProviderFailure> {
        call.check_not_cancelled()?;
        let (no, step) = self.script.begin(Asked {
            kind: CallKind::Text,
            model: &request.model,
            request_key: &request.request_key,
            prompt: &request.prompt,
            system: request.system.as_deref(),
        });
        let provider_ref = Some(format!("sandbox-{no}"));
        let outcome = call.guard(self.answer_text(request, no, step, deltas)).await;
        match outcome {
            Ok((text, usage)) => Ok(TextResult { text, usage, provider_ref, finish: Finish::Stop }),
            Err(failure) => Err(self.ended(no, ProviderFailure { provider_ref, ..failure })),
        }
    }

    async fn answer_text(
        &self,
        request: &TextRequest,
        no: u64,
        step: Step,
        deltas: Option<TextDeltas>,
    ) -> Result<(String, Option<TokenUsage>), ProviderFailure> {
        let (mut text, whole) = write::text(request);
        let mut used = write::usage(request, &text);
        let mut reported = true;
        let bill = |used: TokenUsage| self.script.bill(no, used, 0);
        match step {
            Step::Ok if !whole => {
                bill(used);
                return Err(ProviderFailure {
                    usage: Some(used),
                    ..ProviderFailure::new(FailureCode::OutputTruncated, "the output limit is too low for the answer")
                });
            }
            Step::Ok => {}
            Step::Answer(answer) => {
                text = answer.text.unwrap_or(text);
                used = answer.usage.unwrap_or_else(|| write::usage(request, &text));
                reported = !answer.usage_hidden;
            }
            Step::Corrupt => text = "{\"unfinished\": [".to_owned(),
            Step::Delay(wait) => tokio::time::sleep(wait).await,
            other => return Err(self.disturb(no, other, used, 0).await),
        }
        if let Some(deltas) = deltas {
            for piece in text.split_inclusive(". ") {
                let _ = deltas.send(piece.to_owned());
            }
        }
        bill(used);
        Ok((text, reported.then_some(used)))
    }

    async fn image(&self, request: &ImageRequest, call: &Call) -> Result<ImageResult, ProviderFailure> {
        let asked = Asked {
            kind: CallKind::Image,
            model: &request.model,
            request_key: &request.request_key,
            prompt: &request.prompt,
            system: None,
        };
        let (wanted, size) = (request.clone(), (request.width, request.height));
        self.picture(asked, call, size, move || draw::png(&wanted)).await
    }

    async fn enlarged(&self, request: &UpscaleRequest, call: &Call) -> Result<ImageResult, ProviderFailure> {
        let asked = Asked {
            kind: CallKind::Image,
            model: &request.model,
            request_key: &request.request_key,
            prompt: &request.prompt,
            system: None,
        };
        let side = |side: u32| side.saturating_mul(request.factor);
        let (wanted, size) = (request.clone(), (side(request.width), side(request.height)));
        self.picture(asked, call, size, move || draw::enlarged(&wanted)).await
    }

    async fn picture(
        &self,
        asked: Asked<'_>,
        call: &Call,
        size: (u32, u32),
        draw: impl FnOnce() -> Result<Vec<u8>, ::image::ImageError> + Send + 'static,
    ) -> Result<ImageResult, ProviderFailure> {
        call.check_not_cancelled()?;
        let (no, step) = self.script.begin(asked);
        let provider_ref = Some(format!("sandbox-{no}"));
        match call.guard(self.answer_image(size, draw, no, step)).await {
            Ok((bytes, cost_nanousd)) => {
                Ok(ImageResult { bytes, content_type: "image/png", cost_nanousd, provider_ref, usage: None })
            }
            Err(failure) => Err(self.ended(no, ProviderFailure { provider_ref, ..failure })),
        }
    }

    async fn answer_image(
        &self,
        (width, height): (u32, u32),
        draw: impl FnOnce() -> Result<Vec<u8>, ::image::ImageError> + Send + 'static,
        no: u64,
        step: Step,
    ) -> Result<(Bytes, Option<i64>), ProviderFailure> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || pixels > PIXELS_MAX {
            return Err(ProviderFailure::new(FailureCode::InvalidParameters, "the size is out of range"));
        }
        let mut cost = None;
        match step {
            Step::Ok => {}
            Step::Answer(answer) => cost = answer.cost_nanousd,
            Step::Corrupt => {
                self.script.bill(no, TokenUsage::default(), 1);
                return Ok((Bytes::from(corrupt_png()), None));
            }
            Step::Delay(wait) => tokio::time::sleep(wait).await,
            other => return Err(self.disturb(no, other, TokenUsage::default(), 1).await),
        }
        let bytes = tokio::task::spawn_blocking(draw)
            .await
            .map_err(|_| ProviderFailure::new(FailureCode::GenerationFailed, "drawing panicked"))?
            .map_err(|_| ProviderFailure::new(FailureCode::GenerationFailed, "the PNG could not be written"))?;
        self.script.bill(no, TokenUsage::default(), 1);
        Ok((Bytes::from(bytes), cost))
    }

    /// The steps that end in no answer.
    async fn disturb(&self, no: u64, step: Step, used: TokenUsage, images: u32) -> ProviderFailure {
        match step {
            Step::Hang { billed } => {
                if billed {
                    self.script.bill(no, used, images);
                }
                std::future::pending::<ProviderFailure>().await
            }
            #[expect(clippy::panic, reason = "the panic is what the script asked for; the engine must survive it")]
            Step::Panic => panic!("the sandbox script asked for a panic"),
            Step::Fail { code, retry_after } => ProviderFailure::new(code, "scripted").with_retry_after(retry_after),
            Step::FailBilled(code) => {
                self.script.bill(no, used, images);
                let usage = (images == 0).then_some(used);
                ProviderFailure { usage, ..ProviderFailure::new(code, "scripted, billed") }
            }
            Step::Ok | Step::Answer(_) | Step::Corrupt | Step::Delay(_) => {
                ProviderFailure::new(FailureCode::UnknownError, "a step that answers was taken for one that does not")
            }
        }
    }

    fn ended(&self, no: u64, failure: ProviderFailure) -> ProviderFailure {
        self.script.fail(no, failure.code);
        failure
    }
}

/// A PNG's first bytes with nothing sensible behind them.
fn corrupt_png() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.resize(512, 0x2a);
    bytes
}

impl TextProvider for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn generate_text<'a>(
        &'a self,
        request: &'a TextRequest,
        call: &'a Call,
        deltas: Option<TextDeltas>,
    ) -> ProviderFuture<'a, TextResult> {
        Box::pin(self.text(request, call, deltas))
    }
}

impl ImageProvider for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn generate_image<'a>(&'a self, request: &'a ImageRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(self.image(request, call))
    }

    fn upscale_image<'a>(&'a self, request: &'a UpscaleRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(self.enlarged(request, call))
    }
}
