//! Two servers on one PostgreSQL that share runs: what one leaves behind, the other brings to its end.

use std::{sync::Arc, time::Duration};

use inkledger::db::{Db, Engine};
use rstest::rstest;
use serde_json::Value;

use super::twin::{PATIENCE, Twin, assert_full, check_rules, price_models};
use crate::support::{
    builders::Person,
    fake_provider::FakeProvider,
    fake_writer,
    server::{Home, Process, number},
};

/// Two real processes on one database and one folder, a provider, and what a run must come to.
struct Pair {
    home: Arc<Home>,
    provider: FakeProvider,
    first: Process,
    hero: Person,
    expected: Value,
    db: Db,
}

impl Pair {
    async fn open(wait: Duration) -> Self {
        let provider = fake_writer::start(wait).await;
        let home = Home::open(Engine::Postgres).await;
        let mut first = home.process(&fake_writer::settings(&provider.base_url())).await;
        let token = first.claim_token().await;
        let hero = first.claim(&token, "hero").await;
        price_models(&first, &hero, "openai").await;
        let db = home.look().await;
        let twin = Twin::open(&first, &hero, "calm").await;
        let run = twin.start(&first).await;
        twin.ended(&first, &run).await;
        let expected = twin.outcome(&first, &run).await;
        assert_full(&expected);
        Self { home, provider, first, hero, expected, db }
    }

    /// Another process, once its workers work.
    async fn join(&self) -> Process {
        let boots = "SELECT COUNT(*) FROM worker_boot";
        let before = number(&self.db, boots).await;
        let process = self.home.process(&fake_writer::settings(&self.provider.base_url())).await;
        self.until("a process registers", async || number(&self.db, boots).await > before).await;
        process
    }

    async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let waiting = async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}: not in time"));
    }

    /// The time of the leases of the process that started as the `epoch`th goes by.
    async fn lapse(&self, epoch: i64) {
        let sql = format!(
            "UPDATE job SET lease_until = 0 WHERE boot_id = (SELECT id FROM worker_boot WHERE epoch = {epoch}) \
             AND lease_until IS NOT NULL"
        );
        sea_orm::ConnectionTrait::execute_unprepared(self.db.migration_connection(), &sql).await.unwrap();
    }

    async fn check(&self, process: &Process, runs: &[(Twin, Value)]) {
        for (twin, run) in runs {
            twin.ended(process, run).await;
            assert_eq!(twin.outcome(process, run).await, self.expected, "{}", twin.owner.name);
            twin.settled(&self.db).await;
        }
        check_rules(&self.db).await;
    }
}

#[derive(Debug, Clone, Copy)]
enum Victim {
    First,
    Second,
}

// REQ-B-34
#[rstest]
#[tokio::test]
async fn runs_that_two_servers_share_all_end_on_the_one_that_is_left(
    #[values(Victim::First, Victim::Second)] victim: Victim,
) {
    let pair = Pair::open(Duration::from_millis(150)).await;
    let second = pair.join().await;
    let mut runs = Vec::new();
    for number in 0..5 {
        let door = if number % 2 == 0 { &pair.first } else { &second };
        let twin = Twin::open(door, &pair.hero, &format!("twin{number}")).await;
        let run = twin.start(door).await;
        runs.push((twin, run));
    }
    let busy = "SELECT COUNT(DISTINCT boot_id) FROM job WHERE state = 'running' AND kind = 'automation.run'";
    pair.until("both are at work", async || number(&pair.db, busy).await == 2).await;
    let mut pair = pair;
    let (dead, epoch, left) = match victim {
        Victim::First => (&mut pair.first, 1, second),
        Victim::Second => {
            let first = std::mem::replace(&mut pair.first, second);
            (&mut pair.first, 2, first)
        }
    };
    dead.halt().await;
    let held = format!(
        "SELECT COUNT(*) FROM job WHERE state = 'running' AND boot_id = (SELECT id FROM worker_boot WHERE epoch = {epoch})"
    );
    assert!(number(&pair.db, &held).await > 0, "it died with nothing in its hands");
    pair.lapse(epoch).await;
    pair.check(&left, &runs).await;
    pair.db.close().await;
}

// REQ-B-34, T13: frozen beyond its lease with a request under way, it finds its run in other hands when it thaws.
#[tokio::test]
async fn a_server_that_was_frozen_beyond_its_lease_cannot_write_for_a_run() {
    let pair = Pair::open(Duration::from_millis(400)).await;
    let twin = Twin::open(&pair.first, &pair.hero, "twin").await;
    let before = pair.provider.received().len();
    let run = twin.start(&pair.first).await;
    // In the third call, with nothing of its own under way in the database.
    pair.until("the third call", async || pair.provider.received().len() >= before + 3).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    pair.first.freeze().await;
    pair.lapse(1).await;
    let second = pair.join().await;
    let ended = twin.ended(&second, &run).await;
    assert_eq!(ended["state"], "COMPLETED", "{ended}");
    let outcome = twin.outcome(&second, &run).await;
    let sent = twin.settled(&pair.db).await;
    assert_eq!(sent.requests, sent.delivered + 1, "the call that was under way is repeated, at our cost");
    let told = pair.first.log().len();
    pair.first.thaw().await;
    // The answer that waited for it is read, and nobody wants it.
    pair.until("the frozen one goes on", async || {
        let log = pair.first.log();
        ["a lease was lost", "job ran"].iter().any(|said| log[told..].contains(said))
    })
    .await;
    let runs = [(twin, run)];
    pair.check(&second, &runs).await;
    assert_eq!(runs[0].0.outcome(&pair.first, &runs[0].1).await, outcome);
    // It is as good as any other again.
    second.kill().await;
    pair.lapse(2).await;
    let next = Twin::open(&pair.first, &pair.hero, "next").await;
    let run = next.start(&pair.first).await;
    pair.check(&pair.first, &[(next, run)]).await;
    pair.db.close().await;
}
