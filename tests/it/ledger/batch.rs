//! Batches: what queued while the last commit ran commits together, and no command is the worse for its neighbours.
//!
//! On one thread, everything that is sent before anything is awaited is in the queue when the lane looks.

use std::collections::HashSet;

use inkledger::{
    db::{
        Engine,
        effect::{Cell, Effect, Known, Set},
    },
    ids::Ids,
    ledger::{
        Command, Ledger, LedgerOptions, Posting, Refusal,
        model::{GrantSource, Operation, SourceRef},
    },
};
use rstest::rstest;
use uuid::Uuid;

use super::support::{SECOND, assert_clean, at_once, command, funded, grant, hold, open, open_on, refusal};
use crate::support::database::{START, TestDb};

/// A low-balance level, for its two unique keys: the id and the level of the account.
fn level(id: Uuid, account: Uuid, level: i64) -> Effect {
    Effect::Insert {
        table: "credit_threshold",
        cells: vec![
            ("id", id.into()),
            ("account_id", account.into()),
            ("level", level.into()),
            ("armed", 1_i32.into()),
            ("fired_seq", Cell::Known(Known::Sequence)),
            ("created_at", Cell::Known(Known::Now)),
        ],
        if_absent: false,
    }
}

/// One more running job of an account, if exactly `running` run now.
fn claim(account: Uuid, running: i32) -> Effect {
    Effect::Update {
        table: "job_quota",
        set: vec![("running", Set::Add(1_i32.into()))],
        key: vec![("account_id", account.into()), ("lane", "bulk".into()), ("running", running.into())],
        guarded: true,
    }
}

fn quota(account: Uuid) -> Effect {
    Effect::Insert {
        table: "job_quota",
        cells: vec![
            ("account_id", account.into()),
            ("lane", "bulk".into()),
            ("running", 0_i32.into()),
            ("cap", 9_i32.into()),
        ],
        if_absent: false,
    }
}

#[tokio::test]
async fn what_queued_commits_together_and_in_order() {
    let test = TestDb::postgres().await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    let commands = (0..50).map(|at| command(account, &format!("together-{at}"), grant(1))).collect();
    let answers = at_once(&ledger, commands).await;
    for (sequence, answer) in (2..).zip(answers) {
        let done = answer.unwrap();
        assert_eq!((done.sequence, done.balance.available), (sequence, 99 + sequence));
    }
    let commits = "SELECT COUNT(DISTINCT CAST(xmin AS text)) FROM credit_transaction WHERE seq > 1";
    assert_eq!(test.number(commits).await, 1);
    assert_clean(&test).await;
}

#[tokio::test]
async fn a_batch_has_a_size() {
    let test = TestDb::postgres().await;
    let options = LedgerOptions { batch_max: 10, ..LedgerOptions::default() };
    let bus = std::sync::Arc::new(inkledger::bus::local::LocalBus::new("small"));
    let ids = std::sync::Arc::new(inkledger::ids::SeededIds::new(4));
    let ledger = Ledger::open(test.db.clone(), test.clock.clone(), ids, bus, options).await.unwrap();
    let account = funded(&test, &ledger, 100).await;
    let commands = (0..35).map(|at| command(account, &format!("sized-{at:03}"), grant(1))).collect();
    assert!(at_once(&ledger, commands).await.iter().all(Result::is_ok));
    let commits = "SELECT COUNT(DISTINCT CAST(xmin AS text)) FROM credit_transaction WHERE seq > 1";
    assert_eq!(test.number(commits).await, 4);
}

