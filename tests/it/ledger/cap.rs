//! Caps: judged in the step that takes the hold, for every command of a batch and for every process (T4).

use inkledger::{
    clock::Clock,
    db::{
        Engine,
        effect::{Cell, Effect, Known},
    },
    error::{Error, Failure},
    ids::Ids,
    ledger::{
        CapError, Command, Ledger, OwnedAccount, Refusal, SeenAccount, SetCap, Tenants,
        model::{CapPeriod, CapScope, Exceeded, HoldItem, Operation},
        set_cap,
    },
    viewer::Viewer,
};
use rstest::rstest;
use uuid::Uuid;

use super::support::{SECOND, assert_clean, at_once, command, funded, grant, item, open, open_on, refusal};
use crate::support::database::{START, TestDb};

type Answer<'a, T> = std::pin::Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Everybody is a member of every account, but for nobody.
struct Everybody;

const NOBODY: Uuid = Uuid::nil();

impl Tenants for Everybody {
    fn personal_account(&self, _: Uuid) -> Answer<'_, Option<Uuid>> {
        Box::pin(async { Ok(None) })
    }
    fn see(&self, _: Viewer, account: Uuid) -> Answer<'_, SeenAccount> {
        Box::pin(async move { Ok(SeenAccount::checked(account)) })
    }
    fn own(&self, _: Viewer, account: Uuid) -> Answer<'_, OwnedAccount> {
        Box::pin(async move { Ok(OwnedAccount::checked(account, account)) })
    }
    fn has_member(&self, _: Uuid, user: Uuid) -> Answer<'_, bool> {
        Box::pin(async move { Ok(user != NOBODY) })
    }
}

async fn cap(
    test: &TestDb,
    ledger: &Ledger,
    whose: (Uuid, Option<Uuid>),
    period: CapPeriod,
    limit: Option<i64>,
) -> Result<(), Failure<CapError>> {
    set(ledger, (test.ids.as_ref(), test.clock.now()), whose, period, limit).await
}

async fn set(
    ledger: &Ledger,
    (ids, now): (&dyn Ids, i64),
    (account, member): (Uuid, Option<Uuid>),
    period: CapPeriod,
    limit: Option<i64>,
) -> Result<(), Failure<CapError>> {
    let command = SetCap {
        owned: OwnedAccount::checked(account, Uuid::from_u128(3)),
        member,
        period,
        limit,
        request_id: "request-1".to_owned(),
        now,
    };
    set_cap(ledger, (&Everybody, ids), command).await
}

/// Sets or takes away a cap for a random story.
pub async fn limit_to(
    ledger: &Ledger,
    beside: (&dyn Ids, i64),
    whose: (Uuid, Option<Uuid>),
    is_daily: bool,
    limit: Option<i64>,
) {
    let period = if is_daily { CapPeriod::Day } else { CapPeriod::Always };
    set(ledger, beside, whose, period, limit).await.unwrap();
}

fn hold_of(test: &TestDb, user: Option<Uuid>, amount: i64) -> (Uuid, Operation) {
    let id = test.ids.uuid();
    let item = HoldItem { user_id: user, ..item(id, test.ids.uuid(), amount, test.clock.now() + 3600 * SECOND) };
    (id, Operation::Hold(vec![item]))
}

fn exceeded(scope: CapScope, period: CapPeriod, (cap, used, required): (i64, i64, i64), at: Option<i64>) -> Refusal {
    Refusal::CapExceeded(Exceeded { scope, period, cap, used, required, resets_at: at })
}

