//! What the adapters that write texts over HTTP have in common: all of a call but what is sent.

use std::future::Future;

use super::{Http, Protocol, Session};
use crate::ai::provider::{
    Call, ProviderFailure, ProviderFuture, SettingSpec, TextDeltas, TextProvider, TextRequest, TextResult, TokenUsage,
};

/// A protocol for writing texts.
pub(crate) trait TextProtocol: Send + Sync {
    /// The adapter's name in the model registry.
    const NAME: &'static str;
    /// What is fixed about it.
    const PROTOCOL: &'static Protocol;
    /// The settings that it knows.
    const SETTINGS: &'static [SettingSpec];

    /// The connections.
    fn http(&self) -> &Http;

    /// Sends `request` once, and reads the answer.
    ///
    /// # Errors
    /// Any [`ProviderFailure`].
    fn write(
        &self,
        session: &mut Session<'_>,
        request: &TextRequest,
        deltas: Option<&TextDeltas>,
    ) -> impl Future<Output = Result<TextResult, ProviderFailure>> + Send;
}

impl<P: TextProtocol> TextProvider for P {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn own_base_url(&self) -> Option<&'static str> {
        Some(P::PROTOCOL.base_url)
    }

    fn text_settings(&self) -> &'static [SettingSpec] {
        P::SETTINGS
    }

    fn generate_text<'a>(
        &'a self,
        request: &'a TextRequest,
        call: &'a Call,
        deltas: Option<TextDeltas>,
    ) -> ProviderFuture<'a, TextResult> {
        Box::pin(async move {
            let mut session = Session::open(self.http(), P::PROTOCOL, call)?;
            let outcome = call.guard(self.write(&mut session, request, deltas.as_ref())).await;
            session.end(outcome)
        })
    }
}

/// The tokens read and written, each the sum of what a report tells; none when a part is below zero or the sum beyond
/// range: half a report is no report.
pub(crate) fn tokens<const I: usize, const O: usize>(input: [i64; I], output: [i64; O]) -> Option<TokenUsage> {
    let sum = |parts: &[i64]| {
        parts.iter().try_fold(0_i64, |sum, part| if *part >= 0 { sum.checked_add(*part) } else { None })
    };
    Some(TokenUsage { input: sum(&input)?, output: sum(&output)? })
}