#[rstest]
#[tokio::test]
async fn one_that_the_database_refuses_takes_no_other_with_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let accounts = [funded(&test, &ledger, 100).await, funded(&test, &ledger, 100).await];
    let doubled = test.ids.uuid();
    let commands: Vec<Command> = (0..20)
        .map(|at| {
            let account = accounts[at % 2];
            // The eighth has the id of the fourth.
            let id = if at == 3 || at == 7 { doubled } else { test.ids.uuid() };
            let effects = vec![level(id, account, i64::try_from(at).unwrap() + 1)];
            Command { effects, ..command(account, &format!("neighbour-{at}"), hold(&test, 3)) }
        })
        .collect();
    for (at, answer) in at_once(&ledger, commands).await.into_iter().enumerate() {
        if at == 7 {
            assert!(matches!(refusal(answer), Refusal::EffectConflict { .. }));
        } else {
            assert_eq!(answer.unwrap().amount, 3);
        }
    }
    assert_eq!(test.number("SELECT COUNT(*) FROM credit_threshold").await, 19);
    let wrong = "SELECT COUNT(*) FROM credit_threshold l WHERE NOT EXISTS (SELECT 1 FROM credit_transaction t WHERE \
                 t.account_id = l.account_id AND t.seq = l.fired_seq AND t.kind = 'hold')";
    assert_eq!(test.number(wrong).await, 0, "each has the number of its own transaction");
    let held: i64 = test.number("SELECT CAST(SUM(held) AS bigint) FROM ledger_account").await;
    assert_eq!(held, 57);
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn copies_in_one_batch_have_one_effect(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    let mut commands: Vec<Command> = (0..5).map(|_| command(account, "the-one-key", grant(7))).collect();
    commands.insert(3, command(account, "the-one-key", grant(8)));
    let mut answers = at_once(&ledger, commands).await;
    assert_eq!(refusal(answers.remove(3)), Refusal::IdempotencyKeyReused);
    let answers: Vec<Posting> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().map(|answer| answer.replayed).collect::<Vec<_>>(), [false, true, true, true, true]);
    assert_eq!(answers.iter().map(|answer| answer.result.as_str()).collect::<HashSet<_>>().len(), 1);
    assert_eq!(ledger.account(account).await.unwrap().unwrap().balance.available, 107);
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn one_source_makes_one_lot_whoever_is_given_it(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let paid = |account, key: &str| {
        let Operation::Grant(mut new) = grant(50) else { unreachable!() };
        new.source = GrantSource::Purchase(SourceRef::new("payment-1").unwrap());
        command(account, key, Operation::Grant(new))
    };
    let mut accounts = Vec::new();
    for _ in 0..4 {
        accounts.push(funded(&test, &ledger, 1).await);
    }
    let commands: Vec<Command> =
        accounts.iter().map(|account| paid(*account, "a-payment")).chain([paid(accounts[0], "told-again")]).collect();
    let answers = at_once(&ledger, commands).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for answer in answers.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(answer).code(), "GRANT_SOURCE_USED");
    }
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn a_guard_sees_what_the_command_before_it_wrote(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    let with = |key: &str, effects| Command { effects, ..command(account, key, hold(&test, 1)) };
    let commands = vec![
        with("opens-a-quota", vec![quota(account)]),
        with("takes-the-first", vec![claim(account, 0)]),
        with("comes-too-late", vec![claim(account, 0)]),
        with("takes-the-second", vec![claim(account, 1)]),
        with("asks-for-nothing", Vec::new()),
    ];
    let mut answers = at_once(&ledger, commands).await;
    assert_eq!(refusal(answers.remove(2)), Refusal::EffectRefused { code: "job_quota".to_owned() });
    let sequences: Vec<i64> = answers.into_iter().map(|answer| answer.unwrap().sequence).collect();
    assert_eq!(sequences, [2, 3, 4, 5]);
    assert_eq!(test.number("SELECT running FROM job_quota").await, 2);
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn one_without_credits_leaves_its_record_and_its_neighbours_theirs(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 10).await;
    let other = |key: &str, amount, at: i64| {
        let mut record = level(test.ids.uuid(), account, 100 + at);
        if let Effect::Insert { cells, .. } = &mut record {
            // A refusal has no number; the balances it has.
            cells.retain(|(name, _)| *name != "fired_seq" && *name != "level");
            cells.push(("level", Cell::Known(Known::Available)));
        }
        let effects = vec![level(test.ids.uuid(), account, 200 + at)];
        Command { effects, otherwise: vec![record], ..command(account, key, hold(&test, amount)) }
    };
    let answers =
        at_once(&ledger, vec![other("takes-four", 4, 0), other("takes-nine", 9, 1), other("takes-five", 5, 2)]);
    let mut answers = answers.await;
    let refused = refusal(answers.remove(1));
    assert_eq!(refused, Refusal::InsufficientCredits { required: 9, available: 6, short: 3 });
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(test.number("SELECT level FROM credit_threshold WHERE fired_seq IS NULL").await, 6);
    assert_eq!(test.number("SELECT COUNT(*) FROM credit_threshold WHERE fired_seq IS NOT NULL").await, 2);
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn due_lots_are_written_off_once_in_front_of_a_batch(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 5).await;
    let Operation::Grant(mut new) = grant(50) else { unreachable!() };
    new.expires_at = Some(START + SECOND);
    ledger.submit(command(account, "short-lived", Operation::Grant(new))).await.unwrap();
    test.clock.advance(SECOND);
    let commands = (0..7).map(|at| command(account, &format!("after-it-{at}"), hold(&test, 1))).collect();
    let answers = at_once(&ledger, commands).await;
    let done: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, true, true, true, true, false, false]);
    assert_eq!(answers[0].as_ref().unwrap().sequence, 4);
    assert_eq!(test.number("SELECT COUNT(*) FROM credit_transaction WHERE kind = 'expire_lot'").await, 1);
    assert_clean(&test).await;
}

