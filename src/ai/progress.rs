//! The numbered stream of a task: a snapshot at number n, then n+1, n+2 … without gap, resumable from a cursor. Rows are
//! the truth; hints only wake it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{Stream, stream};
use serde::Deserialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use uuid::Uuid;

use super::{
    Ai,
    model::{AiTask, ItemState, Phase, TaskStatus},
    store,
};
use crate::{
    bus::Hint,
    clock::Micros,
    error::{Error, Internal},
    jobs::event::{self, REPLAY_MAX, StoredEvent},
};

/// Events read at once.
const PAGE: i64 = 100;

/// How often a stream looks without a hint.
const POLL: Duration = Duration::from_secs(1);

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

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressEvent {
    /// What happened.
    pub kind: ProgressKind,
    /// Its number.
    pub sequence: i64,
    /// Resumes after this event.
    pub cursor: String,
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
    /// The account's credit number, available and held after it, where credits moved.
    pub balance: Option<(i64, i64, i64)>,
    /// When.
    pub at: Micros,
}

/// A place in a task's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    epoch: i64,
    task: Uuid,
    sequence: i64,
}

impl Cursor {
    fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("t{}.{}.{}", self.epoch, self.task.simple(), self.sequence))
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut parts = std::str::from_utf8(&bytes).ok()?.strip_prefix('t')?.split('.');
        let (epoch, task, sequence) = (parts.next()?, parts.next()?, parts.next()?);
        let cursor = Self {
            epoch: epoch.parse().ok()?,
            task: Uuid::parse_str(task).ok()?,
            sequence: sequence.parse().ok()?,
        };
        (parts.next().is_none() && cursor.sequence >= 0).then_some(cursor)
    }
}

/// The payload of any event; each kind fills its own part.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Payload {
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

struct State {
    ai: Ai,
    account: Uuid,
    task: Uuid,
    hints: Receiver<Hint>,
    sequence: i64,
    ready: VecDeque<ProgressEvent>,
    ended: bool,
}

impl Ai {
    /// Follows an account's task. Without `after` the first event is a `Snapshot`; with it, the next number, or a
    /// `Resync` when the cursor is from before a restore, ahead of the task, or too far behind. Ends after `Finished`.
    /// Refuses: `NotFound`, `BadUserInput` for a cursor that is not of this task.
    pub async fn follow_task(
        &self,
        account: Uuid,
        id: Uuid,
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<ProgressEvent, Error>> + Send + use<>, Error> {
        // Before the first look, so that nothing falls between look and wait.
        let hints = self.parts.bus.subscribe();
        let task = store::find_task(self.parts.db.reader(), account, id).await?.ok_or(Error::NotFound)?;
        let mut state = State {
            ai: self.clone(),
            account,
            task: id,
            hints,
            sequence: 0,
            ready: VecDeque::new(),
            ended: false,
        };
        match after {
            None => state.show(task, ProgressKind::Snapshot),
            Some(text) => {
                let cursor = Cursor::parse(&text).filter(|cursor| cursor.task == id);
                let cursor = cursor
                    .ok_or_else(|| Error::bad_input("This is not a cursor of this task's stream.", &["after"]))?;
                let behind = task.event_seq - cursor.sequence;
                if cursor.epoch != self.epoch() || !(0..=REPLAY_MAX).contains(&behind) {
                    state.show(task, ProgressKind::Resync);
                } else {
                    state.sequence = cursor.sequence;
                    state.ended = task.status.is_final() && behind == 0;
                }
            }
        }
        Ok(stream::unfold(Some(state), |state| async {
            let mut state = state?;
            match state.next().await {
                Ok(Some(event)) => Some((Ok(event), Some(state))),
                Ok(None) => None,
                // The client resumes from its cursor; this stream is over.
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

impl State {
    fn cursor(&self, sequence: i64) -> String {
        Cursor { epoch: self.ai.epoch(), task: self.task, sequence }.to_text()
    }

    fn show(&mut self, task: AiTask, kind: ProgressKind) {
        self.sequence = task.event_seq;
        // A task that has ended has nothing more to tell.
        self.ended = task.status.is_final();
        let event = ProgressEvent {
            kind,
            sequence: task.event_seq,
            cursor: self.cursor(task.event_seq),
            phase: Some(task.phase),
            percent: Some(task.percent),
            item_id: None,
            item_state: None,
            image_id: None,
            error_code: task.error_code.clone(),
            status: Some(task.status),
            message: None,
            credits: Some(task.credits_used),
            balance: None,
            at: task.updated_at,
            task: Some(task),
        };
        self.ready.push_back(event);
    }

    async fn next(&mut self) -> Result<Option<ProgressEvent>, Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.ended {
                return Ok(None);
            }
            if !self.read().await? {
                self.wait().await;
            }
        }
    }

    /// Reads what follows; `false` when there is nothing.
    async fn read(&mut self) -> Result<bool, Error> {
        let reader = self.ai.parts.db.reader();
        let events = event::list_after(reader, store::SUBJECT, self.task, self.sequence, PAGE).await?;
        for stored in events {
            if stored.sequence != self.sequence + 1 {
                // Events are kept for as long as their task; a hole means that somebody removed them.
                let task = store::find_task(reader, self.account, self.task).await?.ok_or(Error::NotFound)?;
                self.show(task, ProgressKind::Resync);
                return Ok(true);
            }
            self.sequence = stored.sequence;
            let event = self.event(stored)?;
            self.ended = event.kind == ProgressKind::Finished;
            self.ready.push_back(event);
        }
        Ok(!self.ready.is_empty())
    }

    fn event(&self, stored: StoredEvent) -> Result<ProgressEvent, Error> {
        let kind = match stored.kind.as_str() {
            "PHASE" => ProgressKind::Phase,
            "ITEM" => ProgressKind::Item,
            "STATE" => ProgressKind::State,
            "FINISHED" => ProgressKind::Finished,
            _ => return Err(Internal::new("reading a task's event", format!("its kind is {}", stored.kind)).into()),
        };
        let payload: Payload = serde_json::from_str(&stored.payload)
            .map_err(|error| Internal::new("reading a task's event", error))?;
        Ok(ProgressEvent {
            kind,
            sequence: stored.sequence,
            cursor: self.cursor(stored.sequence),
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
            balance: stored.credits,
            at: stored.at,
        })
    }

    /// Until a hint about this task, or the next poll.
    async fn wait(&mut self) {
        let key = Arc::<str>::from(self.task.to_string());
        let hints = &mut self.hints;
        let hinted = async {
            loop {
                match hints.recv().await {
                    Ok(hint) if hint.topic == event::TOPIC && hint.key == *key => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending::<()>().await,
                }
            }
        };
        tokio::select! {
            () = hinted => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // G44
    #[test]
    fn reads_back_its_own_cursors_only() {
        let cursor = Cursor { epoch: 2, task: Uuid::from_u128(5), sequence: 17 };
        assert_eq!(Cursor::parse(&cursor.to_text()), Some(cursor));
        for text in ["", "x", "dDEuMi4z", &URL_SAFE_NO_PAD.encode("t1.zz.3"), &URL_SAFE_NO_PAD.encode("n42")] {
            assert_eq!(Cursor::parse(text), None);
        }
    }
}
