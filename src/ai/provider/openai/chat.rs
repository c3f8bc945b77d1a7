//! Chat completions: folding chunks, or one whole answer, into a text.

use super::fault::{self, ErrorInfo};
use super::sse::{SseFault, SseReader};
use super::wire::{self, ChatAnswer, Choice};
use super::{Seen, body::Body};
use crate::ai::provider::{FailureCode, Finish, ProviderFailure, TextDeltas, TextResult};

/// The longest text accepted, in bytes: far above any output limit, so only a runaway reaches it.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What an answer has said so far.
#[derive(Default)]
pub(super) struct Fold {
    text: String,
    finish_reason: Option<String>,
    refused: bool,
    done: bool,
}

impl Fold {
    /// Reads a stream to its end. Once a finish reason is here the text is complete: what breaks after that costs at
    /// most the usage report.
    pub(super) async fn stream(
        mut self,
        mut body: Body,
        seen: &mut Seen,
        deltas: Option<&TextDeltas>,
    ) -> Result<TextResult, ProviderFailure> {
        let mut reader = SseReader::default();
        while !self.done {
            let piece = match body.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(_) if self.finish_reason.is_some() => break,
                Err(failure) => return Err(failure),
            };
            for event in reader.feed(&piece).map_err(unreadable)? {
                self.event(&event, seen, deltas)?;
            }
        }
        if !self.done && self.finish_reason.is_none() {
            return Err(ProviderFailure::new(FailureCode::NetworkError, "the stream ended early"));
        }
        self.finish(seen)
    }

    /// Reads a whole answer.
    pub(super) fn whole(
        mut self,
        bytes: &[u8],
        seen: &mut Seen,
        deltas: Option<&TextDeltas>,
    ) -> Result<TextResult, ProviderFailure> {
        let answer = wire::read(bytes).ok_or_else(not_json)?;
        self.answer(answer, seen, deltas)?;
        if self.finish_reason.is_none() && self.text.is_empty() && !self.refused {
            return Err(ProviderFailure::new(FailureCode::ParseFailed, "the answer holds no choice"));
        }
        self.finish(seen)
    }

    fn event(&mut self, data: &str, seen: &mut Seen, deltas: Option<&TextDeltas>) -> Result<(), ProviderFailure> {
        if data.trim() == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        let answer = wire::read(data.as_bytes()).ok_or_else(not_json)?;
        self.answer(answer, seen, deltas)
    }

    fn answer(
        &mut self,
        answer: ChatAnswer,
        seen: &mut Seen,
        deltas: Option<&TextDeltas>,
    ) -> Result<(), ProviderFailure> {
        seen.note_id(answer.id.as_deref());
        if let Some(tokens) = answer.usage.as_ref().and_then(wire::Usage::tokens) {
            seen.usage = Some(tokens);
        }
        if let Some(error) = answer.error.filter(|error| !error.is_null()) {
            return Err(fault::from_error(&ErrorInfo::read(&error)));
        }
        let choices = answer.choices.into_iter().flatten();
        for choice in choices.filter(|choice| choice.index == 0) {
            self.choice(choice, deltas)?;
        }
        Ok(())
    }

    fn choice(&mut self, choice: Choice, deltas: Option<&TextDeltas>) -> Result<(), ProviderFailure> {
        if let Some(reason) = choice.finish_reason {
            self.finish_reason = Some(reason);
        }
        let Some(content) = choice.delta.or(choice.message) else {
            return Ok(());
        };
        self.refused |= content.refusal.is_some_and(|refusal| !refusal.is_empty());
        let Some(text) = content.content.filter(|text| !text.is_empty()) else {
            return Ok(());
        };
        if self.text.len() + text.len() > TEXT_BYTES_MAX {
            return Err(ProviderFailure::new(FailureCode::ParseFailed, "the text is larger than accepted"));
        }
        self.text.push_str(&text);
        if let Some(deltas) = deltas {
            // Nobody listening any more is no reason to stop a paid call.
            let _ = deltas.send(text);
        }
        Ok(())
    }

    fn finish(self, seen: &Seen) -> Result<TextResult, ProviderFailure> {
        let failure = match self.finish_reason.as_deref() {
            _ if self.refused => Some((FailureCode::ContentRefused, "the model refused")),
            Some("content_filter") => Some((FailureCode::ContentRefused, "the provider's filter cut the answer")),
            Some("length") => Some((FailureCode::OutputTruncated, "the answer reached its length limit")),
            Some("error") => Some((FailureCode::UnknownError, "the answer ended with an error")),
            _ if self.text.trim().is_empty() => Some((FailureCode::EmptyOutput, "the answer is empty")),
            _ => None,
        };
        match failure {
            Some((code, detail)) => Err(ProviderFailure::new(code, detail)),
            None => Ok(TextResult {
                text: self.text,
                usage: seen.usage,
                provider_ref: seen.provider_ref.clone(),
                finish: if self.finish_reason.is_some() { Finish::Stop } else { Finish::Unstated },
            }),
        }
    }
}

fn not_json() -> ProviderFailure {
    ProviderFailure::new(FailureCode::ParseFailed, "the answer is not the JSON expected")
}

fn unreadable(fault: SseFault) -> ProviderFailure {
    let detail = match fault {
        SseFault::LineTooLong => "a line of the stream is longer than accepted",
        SseFault::NotUtf8 => "the stream is not UTF-8",
    };
    ProviderFailure::new(FailureCode::ParseFailed, detail)
}
