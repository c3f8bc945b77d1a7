//! Links by mail: who gets one, what it is good for, and how often.

use inkledger::{
    auth::{
        Auth, AuthSettings,
        model::{
            ChangePassword, ChangePasswordError, CreateApiKey, Email, IssuedSession, LinkPurpose, Origin, Password,
            ResetPassword, ResetPasswordError, SignInError, SignUpError, VerifyEmail,
        },
        token::OpaqueToken,
    },
    db::Engine,
    error::{AuthReason, Error, Failure},
    jobs::Outcome,
    viewer::{Feature, Level, PlatformRole, Scope},
};
use rstest::rstest;
use secrecy::SecretString;

use super::house::{CHEAP, House, MINUTE, PASSWORD, credentials, fault, home, newcomer, refused, reveal, secret};

const OTHER: &str = "An0ther-word";

fn address(name: &str) -> Email {
    Email::new(&format!("{name}@example.com")).unwrap()
}

fn elsewhere(number: usize) -> Origin {
    Origin::new(&format!("203.0.113.{number}"))
}

async fn ask(house: &House, purpose: LinkPurpose, name: &str) -> SecretString {
    house.auth.request_link(purpose, &address(name), &home()).await.unwrap();
    house.send_letters().await;
    house.mailbox.last_token()
}

async fn enter(auth: &Auth, token: &SecretString, origin: &Origin) -> Result<IssuedSession, Failure<SignInError>> {
    auth.sign_in_with_link(OpaqueToken::parse(token), origin).await
}

fn reset(token: &SecretString, password: &str) -> ResetPassword {
    ResetPassword { token: token.clone(), password: Password::new(secret(password)).unwrap() }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_link_signs_in_once_and_proves_the_address(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let ada = house.person("Ada").await;
    assert_eq!(ada.user.email_verified_at, None);
    let token = ask(&house, LinkPurpose::SignIn, "ADA").await;
    let session = enter(&house.auth, &token, &home()).await.unwrap();
    assert_eq!(session.user.id, ada.user.id);
    assert!(session.user.email_verified_at.is_some());
    assert!(house.viewer(&session).await.user().is_some());
    refused(enter(&house.auth, &token, &home()).await);
    assert_eq!(house.number("SELECT COUNT(*) FROM mail_link").await, 0);
    // What is stored is no secret: neither the token nor the address is anywhere.
    let token = ask(&house, LinkPurpose::SignIn, "Ada").await;
    let stored = house.test.texts("SELECT payload FROM job").await.join(" ");
    assert!(!stored.contains(&reveal(&token)) && !stored.to_lowercase().contains("ada"), "{stored}");
}

// G66: of 50 parallel uses one wins.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn of_50_uses_at_once_one_wins(#[case] engine: Engine) {
    let house = House::open(engine).await;
    house.person("Ada").await;
    for purpose in LinkPurpose::ALL {
        let token = ask(&house, purpose, "Ada").await;
        let uses = (0..50).map(|number| {
            let (auth, token) = (house.auth.clone(), token.clone());
            tokio::spawn(async move {
                match purpose {
                    LinkPurpose::SignIn => enter(&auth, &token, &elsewhere(number)).await.is_ok(),
                    LinkPurpose::ResetPassword => {
                        auth.reset_password(reset(&token, OTHER), &elsewhere(number), None).await.is_ok()
                    }
                }
            })
        });
        let won = futures_util::future::join_all(uses).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
        assert_eq!(won, 1, "{purpose:?}");
    }
}

