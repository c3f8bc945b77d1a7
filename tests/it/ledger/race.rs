//! Many at once: credits for six are spent six times, one key has one effect, also from two processes (T4, T9).

use std::collections::HashSet;

use futures_util::future::join_all;
use inkledger::{
    db::Engine,
    error::Failure,
    ids::Ids,
    ledger::{Command, Ledger, LedgerOptions, Posting, Refusal, model::Operation},
};
use rstest::rstest;
use uuid::Uuid;

use super::support::{assert_clean, command, funded, grant, hold, item, open, open_on, refusal};
use crate::support::database::{START, TestDb};

/// One ledger on SQLite; on PostgreSQL two, each with its own pool, as two processes have.
async fn processes(test: &TestDb) -> Vec<Ledger> {
    let mut all = vec![open(test).await];
    if test.db.engine() == Engine::Postgres {
        all.push(open_on(test, test.second().await, 3).await);
    }
    all
}

async fn submit_at_once(ledgers: &[Ledger], commands: Vec<Command>) -> Vec<Result<Posting, Failure<Refusal>>> {
    let running: Vec<_> = commands
        .into_iter()
        .enumerate()
        .map(|(at, command)| {
            let ledger = ledgers[at % ledgers.len()].clone();
            tokio::spawn(async move { ledger.submit(command).await })
        })
        .collect();
    join_all(running).await.into_iter().map(Result::unwrap).collect()
}

