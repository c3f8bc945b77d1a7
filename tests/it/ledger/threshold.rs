//! Low-balance levels: told once per crossing, by the transaction that crosses, in its own commit.

use std::sync::Arc;

use inkledger::{
    app::ledger_options,
    bus::local::LocalBus,
    db::{Engine, effect::Effect},
    ids::SeededIds,
    ledger::{
        Command, Ledger, OwnedAccount, Refusal, SetThresholds, ThresholdError,
        model::{GrantSource, Operation, SourceRef},
        set_thresholds,
    },
};
use rstest::rstest;
use uuid::Uuid;

use super::support::{SECOND, assert_clean, at_once, command, funded, grant, hold, refusal};
use crate::support::database::{START, TestDb};

/// A ledger that tells, as the server's does.
async fn open(test: &TestDb) -> Ledger {
    let bus = Arc::new(LocalBus::new("telling"));
    Ledger::open(test.db.clone(), test.clock.clone(), Arc::new(SeededIds::new(8)), bus, ledger_options()).await.unwrap()
}

/// An account of the ledger that is a tenant too, so that it has members to be told.
async fn tenant(test: &TestDb, ledger: &Ledger, amount: i64) -> Uuid {
    let account = funded(test, ledger, amount).await;
    let sql = "INSERT INTO account (id, name, time_zone, state, version, created_at, updated_at) \
               SELECT account_id, 'Readers', 'UTC', 'ACTIVE', 1, 0, 0 FROM ledger_account \
               WHERE account_id NOT IN (SELECT id FROM account)";
    test.execute(sql).await.unwrap();
    account
}

async fn set(test: &TestDb, ledger: &Ledger, account: Uuid, levels: &[i64]) -> Vec<(i64, bool)> {
    let command = SetThresholds {
        owned: OwnedAccount::checked(account, Uuid::from_u128(3)),
        levels: levels.to_vec(),
        request_id: "request-1".to_owned(),
        now: START,
    };
    let set = set_thresholds(ledger, test.ids.as_ref(), command).await.unwrap();
    set.into_iter().map(|threshold| (threshold.level, threshold.is_armed)).collect()
}

/// Level and sequence of what was told.
async fn told(test: &TestDb) -> Vec<String> {
    test.texts("SELECT dedupe_key FROM notification WHERE notification_type = 'credits_low'").await
}

