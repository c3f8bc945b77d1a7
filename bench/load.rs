//! Load on a real server process over loopback: start-up, reads, credits on one and on many accounts, subscribers.
//! `script/bench` runs it. It prints one table row per figure; nothing is asserted.

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
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use serde_json::{Value, json};

use self::support::{
    api::{Api, Person},
    row,
    server::Server,
    socket::subscribe,
};

const PEOPLE: usize = 200;
const SOCKETS_EACH: usize = 10;
const CONNECTIONS: usize = 32;
const SPELL: Duration = Duration::from_secs(5);

const ADD: &str = "mutation($to: ID!, $key: ID!) { addCredits(input: {target: {accountId: $to}, amount: 1, \
                   idempotencyKey: $key}) { balanceAfter userErrors { code } } }";

/// Runs `work` on every connection for one spell and answers requests a second and the 50th and 99th percentile.
async fn closed_loop<F, Fut>(work: F) -> (f64, Duration, Duration)
where
    F: Fn(usize, u64) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let began = Instant::now();
    let mut tasks = Vec::new();
    for connection in 0..CONNECTIONS {
        let work = work.clone();
        tasks.push(tokio::spawn(async move {
            let mut took = Vec::new();
            let mut number = 0;
            while began.elapsed() < SPELL {
                let one = Instant::now();
                work(connection, number).await;
                took.push(one.elapsed());
                number += 1;
            }
            took
        }));
    }
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.unwrap());
    }
    let rate = took.len() as f64 / began.elapsed().as_secs_f64();
    took.sort_unstable();
    (rate, took[took.len() / 2], took[took.len() * 99 / 100])
}

async fn people(api: &Api) -> Vec<Person> {
    let made = futures_util::stream::iter(0..PEOPLE).map(|number| {
        let api = api.clone();
        async move { api.sign_up(&format!("person-{number}")).await }
    });
    made.buffered(8).collect().await
}

async fn count_events(
    url: &str,
    person: &Person,
    seen: Arc<AtomicU64>,
    arrived: tokio::sync::mpsc::UnboundedSender<Instant>,
) {
    let query = "subscription($a: ID!) { creditBalance(accountId: $a) { kind sequence balance { available } } }";
    let mut socket = subscribe(url, &person.token, query, json!({ "a": person.account })).await;
    seen.fetch_add(1, Ordering::SeqCst);
    tokio::spawn(async move {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() && arrived.send(Instant::now()).is_err() {
                break;
            }
        }
    });
}

async fn subscribers(server: &Server, api: &Api, hero: &str, people: &[Person]) {
    let before = server.memory();
    let seen = Arc::new(AtomicU64::new(0));
    let (arrived, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    for person in people {
        for _ in 0..SOCKETS_EACH {
            count_events(&server.url, person, seen.clone(), arrived.clone()).await;
        }
    }
    let sockets = seen.load(Ordering::SeqCst);
    let each = server.memory().saturating_sub(before) as f64 / sockets as f64 / 1000.0;
    let mut took = Vec::new();
    for number in 0..200 {
        let person = &people[number % people.len()];
        let sent = Instant::now();
        api.ask(hero, ADD, json!({ "to": person.account, "key": format!("live-{number:08}") })).await;
        for _ in 0..SOCKETS_EACH {
            let at = tokio::time::timeout(Duration::from_secs(5), arrivals.recv()).await.unwrap().unwrap();
            took.push(at.duration_since(sent));
        }
    }
    took.sort_unstable();
    row("subscribers", sockets);
    row("memory of one subscriber", format!("{each:.1} kB"));
    row("memory of the process with them", format!("{:.0} MB", server.memory() as f64 / 1e6));
    let (half, most) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    row("addCredits sent to event received, p50 / p99", format!("{half:.1?} / {most:.1?}"));
}

async fn measure(binary: &str, database: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(binary, folder.path(), database);
    row("first start to the ready line, migrations included", format!("{:.0?}", server.started));
    let api = Api::new(&server.url);
    let hero = api.claim(&server.claim).await;
    let people = Arc::new(people(&api).await);
    row("memory after 200 sign-ups", format!("{:.0} MB", server.memory() as f64 / 1e6));

    let (it, token) = (api.clone(), people[0].token.clone());
    let (rate, half, most) = closed_loop(move |_, _| {
        let (it, token) = (it.clone(), token.clone());
        async move {
            it.ask(&token, "{ viewer { username } }", Value::Null).await;
        }
    })
    .await;
    row("viewer, 32 connections", format!("{rate:.0}/s, p50 {half:.1?}, p99 {most:.1?}"));

    for (what, many) in
        [("addCredits on one account, 32 connections", false), ("addCredits on 200 accounts, 32 connections", true)]
    {
        let (it, token, people) = (api.clone(), hero.clone(), people.clone());
        let (rate, half, most) = closed_loop(move |connection, number| {
            let (it, token, people) = (it.clone(), token.clone(), people.clone());
            async move {
                let index =
                    if many { (connection + CONNECTIONS * usize::try_from(number).unwrap()) % people.len() } else { 0 };
                let key = format!("load-{many}-{connection}-{number}");
                let answer = it.ask(&token, ADD, json!({ "to": people[index].account, "key": key })).await;
                assert!(answer["data"]["addCredits"]["balanceAfter"].is_i64(), "{answer}");
            }
        })
        .await;
        row(what, format!("{rate:.0}/s, p50 {half:.1?}, p99 {most:.1?}"));
    }
    subscribers(&server, &api, &hero, &people).await;
}

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(binary) = arguments.next() else {
        println!("usage: script/bench [POSTGRES_URL]");
        return;
    };
    let size = std::fs::metadata(&binary).unwrap().len();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("| figure | value |\n|---|---|");
    row("binary", format!("{:.1} MB", size as f64 / 1e6));
    let folder = tempfile::tempdir().unwrap();
    let mut starts: Vec<Duration> =
        (0..6).map(|_| Server::start(&binary, folder.path(), None).started).skip(1).collect();
    starts.sort_unstable();
    row("start on an existing SQLite folder to the ready line, median of 5", format!("{:.0?}", starts[2]));
    println!("\nSQLite:\n\n| figure | value |\n|---|---|");
    runtime.block_on(measure(&binary, None));
    if let Some(url) = arguments.next() {
        println!("\nPostgreSQL:\n\n| figure | value |\n|---|---|");
        runtime.block_on(measure(&binary, Some(&url)));
    }
}