/// Promotions of one credit each, which burn in the order of their ends.
fn many(account: Uuid, name: &str, count: i64, ends: Option<i64>) -> Vec<Command> {
    let one = |at| {
        let Operation::Grant(mut new) = grant(1) else { unreachable!() };
        new.source = GrantSource::Promo(SourceRef::new(format!("{account}/{name}/{at}")).unwrap());
        new.expires_at = ends;
        command(account, &format!("lot-{name}-{at}"), Operation::Grant(new))
    };
    (0..count).map(one).collect()
}

async fn commits_of(test: &TestDb, keys: &str) -> i64 {
    let sql = "SELECT COUNT(DISTINCT CAST(xmin AS text)) FROM credit_transaction WHERE idem_key LIKE";
    test.number(&format!("{sql} 'u:{keys}%'")).await
}

// More lots than are read at once, and more are used up than were read.
#[rstest]
#[tokio::test]
async fn an_account_with_many_lots_is_served_in_one_batch(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 1_000).await;
    assert!(at_once(&ledger, many(account, "never", 1_300, None)).await.iter().all(Result::is_ok));
    let commands = (0..8).map(|at| command(account, &format!("from-many-{at}"), hold(&test, 200))).collect();
    let answers = at_once(&ledger, commands).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    // The last two came from the one lot behind all others.
    assert_eq!(test.number("SELECT COUNT(*) FROM credit_hold_lot").await, 1_302);
    if engine == Engine::Postgres {
        assert_eq!(commits_of(&test, "from-many").await, 1);
        assert_eq!(commits_of(&test, "lot-never").await, 2, "1,300 go into two");
    }
    let much = ledger.submit(command(account, "all-at-once", hold(&test, 700))).await.unwrap();
    assert_eq!(much.balance.available, 0);
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn one_operation_takes_no_more_than_five_hundred_lots(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 1).await;
    assert!(at_once(&ledger, many(account, "never", 600, None)).await.iter().all(Result::is_ok));
    let commands = vec![
        command(account, "one-of-many", hold(&test, 1)),
        command(account, "too-many-lots", hold(&test, 501)),
        command(account, "just-so-many", hold(&test, 500)),
    ];
    let mut answers = at_once(&ledger, commands).await;
    assert_eq!(answers.pop().unwrap().unwrap().balance.available, 100);
    assert_eq!(refusal(answers.pop().unwrap()), Refusal::LotsExceeded { max: 500 });
    assert!(answers.pop().unwrap().is_ok());
    assert_clean(&test).await;
}

// Purchases burn last: those that are due stand behind more lots than are read at once.
#[rstest]
#[tokio::test]
async fn due_lots_that_were_not_read_are_written_off_too(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(true, false)] is_remembered: bool,
) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 1).await;
    let bought = |at: i64| {
        let Operation::Grant(mut new) = grant(1) else { unreachable!() };
        new.source = GrantSource::Purchase(SourceRef::new(format!("{account}/{at}")).unwrap());
        new.expires_at = Some(START + SECOND);
        command(account, &format!("bought-{at}"), Operation::Grant(new))
    };
    let all = many(account, "never", 520, None).into_iter().chain((0..505).map(bought)).collect();
    assert!(at_once(&ledger, all).await.iter().all(Result::is_ok));
    let ledger = if is_remembered {
        ledger
    } else {
        ledger.close().await;
        open_on(&test, test.db.clone(), 5).await
    };
    test.clock.advance(SECOND);
    let commands = (0..3).map(|at| command(account, &format!("from-many-{at}"), hold(&test, 200))).collect();
    let answers = at_once(&ledger, commands).await;
    let done: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, true, false]);
    let balance = ledger.account(account).await.unwrap().unwrap().balance;
    assert_eq!((balance.available, balance.held, balance.expired), (121, 400, 505));
    // 500 of them at most in one transaction.
    assert_eq!(test.number("SELECT COUNT(*) FROM credit_transaction WHERE kind = 'expire_lot'").await, 2);
    assert_clean(&test).await;
}

