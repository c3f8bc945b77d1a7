//! Messages: what one event, or one whole message, adds to a text.

use super::fault;
use super::wire::{Answer, Event, Usage};
use crate::ai::provider::ProviderFailure;
use crate::ai::provider::http::{Dialect, End, Fold, Progress, Seen, SseReader, from_json};

/// A stream of events, or one message.
#[derive(Default)]
pub(super) struct Events {
    /// Tokens are told in two parts: read at the beginning, written at the end.
    usage: Usage,
}

impl Dialect for Events {
    type Framing = SseReader;
    const MEDIA_TYPE: &'static str = "text/event-stream";

    fn read(&mut self, event: &str, fold: &mut Fold<'_>, seen: &mut Seen) -> Result<Progress, ProviderFailure> {
        let event: Event = from_json(event.as_bytes())?;
        if let Some(error) = event.error.filter(|error| !error.is_null()) {
            return Err(fault::from_error(&error));
        }
        if let Some(answer) = event.message {
            self.add(answer, fold, seen)?;
        }
        self.count(event.usage, seen);
        if let Some(text) = event.content_block.and_then(|block| block.text) {
            fold.push(text)?;
        }
        if let Some(delta) = event.delta {
            fold.push(delta.text.unwrap_or_default())?;
            end(delta.stop_reason.as_deref(), fold);
        }
        Ok(if event.kind == "message_stop" { Progress::Done } else { Progress::More })
    }

    fn whole(&mut self, answer: &[u8], fold: &mut Fold<'_>, seen: &mut Seen) -> Result<(), ProviderFailure> {
        self.add(from_json(answer)?, fold, seen)
    }
}

impl Events {
    fn add(&mut self, answer: Answer, fold: &mut Fold<'_>, seen: &mut Seen) -> Result<(), ProviderFailure> {
        seen.note_id(answer.id.as_deref());
        self.count(answer.usage, seen);
        if let Some(error) = answer.error.filter(|error| !error.is_null()) {
            return Err(fault::from_error(&error));
        }
        answer.content.into_iter().try_for_each(|block| fold.push(block.text.unwrap_or_default()))?;
        end(answer.stop_reason.as_deref(), fold);
        Ok(())
    }

    fn count(&mut self, usage: Option<Usage>, seen: &mut Seen) {
        self.usage = self.usage.then(usage.unwrap_or_default());
        seen.usage = self.usage.tokens().or(seen.usage);
    }
}

fn end(reason: Option<&str>, fold: &mut Fold<'_>) {
    let Some(reason) = reason else { return };
    fold.end(match reason {
        "max_tokens" | "model_context_window_exceeded" => End::Cut,
        "refusal" => End::Refused,
        // It waits for a tool that we did not offer.
        "pause_turn" | "tool_use" => End::Failed,
        _ => End::Stop,
    });
}
