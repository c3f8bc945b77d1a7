//! The ledger looks after itself: accounts that break a rule are frozen, due credits are written off unasked, figures are kept.

use std::sync::Arc;

use inkledger::{
    bus::local::LocalBus,
    clock::Clock,
    db::Engine,
    ids::SeededIds,
    jobs::Sweep,
    ledger::{
        CheckSweep, Ledger, LedgerOptions, LotSweep, Refusal,
        model::{GrantSource, Operation, SourceRef},
    },
};
use rstest::rstest;
use uuid::Uuid;

use super::journal::unlock;
use super::support::{SECOND, assert_clean, at_once, command, funded, grant, hold, open, refusal, until};
use crate::support::database::{START, TestDb};

/// A ledger that checks every batch.
async fn watchful(test: &TestDb) -> Ledger {
    let options = LedgerOptions { check_every: 1, ..LedgerOptions::default() };
    let (clock, bus) = (test.clock.clone(), Arc::new(LocalBus::new("watchful")));
    Ledger::open(test.db.clone(), clock, Arc::new(SeededIds::new(9)), bus, options).await.unwrap()
}

fn key_of(engine: Engine, account: Uuid) -> String {
    match engine {
        Engine::Sqlite => format!("X'{}'", account.simple()),
        Engine::Postgres => format!("'{account}'"),
    }
}

const FROZEN: &str = "SELECT COUNT(*) FROM ledger_account WHERE state = 'frozen'";

