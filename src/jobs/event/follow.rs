//! The numbered stream of a subject: a snapshot at number n, then n+1, n+2 … without gap, resumable from a cursor. Rows are
//! the truth; hints only wake it.

use std::{collections::VecDeque, time::Duration};

use futures_util::{Stream, stream};
use serde::de::DeserializeOwned;
use tokio::sync::broadcast::Receiver;
use uuid::Uuid;

use super::{FINISHED, REPLAY_MAX, StoredEvent, cursor::Cursor, hinted, list_after};
use crate::{
    bus::Hint,
    clock::Micros,
    db::Db,
    error::{Error, Internal},
    jobs::Jobs,
};

/// Events read at once.
const PAGE: i64 = 100;

/// How often a stream looks without a hint.
const POLL: Duration = Duration::from_secs(1);

/// Why a stream shows its subject as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It begins here.
    Snapshot,
    /// Its reader cannot be brought here event by event, and drops all it holds.
    Resync,
}

/// Where a subject stands in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The number of its last event.
    pub sequence: i64,
    /// Whether nothing follows.
    pub is_final: bool,
    /// When it came there.
    pub at: Micros,
}

/// A row whose numbered events can be followed.
pub trait Followed: Sized + Send {
    /// Its table, which is the kind that its events are stored under.
    const TABLE: &'static str;
    /// What its cursors begin with; no other kind's may.
    const MARK: char;
    /// What refusals call it.
    const NOUN: &'static str;
    /// The JSON of any event; each kind fills its own part.
    type Payload: DeserializeOwned;
    /// What an event tells beside its number.
    type Told: Send;

    /// An account's row. Another account's is not found.
    fn find(db: &Db, account: Uuid, id: Uuid) -> impl Future<Output = Result<Option<Self>, Error>> + Send;

    /// Where it stands.
    fn standing(&self) -> Standing;

    /// What a stream tells that shows it as it is.
    fn show(self, opening: Opening) -> Self::Told;

    /// What an event of `kind` tells; `None` when there is no such kind.
    fn tell(kind: &str, payload: Self::Payload) -> Option<Self::Told>;
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<T> {
    /// Its number, or the last one's where the subject is shown as it is.
    pub sequence: i64,
    /// Resumes after this event.
    pub cursor: String,
    /// What happened.
    pub told: T,
    /// The account's credit number, available and held after it, where credits moved.
    pub balance: Option<(i64, i64, i64)>,
    /// When.
    pub at: Micros,
}

impl Jobs {
    /// Follows an account's subject. Without `after` the first event is a snapshot; with it, the next number, or a
    /// resync when the cursor is from before a restore, ahead of the subject, or too far behind. Ends after `FINISHED`.
    /// Refuses: `NotFound`, `BadUserInput` for a cursor that is not of this subject.
    pub async fn follow<S: Followed>(
        &self,
        epoch: i64,
        account: Uuid,
        id: Uuid,
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Event<S::Told>, Error>> + Send + use<S>, Error> {
        // Before the first look, so that nothing falls between look and wait.
        let hints = self.bus.subscribe();
        let subject = S::find(&self.db, account, id).await?.ok_or(Error::NotFound)?;
        let (db, ready) = (self.db.clone(), VecDeque::new());
        let mut follower = Follower::<S> { db, hints, epoch, account, id, sequence: 0, ready, ended: false };
        match after {
            None => follower.show(subject, Opening::Snapshot),
            Some(text) => {
                let cursor = Cursor::parse(S::MARK, &text).filter(|cursor| cursor.subject == id);
                let foreign =
                    || Error::bad_input(format!("This is not a cursor of this {}'s stream.", S::NOUN), &["after"]);
                let cursor = cursor.ok_or_else(foreign)?;
                let standing = subject.standing();
                let behind = standing.sequence - cursor.sequence;
                if cursor.epoch != epoch || !(0..=REPLAY_MAX).contains(&behind) {
                    follower.show(subject, Opening::Resync);
                } else {
                    follower.sequence = cursor.sequence;
                    follower.ended = standing.is_final && behind == 0;
                }
            }
        }
        Ok(stream::unfold(Some(follower), |follower| async {
            let mut follower = follower?;
            match follower.next().await {
                Ok(Some(event)) => Some((Ok(event), Some(follower))),
                Ok(None) => None,
                // The client resumes from its cursor; this stream is over.
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

struct Follower<S: Followed> {
    db: Db,
    hints: Receiver<Hint>,
    epoch: i64,
    account: Uuid,
    id: Uuid,
    sequence: i64,
    ready: VecDeque<Event<S::Told>>,
    ended: bool,
}

impl<S: Followed> Follower<S> {
    async fn next(&mut self) -> Result<Option<Event<S::Told>>, Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.ended {
                return Ok(None);
            }
            if !self.read().await? {
                hinted(&mut self.hints, self.id, POLL).await;
            }
        }
    }

    /// Reads what follows; `false` when there is nothing.
    async fn read(&mut self) -> Result<bool, Error> {
        let events = list_after(self.db.reader(), S::TABLE, self.id, self.sequence, PAGE).await?;
        for stored in events {
            if stored.sequence != self.sequence + 1 {
                // Events are kept for as long as their subject; a hole means that somebody removed them.
                let subject = S::find(&self.db, self.account, self.id).await?.ok_or(Error::NotFound)?;
                self.show(subject, Opening::Resync);
                return Ok(true);
            }
            self.tell(&stored)?;
        }
        Ok(!self.ready.is_empty())
    }

    fn show(&mut self, subject: S, opening: Opening) {
        let Standing { sequence, is_final, at } = subject.standing();
        // What has ended has nothing more to tell.
        self.ended = is_final;
        self.push(sequence, subject.show(opening), None, at);
    }

    fn tell(&mut self, stored: &StoredEvent) -> Result<(), Internal> {
        let cannot = |cause| Internal::new("reading a numbered event", cause);
        let payload = serde_json::from_str(&stored.payload).map_err(|error| cannot(error.to_string()))?;
        let unknown = || cannot(format!("its kind is {}", stored.kind));
        let told = S::tell(&stored.kind, payload).ok_or_else(unknown)?;
        self.ended = stored.kind == FINISHED;
        self.push(stored.sequence, told, stored.credits, stored.at);
        Ok(())
    }

    fn push(&mut self, sequence: i64, told: S::Told, balance: Option<(i64, i64, i64)>, at: Micros) {
        self.sequence = sequence;
        let cursor = Cursor { mark: S::MARK, epoch: self.epoch, subject: self.id, sequence }.to_text();
        self.ready.push_back(Event { sequence, cursor, told, balance, at });
    }
}
