//! The automatic return: splits that have crossed a bound end, whether or not anybody looks a prompt up.

use super::Prompts;
use crate::{
    error::Error,
    jobs::{HandlerFuture, Sweep},
};

/// Judges the running splits.
pub struct SplitSweep(pub Prompts);

impl Sweep for SplitSweep {
    fn name(&self) -> &'static str {
        "prompt_split"
    }

    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>> {
        Box::pin(async move { self.0.judge_splits().await.map(|_| ()) })
    }
}