// Every rule that sees one account's rows alone: what is changed behind the ledger's back is found after the next batch.
#[rstest]
#[case("UPDATE credit_grant SET spent = spent + 1, available = available - 1 WHERE account_id = ")]
#[case("UPDATE credit_entry SET amount = amount + 1 WHERE seq = 1 AND account_id = ")]
#[case("UPDATE credit_transaction SET result = '{}' WHERE seq = 1 AND account_id = ")]
#[case("UPDATE credit_hold SET amount = amount + 1 WHERE account_id = ")]
#[tokio::test]
async fn an_account_that_breaks_a_rule_is_frozen_and_others_go_on(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] tampering: &str,
) {
    let test = TestDb::open(engine).await;
    let ledger = watchful(&test).await;
    let (good, bad) = (funded(&test, &ledger, 100).await, funded(&test, &ledger, 100).await);
    for (account, key) in [(good, "the-good-hold"), (bad, "the-bad-hold")] {
        ledger.submit(command(account, key, hold(&test, 10))).await.unwrap();
    }
    assert_eq!(ledger.check_account(bad).await.unwrap(), []);
    unlock(&test).await;
    test.execute(&format!("{tampering}{}", key_of(engine, bad))).await.unwrap();
    assert_eq!(test.number(FROZEN).await, 0);
    let _ = ledger.submit(command(bad, "the-next-grant", grant(1))).await;
    ledger.submit(command(good, "the-good-grant", grant(1))).await.unwrap();
    until(async || test.number(FROZEN).await == 1).await;
    let refused = refusal(ledger.submit(command(bad, "after-the-freeze", hold(&test, 1))).await);
    assert_eq!(refused, Refusal::AccountFrozen);
    ledger.submit(command(good, "the-second-good-hold", hold(&test, 1))).await.unwrap();
    let health = ledger.health().await.unwrap();
    assert_eq!((health.frozen.as_slice(), health.frozen_count), ([bad].as_slice(), 1));
    let diagnosis = ledger.diagnose(bad).await.unwrap().unwrap();
    assert!(!diagnosis.is_consistent() && !diagnosis.violations.is_empty(), "{diagnosis:?}");
    assert!(ledger.diagnose(good).await.unwrap().unwrap().is_consistent());
    assert_eq!(test.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'credits.freeze'").await, 1);
    assert!(ledger.unfreeze(bad).await.unwrap() && !ledger.unfreeze(good).await.unwrap());
    assert_eq!(test.number(FROZEN).await, 0);
}

#[rstest]
#[tokio::test]
async fn everything_is_checked_once_a_day_and_the_outcome_is_kept(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let (good, bad) = (funded(&test, &ledger, 100).await, funded(&test, &ledger, 100).await);
    let sweep = CheckSweep::new(ledger.clone(), std::time::Duration::from_secs(86_400));
    let ended = "SELECT COUNT(*) FROM ledger_check WHERE finished_at IS NOT NULL";
    sweep.sweep().await.unwrap();
    until(async || test.number(ended).await == 1).await;
    let found = ledger.health().await.unwrap().last_check.unwrap();
    assert_eq!((found.accounts, found.transactions, found.entries, found.violations), (2, 2, 2, 0));
    unlock(&test).await;
    test.execute(&format!("UPDATE credit_transaction SET result = '{{}}' WHERE account_id = {}", key_of(engine, bad)))
        .await
        .unwrap();
    sweep.sweep().await.unwrap();
    assert_eq!(test.number("SELECT COUNT(*) FROM ledger_check").await, 1, "not before its time");
    test.clock.advance(86_400 * SECOND);
    sweep.sweep().await.unwrap();
    until(async || test.number(ended).await == 2).await;
    let health = ledger.health().await.unwrap();
    assert_eq!((health.last_check.unwrap().violations, health.frozen), (1, vec![bad]));
    ledger.submit(command(good, "others-go-on", grant(1))).await.unwrap();
    // Another process sees that it was done.
    let never = CheckSweep::new(ledger, std::time::Duration::ZERO);
    never.sweep().await.unwrap();
    assert_eq!(test.number("SELECT COUNT(*) FROM ledger_check").await, 2);
}

#[rstest]
#[tokio::test]
async fn due_credits_are_written_off_although_nobody_uses_their_account(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let accounts = [funded(&test, &ledger, 5).await, funded(&test, &ledger, 5).await, funded(&test, &ledger, 5).await];
    for (at, account) in accounts.into_iter().enumerate() {
        let Operation::Grant(mut new) = grant(80) else { unreachable!() };
        new.source = GrantSource::Promo(SourceRef::new(format!("spring-{account}")).unwrap());
        new.expires_at = Some(START + i64::try_from(at).unwrap() * SECOND + SECOND);
        ledger.submit(command(account, "the-promo", Operation::Grant(new))).await.unwrap();
    }
    let sweep = LotSweep(ledger.clone());
    sweep.sweep().await.unwrap();
    test.clock.set(START + 2 * SECOND);
    assert_eq!(ledger.health().await.unwrap().overdue_grants, 2);
    sweep.sweep().await.unwrap();
    sweep.sweep().await.unwrap();
    let mut left = Vec::new();
    for account in accounts {
        let found = ledger.account(account).await.unwrap().unwrap();
        left.push((found.balance.available, found.balance.expired, found.sequence));
    }
    assert_eq!(left, [(5, 80, 3), (5, 80, 3), (85, 0, 2)]);
    assert_eq!(ledger.health().await.unwrap().overdue_grants, 0);
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn the_writers_figures_are_told(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    let commands = (0..40).map(|at| command(account, &format!("hold-number-{at}"), hold(&test, 1))).collect();
    assert!(at_once(&ledger, commands).await.iter().all(Result::is_ok));
    let (held, work) = (Uuid::from_u128(77), Uuid::from_u128(78));
    let item = super::support::item(held, work, 1, test.clock.now() + SECOND);
    ledger.submit(command(account, "the-short-hold", Operation::Hold(vec![item]))).await.unwrap();
    test.clock.advance(2 * SECOND);
    let health = ledger.health().await.unwrap();
    assert_eq!((health.engine, health.epoch, health.overdue_holds, health.shortfall), (engine, 1, 1, 0));
    let busiest = health.lanes.iter().filter_map(|lane| lane.batch_size).map(|(_, most)| most).max();
    assert!(busiest.is_some_and(|most| most > 1), "{health:?}");
    assert!(health.lanes.iter().all(|lane| (lane.queued, lane.oldest_wait, lane.busy) == (0, None, 0)), "{health:?}");
    ledger.submit(command(account, "the-overrun", Operation::Settle { hold: held, actual: 500 })).await.unwrap();
    let health = ledger.health().await.unwrap();
    assert_eq!((health.overdue_holds, health.shortfall), (0, 500 - 60), "41 held, 59 available");
    assert_clean(&test).await;
}
