//! The life of a session: refreshing, reuse, signing out.

use inkledger::{
    auth::{AuthSettings, model::RefreshSessionError},
    bus::Bus,
    db::Engine,
    error::{AuthReason, Failure},
    viewer::{Feature, Level, PlatformRole, Viewer},
};
use rstest::rstest;
use secrecy::ExposeSecret;

use super::house::{House, MINUTE, SECOND, refused, reveal, secret};

const DAY: i64 = 86_400 * SECOND;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn goes_on_with_a_new_pair_of_tokens_each_time(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let mut session = house.person("Ada").await;
    for turn in 0..5 {
        house.test.clock.advance(11 * MINUTE);
        assert_eq!(house.reason(&session).await, AuthReason::TokenExpired, "turn {turn}");
        let next = house.auth.refresh_session(session.refresh_token.clone()).await.unwrap();
        assert_ne!(reveal(&next.refresh_token), reveal(&session.refresh_token));
        assert_eq!(next.who.session_id, session.who.session_id);
        assert!(house.viewer(&next).await.user().is_some());
        session = next;
    }
    assert_eq!(house.number("SELECT COUNT(*) FROM refresh_token WHERE state = 'current'").await, 1);
    assert_eq!(house.number("SELECT COUNT(*) FROM refresh_token WHERE state = 'previous'").await, 1);
    assert_eq!(house.number("SELECT COUNT(*) FROM refresh_token").await, 6);
}

