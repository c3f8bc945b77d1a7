//! The pipeline on a real server process over loopback, with 10,000 rows of each kind: statistics, lists, runs.
//! `script/bench` runs it. It prints one table row per figure; that counts and credits are right is
//! asserted, how fast it goes is not.

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

mod automation;
mod fleet;
mod lists;
mod place;
mod rows;
mod statistics;
#[path = "../support/mod.rs"]
mod support;
mod world;

use self::world::World;

const PARTS: [&str; 4] = ["statistics", "lists", "commands", "runs"];

async fn measure(binary: &str, url: Option<&str>, parts: &[String]) {
    let wants = |part: &str| parts.iter().any(|wanted| wanted == part);
    if wants("statistics") || wants("lists") {
        let mut world = World::full(binary, url).await;
        if wants("statistics") {
            println!("\n| figure | p50 / p95 / p99 |\n|---|---|");
            statistics::measure(&mut world).await;
        }
        if wants("lists") {
            lists::measure(&world).await;
        }
    }
    if wants("commands") {
        println!("\n| figure | p50 / p95 / p99 |\n|---|---|");
        automation::commands(binary, url).await;
    }
    if wants("runs") {
        println!("\n| figure | value |\n|---|---|");
        automation::many(binary, url).await;
    }
}

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (Some(binary), Some(url)) = (arguments.next(), arguments.next()) else {
        println!("usage: script/bench [{}]", PARTS.join("] ["));
        return;
    };
    let mut parts: Vec<String> = arguments.collect();
    if parts.is_empty() {
        parts = PARTS.map(str::to_owned).to_vec();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (name, url) in [("SQLite", None), ("PostgreSQL", Some(url.as_str()))] {
        println!("\n{name}:");
        runtime.block_on(measure(&binary, url, &parts));
    }
}
