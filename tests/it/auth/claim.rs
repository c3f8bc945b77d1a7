//! The link that makes the first HERO.

use inkledger::{
    auth::model::{ClaimHero, ClaimHeroError, Origin, SignUp, SignUpError},
    db::Engine,
    error::{Error, Failure},
    viewer::{Feature, Level, PlatformRole},
};
use rstest::rstest;

use super::house::{House, PASSWORD, SECOND, fault, home, newcomer, refused, secret};

const BASE: &str = "http://127.0.0.1:8080/";

async fn token(house: &House) -> String {
    let link = house.auth.offer_hero_claim(BASE).await.unwrap().unwrap();
    let token = link.strip_prefix("http://127.0.0.1:8080/claim#").unwrap();
    assert_eq!(token.len(), 43);
    token.to_owned()
}

fn claim(token: &str, name: &str) -> ClaimHero {
    ClaimHero { token: secret(token), person: newcomer(name) }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn makes_the_first_hero_and_no_second(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let token = token(&house).await;
    let session = house.auth.claim_hero(claim(&token, "Hero"), &home()).await.unwrap();
    assert_eq!(session.user.role, PlatformRole::Hero);
    assert!(house.viewer(&session).await.can(Feature::RolesAssign, Level::Hero));
    assert!(house.auth.personal_account_of(session.user.id).await.unwrap().is_some());
    assert_eq!(house.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'user.claim_hero'").await, 1);
    assert_eq!(house.auth.offer_hero_claim(BASE).await.unwrap(), None);
    let again = house.auth.claim_hero(claim(&token, "Second"), &home()).await;
    assert_eq!(refused(again), [ClaimHeroError::ClaimInvalid]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_uses_at_once_one_wins(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let token = token(&house).await;
    let second = if engine == Engine::Postgres { house.second().await } else { house.auth.clone() };
    let tries: Vec<_> = (0..50)
        .map(|number| {
            let auth = if number % 2 == 0 { house.auth.clone() } else { second.clone() };
            let claim = claim(&token, &format!("Hero{number}"));
            tokio::spawn(async move { auth.claim_hero(claim, &home()).await })
        })
        .collect();
    let mut won = 0;
    for one in tries {
        match one.await.unwrap() {
            Ok(_) => won += 1,
            Err(Failure::Refused(refusals)) => assert_eq!(refusals, [ClaimHeroError::ClaimInvalid]),
            Err(Failure::Fault(Error::RateLimited { .. })) => {}
            Err(Failure::Fault(error)) => panic!("{error:?}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(house.number("SELECT COUNT(*) FROM app_user").await, 1);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_refused_person_does_not_use_the_link_up(#[case] engine: Engine) {
    let house = House::open(engine).await;
    house.person("Ada").await;
    let token = token(&house).await;
    let person = SignUp::new("ada", "hero@example.com", secret(PASSWORD)).unwrap();
    let taken = house.auth.claim_hero(ClaimHero { token: secret(&token), person }, &home()).await;
    assert_eq!(refused(taken), [ClaimHeroError::SignUp(SignUpError::UsernameTaken)]);
    house.auth.claim_hero(claim(&token, "Hero"), &home()).await.unwrap();
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_new_link_an_operators_hero_and_seven_days_each_end_it(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let (old, new) = (token(&house).await, token(&house).await);
    let replaced = house.auth.claim_hero(claim(&old, "Hero"), &home()).await;
    assert_eq!(refused(replaced), [ClaimHeroError::ClaimInvalid]);
    house.test.clock.advance(7 * 86_400 * SECOND);
    assert_eq!(refused(house.auth.claim_hero(claim(&new, "Hero"), &home()).await), [ClaimHeroError::ClaimInvalid]);
    let fresh = token(&house).await;
    house.person_as("Operator", PlatformRole::Hero).await;
    assert_eq!(house.number("SELECT COUNT(*) FROM one_time_token").await, 0);
    assert_eq!(refused(house.auth.claim_hero(claim(&fresh, "Hero"), &home()).await), [ClaimHeroError::ClaimInvalid]);
}

// G59
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn guessing_ends_after_five_tries_from_one_address(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let token = token(&house).await;
    for guess in ["", "x", "A".repeat(43).as_str(), "B".repeat(43).as_str(), "C".repeat(43).as_str()] {
        assert_eq!(refused(house.auth.claim_hero(claim(guess, "Hero"), &home()).await), [ClaimHeroError::ClaimInvalid]);
    }
    let limited = fault(house.auth.claim_hero(claim(&token, "Hero"), &home()).await);
    assert!(matches!(limited, Error::RateLimited { .. }));
    house.auth.claim_hero(claim(&token, "Hero"), &Origin::new("198.51.100.9")).await.unwrap();
}

#[tokio::test]
async fn keeps_only_the_hash_of_the_link() {
    let house = House::open(Engine::Sqlite).await;
    let token = token(&house).await;
    let sql = format!("SELECT COUNT(*) FROM one_time_token WHERE CAST(token_hash AS TEXT) LIKE '%{token}%'");
    assert_eq!(house.number(&sql).await, 0);
    assert!(!format!("{:?}", claim(&token, "Hero")).contains(&token));
}