#[tokio::test]
async fn keeps_only_hashes_of_refresh_tokens() {
    let house = House::open(Engine::Sqlite).await;
    let session = house.person("Ada").await;
    let token = session.refresh_token.expose_secret();
    assert_eq!(token.len(), 43);
    let sql = format!("SELECT COUNT(*) FROM refresh_token WHERE CAST(token_hash AS TEXT) LIKE '%{token}%'");
    assert_eq!(house.number(&sql).await, 0);
    assert!(!format!("{session:?}").contains(token));
    assert!(!format!("{session:?}").contains(session.access_token.expose_secret()));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_refreshes_with_one_token_at_once_make_one_successor(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let session = house.person("Ada").await;
    let second = if engine == Engine::Postgres { house.second().await } else { house.auth.clone() };
    let tries: Vec<_> = (0..50)
        .map(|number| {
            let auth = if number % 2 == 0 { house.auth.clone() } else { second.clone() };
            let token = session.refresh_token.clone();
            tokio::spawn(async move { auth.refresh_session(token).await })
        })
        .collect();
    let mut successors = std::collections::BTreeSet::new();
    for one in tries {
        successors.insert(reveal(&one.await.unwrap().unwrap().refresh_token));
    }
    assert_eq!(successors.len(), 1, "the family has one branch");
    assert_eq!(house.number("SELECT COUNT(*) FROM refresh_token").await, 2);
    let successor = successors.pop_first().unwrap();
    house.auth.refresh_session(secret(&successor)).await.unwrap();
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn forgives_the_token_just_before_for_30_seconds_with_the_same_answer(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let first = house.person("Ada").await;
    let lost = house.auth.refresh_session(first.refresh_token.clone()).await.unwrap();
    house.test.clock.advance(30 * SECOND);
    let again = house.auth.refresh_session(first.refresh_token.clone()).await.unwrap();
    assert_eq!(reveal(&again.refresh_token), reveal(&lost.refresh_token));
    assert_eq!(again.refresh_token_expires_at, lost.refresh_token_expires_at);
    house.auth.refresh_session(again.refresh_token).await.unwrap();
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn ends_the_session_when_the_token_just_before_comes_after_30_seconds(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let first = house.person("Ada").await;
    let second = house.auth.refresh_session(first.refresh_token.clone()).await.unwrap();
    let other = house.sign_in("Ada").await;
    let mut hints = house.bus.subscribe();
    house.test.clock.advance(30 * SECOND + 1);
    assert_eq!(refused(house.auth.refresh_session(first.refresh_token).await), RefreshSessionError);
    assert_eq!(hints.try_recv().unwrap().key, first.user.id.to_string());
    assert_eq!(house.reason(&second).await, AuthReason::SessionEnded);
    assert_eq!(refused(house.auth.refresh_session(second.refresh_token).await), RefreshSessionError);
    assert_eq!(house.number("SELECT COUNT(*) FROM session WHERE end_reason = 'TOKEN_REUSED'").await, 1);
    assert!(house.viewer(&other).await.user().is_some(), "other sessions go on");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn ends_the_session_when_an_old_token_comes_after_the_current_one_was_used(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let first = house.person("Ada").await;
    let second = house.auth.refresh_session(first.refresh_token.clone()).await.unwrap();
    let third = house.auth.refresh_session(second.refresh_token).await.unwrap();
    assert_eq!(refused(house.auth.refresh_session(first.refresh_token).await), RefreshSessionError);
    assert_eq!(house.reason(&third).await, AuthReason::SessionEnded);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn refuses_a_refresh_token_after_30_days_or_that_is_none(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let session = house.person("Ada").await;
    for text in ["", "x", "A".repeat(43).as_str(), "A".repeat(44).as_str(), session.access_token.expose_secret()] {
        assert_eq!(refused(house.auth.refresh_session(secret(text)).await), RefreshSessionError);
    }
    house.test.clock.advance(30 * DAY - SECOND);
    let next = house.auth.refresh_session(session.refresh_token).await.unwrap();
    house.test.clock.advance(30 * DAY);
    assert_eq!(refused(house.auth.refresh_session(next.refresh_token).await), RefreshSessionError);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn signing_out_bites_on_the_next_request(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let (here, there) = (house.person("Ada").await, house.sign_in("Ada").await);
    let bystander = house.person("Bob").await;
    let mut hints = house.bus.subscribe();
    house.auth.sign_out(house.viewer(&here).await.signed_in().unwrap()).await.unwrap();
    assert_eq!(hints.try_recv().unwrap().topic, "access");
    assert_eq!(house.reason(&here).await, AuthReason::SessionEnded);
    assert!(matches!(house.auth.refresh_session(here.refresh_token.clone()).await, Err(Failure::Refused(_))));
    let right = house.viewer(&there).await.signed_in().unwrap();
    let more = house.sign_in("Ada").await;
    assert_eq!(house.auth.sign_out_everywhere(right, false).await.unwrap(), 2);
    assert_eq!(house.reason(&there).await, AuthReason::SessionEnded);
    assert_eq!(house.reason(&more).await, AuthReason::SessionEnded);
    assert!(house.viewer(&bystander).await.user().is_some());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_role_counts_from_the_next_request_on_with_the_old_token(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let admin = house.person("Ada").await;
    assert!(!house.viewer(&admin).await.can(Feature::UsersView, Level::Read));
    house.auth.promote("ada", PlatformRole::Admin).await.unwrap();
    assert!(house.viewer(&admin).await.can(Feature::UsersView, Level::Read));
    house.auth.promote("ada", PlatformRole::User).await.unwrap();
    assert!(!house.viewer(&admin).await.can(Feature::UsersView, Level::Read));
}

#[tokio::test]
async fn a_deleted_user_never_keeps_an_old_token_alive() {
    let house = House::open(Engine::Sqlite).await;
    let hero = house.person_as("Hero", PlatformRole::Hero).await;
    let ada = house.person("Ada").await;
    let right = house.right(&hero, Feature::UsersDelete, Level::Hero).await;
    house.auth.delete_user(right, ada.user.id, None).await.unwrap();
    assert_eq!(house.reason(&ada).await, AuthReason::SessionEnded);
    refused(house.auth.refresh_session(ada.refresh_token).await);
}

#[tokio::test]
async fn another_signing_key_ends_access_tokens_but_no_session() {
    let house = House::open(Engine::Sqlite).await;
    let session = house.person("Ada").await;
    let restarted = house.restarted(AuthSettings::default(), super::house::CHEAP).await;
    assert!(matches!(
        restarted.authenticate(Some(session.access_token.expose_secret())).await.unwrap(),
        Viewer::User(_)
    ));
    restarted.refresh_session(session.refresh_token).await.unwrap();
}
