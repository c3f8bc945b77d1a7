//! Signing up.

use inkledger::{
    auth::{
        AuthSettings, TryLimits,
        model::{Origin, SignUp, SignUpError},
    },
    db::Engine,
    error::{Error, Failure},
    ledger::verify::verify,
    viewer::{PlatformRole, Viewer},
};
use rstest::rstest;

use super::house::{CHEAP, House, MINUTE, PASSWORD, fault, home, newcomer, refused, secret};

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn gives_a_newcomer_an_account_a_session_and_25_credits_at_once(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let session = house.person("Ada").await;
    assert_eq!((session.user.username.as_str(), session.user.role), ("Ada", PlatformRole::User));
    assert_eq!(house.viewer(&session).await, Viewer::User(session.who));
    let account = house.auth.personal_account_of(session.user.id).await.unwrap().unwrap();
    assert_eq!((account.name.as_str(), account.personal_user_id), ("Ada", Some(session.user.id)));
    let ledger = house.ledger.account(account.id).await.unwrap().unwrap();
    assert_eq!((ledger.balance.available, ledger.sequence), (25, 1));
    let key = format!(
        "SELECT COUNT(*) FROM credit_transaction WHERE idem_key = 's:signup:{0}' AND kind = 'grant'",
        session.user.id
    );
    assert_eq!(house.number(&key).await, 1);
    assert_eq!(house.number("SELECT COUNT(*) FROM account_member WHERE role = 'OWNER'").await, 1);
    let report = verify(&house.test.db, house.test.clock.as_ref(), None).await.unwrap();
    assert!(report.violations.is_empty(), "{report:?}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn writes_the_same_rows_when_no_credits_are_granted(#[case] engine: Engine) {
    let house = House::open_with(engine, AuthSettings { signup_credits: 0, ..AuthSettings::default() }, CHEAP).await;
    let session = house.person("Ada").await;
    assert!(house.viewer(&session).await.user().is_some());
    let account = house.auth.personal_account_of(session.user.id).await.unwrap().unwrap();
    let ledger = house.ledger.account(account.id).await.unwrap().unwrap();
    assert_eq!((ledger.balance.available, ledger.sequence), (0, 0));
    assert_eq!(
        refused(house.auth.sign_up(newcomer("ada"), &home()).await),
        [SignUpError::UsernameTaken, SignUpError::EmailTaken]
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn refuses_a_name_or_address_that_is_taken_in_any_case(#[case] engine: Engine) {
    let house = House::open(engine).await;
    house.person("Ada").await;
    let sign_up = |name: &str, email: &str| SignUp::new(name, email, secret(PASSWORD)).unwrap();
    let name = house.auth.sign_up(sign_up("aDA", "other@example.com"), &home()).await;
    assert_eq!(refused(name), [SignUpError::UsernameTaken]);
    let email = house.auth.sign_up(sign_up("Bob", "ADA@Example.com"), &home()).await;
    assert_eq!(refused(email), [SignUpError::EmailTaken]);
    let both = house.auth.sign_up(sign_up("ADA", "ada@example.com"), &home()).await;
    assert_eq!(refused(both), [SignUpError::UsernameTaken, SignUpError::EmailTaken]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite, 25)]
#[case::postgres(Engine::Postgres, 25)]
#[case::sqlite_without_grant(Engine::Sqlite, 0)]
#[case::postgres_without_grant(Engine::Postgres, 0)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_who_want_one_name_at_once_one_gets_it_and_the_others_leave_nothing(
    #[case] engine: Engine,
    #[case] signup_credits: i64,
) {
    let settings = AuthSettings { signup_credits, ..AuthSettings::default() };
    let house = House::open_with(engine, settings, CHEAP).await;
    let tries: Vec<_> = (0..20)
        .map(|number| {
            let auth = house.auth.clone();
            let person = SignUp::new("Ada", &format!("ada{number}@example.com"), secret(PASSWORD)).unwrap();
            tokio::spawn(async move { auth.sign_up(person, &home()).await })
        })
        .collect();
    let mut won = 0;
    for one in tries {
        match one.await.unwrap() {
            Ok(_) => won += 1,
            Err(Failure::Refused(refusals)) => assert_eq!(refusals, [SignUpError::UsernameTaken]),
            Err(Failure::Fault(error)) => panic!("{error:?}"),
        }
    }
    assert_eq!(won, 1);
    for table in ["app_user", "account", "account_member", "session", "refresh_token", "ledger_account"] {
        assert_eq!(house.number(&format!("SELECT COUNT(*) FROM {table}")).await, 1, "{table}");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn takes_so_many_tries_an_hour_from_one_address_whatever_came_of_them(#[case] engine: Engine) {
    let settings = AuthSettings { sign_ups: TryLimits::sign_ups_per_hour(5), ..AuthSettings::default() };
    let house = House::open_with(engine, settings, CHEAP).await;
    let tries: Vec<_> = (0..20)
        .map(|number| {
            let auth = house.auth.clone();
            let person = newcomer(&format!("Ada{}", number % 10));
            tokio::spawn(async move { auth.sign_up(person, &home()).await })
        })
        .collect();
    let mut taken = 0;
    for one in tries {
        match one.await.unwrap() {
            Ok(_) | Err(Failure::Refused(_)) => taken += 1,
            Err(Failure::Fault(Error::RateLimited { retry_after_ms })) => assert!(retry_after_ms <= 3_600_000),
            Err(Failure::Fault(error)) => panic!("{error:?}"),
        }
    }
    assert_eq!(taken, 5);
    // Neither another address nor signing in is concerned.
    house.auth.sign_up(newcomer("Bob"), &Origin::new("198.51.100.2")).await.unwrap();
    house.sign_in("Bob").await;
    house.test.clock.advance(59 * MINUTE);
    house.auth.forget_old_failures().await.unwrap();
    assert!(matches!(fault(house.auth.sign_up(newcomer("Cyd"), &home()).await), Error::RateLimited { .. }));
    house.test.clock.advance(2 * MINUTE);
    house.auth.sign_up(newcomer("Cyd"), &home()).await.unwrap();
}
