//! What the functions of the pipeline are about, and what becomes of their answers. AI work never knows sites, keywords
//! or content: whoever owns them implements [`Maker`] for a function and is plugged in at start.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::model::{AiFunction, answer::AnswerError};
use crate::{
    audit::Trace,
    db::effect::Effect,
    error::{Error, Failure},
};

/// What a command of the pipeline is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// The things; which kind depends on the function.
    pub ids: Vec<Uuid>,
    /// How many are wanted of each: ideas of a cluster, in-article images of a content.
    pub wanted: Option<i32>,
    /// The keywords aimed at, where the thing's own are not meant.
    pub keywords: Option<Vec<String>>,
}

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

/// What one item is about, as it is stored with the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The thing, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// What reading the answer needs besides; ids rather than content.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub facts: Value,
}

/// What one item asks of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// What the model gets: a data block, or what is to be drawn.
    pub prompt: String,
    /// What it is about.
    pub target: Target,
}

/// Why a thing cannot be worked on. Positions count from 1, in the order of the command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetRefusal {
    /// It is not there, or not the account's.
    #[error("Number {position} is not there.")]
    NotFound {
        /// Which.
        position: usize,
    },
    /// It was named before.
    #[error("Number {position} is named twice. Name each once.")]
    Twice {
        /// Which.
        position: usize,
    },
    /// Its state does not allow it.
    #[error("Number {position} is {state}; it must be {allowed}.")]
    WrongState {
        /// Which.
        position: usize,
        /// What it is.
        state: &'static str,
        /// What it must be, in words.
        allowed: &'static str,
    },
    /// Clustering needs at least two.
    #[error("Clustering needs at least 2 keywords; there are {count}.")]
    TooFewKeywords {
        /// How many there are.
        count: usize,
    },
    /// They are not all of one sector, or of one site outside sectors.
    #[error("Number {position} is of another sector or site than the first. Cluster each sector by itself.")]
    MixedSectors {
        /// Which.
        position: usize,
    },
    /// More than one command takes.
    #[error("There are {count}; one command takes 1–{max}.")]
    CountOutOfRange {
        /// How many there are.
        count: usize,
        /// The most.
        max: usize,
    },
    /// The number wanted of each is out of range.
    #[error("The number wanted is {wanted}; it must be {min}–{max}.")]
    WantedOutOfRange {
        /// What was asked.
        wanted: i32,
        /// The least.
        min: i32,
        /// The most.
        max: i32,
    },
    /// A target keyword is blank or too long, or there are too many.
    #[error("Target keywords: 1–{max} of 1–{chars_max} characters each.")]
    KeywordsInvalid {
        /// How many there may be.
        max: usize,
        /// How long each may be.
        chars_max: usize,
    },
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

    /// What commits with the release of an item's credits: the thing is no longer worked on. Nothing where that is so
    /// already.
    fn unmade<'a>(
        &'a self,
        target: &'a Target,
        how: Unmade<'a>,
        trace: &'a Trace,
    ) -> BoxFuture<'a, Result<Vec<Effect>, Error>>;
}
