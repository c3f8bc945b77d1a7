//! AI work of a run's stage: one task, whose items are quoted, held and carried out one by one, in the run's own turns. AI
//! work never knows runs: whoever owns them implements [`StageRun`], and everything that an item changes about its run
//! commits with the item's own credits.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::model::{AiFunction, ItemState, TargetRefusal};
pub use super::service::stage::{StageTaskEnd, end_tasks_in};
pub use super::store::{Sender, cancelled_at_in, pause_tasks_in};
use crate::{
    clock::Micros,
    db::effect::Effect,
    error::{Error, Failure},
    jobs::{Lease, Lost},
};

/// What is asked for one item.
#[derive(Debug, Clone)]
pub struct StageAsk {
    /// The name of the stage.
    pub stage: &'static str,
    /// What is done.
    pub function: AiFunction,
    /// Whose.
    pub account_id: Uuid,
    /// Who started the run; `None` for a schedule.
    pub user_id: Option<Uuid>,
    /// Of which site.
    pub site_id: Uuid,
    /// The things that one request is about.
    pub ids: Vec<Uuid>,
    /// Whether what is done already is done again.
    pub redo: bool,
    /// How many items the stage will have, as far as it is known.
    pub planned: i32,
}

/// How an item ends, for its run.
#[derive(Debug, Clone)]
pub struct StageItemEnd<'a> {
    /// `DELIVERED`, `FAILED`, or `CANCELLED` where a withdrawn request had used something.
    pub state: ItemState,
    /// Our code of what went wrong.
    pub code: Option<&'a str>,
    /// What was made.
    pub products: &'a [Uuid],
    /// Which of the things that were asked about nothing was made of.
    pub untouched: &'a [Uuid],
    /// What was held.
    pub hold: i64,
    /// Whether the command charges credits.
    pub is_charged: bool,
    /// Whether the command moves credits at all.
    pub moves_credits: bool,
    /// The image that was delivered.
    pub image_id: Option<Uuid>,
}

/// A run in one turn of a worker, with the items that one request is about.
pub trait StageRun: Send + Sync {
    /// The run.
    fn run_id(&self) -> Uuid;

    /// The number of the turn: higher with each.
    fn fence(&self) -> i64;

    /// The lease of the turn.
    fn lease(&self) -> &Lease;

    /// What commits with the new task of the stage, guarded by the turn.
    fn open_effects(&self, ai_task: Uuid, now: Micros) -> Vec<Effect>;

    /// Whether it has a cap: then what it is charged for an item stays within what was held, which was within the cap.
    fn is_capped(&self) -> bool;

    /// What commits with the hold of an item, guarded by the turn, by the run's wish to go on, and by its cap.
    fn hold_effects(&self, item: Uuid, amount: i64, now: Micros) -> Vec<Effect>;

    /// What commits with the end of an item, guarded by the turn.
    fn end_effects(&self, end: &StageItemEnd<'_>, now: Micros) -> Vec<Effect>;

    /// What commits with an item's credits being given back because it is not carried out now, guarded by the turn: its
    /// things wait again. `moves_credits`: whether the hold was still there.
    fn give_back_effects(&self, hold: i64, moves_credits: bool, now: Micros) -> Vec<Effect>;

    /// Whether the run is to go on, under its lock. Refuses: `Lost` when it is no longer this turn's.
    fn goes_on_in<'a>(&'a self, tx: &'a DatabaseTransaction) -> BoxFuture<'a, Result<bool, Failure<Lost>>>;

    /// Whether the run's end was asked for.
    fn is_cancelled(&self) -> BoxFuture<'_, Result<bool, Error>>;

    /// Tells readers of the run to look.
    fn hint(&self);
}

/// How a step of a stage went.
#[derive(Debug, Clone, PartialEq)]
pub enum StageOutcome {
    /// The item has ended.
    Ended,
    /// It is held, and waits for another try: look again after this.
    Waiting(Duration),
    /// Nothing is held; look again after this.
    Later(Duration),
    /// What was held was given back, and the things wait again.
    GivenBack,
    /// One of the things cannot be worked on, or all of them. Nothing is held.
    Refused(TargetRefusal),
    /// No model can be asked this; our code. Nothing is held.
    Unfit(&'static str),
    /// The balance does not cover the hold. Nothing is held.
    Short {
        /// What the hold takes.
        next: i64,
        /// What there is.
        available: i64,
    },
    /// The account, or the member whose run it is, has reached a cap. Nothing is held.
    Capped {
        /// What the hold takes.
        next: i64,
        /// What the cap leaves.
        left: i64,
        /// The cap.
        cap: i64,
    },
    /// The run does not take the hold: it is not to go on, or it would go above its cap. Nothing is held.
    NotTaken {
        /// What the hold takes.
        next: i64,
    },
    /// No provider can be asked until somebody mends something. Nothing is held.
    ProvidersDown,
    /// The run is somebody else's.
    Lost,
}

/// A run's turn, shared with the writes that it guards.
pub type SharedRun = Arc<dyn StageRun>;
