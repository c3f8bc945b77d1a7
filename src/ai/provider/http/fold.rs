//! Folding the events of a stream, or one whole answer, into a text: the same for every text protocol.

use reqwest::RequestBuilder;

use super::body::Body;
use super::lines::{Framing, FramingFault};
use super::session::wrong_media_type;
use super::{Seen, Session};
use crate::ai::provider::{FailureCode, Finish, ProviderFailure, TextDeltas, TextResult};

/// The most bytes of a text answer: a stream spends some 300 bytes on a token.
const TEXT_ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The longest text accepted, in bytes, whatever its output limit.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most bytes of text that a token stands for, on average; even in the scripts that need most it is far less, so only
/// a server that ignores the output limit gets there.
const TOKEN_BYTES_MAX: usize = 16;
/// What is accepted whatever the output limit: a handful of tokens may be long ones.
const TEXT_BYTES_LEAST: usize = 1024;

/// How a model said that it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It was done.
    Stop,
    /// It reached its output limit.
    Cut,
    /// It, or the provider's filter, refused.
    Refused,
    /// It failed.
    Failed,
}

/// Whether a stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More is to come.
    More,
    /// The protocol's end mark was here.
    Done,
}

/// What one protocol makes of its answers.
pub(crate) trait Dialect: Send {
    /// How a stream is cut into events.
    type Framing: Framing;
    /// The media type of a stream.
    const MEDIA_TYPE: &'static str;

    /// Reads one event.
    ///
    /// # Errors
    /// `PARSE_FAILED`, or the failure that the event reports.
    fn read(&mut self, event: &str, fold: &mut Fold<'_>, seen: &mut Seen) -> Result<Progress, ProviderFailure>;

    /// Reads an answer that came whole.
    ///
    /// # Errors
    /// As [`Self::read`].
    fn whole(&mut self, answer: &[u8], fold: &mut Fold<'_>, seen: &mut Seen) -> Result<(), ProviderFailure>;
}

impl Session<'_> {
    /// Sends `request` once and reads a text of at most `max_output_tokens`. What the server says it sends decides, not
    /// what was asked for: some cannot stream and answer whole.
    ///
    /// # Errors
    /// Any failure.
    pub(crate) async fn send_for_text<D: Dialect>(
        &mut self,
        request: RequestBuilder,
        mut dialect: D,
        max_output_tokens: u32,
        deltas: Option<&TextDeltas>,
    ) -> Result<TextResult, ProviderFailure> {
        let reply = self.send(request).await?;
        let media = reply.media_type();
        let body = reply.body(TEXT_ANSWER_BYTES_MAX, FailureCode::ParseFailed);
        let mut fold = Fold::new(max_output_tokens, deltas);
        if media == D::MEDIA_TYPE {
            fold_stream(body, &mut dialect, &mut fold, &mut self.seen).await?;
        } else if media == "application/json" {
            dialect.whole(&body.collect().await?, &mut fold, &mut self.seen)?;
            if fold.is_blank() {
                return Err(ProviderFailure::new(FailureCode::ParseFailed, "the answer holds neither text nor end"));
            }
        } else {
            return Err(wrong_media_type());
        }
        fold.finish(&self.seen)
    }
}

/// What an answer has said so far.
pub(crate) struct Fold<'a> {
    text: String,
    bytes_max: usize,
    end: Option<End>,
    deltas: Option<&'a TextDeltas>,
}

impl<'a> Fold<'a> {
    /// Nothing said yet; pieces will go to `deltas`.
    fn new(max_output_tokens: u32, deltas: Option<&'a TextDeltas>) -> Self {
        let tokens = usize::try_from(max_output_tokens).unwrap_or(usize::MAX);
        let bytes_max = tokens.saturating_mul(TOKEN_BYTES_MAX).clamp(TEXT_BYTES_LEAST, TEXT_BYTES_MAX);
        Self { text: String::new(), bytes_max, end: None, deltas }
    }