// T4: twenty at once, on PostgreSQL through two processes.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_cap_of_500_admits_six_holds_of_75(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(None, Some(Uuid::from_u128(5)))] member: Option<Uuid>,
) {
    let test = TestDb::open(engine).await;
    let mut ledgers = vec![open(&test).await];
    if engine == Engine::Postgres {
        ledgers.push(open_on(&test, test.second().await, 3).await);
    }
    let account = funded(&test, &ledgers[0], 10_000).await;
    cap(&test, &ledgers[0], (account, member), CapPeriod::Always, Some(500)).await.unwrap();
    let sent = (0..20).map(|at| {
        let (_, hold) = hold_of(&test, Some(Uuid::from_u128(5)), 75);
        let (ledger, command) =
            (ledgers[at % ledgers.len()].clone(), command(account, &format!("hold-number-{at}"), hold));
        tokio::spawn(async move { ledger.submit(command).await })
    });
    let answers = futures_util::future::join_all(sent.collect::<Vec<_>>()).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().map(Result::unwrap).partition(Result::is_ok);
    assert_eq!((done.len(), refused.len()), (6, 14));
    let scope = if member.is_some() { CapScope::Member } else { CapScope::Account };
    for answer in refused {
        assert_eq!(refusal(answer), exceeded(scope, CapPeriod::Always, (500, 450, 75), None));
    }
    assert_eq!(test.number("SELECT held FROM credit_cap").await, 450);
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn each_budget_is_judged_by_itself_and_a_new_period_begins_with_nothing_used(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 10_000).await;
    let (one, other) = (Uuid::from_u128(5), Uuid::from_u128(6));
    cap(&test, &ledger, (account, None), CapPeriod::Month, Some(300)).await.unwrap();
    cap(&test, &ledger, (account, Some(one)), CapPeriod::Day, Some(100)).await.unwrap();
    let day = CapPeriod::Day.end(START).unwrap();
    let month = CapPeriod::Month.end(START).unwrap();
    let (first, of_one) = hold_of(&test, Some(one), 80);
    ledger.submit(command(account, "eighty-of-one", of_one)).await.unwrap();
    let (_, more) = hold_of(&test, Some(one), 21);
    let refused = refusal(ledger.submit(command(account, "too-much-of-one", more)).await);
    assert_eq!(refused, exceeded(CapScope::Member, CapPeriod::Day, (100, 80, 21), Some(day)));
    assert_eq!(refused.to_string(), "The member's credit cap of 100 a day is reached. Used: 80, Required: 21");
    let (_, of_other) = hold_of(&test, Some(other), 200);
    ledger.submit(command(account, "much-of-other", of_other)).await.unwrap();
    let (_, of_nobody) = hold_of(&test, None, 21);
    let refused = refusal(ledger.submit(command(account, "too-much-of-all", of_nobody)).await);
    assert_eq!(refused, exceeded(CapScope::Account, CapPeriod::Month, (300, 280, 21), Some(month)));
    // What is charged counts in the period in which it was held, and an excess stops at the cap.
    test.clock.set(day);
    let settled = ledger.submit(command(account, "the-charge", Operation::Settle { hold: first, actual: 130 })).await;
    let settled = settled.unwrap();
    assert_eq!(
        (settled.amount, settled.shortfall),
        (100, 30),
        "the day's 100 is less than the month's 100 that is left"
    );
    let (_, next) = hold_of(&test, Some(one), 1);
    let refused = refusal(ledger.submit(command(account, "the-month-is-full", next)).await);
    assert_eq!(refused, exceeded(CapScope::Account, CapPeriod::Month, (300, 300, 1), Some(month)));
    test.clock.set(month);
    let (_, next) = hold_of(&test, Some(one), 100);
    ledger.submit(command(account, "next-month", next)).await.unwrap();
    let rows = "SELECT period || ' ' || held || ' ' || spent || ' ' || amount FROM credit_cap";
    assert_eq!(test.texts(rows).await, ["day 0 100 100", "day 100 0 100", "month 100 0 300", "month 200 100 300"]);
    assert_clean(&test).await;
}

