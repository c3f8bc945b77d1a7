//! Ten thousand subscribers of live balances on a real server process: what one of them costs in memory, how long an event takes to
//! reach them, and that through a storm in which each of them is cut off once nothing is lost, repeated or out of order.
//! `script/bench live` runs it. It prints one table row per figure; the order of events is asserted, their speed is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a measuring tool stops at the first surprise"
)]

#[path = "support/mod.rs"]
mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use chrono::DateTime;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use self::support::{
    api::{Api, Person},
    open_loop::Spread,
    row,
    server::Server,
    socket::{Socket, open},
    wire::Wire,
};

const PEOPLE: usize = 1_250;
/// Two fewer than a person may have: one that was cut off counts until the server has noticed.
const SOCKETS_EACH: usize = 8;
/// Handshakes under way at once; the server allows an address 200.
const ARRIVING: usize = 100;
/// Connections that credits are added through.
const WRITERS: usize = 16;
/// How long a subscriber may still wait for an event when all commits are done.
const PATIENCE: Duration = Duration::from_secs(20);

const ADD: &str = "mutation($to: ID!, $key: ID!) { addCredits(input: {target: {accountId: $to}, amount: 1, \
                   idempotencyKey: $key}) { balanceAfter userErrors { code } } }";
const WATCH: &str = "subscription($a: ID!, $after: String) { creditBalance(accountId: $a, after: $after) \
                     { kind sequence cursor balance { available } transaction { createdAt } } }";

/// What all subscribers share.
struct World {
    url: String,
    hero: String,
    people: Vec<Person>,
    /// The last number of each person's account, as its acknowledged commands say.
    reached: Vec<AtomicI64>,
    arriving: Semaphore,
    keys: AtomicU64,
    reconnects: AtomicU64,
    resyncs: AtomicU64,
    /// Transactions that subscribers were told of.
    received: AtomicU64,
}

/// One subscriber and what it has seen.
struct Subscriber {
    world: Arc<World>,
    person: usize,
    /// None only while it is cut off.
    socket: Option<Socket>,
    last: i64,
    cursor: String,
    /// From each transaction's own time to its arrival.
    took: Vec<Duration>,
}

fn now_micros() -> i64 {
    i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

fn between<'a>(text: &'a str, before: &str, after: char) -> Option<&'a str> {
    text.split_once(before)?.1.split(after).next()
}

async fn connect(world: &World, person: usize, after: Option<&str>) -> Socket {
    let _place = world.arriving.acquire().await.unwrap();
    let person = &world.people[person];
    open(&world.url, &person.token, WATCH, json!({ "a": person.account, "after": after })).await
}

impl Subscriber {
    async fn new(world: Arc<World>, person: usize) -> Self {
        let mut socket = connect(&world, person, None).await;
        let message = socket.next().await.unwrap().unwrap();
        let socket = Some(socket);
        let mut subscriber = Self { world, person, socket, last: -1, cursor: String::new(), took: Vec::new() };
        subscriber.take(message.to_text().unwrap(), i64::MAX);
        subscriber
    }

    /// Notes an event; one that was committed before `since` came late because nobody listened.
    fn take(&mut self, text: &str, since: i64) {
        let sequence: i64 = between(text, "\"sequence\":", ',').unwrap_or_else(|| panic!("{text}")).parse().unwrap();
        match between(text, "\"kind\":\"", '"') {
            Some("TRANSACTION") => {
                self.world.received.fetch_add(1, Ordering::Relaxed);
                assert_eq!(sequence, self.last + 1, "a gap, a repeat or a wrong order");
            }
            Some("SNAPSHOT") => assert_eq!(self.last, -1, "a snapshot in the middle"),
            _ => {
                self.world.resyncs.fetch_add(1, Ordering::Relaxed);
                assert!(sequence > self.last, "{text}");
            }
        }
        self.last = sequence;
        self.cursor = between(text, "\"cursor\":\"", '"').unwrap().to_owned();
        let at = between(text, "\"createdAt\":\"", '"').map(|at| DateTime::parse_from_rfc3339(at).unwrap());
        if let Some(at) = at.map(|at| at.timestamp_micros())
            && at >= since
        {
            self.took.push(Duration::from_micros(u64::try_from(now_micros() - at).unwrap_or(0)));
        }
    }

    fn has_all(&self) -> bool {
        self.last >= self.world.reached[self.person].load(Ordering::SeqCst)
    }

    /// Follows its account until all commits are done and seen; cut off once, where an instant is given.
    async fn follow(mut self, mut cut_at: Option<Instant>, mut done: watch::Receiver<bool>) -> Self {
        let (mut since, mut deadline) = (now_micros(), None);
        loop {
            if *done.borrow() {
                if self.has_all() && cut_at.is_none() {
                    return self;
                }
                deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
            }
            let wake = cut_at.or(deadline).unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600));
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(wake.into()) => {
                    assert!(cut_at.take().is_some(), "stands at {}, the account at {:?}", self.last, self.world.reached[self.person]);
                    // No goodbye: the connection is simply gone.
                    drop(self.socket.take());
                    self.socket = Some(connect(&self.world, self.person, Some(&self.cursor)).await);
                    since = now_micros();
                    self.world.reconnects.fetch_add(1, Ordering::Relaxed);
                }
                message = self.socket.as_mut().expect("it is connected").next() => {
                    let message = message.expect("the server hung up").unwrap();
                    if message.is_text() {
                        self.take(message.to_text().unwrap(), since);
                    }
                }
                _ = done.changed(), if !*done.borrow() => {}
            }
        }
    }
}

