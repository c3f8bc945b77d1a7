//! A worker that dies in the middle of a run, at every point that there is: the next one brings the run to the end that it
//! would have come to anyway.

use std::collections::HashMap;

use inkledger::{ai::provider::sandbox::BillingOutcome, db::Engine};
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    stop::{Mortal, Place},
    twin::{Sent, Twin, assert_full, check_rules, miscounted},
};

/// Which passage of a point is the last one.
#[derive(Debug, Clone, Copy)]
enum Passage {
    First,
    Second,
    Last,
}

impl Passage {
    /// Its number, of `all`; `None` where it is another one's too.
    fn of(self, all: usize) -> Option<usize> {
        match self {
            Self::First => Some(1),
            Self::Second => (all >= 2).then_some(2),
            Self::Last => (all >= 3).then_some(all),
        }
    }
}

/// A run without any crash: what it came to, how many requests it took, and how often it passed each point.
async fn uncrashed(mortal: &Mortal, edit: &Value) -> (Value, Sent, HashMap<Place, usize>) {
    mortal.killer.watch();
    let workers = mortal.workers().await;
    let twin = Twin::with(&mortal.server, &mortal.hero, "twin", edit.clone()).await;
    let run = twin.start(&mortal.server).await;
    twin.ended(&mortal.server, &run).await;
    let outcome = twin.outcome(&mortal.server, &run).await;
    assert_full(&outcome);
    let sent = twin.settled(&mortal.server.db).await;
    assert_eq!(sent.requests, sent.delivered);
    workers.shutdown().await;
    (outcome, sent, mortal.killer.counts())
}

/// Calls that the provider did and billed.
fn billed(mortal: &Mortal) -> i64 {
    let lines = mortal.server.script.billing();
    i64::try_from(lines.iter().filter(|line| line.outcome == BillingOutcome::Billed).count()).unwrap()
}

// REQ-B-18, REQ-B-34
#[rstest]
#[tokio::test]
async fn a_run_whose_worker_dies_at_any_point_ends_like_its_twin(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(Passage::First, Passage::Second, Passage::Last)] passage: Passage,
    #[values(1, 3)] in_flight: i64,
) {
    let mortal = Mortal::open(engine).await;
    let edit = json!({"itemsInFlight": in_flight});
    let (expected, quiet, counts) = uncrashed(&mortal, &edit).await;
    let mut died = 0;
    for (number, place) in Place::all().into_iter().enumerate() {
        let all = counts.get(&place).copied().unwrap_or(0);
        assert!(all > 0, "a run does not pass {place:?}");
        let Some(nth) = passage.of(all) else { continue };
        let said = format!("{place:?}, passage {nth} of {all}");
        let before = billed(&mortal);
        mortal.killer.arm(place, nth);
        let workers = mortal.workers().await;
        let twin = Twin::with(&mortal.server, &mortal.hero, &format!("twin{number}"), edit.clone()).await;
        let run = twin.start(&mortal.server).await;
        let workers = mortal.die(workers).await;
        twin.ended(&mortal.server, &run).await;
        assert_eq!(twin.outcome(&mortal.server, &run).await, expected, "{said}");
        let sent = twin.settled(&mortal.server.db).await;
        assert_eq!(sent.delivered, quiet.delivered, "{said}");
        // What was in flight may have been asked for again, at our cost.
        let repeated = sent.requests - quiet.requests;
        assert!((0..=in_flight).contains(&repeated), "{repeated} more requests: {said}");
        assert!(billed(&mortal) - before <= quiet.delivered + repeated, "{said}");
        workers.shutdown().await;
        died += 1;
    }
    assert!(died > 0, "no point is passed so often");
    check_rules(&mortal.server.db).await;
}

// Migration 22 fills in what statistics count by.
#[rstest]
#[tokio::test]
async fn rows_from_before_are_told_their_sector_and_their_site(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let mortal = Mortal::open(engine).await;
    uncrashed(&mortal, &json!({})).await;
    let server = &mortal.server;
    let known = "SELECT (SELECT COUNT(*) FROM credit_usage WHERE site_id IS NOT NULL) + \
                 (SELECT COUNT(*) FROM content_image WHERE sector_id IS NOT NULL)";
    let before = server.number(known).await;
    assert!(server.number("SELECT COUNT(*) FROM content_image WHERE sector_id IS NULL").await == 0 && before > 3);
    server.execute("UPDATE content_image SET sector_id = NULL").await;
    server.execute("UPDATE credit_usage SET site_id = NULL").await;
    assert_eq!(miscounted(&server.db).await, before);
    let migration = include_str!("../../../migration/src/sql/sector_counts.sql");
    for line in migration.lines().filter(|line| line.starts_with("UPDATE ")) {
        server.execute(line).await;
    }
    assert_eq!((miscounted(&server.db).await, server.number(known).await), (0, before));
}

// A process may die again and again: as long as the run gets on in between, nobody gives it up.
#[rstest]
#[tokio::test]
async fn a_run_whose_workers_die_again_and_again_ends_like_its_twin(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let mortal = Mortal::open(engine).await;
    let (expected, quiet, _) = uncrashed(&mortal, &json!({})).await;
    let twin = Twin::open(&mortal.server, &mortal.hero, "mortal").await;
    let run = twin.start(&mortal.server).await;
    let places = Place::all();
    let mut deaths = 0;
    // Each worker gets to its second item, and dies somewhere in it.
    for place in places.iter().cycle().take(3 * places.len()) {
        mortal.killer.arm(*place, 2);
        let workers = mortal.workers().await;
        let over = tokio::select! {
            () = mortal.killer.stopped() => false,
            _ = twin.ended(&mortal.server, &run) => true,
        };
        workers.abort().await;
        mortal.release_leases().await;
        if over {
            break;
        }
        deaths += 1;
    }
    assert!(deaths >= 3, "{deaths} deaths");
    mortal.killer.watch();
    let workers = mortal.workers().await;
    twin.ended(&mortal.server, &run).await;
    assert_eq!(twin.outcome(&mortal.server, &run).await, expected);
    let sent = twin.settled(&mortal.server.db).await;
    assert!(sent.requests <= quiet.requests + deaths, "{sent:?} after {deaths} deaths");
    workers.shutdown().await;
    check_rules(&mortal.server.db).await;
}
