//! Generated content: what one chunk, or one whole answer, adds to a text.

use super::fault;
use super::wire::{Answer, Candidate, Usage};
use crate::ai::provider::http::{Dialect, End, Fold, Progress, Seen, SseReader, from_json};
use crate::ai::provider::{FailureCode, ProviderFailure};

/// A stream of chunks, or one answer. The stream has no end mark: it ends.
pub(super) struct Chunks;

impl Dialect for Chunks {
    type Framing = SseReader;
    const MEDIA_TYPE: &'static str = "text/event-stream";

    fn read(&mut self, event: &str, fold: &mut Fold<'_>, seen: &mut Seen) -> Result<Progress, ProviderFailure> {
        add(from_json(event.as_bytes())?, fold, seen)?;
        Ok(Progress::More)
    }

    fn whole(&mut self, answer: &[u8], fold: &mut Fold<'_>, seen: &mut Seen) -> Result<(), ProviderFailure> {
        add(from_json(answer)?, fold, seen)
    }
}

fn add(answer: Answer, fold: &mut Fold<'_>, seen: &mut Seen) -> Result<(), ProviderFailure> {
    seen.note_id(answer.id.as_deref());
    if let Some(tokens) = answer.usage.as_ref().and_then(Usage::tokens) {
        seen.usage = Some(tokens);
    }
    if let Some(error) = answer.error.filter(|error| !error.is_null()) {
        return Err(fault::from_error(&error));
    }
    if answer.feedback.is_some_and(|feedback| feedback.block_reason.is_some()) {
        return Err(ProviderFailure::new(FailureCode::ProviderRefused, "the prompt was blocked"));
    }
    let candidates = answer.candidates.into_iter().flatten();
    candidates.filter(|candidate| candidate.index == 0).try_for_each(|candidate| choose(candidate, fold))
}

fn choose(candidate: Candidate, fold: &mut Fold<'_>) -> Result<(), ProviderFailure> {
    let parts = candidate.content.and_then(|content| content.parts).into_iter().flatten();
    for part in parts.filter(|part| part.thought != Some(true)) {
        fold.push(part.text.unwrap_or_default())?;
    }
    if let Some(reason) = candidate.finish_reason {
        match reason.as_str() {
            "FINISH_REASON_UNSPECIFIED" => {}
            "MAX_TOKENS" => fold.end(End::Cut),
            "BLOCKLIST" | "IMAGE_SAFETY" | "LANGUAGE" | "PROHIBITED_CONTENT" | "RECITATION" | "SAFETY" | "SPII" => {
                fold.end(End::Refused);
            }
            "MALFORMED_FUNCTION_CALL"
            | "MALFORMED_RESPONSE"
            | "MISSING_THOUGHT_SIGNATURE"
            | "OTHER"
            | "TOO_MANY_TOOL_CALLS"
            | "UNEXPECTED_TOOL_CALL" => fold.end(End::Failed),
            _ => fold.end(End::Stop),
        }
    }
    Ok(())
}