/// Adds a credit to one account after the other, so often a second.
async fn add(world: &Arc<World>, per_second: u32, spell: Duration) -> u64 {
    let count = u64::from(per_second) * spell.as_secs();
    let began = Instant::now();
    let mut writers = Vec::new();
    for writer in 0..WRITERS as u64 {
        let world = Arc::clone(world);
        writers.push(tokio::spawn(async move {
            let mut wire = Wire::open(&world.url, &world.hero).await;
            for number in (writer..count).step_by(WRITERS) {
                let due = began + Duration::from_secs(1) * u32::try_from(number).unwrap() / per_second;
                tokio::time::sleep_until(due.into()).await;
                let person = usize::try_from(number).unwrap() % world.people.len();
                let key = format!("live-{:012}", world.keys.fetch_add(1, Ordering::Relaxed));
                let variables = json!({ "to": world.people[person].account, "key": key });
                let answer = wire.ask(&json!({ "query": ADD, "variables": variables }).to_string()).await;
                assert!(answer.contains("\"userErrors\":[]"), "{answer}");
                world.reached[person].fetch_add(1, Ordering::SeqCst);
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    count
}

/// One phase: credits are added while everybody follows, and everybody must see all of them.
async fn phase(
    world: &Arc<World>,
    subscribers: Vec<Subscriber>,
    per_second: u32,
    spell: Duration,
    cut: bool,
) -> (Vec<Subscriber>, Spread, u64) {
    let (done, is_done) = watch::channel(false);
    let (began, count) = (Instant::now(), subscribers.len());
    let mut following = Vec::new();
    for (place, subscriber) in subscribers.into_iter().enumerate() {
        // Spread evenly, in an order that is not the accounts'.
        let at = began + spell * u32::try_from(place * 7_919 % count).unwrap() / u32::try_from(count).unwrap();
        following.push(tokio::spawn(subscriber.follow(cut.then_some(at), is_done.clone())));
    }
    let added = add(world, per_second, spell).await;
    done.send(true).unwrap();
    let (mut subscribers, mut took) = (Vec::new(), Vec::new());
    for one in following {
        let mut subscriber = one.await.unwrap();
        took.append(&mut subscriber.took);
        subscribers.push(subscriber);
    }
    (subscribers, Spread::new(took), added)
}

async fn measure(binary: &str, database: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(binary, folder.path(), database);
    let api = Api::new(&server.url);
    let hero = api.claim(&server.claim).await;
    let made = stream::iter(0..PEOPLE).map(|number| {
        let api = api.clone();
        async move { api.sign_up(&format!("person-{number}")).await }
    });
    let people: Vec<Person> = made.buffered(8).collect().await;
    let world = Arc::new(World {
        url: server.url.clone(),
        hero,
        reached: people.iter().map(|_| AtomicI64::new(0)).collect(),
        people,
        arriving: Semaphore::new(ARRIVING),
        keys: AtomicU64::new(0),
        reconnects: AtomicU64::new(0),
        resyncs: AtomicU64::new(0),
        received: AtomicU64::new(0),
    });
    let before = server.memory();
    let began = Instant::now();
    let arriving = stream::iter(0..PEOPLE * SOCKETS_EACH).map(|place| Subscriber::new(world.clone(), place % PEOPLE));
    let mut subscribers: Vec<Subscriber> = arriving.buffer_unordered(ARRIVING).collect().await;
    for subscriber in &subscribers {
        world.reached[subscriber.person].store(subscriber.last, Ordering::SeqCst);
    }
    let with = server.memory();
    row("subscribers, all arrived in", format!("{}, {:.1?}", subscribers.len(), began.elapsed()));
    row("memory of one subscriber", format!("{:.1} kB", (with - before) as f64 / subscribers.len() as f64 / 1e3));
    row(
        "memory of the process without and with them",
        format!("{:.0}, {:.0} MB", before as f64 / 1e6, with as f64 / 1e6),
    );
    let spread;
    (subscribers, spread, _) = phase(&world, subscribers, 125, Duration::from_secs(10), false).await;
    row("1,000 events/s: a transaction's own time to event received, p50 / p95 / p99", spread);
    world.received.store(0, Ordering::SeqCst);
    let (subscribers, spread, added) = phase(&world, subscribers, 1_250, Duration::from_secs(30), true).await;
    row("10,000 events/s while each is cut off once: the same", spread);
    let [reconnects, resyncs, received] =
        [&world.reconnects, &world.resyncs, &world.received].map(|count| count.load(Ordering::SeqCst));
    let lost = added * SOCKETS_EACH as u64 - received;
    row("events received in it; lost; reconnects", format!("{received}; {lost}; {reconnects}"));
    row("snapshots instead of what was missed", resyncs);
    row("memory then", format!("{:.0} MB", server.memory() as f64 / 1e6));
    drop(subscribers);
    // The server gives freed memory back every ten seconds.
    tokio::time::sleep(Duration::from_secs(12)).await;
    row("memory when all have left", format!("{:.0} MB", server.memory() as f64 / 1e6));
    drop(server);
    support::server::verify(binary, folder.path(), database);
}

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(binary) = arguments.next() else {
        println!("usage: script/bench live");
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("\nSQLite:\n\n| figure | value |\n|---|---|");
    runtime.block_on(measure(&binary, None));
    if let Some(url) = arguments.next() {
        println!("\nPostgreSQL:\n\n| figure | value |\n|---|---|");
        runtime.block_on(measure(&binary, Some(&url)));
    }
}
