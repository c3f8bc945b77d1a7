//! Load on a real server process over loopback: start-up, reads, and credits on one and on many accounts, each request acknowledged
//! on its own. `script/bench load` runs it. It prints one table row per figure; that every credit is there at the end is asserted.

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
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use serde_json::{Value, json};

use self::support::{
    api::{Api, Person},
    open_loop::Spread,
    row,
    server::Server,
    wire::Wire,
};

const PEOPLE: usize = 200;
const CONNECTIONS: usize = 64;
const SPELL: Duration = Duration::from_secs(8);

const ADD: &str = "mutation($to: ID!, $key: ID!) { addCredits(input: {target: {accountId: $to}, amount: 1, \
                   idempotencyKey: $key}) { balanceAfter userErrors { code } } }";
const REVOKE: &str = "mutation($of: ID!, $key: ID!) { revokeCredits(input: {grantId: $of, amount: 1, idempotencyKey: $key}) \
                      { balanceAfter userErrors { code } } }";

/// What is asked again and again: the body of a connection's next request.
type Body = Arc<dyn Fn(usize, u64) -> String + Send + Sync>;

/// One server and somebody who asks it.
struct Load<'a> {
    url: &'a str,
    token: &'a str,
    /// What stands in every answer.
    expect: &'static str,
    body: Body,
}

impl Load<'_> {
    /// Asks on every connection for one spell, each request as soon as the last is answered, or at `per_second` requests of all
    /// connections together, timed from when it was due. How many there were, how many a second, and how long they took.
    async fn run(&self, spell: &str, per_second: Option<f64>) -> (i64, f64, Spread) {
        let mut tasks = Vec::new();
        let began = Instant::now();
        for connection in 0..CONNECTIONS {
            let mut wire = Wire::open(self.url, self.token).await;
            let (body, expect) = (Arc::clone(&self.body), self.expect);
            // The numbers of a spell are no other's.
            let first = u64::from(spell.bytes().map(u32::from).sum::<u32>()) << 32;
            tasks.push(tokio::spawn(async move {
                let mut took = Vec::new();
                for number in 0.. {
                    let mut one = Instant::now();
                    if let Some(rate) = per_second {
                        let place = (number * CONNECTIONS as u64 + connection as u64) as f64;
                        one = began + Duration::from_secs_f64(place / rate);
                        tokio::time::sleep_until(one.into()).await;
                    }
                    if one.duration_since(began) > SPELL {
                        break;
                    }
                    let answer = wire.ask(&body(connection, first + number)).await;
                    assert!(answer.contains(expect), "{answer}");
                    took.push(one.elapsed());
                }
                took
            }));
        }
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.unwrap());
        }
        (i64::try_from(took.len()).unwrap(), took.len() as f64 / began.elapsed().as_secs_f64(), Spread::new(took))
    }

    /// As fast as it goes, and at 80 % of that: two rows. Answers how many requests were answered.
    async fn rows(&self, what: &str) -> i64 {
        let (count, rate, took) = self.run("as fast as it goes", None).await;
        row(&format!("{what}, {CONNECTIONS} connections"), format!("{rate:.0}/s, p50 / p95 / p99 {took}"));
        let (more, _, took) = self.run("four fifths", Some(rate * 0.8)).await;
        row("  at 80 % of that, from when each was due", format!("p50 / p95 / p99 {took}"));
        count + more
    }
}

async fn people(api: &Api) -> Vec<Person> {
    let made = futures_util::stream::iter(0..PEOPLE).map(|number| {
        let api = api.clone();
        async move { api.sign_up(&format!("person-{number}")).await }
    });
    made.buffered(8).collect().await
}

fn request(query: &str, variables: Value) -> String {
    json!({ "query": query, "variables": variables }).to_string()
}

/// A grant that much can be taken from.
async fn large_grant(api: &Api, hero: &str, account: &str) -> String {
    let query = "mutation($to: ID!) { addCredits(input: {target: {accountId: $to}, amount: 1000000, idempotencyKey: \
                 \"a-large-grant\"}) { account { creditGrants(first: 1) { nodes { id } } } } }";
    let answer = api.ask(hero, query, json!({ "to": account })).await;
    let id = &answer["data"]["addCredits"]["account"]["creditGrants"]["nodes"][0]["id"];
    id.as_str().unwrap_or_else(|| panic!("no grant: {answer}")).to_owned()
}

/// What accounts have together.
async fn available(api: &Api, hero: &str, accounts: &[String]) -> i64 {
    let query = "query($a: ID!) { account(id: $a) { balance { available } } }";
    let mut all = 0;
    for account in accounts {
        let answer = api.ask(hero, query, json!({ "a": account })).await;
        all += answer["data"]["account"]["balance"]["available"].as_i64().expect("a balance");
    }
    all
}

async fn measure(binary: &str, database: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(binary, folder.path(), database);
    row("first start to the ready line, migrations included", format!("{:.0?}", server.started));
    let api = Api::new(&server.url);
    let hero = api.claim(&server.claim).await;
    let people = people(&api).await;
    row("memory after 200 sign-ups", format!("{:.0} MB", server.memory() as f64 / 1e6));
    let load = |token, expect, body: Body| Load { url: &server.url, token, expect, body };

    let body: Body = Arc::new(|_, _| request("{ viewer { username } }", Value::Null));
    load(&people[0].token, "person-0", body).rows("`viewer`").await;

    let grant = large_grant(&api, &hero, &people[1].account).await;
    let accounts: Vec<String> = people.iter().map(|person| person.account.clone()).collect();
    let mut expected = available(&api, &hero, &accounts).await;
    let body: Body = Arc::new(move |connection, number| {
        request(REVOKE, json!({ "of": grant, "key": format!("revoke-{connection}-{number}") }))
    });
    let done = "\"userErrors\":[]";
    expected -= load(&hero, done, body).rows("`revokeCredits` on one account").await;

    for (what, many) in [("`addCredits` on one account", 1), ("`addCredits` on 200 accounts", accounts.len())] {
        let accounts = accounts.clone();
        let body: Body = Arc::new(move |connection, number| {
            let to = &accounts[(connection + CONNECTIONS * usize::try_from(number % 1_000_000).unwrap()) % many];
            request(ADD, json!({ "to": to, "key": format!("add-{many}-{connection}-{number}") }))
        });
        expected += load(&hero, done, body).rows(what).await;
    }
    assert_eq!(available(&api, &hero, &accounts).await, expected, "what was acknowledged is not what is there");
    row("memory at the end", format!("{:.0} MB", server.memory() as f64 / 1e6));
    drop(server);
    let began = Instant::now();
    support::server::verify(binary, folder.path(), database);
    row("every invariant and hash of it, verified in", format!("{:.1?}", began.elapsed()));
}

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(binary) = arguments.next() else {
        println!("usage: script/bench load");
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
