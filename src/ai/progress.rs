//! What the numbered stream of a task tells.

use futures_util::Stream;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    Ai,
    model::{AiTask, ItemState, Phase, TaskStatus},
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
    /// The task as it is; the first event without a cursor.
    Snapshot,
    /// The task as it is, replacing all the client holds.
    Resync,
    /// A phase began.
    Phase,
    /// An item ended.
    Item,
    /// Something was asked of the task.
    State,
    /// The task ended; nothing follows.
    Finished,
}

/// One event of a task's stream.
pub type ProgressEvent = Event<Progress>;

/// What an event of a task tells; each kind fills its own part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What happened.
    pub kind: ProgressKind,
    /// The task, with snapshots only; others leave it to be read.
    pub task: Option<AiTask>,
    /// The phase, where one is told.
    pub phase: Option<Phase>,
    /// The percent, where one is told.
    pub percent: Option<i32>,
    /// The item that ended.
    pub item_id: Option<Uuid>,
    /// How it ended.
    pub item_state: Option<ItemState>,
    /// The image it delivered.
    pub image_id: Option<Uuid>,
    /// Our code of what went wrong.
    pub error_code: Option<String>,
    /// How the task ended.
    pub status: Option<TaskStatus>,
    /// The message of its notification.
    pub message: Option<String>,
    /// Credits charged: for the item, or for the whole task when it ended.
    pub credits: Option<i64>,
}

/// The payload of any event; each kind fills its own part.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Payload {
    phase: Option<String>,
    percent: Option<i32>,
    item_id: Option<Uuid>,
    state: Option<String>,
    image_id: Option<Uuid>,
    error_code: Option<String>,
    status: Option<String>,
    message: Option<String>,
    credits: Option<i64>,
}

impl Ai {
    /// Follows an account's task, from now or after a cursor.
    /// Refuses: `NotFound`, `BadUserInput` for a cursor that is not of this task.
    pub async fn follow_task(
        &self,
        account: Uuid,
        id: Uuid,
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<ProgressEvent, Error>> + Send + use<>, Error> {
        self.parts.jobs.follow::<AiTask>(self.epoch(), account, id, after).await
    }
}

impl Followed for AiTask {
    const TABLE: &'static str = store::SUBJECT;
    const MARK: char = 't';
    const NOUN: &'static str = "task";
    type Payload = Payload;
    type Told = Progress;

    async fn find(db: &Db, account: Uuid, id: Uuid) -> Result<Option<Self>, Error> {
        Ok(store::find_task(db.reader(), account, id).await?)
    }

    fn standing(&self) -> Standing {
        Standing { sequence: self.event_seq, is_final: self.status.is_final(), at: self.updated_at }
    }

    fn show(self, opening: Opening) -> Progress {
        Progress {
            kind: match opening {
                Opening::Snapshot => ProgressKind::Snapshot,
                Opening::Resync => ProgressKind::Resync,
            },
            phase: Some(self.phase),
            percent: Some(self.percent),
            item_id: None,
            item_state: None,
            image_id: None,
            error_code: self.error_code.clone(),
            status: Some(self.status),
            message: None,
            credits: Some(self.credits_used),
            task: Some(self),
        }
    }

    fn tell(kind: &str, payload: Payload) -> Option<Progress> {
        let kind = match kind {
            "PHASE" => ProgressKind::Phase,
            "ITEM" => ProgressKind::Item,
            "STATE" => ProgressKind::State,
            FINISHED => ProgressKind::Finished,
            _ => return None,
        };
        Some(Progress {
            kind,
            task: None,
            phase: payload.phase.as_deref().and_then(Phase::parse),
            percent: payload.percent,
            item_id: payload.item_id,
            item_state: payload.state.as_deref().and_then(ItemState::parse),
            image_id: payload.image_id,
            error_code: payload.error_code,
            status: payload.status.as_deref().and_then(TaskStatus::parse),
            message: payload.message,
            credits: payload.credits,
        })
    }
}
