//! The numbered stream of a run: a snapshot at number n, then n+1, n+2 … without gap, resumable from a cursor. Rows are the
//! truth; hints only wake it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{Stream, stream};
use serde::Deserialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use uuid::Uuid;

use super::{
    Automation,
    model::{AutomationRun, ItemState, RunState, Stage},
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

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressEvent {
    /// What happened.
    pub kind: ProgressKind,
    /// Its number.
    pub sequence: i64,
    /// Resumes after this event.
    pub cursor: String,
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
    /// The account's credit number, available and held after it, where credits moved.
    pub balance: Option<(i64, i64, i64)>,
    /// When.
    pub at: Micros,
}

/// A place in a run's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    epoch: i64,
    run: Uuid,
    sequence: i64,
}

impl Cursor {
    fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("r{}.{}.{}", self.epoch, self.run.simple(), self.sequence))
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut parts = std::str::from_utf8(&bytes).ok()?.strip_prefix('r')?.split('.');
        let (epoch, run, sequence) = (parts.next()?, parts.next()?, parts.next()?);
        let cursor =
            Self { epoch: epoch.parse().ok()?, run: Uuid::parse_str(run).ok()?, sequence: sequence.parse().ok()? };
        (parts.next().is_none() && cursor.sequence >= 0).then_some(cursor)
    }
}

/// The payload of any event; each kind fills its own part.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Payload {
    state: Option<String>,
    stage: Option<String>,
    count: Option<i32>,
    credits: Option<i64>,
    image_id: Option<Uuid>,
    error_code: Option<String>,
    message: Option<String>,
}

struct State {
    automation: Automation,
    account: Uuid,
    run: Uuid,
    hints: Receiver<Hint>,
    sequence: i64,
    ready: VecDeque<ProgressEvent>,
    ended: bool,
}

impl Automation {
    /// Follows an account's run. Without `after` the first event is a `Snapshot`; with it, the next number, or a `Resync` when
    /// the cursor is from before a restore, ahead of the run, or too far behind. Ends after `Finished`.
    /// Refuses: `NotFound`, `BadUserInput` for a cursor that is not of this run.
    pub async fn follow_run(
        &self,
        account: Uuid,
        id: Uuid,
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<ProgressEvent, Error>> + Send + use<>, Error> {
        // Before the first look, so that nothing falls between look and wait.
        let hints = self.parts.bus.subscribe();
        let run = store::run::find_run(self.parts.db.reader(), account, id).await?.ok_or(Error::NotFound)?;
        let automation = self.clone();
        let mut state =
            State { automation, account, run: id, hints, sequence: 0, ready: VecDeque::new(), ended: false };
        match after {
            None => state.show(run, ProgressKind::Snapshot),
            Some(text) => {
                let cursor = Cursor::parse(&text).filter(|cursor| cursor.run == id);
                let cursor =
                    cursor.ok_or_else(|| Error::bad_input("This is not a cursor of this run's stream.", &["after"]))?;
                let behind = run.event_seq - cursor.sequence;
                if cursor.epoch != self.epoch() || !(0..=REPLAY_MAX).contains(&behind) {
                    state.show(run, ProgressKind::Resync);
                } else {
                    state.sequence = cursor.sequence;
                    state.ended = run.state.is_final() && behind == 0;
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
        Cursor { epoch: self.automation.epoch(), run: self.run, sequence }.to_text()
    }

    fn show(&mut self, run: AutomationRun, kind: ProgressKind) {
        self.sequence = run.event_seq;
        // A run that has ended has nothing more to tell.
        self.ended = run.state.is_final();
        let event = ProgressEvent {
            kind,
            sequence: run.event_seq,
            cursor: self.cursor(run.event_seq),
            state: Some(run.state),
            stage: run.current_stage,
            item: None,
            message: None,
            balance: None,
            at: run.updated_at,
            run: Some(run),
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
        let reader = self.automation.parts.db.reader();
        let events = event::list_after(reader, store::SUBJECT, self.run, self.sequence, PAGE).await?;
        for stored in events {
            if stored.sequence != self.sequence + 1 {
                // Events are kept for as long as their run; a hole means that somebody removed them.
                let run = store::run::find_run(reader, self.account, self.run).await?.ok_or(Error::NotFound)?;
                self.show(run, ProgressKind::Resync);
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
            "STATE" => ProgressKind::State,
            "STAGE" => ProgressKind::Stage,
            "ITEM" => ProgressKind::Item,
            "DRAINED" => ProgressKind::Drained,
            "FINISHED" => ProgressKind::Finished,
            _ => return Err(Internal::new("reading a run's event", format!("its kind is {}", stored.kind)).into()),
        };
        let payload: Payload =
            serde_json::from_str(&stored.payload).map_err(|error| Internal::new("reading a run's event", error))?;
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
        Ok(ProgressEvent {
            kind,
            sequence: stored.sequence,
            cursor: self.cursor(stored.sequence),
            run: None,
            state: state.filter(|_| item.is_none()).and_then(RunState::parse),
            stage,
            item,
            message: payload.message,
            balance: stored.credits,
            at: stored.at,
        })
    }

    /// Until a hint about this run, or the next poll.
    async fn wait(&mut self) {
        let key = Arc::<str>::from(self.run.to_string());
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
        let cursor = Cursor { epoch: 2, run: Uuid::from_u128(5), sequence: 17 };
        assert_eq!(Cursor::parse(&cursor.to_text()), Some(cursor));
        for text in ["", "x", &URL_SAFE_NO_PAD.encode("t1.0.3"), &URL_SAFE_NO_PAD.encode("r1.zz.3")] {
            assert_eq!(Cursor::parse(text), None);
        }
    }
}