#[rstest]
#[case(Engine::Sqlite, 20)]
#[case(Engine::Sqlite, 1000)]
#[case(Engine::Postgres, 20)]
#[case(Engine::Postgres, 1000)]
#[tokio::test(flavor = "multi_thread")]
async fn spends_credits_for_six_exactly_six_times(#[case] engine: Engine, #[case] count: usize) {
    let test = TestDb::open(engine).await;
    let ledgers = processes(&test).await;
    // The account's very first spend: it has had one grant and nothing else.
    let account = funded(&test, &ledgers[0], 500).await;
    let commands = (0..count).map(|at| command(account, &format!("spend-number-{at}"), hold(&test, 75))).collect();
    let mut done = 0;
    for result in submit_at_once(&ledgers, commands).await {
        match result {
            Ok(_) => done += 1,
            Err(Failure::Refused(refused)) => {
                assert_eq!(refused, Refusal::InsufficientCredits { required: 75, available: 50, short: 25 });
            }
            Err(Failure::Fault(error)) => panic!("{error:?}"),
        }
    }
    assert_eq!(done, 6);
    let found = ledgers[0].account(account).await.unwrap().unwrap();
    assert_eq!((found.sequence, found.balance.held, found.balance.available), (7, 450, 50));
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn loses_no_spend_and_no_grant_when_they_meet(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledgers = processes(&test).await;
    let accounts = [funded(&test, &ledgers[0], 1000).await, funded(&test, &ledgers[0], 1000).await];
    let commands = (0..120)
        .map(|at| {
            let operation = if at % 3 == 0 { grant(7) } else { hold(&test, 5) };
            command(accounts[at / 3 % 2], &format!("mixed-number-{at}"), operation)
        })
        .collect();
    let mut sequences: Vec<HashSet<i64>> = vec![HashSet::new(), HashSet::new()];
    for (at, result) in submit_at_once(&ledgers, commands).await.into_iter().enumerate() {
        assert!(sequences[at / 3 % 2].insert(result.unwrap().sequence), "a number is given once");
    }
    for account in accounts {
        let found = ledgers[0].account(account).await.unwrap().unwrap();
        assert_eq!((found.sequence, found.balance.held), (61, 200));
        assert_eq!(found.balance.available, 1000 + 20 * 7 - 200);
    }
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn gives_one_key_one_effect_however_many_copies_come_at_once(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledgers = processes(&test).await;
    let account = funded(&test, &ledgers[0], 100_000).await;
    let mut expected = 1;
    for copies in [2_usize, 3, 5, 8, 16, 32, 2, 4, 32] {
        let key = format!("one-key-in-{copies}-copies-{expected}");
        let work: Uuid = test.ids.uuid();
        // Each copy brings a hold id of its own, as a repeated request would.
        let held = |amount| Operation::Hold(vec![item(test.ids.uuid(), work, amount, START + 1_000_000)]);
        let commands = (0..copies).map(|_| command(account, &key, held(11))).collect();
        let answers: Vec<Posting> = submit_at_once(&ledgers, commands).await.into_iter().map(Result::unwrap).collect();
        let texts: HashSet<&str> = answers.iter().map(|answer| answer.result.as_str()).collect();
        assert_eq!(texts.len(), 1, "the answers are the same bytes");
        assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
        expected += 1;
        assert_eq!(ledgers[0].account(account).await.unwrap().unwrap().sequence, expected);
        let changed = ledgers[0].submit(command(account, &key, held(12))).await;
        assert_eq!(refusal(changed), Refusal::IdempotencyKeyReused);
    }
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn ends_a_hold_once_when_settle_and_release_race(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledgers = processes(&test).await;
    let account = funded(&test, &ledgers[0], 100).await;
    for round in 0..10 {
        let id = ledgers[0].submit(command(account, &format!("hold-round-{round}"), hold(&test, 10))).await.unwrap();
        let id = id.holds[0];
        let commands = (0..8)
            .map(|at| {
                let operation = match at % 2 {
                    0 => Operation::Settle { hold: id, actual: 1 },
                    _ => Operation::Release(vec![id]),
                };
                command(account, &format!("end-{round}-number-{at}"), operation)
            })
            .collect();
        let results = submit_at_once(&ledgers, commands).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for result in results.into_iter().filter(Result::is_err) {
            assert_eq!(refusal(result).code(), "HOLD_CLOSED");
        }
    }
    assert_eq!(ledgers[0].account(account).await.unwrap().unwrap().balance.held, 0);
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn carries_a_command_out_although_its_caller_is_gone(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    for at in 0..20_u32 {
        let sent = command(account, &format!("dropped-number-{at}"), grant(1));
        {
            let mut waiting = Box::pin(ledger.submit(sent));
            // Polled once, then dropped, as a request whose client went away.
            let polled = futures_util::poll!(&mut waiting);
            assert!(polled.is_pending());
        }
    }
    ledger.close().await;
    let found = ledger.account(account).await.unwrap().unwrap();
    assert_eq!((found.sequence, found.balance.available), (21, 120));
    let late = refusal(ledger.submit(command(account, "after-closing", grant(1))).await);
    assert_eq!(late, Refusal::LedgerClosing);
    assert_clean(&test).await;
}

/// A lock on the account's row, as a stuck process would hold it.
async fn block(test: &TestDb, account: Uuid) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let pool = test.db.migration_connection().get_postgres_connection_pool();
    let mut stuck = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM ledger_account WHERE account_id = $1 FOR UPDATE")
        .bind(account)
        .execute(&mut *stuck)
        .await
        .unwrap();
    stuck
}

/// Sends commands of which only the first has begun, because it waits for a lock, when the others come.
async fn submit_behind_the_first(
    test: &TestDb,
    ledger: &Ledger,
    mut commands: Vec<Command>,
) -> Vec<Result<Posting, Failure<Refusal>>> {
    let first = submit_at_once(std::slice::from_ref(ledger), vec![commands.remove(0)]);
    let others = async {
        let waits =
            "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        while test.number(waits).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        submit_at_once(std::slice::from_ref(ledger), commands).await
    };
    let (mut answers, others) = tokio::join!(first, others);
    answers.extend(others);
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_as_busy_what_could_not_begin_in_time() {
    let test = TestDb::postgres().await;
    let account = funded(&test, &open(&test).await, 100).await;
    let options = LedgerOptions {
        begin_within: std::time::Duration::from_millis(100),
        queued_max: 3,
        drain_within: std::time::Duration::from_millis(100),
        ..LedgerOptions::default()
    };
    let bus = std::sync::Arc::new(inkledger::bus::local::LocalBus::new("busy"));
    let ids = std::sync::Arc::new(inkledger::ids::SeededIds::new(4));
    let ledger = Ledger::open(test.db.clone(), test.clock.clone(), ids, bus, options).await.unwrap();
    let stuck = block(&test, account).await;
    let commands = (0..5).map(|at| command(account, &format!("busy-number-{at}"), grant(1))).collect();
    let answers = submit_behind_the_first(&test, &ledger, commands);
    let unblock = async {
        // Below the two seconds that a lane waits for a lock.
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        stuck.rollback().await.unwrap();
    };
    let (answers, ()) = tokio::join!(answers, unblock);
    let busy = Refusal::LedgerBusy { retry_after_ms: 1000 };
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((done.len(), refused.len()), (1, 4), "one had begun, three waited too long, one found no place");
    refused.into_iter().for_each(|result| assert_eq!(refusal(result), busy));
    assert_eq!(ledger.account(account).await.unwrap().unwrap().balance.available, 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_on_closing_what_has_not_begun_and_answers_what_has() {
    let test = TestDb::postgres().await;
    let account = funded(&test, &open(&test).await, 100).await;
    let options = LedgerOptions { drain_within: std::time::Duration::from_millis(100), ..LedgerOptions::default() };
    let bus = std::sync::Arc::new(inkledger::bus::local::LocalBus::new("closing"));
    let ids = std::sync::Arc::new(inkledger::ids::SeededIds::new(4));
    let ledger = Ledger::open(test.db.clone(), test.clock.clone(), ids, bus, options).await.unwrap();
    let stuck = block(&test, account).await;
    let commands = (0..3).map(|at| command(account, &format!("closing-number-{at}"), grant(1))).collect();
    let answers = submit_behind_the_first(&test, &ledger, commands);
    let end = async {
        tokio::time::sleep(std::time::Duration::from_millis(1000)).await;
        let unblock = async {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            stuck.rollback().await.unwrap();
        };
        tokio::join!(ledger.close(), unblock)
    };
    let (answers, _) = tokio::join!(answers, end);
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((done.len(), refused.len()), (1, 2));
    refused.into_iter().for_each(|result| assert_eq!(refusal(result), Refusal::LedgerClosing));
    assert_eq!(ledger.account(account).await.unwrap().unwrap().balance.available, 101);
}
