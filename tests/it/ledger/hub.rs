//! Live balances: a snapshot, then every transaction once and in order, whatever was lost on the way (G44, T16).

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use inkledger::{
    bus::{Bus, Hint},
    db::Engine,
    error::Error,
    ids::{Ids, SeededIds},
    ledger::{
        BalanceEvent, BalanceEventKind, Cursor, Ledger, LedgerOptions,
        model::Operation,
        store::{self, Order, Slice, TransactionFilter},
    },
};
use rstest::rstest;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::support::{command, funded, grant, hold, open, open_on};
use crate::support::database::TestDb;

type Events = Pin<Box<dyn Stream<Item = Result<BalanceEvent, Error>> + Send>>;

async fn subscribe(ledger: &Ledger, account: Uuid, after: Option<Cursor>) -> Events {
    Box::pin(ledger.hub().subscribe(account, after).await.unwrap())
}

async fn next(events: &mut Events) -> BalanceEvent {
    tokio::time::timeout(Duration::from_secs(20), events.next()).await.expect("an event in time").unwrap().unwrap()
}

async fn give(ledger: &Ledger, account: Uuid, name: &str, count: i64) {
    for at in 0..count {
        ledger.submit(command(account, &format!("{name}-{at}"), grant(1))).await.unwrap();
    }
}

/// Reads up to `last` and checks that no number is missing, doubled or out of place, and that each balance is the one
/// of the journal.
async fn assert_gapless(test: &TestDb, events: &mut Events, mut seen: i64, last: i64) {
    while seen < last {
        let event = next(events).await;
        assert_eq!((event.kind, event.sequence), (BalanceEventKind::Transaction, seen + 1));
        let row = event.transaction.unwrap();
        let slice = Slice { above: Some(seen), below: Some(seen + 2), order: Order::OldestFirst, limit: 1 };
        let filter = TransactionFilter::default();
        let stored = store::list_transactions(test.db.reader(), row.account_id, &filter, slice).await.unwrap();
        // Read back at once: an event must not come before its commit.
        assert_eq!(stored.first(), Some(row.as_ref()));
        assert_eq!(event.balance, row.balance);
        seen += 1;
    }
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn begins_with_a_snapshot_and_goes_on_with_every_transaction(#[case] engine: Engine) {
    // G44
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    let mut events = subscribe(&ledger, account, None).await;
    let first = next(&mut events).await;
    assert_eq!((first.kind, first.sequence, first.balance.available), (BalanceEventKind::Snapshot, 1, 100));
    let held = ledger.submit(command(account, "the-hold", hold(&test, 30))).await.unwrap();
    let event = next(&mut events).await;
    assert_eq!((event.kind, event.sequence, event.balance), (BalanceEventKind::Transaction, 2, held.balance));
    let work = event.transaction.unwrap().answer().unwrap().work;
    assert!(work.is_some(), "the event names its work");
    // A repeat is no event.
    give(&ledger, account, "more-credits", 3).await;
    give(&ledger, account, "more-credits", 3).await;
    assert_gapless(&test, &mut events, 2, 5).await;
    assert!(futures_util::poll!(events.next()).is_pending());
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn continues_after_a_cursor_without_a_snapshot(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    let mut events = subscribe(&ledger, account, None).await;
    let cursor = Cursor::parse(&next(&mut events).await.cursor.to_text()).unwrap();
    drop(events);
    give(&ledger, account, "while-away", 150).await;
    let mut events = subscribe(&ledger, account, Some(cursor)).await;
    assert_gapless(&test, &mut events, 1, 151).await;
    give(&ledger, account, "back-again", 2).await;
    assert_gapless(&test, &mut events, 151, 153).await;
    // The last event's cursor continues with nothing.
    let mut events = subscribe(&ledger, account, Some(Cursor { sequence: 153, ..cursor })).await;
    assert!(futures_util::poll!(events.next()).is_pending());
}

#[tokio::test]
async fn refuses_foreign_cursors_and_answers_unusable_ones_with_a_resync() {
    // G44
    let test = TestDb::sqlite().await;
    let ledger = open(&test).await;
    let (mine, other) = (funded(&test, &ledger, 100).await, funded(&test, &ledger, 5).await);
    let foreign = next(&mut subscribe(&ledger, other, None).await).await.cursor;
    let refused = ledger.hub().subscribe(mine, Some(foreign)).await.err().unwrap();
    assert_eq!(refused.code(), "BAD_USER_INPUT");
    for text in ["", "x", "not a cursor", &"A".repeat(43), &"_".repeat(43), &foreign.to_text()[1..]] {
        assert_eq!(Cursor::parse(text).unwrap_err().code(), "BAD_USER_INPUT", "{text:?}");
    }
    let nobody = ledger.hub().subscribe(test.ids.uuid(), None).await.err().unwrap();
    assert_eq!(nobody.code(), "NOT_FOUND");
    let good = Cursor { account: mine, epoch: 1, sequence: 1 };
    for unusable in [Cursor { epoch: 2, ..good }, Cursor { sequence: 2, ..good }] {
        let event = next(&mut subscribe(&ledger, mine, Some(unusable)).await).await;
        assert_eq!((event.kind, event.sequence, event.balance.available), (BalanceEventKind::Resync, 1, 100));
    }
    // As if ten thousand transactions had passed.
    for (sequence, kind) in [(10_001, BalanceEventKind::Resync), (10_002, BalanceEventKind::Resync)] {
        test.execute(&format!("UPDATE ledger_account SET seq = {sequence} WHERE issued = 100")).await.unwrap();
        let cursor = Cursor { sequence: sequence - 10_001, ..good };
        let event = next(&mut subscribe(&ledger, mine, Some(cursor)).await).await;
        assert_eq!((event.kind, event.sequence), (kind, sequence));
    }
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn loses_nothing_when_a_subscriber_is_slower_than_its_queue(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    let mut slow = subscribe(&ledger, account, None).await;
    next(&mut slow).await;
    // Three times what its queue holds, and more than a page of the journal.
    give(&ledger, account, "too-many", 200).await;
    assert_gapless(&test, &mut slow, 1, 120).await;
    give(&ledger, account, "even-more", 100).await;
    assert_gapless(&test, &mut slow, 120, 301).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_order_for_many_subscribers_while_many_commands_commit(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 1000).await;
    let readers: Vec<_> = (0..40)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let mut events = subscribe(&ledger, account, None).await;
                let mut seen = next(&mut events).await.sequence;
                while seen < 121 {
                    let event = next(&mut events).await;
                    assert_eq!(event.sequence, seen + 1);
                    seen = event.sequence;
                }
            })
        })
        .collect();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let ledger = ledger.clone();
            tokio::spawn(async move { give(&ledger, account, &format!("writer-{writer}-gives"), 30).await })
        })
        .collect();
    for running in readers.into_iter().chain(writers) {
        running.await.unwrap();
    }
    assert_eq!(ledger.hub().watched(), 0, "nobody watches any more, and nothing is kept");
}

