//! What the functions that write and illustrate content are about, and what becomes of their answers.

mod article;
mod image;
mod image_prompts;
mod optimize;

use std::collections::HashSet;

use uuid::Uuid;

pub use article::ArticleMaker;
pub use image::ContentImageMaker;
pub use image_prompts::ImagePromptMaker;
pub use optimize::OptimizeMaker;

use crate::{ai::maker::TargetRefusal, error::Failure};

/// The most things of one command.
const THINGS_MAX: usize = 50;

/// Sees that there are 1–50 ids, each once. Refuses: `CountOutOfRange`, `Twice`.
fn check_ids(ids: &[Uuid]) -> Result<(), Failure<TargetRefusal>> {
    if !(1..=THINGS_MAX).contains(&ids.len()) {
        return Err(Failure::Refused(TargetRefusal::CountOutOfRange { count: ids.len(), max: THINGS_MAX }));
    }
    let mut seen = HashSet::new();
    match ids.iter().position(|id| !seen.insert(*id)) {
        Some(at) => Err(Failure::Refused(TargetRefusal::Twice { position: at + 1 })),
        None => Ok(()),
    }
}
