//! T16: subscribers of live balances, of whom some read slowly, some not at all until the end, and some leave and come back with
//! their cursor. Each sees every transaction once, in order and as the journal has it, whatever was lost on the way.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{Stream, StreamExt as _, future::join_all};
use inkledger::{
    db::Db,
    error::Error,
    ledger::{
        BalanceEvent, BalanceEventKind, Cursor, Ledger,
        store::{self, Order, TransactionFilter},
    },
};
use serde_json::json;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    crowd::{Crowd, pass},
    history::{Journal, read_journal},
    place::Place,
    slice::{Dice, Outcome, Slice, Tally, Violation, demand},
};

const ACCOUNTS: usize = 3;
const SUBSCRIBERS: usize = 45;
const CLIENTS: usize = 12;
const WAVES: usize = 6;
const EACH: usize = 6;

/// A subscriber that has nothing for so long will never have it.
const PATIENCE: Duration = Duration::from_secs(30);

type Events = Pin<Box<dyn Stream<Item = Result<BalanceEvent, Error>> + Send>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Fast,
    Slow,
    /// Only when all has been written.
    Late,
}

pub async fn run(slice: &Slice) -> Outcome {
    let place = Place::open(slice.engine).await;
    let mut dice = Dice::new(slice.seed);
    let (mut tally, mut returns) = (Tally::default(), 0);
    while slice.left(tally.count) > 0 {
        let crowd = Crowd::open(&place.ledgers[0], ACCOUNTS, dice.roll(), place.now()).await;
        let (sender, over) = watch::channel(false);
        let watching = (0..SUBSCRIBERS).map(|number| {
            let subscriber = Subscriber {
                ledger: place.ledgers[number % place.ledgers.len()].clone(),
                db: place.db.clone(),
                account: crowd.members[number % ACCOUNTS].account,
                pace: [Pace::Fast, Pace::Fast, Pace::Slow, Pace::Late][dice.index(4)],
                dice: Dice::new(dice.roll()),
                over: over.clone(),
                seen: Vec::new(),
                returns: 0,
            };
            tokio::spawn(subscriber.watch())
        });
        let watching: Vec<_> = watching.collect();
        for _ in 0..WAVES {
            crowd.wave(&place.ledgers, CLIENTS, EACH, &mut dice, place.now()).await;
            place.clock.advance(pass(&mut dice));
        }
        sender.send(true).unwrap();
        let mut journals = Vec::new();
        for member in &crowd.members {
            journals.push((member.account, Arc::new(read_journal(&place.db, member.account).await)));
        }
        crowd.check(&place.db).await?;
        for subscriber in join_all(watching).await {
            let subscriber = subscriber.unwrap()?;
            let journal = journals.iter().find(|(account, _)| *account == subscriber.account).unwrap();
            compare(&subscriber, &journal.1)?;
            tally.count += subscriber.seen.len() as u64;
            returns += subscriber.returns;
        }
    }
    for ledger in &place.ledgers {
        demand(ledger.hub().watched() == 0, || "an account is watched by nobody".to_owned())?;
    }
    place.check_sessions().await?;
    place.verify().await?;
    place.close().await;
    tally.config = json!({"subscribers": SUBSCRIBERS, "accounts": ACCOUNTS, "returns": returns});
    Ok(tally)
}

struct Subscriber {
    ledger: Ledger,
    db: Db,
    account: Uuid,
    pace: Pace,
    dice: Dice,
    /// Whether all has been written.
    over: watch::Receiver<bool>,
    /// All events after the first one.
    seen: Vec<BalanceEvent>,
    /// How often it left and came back.
    returns: u64,
}

impl Subscriber {
    /// Watches until it has seen the last transaction.
    async fn watch(mut self) -> Result<Self, Violation> {
        let mut events = self.subscribe(None).await?;
        let first = self.next(&mut events).await?;
        demand(first.kind == BalanceEventKind::Snapshot, || format!("it begins with {first:?}"))?;
        let mut at = first.cursor;
        let mut over = self.over.clone();
        while !self.is_through(at.sequence).await {
            if self.pace == Pace::Late {
                over.wait_for(|over| *over).await.unwrap();
            }
            let event = tokio::select! {
                event = self.next(&mut events) => event?,
                // To look whether there is anything left to come.
                Ok(()) = over.changed() => continue,
            };
            let is_next = event.kind == BalanceEventKind::Transaction && event.sequence == at.sequence + 1;
            demand(is_next, || format!("after number {} comes {event:?}", at.sequence))?;
            at = event.cursor;
            self.check_committed(&event).await?;
            self.seen.push(event);
            if self.pace == Pace::Slow && !*self.over.borrow() {
                tokio::time::sleep(Duration::from_millis(self.dice.below(20))).await;
            }
            if self.dice.once_in(40) {
                events = self.subscribe(Some(at)).await?;
                self.returns += 1;
            }
        }
        Ok(self)
    }

    async fn subscribe(&self, after: Option<Cursor>) -> Result<Events, Violation> {
        match self.ledger.hub().subscribe(self.account, after).await {
            Ok(events) => Ok(Box::pin(events)),
            Err(error) => Err(format!("it could not subscribe: {error:?}").into()),
        }
    }

    async fn next(&self, events: &mut Events) -> Result<BalanceEvent, Violation> {
        let began = Instant::now();
        match tokio::time::timeout(PATIENCE, events.next()).await {
            Ok(Some(Ok(event))) => Ok(event),
            other => Err(format!("{:?} of {} got {other:?} in {:?}", self.pace, self.account, began.elapsed()).into()),
        }
    }

    async fn is_through(&self, sequence: i64) -> bool {
        if !*self.over.borrow() {
            return false;
        }
        let heads = store::list_sequences(self.db.reader(), &[self.account]).await.unwrap();
        heads.first().is_some_and(|head| head.1 == sequence)
    }

    /// Now and then: an event must not come before its commit.
    async fn check_committed(&mut self, event: &BalanceEvent) -> Result<(), Violation> {
        if !self.dice.once_in(25) {
            return Ok(());
        }
        let (above, below) = (Some(event.sequence - 1), Some(event.sequence + 1));
        let slice = store::Slice { above, below, order: Order::OldestFirst, limit: 1 };
        let all = TransactionFilter::default();
        let stored = store::list_transactions(self.db.reader(), self.account, &all, slice).await.unwrap();
        demand(stored.first() == event.transaction.as_deref(), || format!("{event:?} came before its commit"))
    }
}

/// Every event is the journal's row.
fn compare(subscriber: &Subscriber, journal: &Journal) -> Result<(), Violation> {
    for event in &subscriber.seen {
        let row = usize::try_from(event.sequence - 1).ok().and_then(|at| journal.rows.get(at));
        let is_same = row.is_some_and(|row| {
            Some(&row.transaction) == event.transaction.as_deref() && row.transaction.balance == event.balance
        });
        demand(is_same, || format!("{event:?} is not {row:?}"))?;
    }
    Ok(())
}