// Whoever signed up with the address of somebody else is out when that person signs in by mail.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn proving_an_address_ends_what_others_had_by_it(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let squatter = house.person("Ada").await;
    let right = house.viewer(&squatter).await.signed_in().unwrap();
    let wish =
        |name: &str| CreateApiKey { name: name.to_owned(), scopes: [Scope::Read].into_iter().collect(), days: None };
    let (_, key) = house.auth.create_api_key(right, wish("kept"), None).await.unwrap();
    let token = ask(&house, LinkPurpose::SignIn, "Ada").await;
    let session = enter(&house.auth, &token, &home()).await.unwrap();
    assert_eq!(house.reason(&squatter).await, AuthReason::SessionEnded);
    let by_key = house.auth.authenticate(Some(&reveal(&key))).await.unwrap();
    assert!(by_key.user().is_none(), "{by_key:?}");
    refused(house.auth.sign_in(credentials("Ada", PASSWORD), &elsewhere(1)).await);
    assert!(house.viewer(&session).await.user().is_some());
    // A session that is over makes no key, although its token is not.
    let late = house.auth.create_api_key(right, wish("late"), None).await;
    assert!(matches!(fault(late), Error::Unauthenticated(AuthReason::SessionEnded)));
    // Proven once, the next link ends nothing.
    let token = ask(&house, LinkPurpose::SignIn, "Ada").await;
    enter(&house.auth, &token, &home()).await.unwrap();
    assert!(house.viewer(&session).await.user().is_some());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_link_ends_by_time_by_purpose_and_by_another_address(#[case] engine: Engine) {
    let house = House::open(engine).await;
    house.person("Ada").await;
    let token = ask(&house, LinkPurpose::SignIn, "Ada").await;
    assert!(matches!(
        refused(house.auth.reset_password(reset(&token, OTHER), &elsewhere(1), None).await),
        ResetPasswordError::LinkInvalid(_)
    ));
    house.test.clock.advance(15 * MINUTE);
    refused(enter(&house.auth, &token, &elsewhere(1)).await);
    let token = ask(&house, LinkPurpose::ResetPassword, "Ada").await;
    refused(enter(&house.auth, &token, &elsewhere(2)).await);
    house.test.clock.advance(30 * MINUTE);
    refused(house.auth.reset_password(reset(&token, OTHER), &elsewhere(2), None).await);
    assert_eq!(house.auth.forget_old_links().await.unwrap(), 2);
    // An address that was changed since is not the one that the letter went to.
    let token = ask(&house, LinkPurpose::SignIn, "Ada").await;
    house.test.execute("UPDATE app_user SET email = 'new@example.com', email_key = 'new@example.com'").await.unwrap();
    refused(enter(&house.auth, &token, &elsewhere(3)).await);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_reset_ends_every_session_and_every_other_link(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let first = house.person("Ada").await;
    let second = house.sign_in("Ada").await;
    let way_in = ask(&house, LinkPurpose::SignIn, "Ada").await;
    let token = ask(&house, LinkPurpose::ResetPassword, "Ada").await;
    assert_eq!(house.auth.reset_password(reset(&token, OTHER), &home(), None).await.unwrap(), 2);
    for session in [&first, &second] {
        assert_eq!(house.reason(session).await, AuthReason::SessionEnded);
        refused(house.auth.refresh_session(session.refresh_token.clone()).await);
    }
    refused(enter(&house.auth, &way_in, &home()).await);
    refused(house.auth.sign_in(credentials("Ada", PASSWORD), &elsewhere(1)).await);
    house.auth.sign_in(credentials("Ada", OTHER), &home()).await.unwrap();
    assert_eq!(house.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'user.reset_password'").await, 1);
    house.send_letters().await;
    assert_eq!(house.mailbox.letters().last().unwrap().0, "Your password was changed");
}

// G66: no enumeration. The answer, and what is written meanwhile, is the same for an address that nobody has.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn asking_does_the_same_for_an_address_that_nobody_has(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let hero = house.person_as("Hero", PlatformRole::Hero).await;
    house.person("Ada").await;
    let gone = house.person("Gone").await;
    let right = house.right(&hero, Feature::UsersDelete, Level::Hero).await;
    house.auth.delete_user(right, gone.user.id, None).await.unwrap();
    for (count, name) in ["Ada", "nobody", "Gone"].into_iter().enumerate() {
        for purpose in LinkPurpose::ALL {
            house.auth.request_link(purpose, &address(name), &home()).await.unwrap();
            house.auth.request_link(purpose, &address(name), &home()).await.unwrap();
        }
        let jobs = house.number("SELECT COUNT(*) FROM job WHERE kind LIKE 'mail.%'").await;
        assert_eq!(jobs, 2 * (count as i64 + 1), "{name}");
    }
    assert_eq!(house.send_letters().await, vec![Outcome::Done; 6]);
    assert_eq!(house.mailbox.letters().len(), 2, "only Ada gets any");
}

// G59
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn nobody_is_flooded_and_no_link_is_guessed(#[case] engine: Engine) {
    let house = House::open(engine).await;
    house.person("Ada").await;
    for name in ["Ada", "nobody"] {
        for _ in 0..5 {
            house.auth.request_link(LinkPurpose::SignIn, &address(name), &home()).await.unwrap();
            house.send_letters().await;
        }
        let limited = house.auth.request_link(LinkPurpose::SignIn, &address(name), &home()).await;
        assert!(matches!(limited, Err(Error::RateLimited { .. })), "{name}");
    }
    // From elsewhere it is taken, but the mailbox has had enough.
    house.auth.request_link(LinkPurpose::SignIn, &address("Ada"), &elsewhere(1)).await.unwrap();
    house.send_letters().await;
    assert_eq!(house.mailbox.letters().len(), 5);
    // A failed letter is no failed sign-in, and wrong links are counted by themselves.
    house.sign_in("Ada").await;
    let wrong = |number: usize| secret(&format!("{number:02}{}", "A".repeat(41)));
    for _ in 0..5 {
        refused(enter(&house.auth, &wrong(0), &home()).await);
    }
    assert!(matches!(fault(enter(&house.auth, &wrong(0), &home()).await), Error::RateLimited { .. }));
    // One bad link is held against nobody else behind the address; fifty are.
    for number in 1..46 {
        refused(enter(&house.auth, &wrong(number), &home()).await);
    }
    let good = house.mailbox.last_token();
    assert!(matches!(fault(enter(&house.auth, &good, &home()).await), Error::RateLimited { .. }));
    enter(&house.auth, &good, &elsewhere(2)).await.unwrap();
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_letter_that_cannot_go_out_leaves_no_link_and_is_tried_again(#[case] engine: Engine) {
    let house = House::open(engine).await;
    house.person("Ada").await;
    for (shut, expected) in [(false, "MAIL_UNAVAILABLE"), (true, "MAIL_REFUSED")] {
        *house.mailbox.shut.lock().unwrap() = Some(shut);
        house.auth.request_link(LinkPurpose::SignIn, &address("Ada"), &home()).await.unwrap();
        let outcomes = house.send_letters().await;
        match outcomes.as_slice() {
            [Outcome::Retry { code, .. } | Outcome::Fail { code }] => assert_eq!(*code, expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(house.number("SELECT COUNT(*) FROM mail_link").await, 0);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_changed_password_ends_the_other_sessions(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let other = house.person("Ada").await;
    let session = house.sign_in("Ada").await;
    let right = house.viewer(&session).await.signed_in().unwrap();
    let change =
        |current: &str| ChangePassword { current: secret(current), next: Password::new(secret(OTHER)).unwrap() };
    for _ in 0..4 {
        let wrong = house.auth.change_password(right, change("Wrong0ne"), &home(), None).await;
        assert_eq!(refused(wrong), ChangePasswordError::PasswordWrong);
    }
    assert_eq!(house.auth.change_password(right, change(PASSWORD), &home(), None).await.unwrap(), 1);
    assert_eq!(house.reason(&other).await, AuthReason::SessionEnded);
    assert!(house.viewer(&session).await.user().is_some());
    refused(house.auth.change_password(right, change(PASSWORD), &home(), None).await);
    house.auth.sign_in(credentials("Ada", OTHER), &home()).await.unwrap();
    // G59: guessing the present password from a stolen session is limited too.
    for _ in 0..4 {
        refused(house.auth.change_password(right, change(PASSWORD), &home(), None).await);
    }
    let limited = house.auth.change_password(right, change(OTHER), &home(), None).await;
    assert!(matches!(fault(limited), Error::RateLimited { .. }));
}

async fn mailing(engine: Engine) -> House {
    House::open_with(engine, AuthSettings { verify_sign_ups: true, ..AuthSettings::default() }, CHEAP).await
}

fn verify(token: &SecretString, password: &str) -> VerifyEmail {
    VerifyEmail { token: token.clone(), password: secret(password) }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn nobody_exists_before_their_address_is_proven(#[case] engine: Engine) {
    let house = mailing(engine).await;
    house.auth.sign_up_by_mail(newcomer("Ada"), &home()).await.unwrap();
    assert_eq!(house.number("SELECT COUNT(*) FROM app_user").await, 0);
    refused(house.auth.sign_in(credentials("Ada", PASSWORD), &home()).await);
    house.send_letters().await;
    let token = house.mailbox.last_token();
    refused(house.auth.verify_email(verify(&token, OTHER), &home()).await);
    let uses = (0..20).map(|number| {
        let (auth, token) = (house.auth.clone(), token.clone());
        tokio::spawn(async move { auth.verify_email(verify(&token, PASSWORD), &elsewhere(number)).await.ok() })
    });
    let won: Vec<IssuedSession> =
        futures_util::future::join_all(uses).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(won.len(), 1);
    assert!(won[0].user.email_verified_at.is_some());
    assert_eq!(house.number("SELECT COUNT(*) FROM app_user").await, 1);
    assert_eq!(house.number("SELECT COUNT(*) FROM credit_grant WHERE kind = 'signup'").await, 1);
    house.sign_in("Ada").await;
    assert_eq!(house.auth.forget_old_links().await.unwrap(), 1);
}

// G66: no enumeration by signing up.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn signing_up_tells_nothing_of_an_address(#[case] engine: Engine) {
    let house = mailing(engine).await;
    house.person("Ada").await;
    let again = |name: &str, email: &str| inkledger::auth::model::SignUp::new(name, email, secret(PASSWORD)).unwrap();
    // Known and unknown: the same answer, the same rows, and the name is reserved alike.
    for (name, email) in [("Probe1", "ada@example.com"), ("Probe2", "nobody@example.com")] {
        house.auth.sign_up_by_mail(again(name, email), &home()).await.unwrap();
        let taken = house.auth.sign_up_by_mail(again(name, "third@example.com"), &home()).await;
        assert_eq!(refused(taken), [SignUpError::UsernameTaken]);
    }
    house.send_letters().await;
    let subjects: Vec<String> = house.mailbox.letters().into_iter().map(|(subject, _)| subject).collect();
    assert_eq!(subjects, ["You already have a user", "Finish signing up"]);
    // The name is free again when the hour is over.
    house.test.clock.advance(60 * MINUTE);
    refused(house.auth.verify_email(verify(&house.mailbox.last_token(), PASSWORD), &home()).await);
    house.auth.sign_up_by_mail(again("Probe1", "third@example.com"), &home()).await.unwrap();
}

// Whoever signs up with the address of somebody else gets nothing by it, even when that person opens the letter.
#[tokio::test]
async fn an_address_cannot_be_taken_in_advance() {
    let house = mailing(Engine::Sqlite).await;
    let thief = inkledger::auth::model::SignUp::new("Thief", "victim@example.com", secret(OTHER)).unwrap();
    house.auth.sign_up_by_mail(thief, &elsewhere(1)).await.unwrap();
    house.send_letters().await;
    let sent = house.mailbox.last_token();
    let own = inkledger::auth::model::SignUp::new("Victim", "victim@example.com", secret(PASSWORD)).unwrap();
    house.auth.sign_up_by_mail(own, &home()).await.unwrap();
    refused(house.auth.verify_email(verify(&sent, PASSWORD), &home()).await);
    house.send_letters().await;
    let session = house.auth.verify_email(verify(&house.mailbox.last_token(), PASSWORD), &home()).await.unwrap();
    assert_eq!(session.user.username, "Victim");
    refused(house.auth.verify_email(verify(&sent, OTHER), &elsewhere(1)).await);
    assert_eq!(house.number("SELECT COUNT(*) FROM app_user").await, 1);
}
