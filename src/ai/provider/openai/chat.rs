//! Chat completions: what one chunk, or one whole answer, adds to a text.

use super::fault;
use super::wire::{ChatAnswer, Choice, Usage};
use crate::ai::provider::ProviderFailure;
use crate::ai::provider::http::{Dialect, End, Fold, Progress, Seen, SseReader, from_json};

/// A stream of chunks, or one answer.
pub(super) struct Chunks;

impl Dialect for Chunks {
    type Framing = SseReader;
    const MEDIA_TYPE: &'static str = "text/event-stream";

    fn read(&mut self, event: &str, fold: &mut Fold<'_>, seen: &mut Seen) -> Result<Progress, ProviderFailure> {
        if event.trim() == "[DONE]" {
            return Ok(Progress::Done);
        }
        add(from_json(event.as_bytes())?, fold, seen)?;
        Ok(Progress::More)
    }

    fn whole(&mut self, answer: &[u8], fold: &mut Fold<'_>, seen: &mut Seen) -> Result<(), ProviderFailure> {
        add(from_json(answer)?, fold, seen)
    }
}

fn add(answer: ChatAnswer, fold: &mut Fold<'_>, seen: &mut Seen) -> Result<(), ProviderFailure> {
    seen.note_id(answer.id.as_deref());
    if let Some(tokens) = answer.usage.as_ref().and_then(Usage::tokens) {
        seen.usage = Some(tokens);
    }
    if let Some(error) = answer.error.filter(|error| !error.is_null()) {
        return Err(fault::from_error(&error));
    }
    let choices = answer.choices.into_iter().flatten();
    choices.filter(|choice| choice.index == 0).try_for_each(|choice| choose(choice, fold))
}

fn choose(choice: Choice, fold: &mut Fold<'_>) -> Result<(), ProviderFailure> {
    if let Some(reason) = choice.finish_reason {
        fold.end(match reason.as_str() {
            "content_filter" => End::Refused,
            "length" => End::Cut,
            "error" => End::Failed,
            _ => End::Stop,
        });
    }
    let Some(content) = choice.delta.or(choice.message) else {
        return Ok(());
    };
    if content.refusal.is_some_and(|refusal| !refusal.is_empty()) {
        fold.end(End::Refused);
    }
    fold.push(content.content.unwrap_or_default())
}