    /// Appends a piece.
    ///
    /// # Errors
    /// `PARSE_FAILED` for more text than accepted.
    pub(crate) fn push(&mut self, piece: String) -> Result<(), ProviderFailure> {
        if piece.is_empty() {
            return Ok(());
        }
        if self.text.len().saturating_add(piece.len()) > self.bytes_max {
            return Err(ProviderFailure::new(
                FailureCode::ParseFailed,
                "the text is larger than its output limit allows",
            ));
        }
        self.text.push_str(&piece);
        if let Some(deltas) = self.deltas {
            // Nobody listening any more is no reason to stop a paid call.
            let _ = deltas.send(piece);
        }
        Ok(())
    }

    /// Notes how the model ended. A refusal stands, whatever is said after it.
    pub(crate) fn end(&mut self, end: End) {
        if self.end != Some(End::Refused) {
            self.end = Some(end);
        }
    }

    /// Whether neither text nor end is here.
    fn is_blank(&self) -> bool {
        self.text.is_empty() && self.end.is_none()
    }

    /// The result.
    ///
    /// # Errors
    /// `CONTENT_REFUSED`, `OUTPUT_TRUNCATED`, `UNKNOWN_ERROR` or `EMPTY_OUTPUT`.
    fn finish(self, seen: &Seen) -> Result<TextResult, ProviderFailure> {
        let failure = match self.end {
            Some(End::Refused) => Some((FailureCode::ContentRefused, "the model or the provider's filter refused")),
            Some(End::Cut) => Some((FailureCode::OutputTruncated, "the answer reached its length limit")),
            Some(End::Failed) => Some((FailureCode::UnknownError, "the answer ended with an error")),
            _ if self.text.trim().is_empty() => Some((FailureCode::EmptyOutput, "the answer is empty")),
            _ => None,
        };
        match failure {
            Some((code, detail)) => Err(ProviderFailure::new(code, detail)),
            None => Ok(TextResult {
                text: self.text,
                usage: seen.usage,
                provider_ref: seen.provider_ref(),
                finish: if self.end.is_some() { Finish::Stop } else { Finish::Unstated },
            }),
        }
    }
}

/// Reads a stream to its end. Once the model has said how it ended the text is complete: what breaks after that costs
/// at most the usage report.
///
/// # Errors
/// Those of the body and of `dialect`; `NETWORK_ERROR` for a stream that ends before its end.
async fn fold_stream<D: Dialect>(
    mut body: Body,
    dialect: &mut D,
    fold: &mut Fold<'_>,
    seen: &mut Seen,
) -> Result<(), ProviderFailure> {
    let mut framing = D::Framing::default();
    loop {
        let (events, ended) = match body.next().await {
            Ok(Some(piece)) => (framing.feed(&piece).map_err(unreadable)?, false),
            Ok(None) => (framing.finish().map_err(unreadable)?.into_iter().collect(), true),
            Err(_) if fold.end.is_some() => return Ok(()),
            Err(failure) => return Err(failure),
        };
        for event in events {
            match dialect.read(&event, fold, seen) {
                Ok(Progress::Done) => return Ok(()),
                Ok(Progress::More) => {}
                // Half an event at the end is a stream that was cut, not one that cannot be read.
                Err(failure) if ended && failure.code == FailureCode::ParseFailed => {}
                Err(failure) => return Err(failure),
            }
        }
        if ended {
            break;
        }
    }
    if fold.end.is_none() {
        return Err(ProviderFailure::new(FailureCode::NetworkError, "the stream ended early"));
    }
    Ok(())
}

fn unreadable(fault: FramingFault) -> ProviderFailure {
    let detail = match fault {
        FramingFault::LineTooLong => "a line of the stream is longer than accepted",
        FramingFault::NotUtf8 => "the stream is not UTF-8",
    };
    ProviderFailure::new(FailureCode::ParseFailed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_beyond_its_output_limit_is_refused_while_it_comes() {
        for (tokens, most) in [(0, 1024), (64, 1024), (65, 1040), (1000, 16_000), (u32::MAX, TEXT_BYTES_MAX)] {
            let mut fold = Fold::new(tokens, None);
            fold.push("x".repeat(most - 1)).unwrap();
            fold.push("x".to_owned()).unwrap();
            let failure = fold.push("x".to_owned()).unwrap_err();
            assert_eq!(failure.code, FailureCode::ParseFailed, "{tokens}");
            assert_eq!(fold.text.len(), most, "{tokens}");
        }
    }
}
