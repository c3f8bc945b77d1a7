//! The real process, killed with SIGKILL while runs go on, and started again.
//!
//! `INKLEDGER_TEST_KILLS` is how many kills there are on each database; 5 when it is not set. `INKLEDGER_TEST_KILLS_SEED`
//! moves them.

use std::{sync::Arc, time::Duration};

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::Value;

use super::twin::{PATIENCE, Sent, Twin, assert_full, check_rules, price_models};
use crate::support::{
    builders::Person,
    fake_provider::FakeProvider,
    fake_writer,
    server::{Home, Process},
};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A number below `end`, another one each time.
fn dice(state: &mut u64, end: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % end
}

struct Ordeal {
    home: Arc<Home>,
    provider: FakeProvider,
    process: Process,
    hero: Person,
    /// What each run must come to, and what it takes.
    expected: Value,
    quiet: Sent,
}

impl Ordeal {
    async fn open(engine: Engine) -> Self {
        let provider = fake_writer::start(Duration::from_millis(60)).await;
        let home = Home::open(engine).await;
        let mut process = home.process(&fake_writer::settings(&provider.base_url())).await;
        let token = process.claim_token().await;
        let hero = process.claim(&token, "hero").await;
        price_models(&process, &hero, "openai").await;
        let twin = Twin::open(&process, &hero, "calm").await;
        let run = twin.start(&process).await;
        twin.ended(&process, &run).await;
        let expected = twin.outcome(&process, &run).await;
        assert_full(&expected);
        process.kill().await;
        home.lapse_leases().await;
        let db = home.look().await;
        let quiet = twin.settled(&db).await;
        db.close().await;
        // The lock of its file goes with it.
        drop(db);
        let process = home.process(&fake_writer::settings(&provider.base_url())).await;
        Self { home, provider, process, hero, expected, quiet }
    }

    /// Kills the process and starts another.
    async fn die(&mut self) {
        let base = self.provider.base_url();
        self.process.halt().await;
        self.home.lapse_leases().await;
        self.process = self.home.process(&fake_writer::settings(&base)).await;
    }

    /// Waits until the provider has got `more` requests, or the run has ended.
    async fn requests(&self, more: usize, (twin, run): (&Twin, &Value)) -> bool {
        let end = self.provider.received().len() + more;
        let waiting = async {
            loop {
                if twin.run(&self.process, run).await["state"] == "COMPLETED" {
                    return false;
                }
                if self.provider.received().len() >= end {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the run does not get on")
    }
}

// REQ-B-18, REQ-B-34
#[rstest]
#[tokio::test]
async fn runs_of_a_server_that_is_killed_again_and_again_end_like_their_twin(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let kills = setting("INKLEDGER_TEST_KILLS", 5);
    let mut seed = setting("INKLEDGER_TEST_KILLS_SEED", 20_261_122);
    let mut ordeal = Ordeal::open(engine).await;
    let (mut done, mut runs) = (0, Vec::new());
    while done < kills {
        let twin = Twin::open(&ordeal.process, &ordeal.hero, &format!("twin{}", runs.len())).await;
        let run = twin.start(&ordeal.process).await;
        let mut deaths = 0;
        while done < kills {
            // The moments fall anywhere in a run, between calls as well as in them. Of two kills in a row one lets the run get
            // on before: what dies with three processes at one and the same item is given up.
            let more = usize::try_from(dice(&mut seed, 3)).unwrap().max(2 * usize::from(deaths % 2 == 1));
            let goes_on = ordeal.requests(more, (&twin, &run)).await;
            if !goes_on {
                break;
            }
            tokio::time::sleep(Duration::from_millis(dice(&mut seed, 90))).await;
            ordeal.die().await;
            done += 1;
            deaths += 1;
        }
        runs.push((twin, run, deaths));
    }
    for (twin, run, _) in &runs {
        twin.ended(&ordeal.process, run).await;
        assert_eq!(twin.outcome(&ordeal.process, run).await, ordeal.expected, "{}", twin.owner.name);
    }
    ordeal.process.halt().await;
    let db = ordeal.home.look().await;
    let mut requests = ordeal.quiet.requests;
    for (twin, _, deaths) in &runs {
        let sent = twin.settled(&db).await;
        assert_eq!(sent.delivered, ordeal.quiet.delivered, "{}", twin.owner.name);
        let repeated = sent.requests - ordeal.quiet.requests;
        assert!((0..=*deaths).contains(&repeated), "{repeated} more requests after {deaths} deaths");
        requests += sent.requests;
    }
    check_rules(&db).await;
    // A request of which the provider knows is on our list; one that died before it left is on ours alone.
    let received = ordeal.provider.received();
    let mut keys: Vec<_> = received.iter().map(|one| one.header("idempotency-key").unwrap().to_owned()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), received.len(), "a request was sent twice");
    assert!(i64::try_from(keys.len()).unwrap() <= requests, "{} calls, {requests} on our list", keys.len());
    db.close().await;
}
