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

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

const PEOPLE: usize = 200;
const SOCKETS_EACH: usize = 10;
const CONNECTIONS: usize = 32;
const SPELL: Duration = Duration::from_secs(5);

struct Server {
    child: Child,
    url: String,
    claim: String,
    started: Duration,
}

impl Server {
    fn start(binary: &str, folder: &std::path::Path, database: Option<&str>) -> Self {
        let began = Instant::now();
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder)
            .env("INKLEDGER_AUTH_ARGON2_MEMORY_KIB", "1024")
            .env("INKLEDGER_AUTH_ARGON2_PASSES", "1")
            .env("INKLEDGER_AUTH_SIGNUPS_PER_HOUR", "1000000")
            .env("INKLEDGER_LOG_FILTER", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(url) = database {
            command.args(["--database-url", url]);
        }
        let mut child = command.spawn().expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let started = began.elapsed();
        let url = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        assert!(url.starts_with("http://"), "the server did not come up: {line}");
        let mut error = child.stderr.take().unwrap();
        let mut text = vec![0; 4096];
        let read = error.read(&mut text).unwrap_or(0);
        let text = String::from_utf8_lossy(&text[..read]).into_owned();
        // Whatever else it says is read away, so that it never waits for us.
        std::thread::spawn(move || std::io::copy(&mut error, &mut std::io::sink()));
        let claim = text.split("claim#").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
        Self { child, url, claim: claim.to_owned(), started }
    }

    /// Resident memory in bytes.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone)]
struct Api {
    client: reqwest::Client,
    url: String,
}

impl Api {
    async fn ask(&self, token: &str, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let mut request = self.client.post(format!("{}/graphql", self.url)).header("content-type", "application/json");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let text = request.body(body).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
    }
}

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

fn row(what: &str, figure: impl std::fmt::Display) {
    println!("| {what} | {figure} |");
}

struct Person {
    token: String,
    account: String,
}

async fn people(api: &Api) -> Vec<Person> {
    let made = futures_util::stream::iter(0..PEOPLE).map(|number| {
        let api = api.clone();
        async move {
            let query = "mutation($n: String!, $e: String!) { signUp(input: {username: $n, email: $e, password: \
                         \"Correct-horse-9\"}) { session { accessToken user { personalAccount { id } } } } }";
            let variables = json!({ "n": format!("person-{number}"), "e": format!("p{number}@example.com") });
            let answer = api.ask("", query, variables).await;
            let session = &answer["data"]["signUp"]["session"];
            Person {
                token: session["accessToken"].as_str().unwrap().to_owned(),
                account: session["user"]["personalAccount"]["id"].as_str().unwrap().to_owned(),
            }
        }
    });
    made.buffered(8).collect().await
}

async fn subscribe(
    url: &str,
    person: &Person,
    seen: Arc<AtomicU64>,
    arrived: tokio::sync::mpsc::UnboundedSender<Instant>,
) {
    let mut request = format!("{}/graphql", url.replacen("http", "ws", 1)).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let init = json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {}", person.token) } });
    socket.send(Message::text(init.to_string())).await.unwrap();
    socket.next().await.unwrap().unwrap();
    let query = "subscription($a: ID!) { creditBalance(accountId: $a) { kind sequence balance { available } } }";
    let start =
        json!({ "id": "1", "type": "subscribe", "payload": { "query": query, "variables": { "a": person.account } } });
    socket.send(Message::text(start.to_string())).await.unwrap();
    socket.next().await.unwrap().unwrap();
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
            subscribe(&server.url, person, seen.clone(), arrived.clone()).await;
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
    let api =
        Api { client: reqwest::Client::builder().pool_max_idle_per_host(64).build().unwrap(), url: server.url.clone() };
    let claim = "mutation($t: String!) { claimHero(input: {token: $t, username: \"hero\", email: \"h@example.com\", \
                 password: \"Correct-horse-9\"}) { session { accessToken } userErrors { code } } }";
    let answer = api.ask("", claim, json!({ "t": server.claim })).await;
    let hero = answer["data"]["claimHero"]["session"]["accessToken"].as_str().expect("a HERO").to_owned();
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
