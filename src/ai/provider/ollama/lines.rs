//! Chats: what one line, or one whole answer, adds to a text.

use super::fault;
use super::wire::Line;
use crate::ai::provider::ProviderFailure;
use crate::ai::provider::http::{Dialect, End, Fold, Lines, Progress, Seen, from_json};

/// A stream of lines, or one answer.
pub(super) struct Chunks;

impl Dialect for Chunks {
    type Framing = Lines;
    const MEDIA_TYPE: &'static str = "application/x-ndjson";

    fn read(&mut self, event: &str, fold: &mut Fold<'_>, seen: &mut Seen) -> Result<Progress, ProviderFailure> {
        add(from_json(event.as_bytes())?, fold, seen)
    }

    fn whole(&mut self, answer: &[u8], fold: &mut Fold<'_>, seen: &mut Seen) -> Result<(), ProviderFailure> {
        add(from_json(answer)?, fold, seen).map(drop)
    }
}

fn add(line: Line, fold: &mut Fold<'_>, seen: &mut Seen) -> Result<Progress, ProviderFailure> {
    if let Some(tokens) = line.tokens() {
        seen.usage = Some(tokens);
    }
    if let Some(error) = line.error.filter(|error| !error.is_null()) {
        return Err(fault::from_error(&error));
    }
    fold.push(line.message.and_then(|message| message.content).unwrap_or_default())?;
    if !line.done {
        return Ok(Progress::More);
    }
    fold.end(if line.done_reason.as_deref() == Some("length") { End::Cut } else { End::Stop });
    Ok(Progress::Done)
}
