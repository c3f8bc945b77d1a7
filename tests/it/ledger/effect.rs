//! Attached rows commit with the credit transaction or not at all (T11).

use inkledger::{
    db::{
        Engine,
        effect::{Cell, Effect, Known, Set, TextPart},
    },
    error::{Error, Failure},
    ids::Ids,
    ledger::{Command, Refusal, model::Operation},
};
use rstest::rstest;
use uuid::Uuid;

use super::support::{SECOND, assert_clean, command, funded, grant, hold, open, refusal};
use crate::support::database::{START, TestDb};

fn quota(account: Uuid) -> Effect {
    Effect::Insert {
        table: "job_quota",
        cells: vec![
            ("account_id", account.into()),
            ("lane", "bulk".into()),
            ("running", 0_i32.into()),
            ("cap", 2_i32.into()),
        ],
        if_absent: false,
    }
}

/// One more running job, if exactly `running` run now.
fn claim(account: Uuid, running: i32) -> Effect {
    Effect::Update {
        table: "job_quota",
        set: vec![("running", Set::Add(1_i32.into()))],
        key: vec![("account_id", account.into()), ("lane", "bulk".into()), ("running", running.into())],
        guarded: true,
    }
}

fn level(test: &TestDb, account: Uuid, level: i64) -> Effect {
    Effect::Insert {
        table: "credit_threshold",
        cells: vec![
            ("id", test.ids.uuid().into()),
            ("account_id", account.into()),
            ("level", level.into()),
            ("armed", 1_i32.into()),
            ("created_at", Cell::Known(Known::Now)),
        ],
        if_absent: false,
    }
}