#[rstest]
#[tokio::test]
async fn a_cap_is_lowered_taken_away_and_set_again(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 10_000).await;
    let whose = (account, None);
    cap(&test, &ledger, whose, CapPeriod::Day, Some(100)).await.unwrap();
    let (first, hold) = hold_of(&test, None, 60);
    ledger.submit(command(account, "the-first-hold", hold)).await.unwrap();
    cap(&test, &ledger, whose, CapPeriod::Day, Some(40)).await.unwrap();
    let (_, hold) = hold_of(&test, None, 1);
    assert_eq!(refusal(ledger.submit(command(account, "the-second-hold", hold)).await).code(), "CAP_EXCEEDED");
    // What is under way is charged, and nothing beyond it.
    let settled = ledger.submit(command(account, "the-charge", Operation::Settle { hold: first, actual: 70 })).await;
    assert_eq!(settled.map(|answer| (answer.amount, answer.shortfall)).unwrap(), (60, 10));
    // Nothing that was given back reopens it.
    let refund = Operation::Refund { hold: first, amount: None, note: None };
    ledger.submit(command(account, "the-refund", refund)).await.unwrap();
    cap(&test, &ledger, whose, CapPeriod::Day, Some(60)).await.unwrap();
    let (_, hold) = hold_of(&test, None, 1);
    assert_eq!(refusal(ledger.submit(command(account, "the-third-hold", hold)).await).code(), "CAP_EXCEEDED");
    cap(&test, &ledger, whose, CapPeriod::Day, None).await.unwrap();
    cap(&test, &ledger, whose, CapPeriod::Day, None).await.unwrap();
    let (_, hold) = hold_of(&test, None, 500);
    ledger.submit(command(account, "without-a-cap", hold)).await.unwrap();
    assert!(ledger.caps_of(&[account]).await.unwrap().is_empty());
    // Nobody counts while there is none, and it begins anew.
    test.clock.set(CapPeriod::Day.end(START).unwrap());
    let (_, hold) = hold_of(&test, None, 500);
    ledger.submit(command(account, "the-next-day", hold)).await.unwrap();
    cap(&test, &ledger, whose, CapPeriod::Day, Some(10)).await.unwrap();
    let (_, hold) = hold_of(&test, None, 10);
    ledger.submit(command(account, "the-new-cap", hold)).await.unwrap();
    assert_eq!(test.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'credits.cap'").await, 5);
    for (member, limit) in [(None, -1), (None, inkledger::ledger::model::UNCAPPED)] {
        let refused = cap(&test, &ledger, (account, member), CapPeriod::Day, Some(limit)).await.unwrap_err();
        assert!(matches!(refused, Failure::Refused(CapError::OutOfRange { .. })), "{limit}");
    }
    let refused = cap(&test, &ledger, (account, Some(NOBODY)), CapPeriod::Day, Some(1)).await.unwrap_err();
    assert!(matches!(refused, Failure::Refused(CapError::NoMember)));
    assert_clean(&test).await;
}

// The record of a refusal commits, with the words and figures that only the decision knows; in one batch with others.
#[rstest]
#[tokio::test]
async fn a_refusal_by_a_cap_leaves_its_record(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = TestDb::open(engine).await;
    let ledger = open(&test).await;
    let account = funded(&test, &ledger, 100).await;
    cap(&test, &ledger, (account, None), CapPeriod::Always, Some(50)).await.unwrap();
    let record = |id: u128| Effect::Insert {
        table: "credit_note",
        cells: vec![
            ("account_id", account.into()),
            ("seq", Cell::Value(1_i64.into())),
            ("salt", vec![0_u8; 16].into()),
            ("body", Cell::Known(if id == 1 { Known::RefusalCode } else { Known::RefusalData })),
        ],
        if_absent: false,
    };
    let commands = [30, 21, 20].into_iter().enumerate().map(|(at, amount)| Command {
        otherwise: vec![record(u128::try_from(at).unwrap())],
        ..command(account, &format!("hold-number-{at}"), hold_of(&test, None, amount).1)
    });
    let answers = at_once(&ledger, commands.collect()).await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(test.texts("SELECT body FROM credit_note").await, ["CAP_EXCEEDED"]);
    let refused = ledger.submit(command(account, "too-much-at-all", hold_of(&test, None, 51).1)).await;
    assert_eq!(refusal(refused).code(), "INSUFFICIENT_CREDITS", "the balance is looked at first");
    ledger.submit(command(account, "more-credits", grant(100))).await.unwrap();
    assert_clean(&test).await;
}
