//! What the functions of the pipeline are about, and what becomes of their answers. AI work never knows sites, keywords
//! or content: whoever owns them implements [`Maker`] for a function and is plugged in at start.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::model::{AiFunction, answer::AnswerError};
pub use super::model::{Target, TargetRefusal, Targets};
use crate::{
    audit::Trace,
    db::effect::Effect,
    error::{Error, Failure},
};

/// A request for briefs.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Whose things they must be.
    pub account: Uuid,
    /// Which.
    pub targets: &'a Targets,
    /// The most characters that the image model reads which would draw what is described.
    pub image_prompt_chars: usize,
}

/// What one item asks of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// What the model gets: a data block, or what is to be drawn.
    pub prompt: String,
    /// What it is about.
    pub target: Target,
}

/// What came of an item.
#[derive(Debug, Clone, Copy)]
pub enum Output<'a> {
    /// A model's text.
    Text(&'a str),
    /// An image in the object store, whose row is written with the same command.
    Image(Uuid),
}

/// An answer that is to be made into something.
#[derive(Debug, Clone, Copy)]
pub struct Making<'a> {
    /// The task.
    pub ai_task_id: Uuid,
    /// Whether a person's command asked for it; else a run.
    pub is_manual: bool,
    /// What it is about.
    pub target: &'a Target,
    /// What came.
    pub output: Output<'a>,
    /// Whether the sandbox made it.
    pub is_sandbox: bool,
    /// The account, who acts, and when.
    pub trace: &'a Trace,
}

/// What was made.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// What commits with the charge. Guards say what must still be as it was read: where it is not, the answer is made
    /// into something anew.
    pub effects: Vec<Effect>,
    /// How many things the account got: ideas, keywords clustered, articles, prompts, images.
    pub count: i32,
    /// How many clusters the keywords went into; 0 elsewhere.
    pub groups: i32,
    /// The things, by id.
    pub products: Vec<Uuid>,
    /// Which of the things that were asked about nothing was made of; empty where it is one.
    pub untouched: Vec<Uuid>,
}

/// Why nothing was made of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// The answer cannot be used; one repair may follow.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// What it is about is gone, or no longer waits for it: the stable code.
    #[error("What the answer is about no longer waits for it: {0}.")]
    Gone(&'static str),
}

/// How an item ends that delivers nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmade<'a> {
    /// It failed; the code.
    Failed(&'a str),
    /// It was cancelled.
    Cancelled,
}

/// Items that end without a result, all of them in one transaction.
#[derive(Debug, Clone, Copy)]
pub struct Unmaking<'a> {
    /// What they are about.
    pub targets: &'a [&'a Target],
    /// Why nothing was made.
    pub how: Unmade<'a>,
    /// Whether a person's command asked for it; else a run.
    pub is_manual: bool,
    /// The account, who acts, and when.
    pub trace: &'a Trace,
}

/// Turns what a function delivers into things of the feature that owns them.
pub trait Maker: Send + Sync {
    /// Whose answers it reads.
    fn function(&self) -> AiFunction;

    /// What each item asks of a model, at least one item. Refuses: any [`TargetRefusal`].
    fn briefs<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Vec<Brief>, Failure<TargetRefusal>>>;

    /// What commits with the hold of an item's credits, guarded: the thing is being worked on from now on.
    fn begin(&self, target: &Target, trace: &Trace) -> Vec<Effect>;

    /// What an answer comes to, looked at as things are now. Writes nothing. Refuses: any [`MakeError`].
    fn make<'a>(&'a self, making: Making<'a>) -> BoxFuture<'a, Result<Made, Failure<MakeError>>>;

    /// What commits with the release of the items' credits: the things are no longer worked on. Nothing where that is so
    /// already.
    fn unmade<'a>(&'a self, unmaking: Unmaking<'a>) -> BoxFuture<'a, Result<Vec<Effect>, Error>>;
}

/// The makers, each for its function.
#[derive(Clone, Default)]
pub struct Makers(Vec<Arc<dyn Maker>>);

impl Makers {
    /// Puts makers together; of two for one function the first counts.
    pub fn new(makers: Vec<Arc<dyn Maker>>) -> Self {
        Self(makers)
    }

    /// The maker of a function's things; `None` where its results are the task's own.
    pub fn of(&self, function: AiFunction) -> Option<&dyn Maker> {
        self.0.iter().find(|maker| maker.function() == function).map(AsRef::as_ref)
    }
}