#[tokio::test]
async fn ends_subscriptions_when_the_ledger_closes() {
    let test = TestDb::sqlite().await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 1).await;
    let mut events = subscribe(&ledger, account, None).await;
    next(&mut events).await;
    ledger.close().await;
    assert!(events.next().await.is_none());
}

/// A bus between two processes that loses, doubles and delays hints.
struct LossyBus {
    sender: broadcast::Sender<Hint>,
    origin: String,
    count: AtomicU64,
    kept: std::sync::Mutex<Vec<Hint>>,
}

impl LossyBus {
    fn pair() -> (Arc<Self>, Arc<Self>) {
        let sender = broadcast::Sender::new(1024);
        let end = |origin: &str| {
            Arc::new(Self {
                sender: sender.clone(),
                origin: origin.to_owned(),
                count: AtomicU64::new(0),
                kept: std::sync::Mutex::default(),
            })
        };
        (end("writer"), end("reader"))
    }
}

impl Bus for LossyBus {
    fn publish(&self, hint: Hint) {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut kept = self.kept.lock().unwrap();
        match count % 7 {
            0 => {}
            1 => kept.push(hint),
            2 => {
                let _ = self.sender.send(hint.clone());
                let _ = self.sender.send(hint);
            }
            3 => {
                let _ = self.sender.send(Hint { body: String::new(), ..hint });
            }
            _ => {
                let _ = self.sender.send(hint);
                for late in kept.drain(..) {
                    let _ = self.sender.send(late);
                }
            }
        }
    }

    fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.sender.subscribe()
    }

    fn origin(&self) -> &str {
        &self.origin
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn delivers_what_another_process_commits_although_hints_are_lost_doubled_and_late() {
    let test = TestDb::postgres().await;
    let (near, far) = LossyBus::pair();
    let options = LedgerOptions::default();
    let ids = |seed| Arc::new(SeededIds::new(seed));
    let writer = Ledger::open(test.db.clone(), test.clock.clone(), ids(2), near, options).await.unwrap();
    let reader = Ledger::open(test.second().await, test.clock.clone(), ids(3), far, options).await.unwrap();
    let account = funded(&test, &writer, 100).await;
    let mut events = subscribe(&reader, account, None).await;
    next(&mut events).await;
    give(&writer, account, "from-elsewhere", 60).await;
    // Both write: their publishers race.
    let (other, mine) = (writer.clone(), reader.clone());
    let both = tokio::join!(
        tokio::spawn(async move { give(&other, account, "writer-gives", 40).await }),
        tokio::spawn(async move { give(&mine, account, "reader-gives", 40).await })
    );
    both.0.unwrap();
    both.1.unwrap();
    assert_gapless(&test, &mut events, 1, 141).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn finds_what_another_process_commits_without_any_hint() {
    let test = TestDb::postgres().await;
    // Each has a bus of its own, so nothing arrives.
    let (writer, reader) = (open(&test).await, open_on(&test, test.second().await, 3).await);
    let account = funded(&test, &writer, 100).await;
    let mut events = subscribe(&reader, account, None).await;
    next(&mut events).await;
    let release = writer.submit(command(account, "the-hold", hold(&test, 3))).await.unwrap().holds;
    writer.submit(command(account, "the-release", Operation::Release(release))).await.unwrap();
    assert_gapless(&test, &mut events, 1, 3).await;
    give(&writer, account, "many-unseen", 130).await;
    assert_gapless(&test, &mut events, 3, 133).await;
}
