//! What the numbered stream of a run tells.

use futures_util::Stream;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    Automation,
    model::{AutomationRun, ItemState, RunState, Stage},
    store,
};
use crate::{
    db::Db,
    error::Error,
    jobs::event::{Event, FINISHED, Followed, Opening, Standing},
};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressKind {
    /// The run as it is; the first event without a cursor.
    Snapshot,
    /// The run as it is, replacing all the client holds.
    Resync,
    /// The run's state, its reason or its figures changed.
    State,
    /// A stage's status or counts changed.
    Stage,
    /// A step ended.
    Item,
    /// Nothing is in flight or held any more.
    Drained,
    /// The run ended; nothing follows.
    Finished,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemTold {
    /// Of which stage.
    pub stage: Stage,
    /// How it ended.
    pub state: ItemState,
    /// How many items it was about.
    pub count: i32,
    /// What was charged for it.
    pub credits: i64,
    /// The image it delivered.
    pub image_id: Option<Uuid>,
    /// Our code of what went wrong.
    pub error_code: Option<String>,
}

/// One event of a run's stream.
pub type ProgressEvent = Event<Progress>;

/// What an event of a run tells; each kind fills its own part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What happened.
    pub kind: ProgressKind,
    /// The run, with snapshots only; others leave it to be read.
    pub run: Option<AutomationRun>,
    /// The state that was told of.
    pub state: Option<RunState>,
    /// The stage that was told of.
    pub stage: Option<Stage>,
    /// The step that ended.
    pub item: Option<ItemTold>,
    /// The message of the run's notification, at its end.
    pub message: Option<String>,
}

/// The payload of any event; each kind fills its own part.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Payload {
    state: Option<String>,
    stage: Option<String>,
    count: Option<i32>,
    credits: Option<i64>,
    image_id: Option<Uuid>,
    error_code: Option<String>,
    message: Option<String>,
}

impl Automation {
    /// Follows an account's run, from now or after a cursor.
    /// Refuses: `NotFound`, `BadUserInput` for a cursor that is not of this run.
    pub async fn follow_run(
        &self,
        account: Uuid,
        id: Uuid,
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<ProgressEvent, Error>> + Send + use<>, Error> {
        self.parts.jobs.follow::<AutomationRun>(self.epoch(), account, id, after).await
    }
}

impl Followed for AutomationRun {
    const TABLE: &'static str = store::SUBJECT;
    const MARK: char = 'r';
    const NOUN: &'static str = "run";
    type Payload = Payload;
    type Told = Progress;

    async fn find(db: &Db, account: Uuid, id: Uuid) -> Result<Option<Self>, Error> {
        Ok(store::run::find_run(db.reader(), account, id).await?)
    }

    fn standing(&self) -> Standing {
        Standing { sequence: self.event_seq, is_final: self.state.is_final(), at: self.updated_at }
    }

    fn show(self, opening: Opening) -> Progress {
        Progress {
            kind: match opening {
                Opening::Snapshot => ProgressKind::Snapshot,
                Opening::Resync => ProgressKind::Resync,
            },
            state: Some(self.state),
            stage: self.current_stage,
            item: None,
            message: None,
            run: Some(self),
        }
    }

    fn tell(kind: &str, payload: Payload) -> Option<Progress> {
        let kind = match kind {
            "STATE" => ProgressKind::State,
            "STAGE" => ProgressKind::Stage,
            "ITEM" => ProgressKind::Item,
            "DRAINED" => ProgressKind::Drained,
            FINISHED => ProgressKind::Finished,
            _ => return None,
        };
        let stage = payload.stage.as_deref().and_then(Stage::parse);
        let state = payload.state.as_deref();
        let item = match (kind, stage, state.and_then(ItemState::parse)) {
            (ProgressKind::Item, Some(stage), Some(state)) => Some(ItemTold {
                stage,
                state,
                count: payload.count.unwrap_or(1),
                credits: payload.credits.unwrap_or(0),
                image_id: payload.image_id,
                error_code: payload.error_code,
            }),
            _ => None,
        };
        let state = state.filter(|_| item.is_none()).and_then(RunState::parse);
        Some(Progress { kind, run: None, state, stage, item, message: payload.message })
    }
}