#[rstest]
#[tokio::test]
async fn a_crossing_is_told_once_until_the_credits_were_back(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(true, false)] is_one_batch: bool,
) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = tenant(&test, &ledger, 100).await;
    assert_eq!(set(&test, &ledger, account, &[10, 50, 150]).await, [(150, false), (50, true), (10, true)]);
    let steps = [
        ("down-to-50", hold(&test, 50)),
        ("down-to-45", hold(&test, 5)),
        ("down-to-40", hold(&test, 5)),
        ("too-much-held", hold(&test, 41)),
        ("back-to-50", grant(10)),
        ("down-to-5", hold(&test, 45)),
        ("up-to-155", grant(150)),
        ("down-to-149", hold(&test, 6)),
    ];
    let commands: Vec<_> = steps.into_iter().map(|(key, operation)| command(account, key, operation)).collect();
    if is_one_batch {
        let answers = at_once(&ledger, commands).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
    } else {
        for command in commands {
            let _ = ledger.submit(command).await;
        }
    }
    // 45 is the third transaction; 5 crosses both; 155 was above the third level for the first time.
    assert_eq!(told(&test).await, ["credits_low:10:6", "credits_low:150:8", "credits_low:50:3", "credits_low:50:6"]);
    let message = "SELECT message FROM notification WHERE dedupe_key = 'credits_low:50:3'";
    assert_eq!(
        test.texts(message).await,
        ["45 credits are left, fewer than the level of 50 that is set for this account"]
    );
    let fired = "SELECT COUNT(*) FROM credit_threshold WHERE (level = 150 AND armed = 0 AND fired_seq = 8) \
                 OR (level IN (10, 50) AND armed = 1 AND fired_seq = 6)";
    assert_eq!(test.number(fired).await, 3);
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn credits_that_end_cross_a_level_too(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = tenant(&test, &ledger, 20).await;
    let Operation::Grant(mut new) = grant(80) else { unreachable!() };
    new.source = GrantSource::Promo(SourceRef::new("spring").unwrap());
    new.expires_at = Some(START + SECOND);
    ledger.submit(command(account, "the-promo", Operation::Grant(new))).await.unwrap();
    set(&test, &ledger, account, &[50]).await;
    test.clock.advance(SECOND);
    // Refused, and what was written off before it stands with its message.
    assert_eq!(
        refusal(ledger.submit(command(account, "too-much", hold(&test, 21))).await).code(),
        "INSUFFICIENT_CREDITS"
    );
    assert_eq!(told(&test).await, ["credits_low:50:3"]);
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn levels_are_replaced_and_those_that_stay_remember(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = tenant(&test, &ledger, 100).await;
    set(&test, &ledger, account, &[80]).await;
    ledger.submit(command(account, "down-to-70", hold(&test, 30))).await.unwrap();
    assert_eq!(set(&test, &ledger, account, &[60, 80, 90]).await, [(90, false), (80, false), (60, true)]);
    assert_eq!(set(&test, &ledger, account, &[90, 80, 60]).await.len(), 3, "the same again");
    assert_eq!(test.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'credits.thresholds'").await, 2);
    assert_eq!(set(&test, &ledger, account, &[]).await, []);
    ledger.submit(command(account, "down-to-10", hold(&test, 60))).await.unwrap();
    assert_eq!(told(&test).await, ["credits_low:80:2"]);
    let levels = (1..=11).collect();
    let owned = OwnedAccount::checked(account, Uuid::from_u128(3));
    let many = SetThresholds { owned, levels, request_id: "request-2".to_owned(), now: START };
    let refused = set_thresholds(&ledger, test.ids.as_ref(), many).await.unwrap_err();
    assert!(matches!(refused, inkledger::error::Failure::Refused(ThresholdError::TooMany)));
    // Other accounts are not concerned.
    let other = tenant(&test, &ledger, 5).await;
    set(&test, &ledger, account, &[3]).await;
    ledger.submit(command(other, "down-to-1", hold(&test, 4))).await.unwrap();
    assert_eq!(told(&test).await.len(), 1);
    assert_clean(&test).await;
}

// The command itself is undone, after the crossing was decided; what ended stays written off, with its message.
#[rstest]
#[tokio::test]
async fn a_crossing_is_told_although_the_command_after_it_is_undone(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = tenant(&test, &ledger, 20).await;
    let Operation::Grant(mut new) = grant(80) else { unreachable!() };
    new.source = GrantSource::Promo(SourceRef::new("summer").unwrap());
    new.expires_at = Some(START + SECOND);
    ledger.submit(command(account, "the-promo", Operation::Grant(new))).await.unwrap();
    set(&test, &ledger, account, &[50]).await;
    let quota = Effect::Insert {
        table: "job_quota",
        cells: vec![
            ("account_id", account.into()),
            ("lane", "bulk".into()),
            ("running", 0_i32.into()),
            ("cap", 9_i32.into()),
        ],
        if_absent: false,
    };
    let with = |key: &str| Command { effects: vec![quota.clone()], ..command(account, key, hold(&test, 1)) };
    ledger.submit(with("the-first-quota")).await.unwrap();
    test.clock.advance(SECOND);
    let refused = refusal(ledger.submit(with("the-second-quota")).await);
    assert!(matches!(refused, Refusal::EffectConflict { .. }), "{refused:?}");
    assert_eq!(test.number("SELECT COUNT(*) FROM credit_transaction WHERE kind = 'expire_lot' AND seq = 4").await, 1);
    assert_eq!(told(&test).await, ["credits_low:50:4"]);
    assert_clean(&test).await;
}