// What a lane remembers of an account is of no use once another process has changed it (T9).
#[tokio::test]
async fn what_is_remembered_holds_only_while_nobody_else_wrote() {
    let test = TestDb::postgres().await;
    let ledgers = [open(&test).await, open_on(&test, test.second().await, 3).await];
    let account = funded(&test, &ledgers[0], 1_000).await;
    let mut available = 1_000;
    for round in 0..30_usize {
        // Now one, now the other, now one twice in a row.
        let ledger = &ledgers[(round / 2 + round % 3) % 2];
        let (operation, change) = if round % 4 == 3 { (grant(5), 5) } else { (hold(&test, 7), -7) };
        let done = ledger.submit(command(account, &format!("in-turn-{round}"), operation)).await.unwrap();
        available += change;
        assert_eq!((done.sequence, done.balance.available), (i64::try_from(round).unwrap() + 2, available));
    }
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn accounts_of_one_batch_do_not_mix(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let mut accounts = Vec::new();
    for at in 0..12 {
        accounts.push(funded(&test, &ledger, 10 + at).await);
    }
    let stranger = ledger.submit(command(accounts[0], "a-hold-of-one", hold(&test, 3))).await.unwrap().holds[0];
    let mut commands: Vec<Command> =
        accounts.iter().map(|account| command(*account, "takes-ten", hold(&test, 7))).collect();
    // Another tenant's hold is not there, also when its owner is in the same batch.
    commands.push(command(accounts[1], "not-its-own", Operation::Settle { hold: stranger, actual: 1 }));
    commands.push(command(accounts[0], "its-own-hold", Operation::Settle { hold: stranger, actual: 1 }));
    commands.push(command(test.ids.uuid(), "of-nobody", grant(1)));
    let mut answers = at_once(&ledger, commands).await;
    assert_eq!(refusal(answers.remove(14)), Refusal::AccountNotFound);
    assert_eq!(refusal(answers.remove(12)), Refusal::HoldNotFound);
    for (at, answer) in (0..).zip(&answers[..12]) {
        let done = answer.as_ref().unwrap();
        assert_eq!(done.balance.available, if at == 0 { 0 } else { 3 + at });
    }
    assert_eq!(answers[12].as_ref().unwrap().balance.spent, 1);
    assert_clean(&test).await;
}

/// Another account of the lane that has `account`: there are two on PostgreSQL, by the last byte.
async fn beside(test: &TestDb, ledger: &Ledger, account: Uuid) -> Uuid {
    loop {
        let other = funded(test, ledger, 100).await;
        if other.as_bytes()[15] % 2 == account.as_bytes()[15] % 2 {
            return other;
        }
    }
}

// Who waits for a row that somebody has locked for long is told to come back; who has nothing to do with it is served.
#[tokio::test]
async fn a_locked_account_keeps_no_other_waiting_for_long() {
    let test = TestDb::postgres().await;
    let ledger = open(&test).await;
    let stuck = funded(&test, &ledger, 100).await;
    let free = beside(&test, &ledger, stuck).await;
    let pool = test.db.migration_connection().get_postgres_connection_pool();
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM ledger_account WHERE account_id = $1 FOR UPDATE")
        .bind(stuck)
        .execute(&mut *lock)
        .await
        .unwrap();
    let commands = (0..9).map(|at| {
        let account = if at % 3 == 0 { stuck } else { free };
        command(account, &format!("beside-it-{at}"), hold(&test, 1))
    });
    let answers = at_once(&ledger, commands.collect()).await;
    for (at, answer) in answers.into_iter().enumerate() {
        match at % 3 {
            0 => assert_eq!(refusal(answer), Refusal::LedgerBusy { retry_after_ms: 1000 }),
            _ => assert_eq!(answer.unwrap().amount, 1),
        }
    }
    lock.rollback().await.unwrap();
    let again = ledger.submit(command(stuck, "beside-it-0", hold(&test, 1))).await.unwrap();
    assert_eq!((again.sequence, again.replayed), (2, false), "busy had no effect");
    assert_clean(&test).await;
}

#[tokio::test]
async fn who_waits_for_a_batch_of_its_own_lets_others_pass() {
    let test = TestDb::postgres().await;
    let ledger = open(&test).await;
    let busy = funded(&test, &ledger, 100).await;
    let other = beside(&test, &ledger, busy).await;
    ledger
        .submit(Command { effects: vec![quota(busy)], ..command(busy, "opens-a-quota", hold(&test, 1)) })
        .await
        .unwrap();
    let claims = |running: i32| Command {
        effects: vec![claim(busy, running)],
        ..command(busy, &format!("claims-{running:02}"), hold(&test, 1))
    };
    let commands = vec![claims(0), claims(1), claims(2), command(other, "passes-by", hold(&test, 1))];
    assert!(at_once(&ledger, commands).await.iter().all(Result::is_ok));
    // The other's one has the commit of the first of the three.
    let commits = "SELECT COUNT(DISTINCT CAST(xmin AS text)) FROM credit_transaction WHERE seq > 1 AND idem_key <> 'u:opens-a-quota'";
    assert_eq!(test.number(commits).await, 3);
    let shared = "SELECT COUNT(*) FROM credit_transaction a JOIN credit_transaction b ON a.xmin = b.xmin \
                  WHERE a.idem_key = 'u:claims-00' AND b.idem_key = 'u:passes-by'";
    assert_eq!(test.number(shared).await, 1);
    assert_clean(&test).await;
}
