//! One subscriber: a cursor, the rows that come next, which it shares with all who watch the account, and its place in the account's
//! queue.

use std::{sync::Arc, time::Duration};

use tokio::sync::broadcast::{self, error::RecvError};
use uuid::Uuid;

use crate::{
    clock::Micros,
    error::Error,
    ledger::{
        model::{Account, Balance, Transaction},
        store,
    },
};

use super::{BEHIND_MAX, Cursor, Hub, Run, Signal, cursor::foreign};

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BalanceEventKind {
    /// The balance as it is; what follows continues it.
    Snapshot,
    /// One transaction and the balance after it.
    Transaction,
    /// A snapshot that replaces all that was known before.
    Resync,
}

/// One event of an account's balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceEvent {
    /// What it is.
    pub kind: BalanceEventKind,
    /// The sequence of the transaction, or of the last one in a snapshot.
    pub sequence: i64,
    /// Continues a later subscription after this event.
    pub cursor: Cursor,
    /// The six sums after it.
    pub balance: Balance,
    /// The account's time after it, microseconds.
    pub at: Micros,
    /// The transaction, unless it is a snapshot.
    pub transaction: Option<Arc<Transaction>>,
}

/// Leaves the hub when dropped. It stands after the receiver in [`Subscriber`], so the receiver is gone by then.
struct Place {
    hub: Hub,
    account: Uuid,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.leave(self.account);
    }
}

pub(super) struct Subscriber {
    receiver: broadcast::Receiver<Signal>,
    /// From a commit or from the journal; what follows the last one delivered is delivered next.
    ahead: Run,
    /// The snapshot that comes before everything else.
    first: Option<Box<BalanceEvent>>,
    delivered: i64,
    /// The highest sequence known to be in the journal.
    goal: i64,
    ended: bool,
    place: Place,
}

/// How often a failed read is tried again before the stream ends with the error.
const TRIES: u32 = 5;

impl Subscriber {
    pub(super) async fn begin(hub: Hub, account: Uuid, after: Option<Cursor>) -> Result<Self, Error> {
        if after.is_some_and(|cursor| cursor.account != account) {
            return Err(foreign());
        }
        let receiver = hub.register(account);
        let mut subscriber = Self {
            receiver,
            ahead: Run::default(),
            first: None,
            delivered: 0,
            goal: 0,
            ended: false,
            place: Place { hub, account },
        };
        let found = subscriber.read_account().await?;
        subscriber.goal = found.sequence;
        match after {
            None => subscriber.restart(&found, BalanceEventKind::Snapshot),
            Some(cursor)
                if cursor.epoch == found.epoch
                    && cursor.sequence <= found.sequence
                    && found.sequence - cursor.sequence <= BEHIND_MAX =>
            {
                subscriber.delivered = cursor.sequence;
            }
            Some(_) => subscriber.restart(&found, BalanceEventKind::Resync),
        }
        Ok(subscriber)
    }

    /// The next event, as soon as there is one. `None` when the hub has ended or after an error.
    pub(super) async fn next(&mut self) -> Option<Result<BalanceEvent, Error>> {
        if self.ended {
            return None;
        }
        let event = self.advance().await;
        self.ended = matches!(event, None | Some(Err(_)));
        event
    }

    async fn advance(&mut self) -> Option<Result<BalanceEvent, Error>> {
        loop {
            if let Some(first) = self.first.take() {
                return Some(Ok(*first));
            }
            if let Some(row) = self.following() {
                return Some(Ok(self.pass(row)));
            }
            if self.goal > self.delivered {
                if let Err(error) = Box::pin(self.catch_up()).await {
                    return Some(Err(error));
                }
                continue;
            }
            match self.receiver.recv().await {
                Ok(Signal::Transactions(run)) => {
                    self.goal = self.goal.max(run.last().map_or(0, |row| row.sequence));
                    self.ahead = run;
                }
                Ok(Signal::Reached(sequence)) => self.goal = self.goal.max(sequence),
                // What was dropped shows as a gap before the next signal, which is there already.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The row after the last one delivered, if it is among those at hand; else those are let go.
    fn following(&mut self) -> Option<Arc<Transaction>> {
        let row = self.ahead.first().and_then(|first| {
            let at = usize::try_from(self.delivered + 1 - first.sequence).ok()?;
            self.ahead.get(at).cloned()
        });
        if row.is_none() && !self.ahead.is_empty() {
            self.ahead = Run::default();
        }
        row
    }

    fn pass(&mut self, row: Arc<Transaction>) -> BalanceEvent {
        self.delivered = row.sequence;
        self.goal = self.goal.max(row.sequence);
        BalanceEvent {
            kind: BalanceEventKind::Transaction,
            sequence: row.sequence,
            cursor: Cursor { account: self.place.account, epoch: row.epoch, sequence: row.sequence },
            balance: row.balance,
            at: row.at,
            transaction: Some(row),
        }
    }

    fn restart(&mut self, found: &Account, kind: BalanceEventKind) {
        self.ahead = Run::default();
        self.delivered = found.sequence;
        self.goal = found.sequence;
        self.first = Some(Box::new(BalanceEvent {
            kind,
            sequence: found.sequence,
            cursor: Cursor { account: found.id, epoch: found.epoch, sequence: found.sequence },
            balance: found.balance,
            at: found.ledger_now,
            transaction: None,
        }));
    }

    /// Reads the next page of what is missing, or starts anew with a snapshot when too much is.
    async fn catch_up(&mut self) -> Result<(), Error> {
        let mut tried = 1;
        loop {
            match self.try_to_catch_up().await {
                Err(error) if tried < TRIES => {
                    tracing::debug!(account.id = %self.place.account, error = ?error, "reading the journal failed");
                    tokio::time::sleep(Duration::from_millis(200 * (1 << tried))).await;
                    tried += 1;
                }
                result => return result,
            }
        }
    }

    async fn try_to_catch_up(&mut self) -> Result<(), Error> {
        if self.goal - self.delivered <= BEHIND_MAX {
            self.ahead = self.place.hub.read_page(self.place.account, self.delivered).await?;
            if self.ahead.first().is_some_and(|row| row.sequence == self.delivered + 1) {
                return Ok(());
            }
        }
        let found = self.read_account().await?;
        self.restart(&found, BalanceEventKind::Resync);
        Ok(())
    }

    async fn read_account(&self) -> Result<Account, Error> {
        let hub = &self.place.hub.0;
        let found = store::find_account(hub.db.reader(), self.place.account).await?;
        found.ok_or(Error::NotFound)
    }
}
