//! What automation owns and others fill: the work of a stage, and what it would hold.

use std::{future::Future, pin::Pin, time::Duration};

use uuid::Uuid;

use super::{
    model::{AutomationRun, Pause, RunItem, RunSettings, Stage},
    store::effect::RunGrip,
};
use crate::error::Error;

/// A boxed piece of a stage's work.
pub type WorkFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// What a stage may be about.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Whose.
    pub account_id: Uuid,
    /// Of which site.
    pub site_id: Uuid,
    /// For which stage.
    pub stage: Stage,
    /// The most items.
    pub cap: i32,
    /// What the run keeps of the site's config.
    pub settings: RunSettings,
    /// For forks: nothing but what this stage of this run made. `None` is whatever waits.
    pub within: Option<(Uuid, Stage)>,
    /// For forks: whether what is done is done again.
    pub is_redo: bool,
}

/// One thing that a stage will be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picked {
    /// A keyword, cluster, idea, content task, content or place for an image.
    pub subject_id: Uuid,
    /// Things of different groups are never in one step.
    pub group_id: Option<Uuid>,
}

/// Items to be carried out together.
#[derive(Debug, Clone)]
pub struct Step {
    /// The run as it was when the step's items were taken.
    pub run: AutomationRun,
    /// Of which stage.
    pub stage: Stage,
    /// The items: of one group, at most the stage's batch, all in flight.
    pub items: Vec<RunItem>,
    /// The right to write for the run.
    pub grip: RunGrip,
    /// Whether a turn before this one had begun it: what it stored is to be found and finished, and nothing is done twice.
    pub is_left_over: bool,
    /// Whether the run is to go on. Where it is not, nothing new leaves for what is left over: what cannot be finished is put
    /// back.
    pub goes_on: bool,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Stepped {
    /// All its items have ended, with [`step_end_effects`](super::step_end_effects) committed.
    Ended,
    /// Nothing was begun, or what was begun was undone: its items wait again.
    PutBack,
    /// The same, and nothing more is to be begun before this much later.
    Later(Duration),
    /// Its items stay in flight: after this much they are taken up again, as ones that were left over.
    Waiting(Duration),
    /// The same, and the run pauses.
    Pause(Pause),
    /// Somebody else has the run.
    Lost,
}

/// What the stages of a run do.
pub trait StageWork: Send + Sync {
    /// What a stage will be about, in the order in which it is taken. Asked once for each stage of a run.
    fn select<'a>(&'a self, selection: &'a Selection) -> WorkFuture<'a, Vec<Picked>>;

    /// Carries a step out. Whatever ends an item commits [`step_end_effects`](super::step_end_effects) with it, in one
    /// transaction. A fault leaves the items in flight; the step comes again as one that was left over.
    fn step<'a>(&'a self, step: &'a Step) -> WorkFuture<'a, Stepped>;

    /// Undoes a step that was left over, for a run that was given up: nothing is held for it afterwards, and nothing was
    /// finished.
    fn give_up<'a>(&'a self, step: &'a Step) -> WorkFuture<'a, Stepped>;
}

/// What the work of stages would hold.
pub trait Prices: Send + Sync {
    /// What one typical step of an AI stage would hold for the account, in credits. `None` when no AI model could do it.
    fn hold_of(&self, account: Uuid, stage: Stage) -> WorkFuture<'_, Option<i64>>;
}