fn event(account: Uuid, number: i64, figures: bool) -> Effect {
    let figure = |known| if figures { Cell::Known(known) } else { Cell::Value(Option::<i64>::None.into()) };
    let payload = match figures {
        true => Cell::Text(vec![
            TextPart::Lit("{\"charged\":".to_owned()),
            TextPart::Sum { known: Known::Amount, base: 1000 },
            TextPart::Lit("}".to_owned()),
        ]),
        false => "{}".into(),
    };
    Effect::Insert {
        table: "run_event",
        cells: vec![
            ("subject_kind", "ai_task".into()),
            ("subject_id", account.into()),
            ("seq", number.into()),
            ("account_id", account.into()),
            ("kind", "ITEM".into()),
            ("payload", payload),
            ("credit_seq", figure(Known::Sequence)),
            ("available", figure(Known::Available)),
            ("held", figure(Known::Held)),
            ("at", Cell::Known(Known::Now)),
        ],
        if_absent: false,
    }
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn writes_effects_with_the_figures_of_their_transaction(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    let effects = vec![quota(account), claim(account, 0), event(account, 1, true)];
    // The guard of an effect looks at what was there before the command, so the quota must exist.
    let refused = ledger.submit(Command { effects, ..command(account, "guard-too-early", hold(&test, 30)) }).await;
    assert_eq!(refusal(refused), Refusal::EffectRefused { code: "job_quota".to_owned() });
    assert_eq!(test.number("SELECT COUNT(*) FROM job_quota").await, 0);
    let effects = vec![quota(account)];
    ledger.submit(Command { effects, ..command(account, "with-the-quota", grant(1)) }).await.unwrap();
    let effects = vec![claim(account, 0), event(account, 1, true)];
    let sent = || Command { effects: effects.clone(), ..command(account, "with-an-event", hold(&test, 30)) };
    let done = ledger.submit(sent()).await.unwrap();
    assert_eq!(done.sequence, 3);
    assert_eq!(test.number("SELECT running FROM job_quota").await, 1);
    let found = "SELECT COUNT(*) FROM run_event WHERE credit_seq = 3 AND available = 71 AND held = 30 AND payload = \
                 '{\"charged\":1030}'";
    assert_eq!(test.number(found).await, 1);
    assert_eq!(test.number("SELECT at FROM run_event").await, START);
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn writes_nothing_of_a_command_whose_guard_fails(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    let setup = Command { effects: vec![quota(account)], ..command(account, "set-up-quota", grant(1)) };
    ledger.submit(setup).await.unwrap();
    let sent = |running| {
        let effects = vec![event(account, 1, true), claim(account, running)];
        Command { effects, ..command(account, "guarded-hold", hold(&test, 30)) }
    };
    let refused = refusal(ledger.submit(sent(1)).await);
    assert_eq!(refused, Refusal::EffectRefused { code: "job_quota".to_owned() });
    assert_eq!(test.number("SELECT COUNT(*) FROM run_event").await, 0);
    assert_eq!(ledger.account(account).await.unwrap().unwrap().sequence, 2);
    // A refusal is not stored: the key is free for another try.
    let effects = vec![claim(account, 0)];
    let again = Command { effects, ..command(account, "guarded-hold", hold(&test, 30)) };
    assert!(!ledger.submit(again).await.unwrap().replayed);
    assert_eq!(test.number("SELECT running FROM job_quota").await, 1);
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn refuses_two_claims_in_one_command_that_only_one_can_have(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    let setup = Command { effects: vec![quota(account)], ..command(account, "set-up-quota", grant(1)) };
    ledger.submit(setup).await.unwrap();
    // Both guards hold before, the second no longer after the first was written.
    let effects = vec![claim(account, 0), claim(account, 0)];
    let refused = refusal(ledger.submit(Command { effects, ..command(account, "two-claims", grant(1)) }).await);
    assert_eq!(refused.code(), "EFFECT_REFUSED");
    assert_eq!(test.number("SELECT running FROM job_quota").await, 0);
    assert_eq!(ledger.account(account).await.unwrap().unwrap().sequence, 2);
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn names_the_key_that_an_effect_violates_and_writes_nothing(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    let taken = Command { effects: vec![level(&test, account, 10)], ..command(account, "first-level", grant(1)) };
    ledger.submit(taken).await.unwrap();
    let effects = vec![event(account, 1, true), level(&test, account, 10)];
    let refused = refusal(ledger.submit(Command { effects, ..command(account, "second-level", grant(1)) }).await);
    assert_eq!(refused, Refusal::EffectConflict { constraint: "credit_threshold_account_level_key".to_owned() });
    assert_eq!(test.number("SELECT COUNT(*) FROM run_event").await, 0);
    assert_eq!(ledger.account(account).await.unwrap().unwrap().sequence, 2);
    // A broken check is a fault of ours, and has no effect either.
    let effects = vec![event(account, 1, true), level(&test, account, 0)];
    let faulty = ledger.submit(Command { effects, ..command(account, "faulty-level", grant(1)) }).await;
    assert!(matches!(faulty, Err(Failure::Fault(Error::Internal(_)))), "{faulty:?}");
    assert_eq!(test.number("SELECT COUNT(*) FROM run_event").await, 0);
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn keeps_the_failed_tasks_record_when_credits_are_too_few(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 10).await;
    let sent = |amount| Command {
        effects: vec![event(account, 1, true)],
        otherwise: vec![event(account, 2, false)],
        ..command(account, "too-expensive", hold(&test, amount))
    };
    let refused = refusal(ledger.submit(sent(11)).await);
    assert_eq!(refused, Refusal::InsufficientCredits { required: 11, available: 10, short: 1 });
    assert_eq!(test.number("SELECT MAX(seq) FROM run_event").await, 2);
    assert_eq!(test.number("SELECT COUNT(*) FROM run_event").await, 1);
    assert_eq!(ledger.account(account).await.unwrap().unwrap().sequence, 1);
    // The record's own key answers a second try.
    assert_eq!(refusal(ledger.submit(sent(11)).await).code(), "EFFECT_REFUSED");
    // Any other refusal leaves no record.
    let unknown = Operation::Settle { hold: test.ids.uuid(), actual: 1 };
    let other = Command { otherwise: vec![event(account, 3, false)], ..command(account, "unknown-hold", unknown) };
    assert_eq!(refusal(ledger.submit(other).await), Refusal::HoldNotFound);
    assert_eq!(test.number("SELECT COUNT(*) FROM run_event").await, 1);
    assert_clean(&test).await;
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn keeps_the_write_off_when_an_effect_fails_after_it(#[case] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 10).await;
    let Operation::Grant(mut new) = grant(5) else { unreachable!() };
    new.expires_at = Some(START + SECOND);
    let effects = vec![level(&test, account, 10)];
    ledger.submit(Command { effects, ..command(account, "short-lived", Operation::Grant(new)) }).await.unwrap();
    test.clock.advance(SECOND);
    let effects = vec![event(account, 1, true), level(&test, account, 10)];
    let refused = refusal(ledger.submit(Command { effects, ..command(account, "conflicting", hold(&test, 1)) }).await);
    assert_eq!(refused.code(), "EFFECT_REFUSED");
    let found = ledger.account(account).await.unwrap().unwrap();
    assert_eq!((found.sequence, found.balance.expired, found.balance.held), (3, 5, 0));
    assert_eq!(test.number("SELECT COUNT(*) FROM run_event").await, 0);
    assert_clean(&test).await;
}
