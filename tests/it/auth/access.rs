//! Whose account it is.

use inkledger::{
    auth::model::MemberRole,
    db::Engine,
    error::{AuthReason, Error},
    ledger::Tenants,
    page::PageArgs,
    viewer::{Feature, Level, PlatformRole, Viewer},
};
use rstest::rstest;
use uuid::Uuid;

use super::house::{House, anybody};

// G52
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn another_tenants_account_is_not_found_exactly_like_none(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let (ada, bob) = (house.person("Ada").await, house.person("Bob").await);
    let admin = house.person_as("Admin", PlatformRole::Admin).await;
    let account = house.auth.personal_account_of(ada.user.id).await.unwrap().unwrap().id;
    let (ada, bob, admin) = (house.viewer(&ada).await, house.viewer(&bob).await, house.viewer(&admin).await);
    let member = |viewer: Viewer, id, role| {
        let auth = house.auth.clone();
        async move { auth.require_member(&viewer, id, role).await }
    };
    let right = member(ada, account, MemberRole::Owner).await.unwrap();
    assert_eq!((right.account_id(), right.role()), (account, MemberRole::Owner));
    for viewer in [bob, admin] {
        let foreign = member(viewer, account, MemberRole::Viewer).await.unwrap_err();
        let missing = member(viewer, Uuid::from_u128(3), MemberRole::Viewer).await.unwrap_err();
        assert!(matches!((&foreign, &missing), (Error::NotFound, Error::NotFound)));
        assert_eq!(foreign.to_string(), missing.to_string());
    }
    assert!(matches!(house.auth.require_sight(&bob, account).await, Err(Error::NotFound)));
    assert_eq!(house.auth.require_sight(&admin, account).await.unwrap().account_id(), account);
    assert_eq!(house.auth.require_sight(&ada, account).await.unwrap().account_id(), account);
    assert!(matches!(house.auth.require_sight(&admin, Uuid::from_u128(3)).await, Err(Error::NotFound)));
    let anonymous = Viewer::Anonymous(AuthReason::Missing);
    assert!(matches!(house.auth.require_sight(&anonymous, account).await, Err(Error::Unauthenticated(_))));
    assert!(matches!(
        member(anonymous, account, MemberRole::Viewer).await,
        Err(Error::Unauthenticated(AuthReason::Missing))
    ));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_members_role_opens_what_it_reaches(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let ada = house.person("Ada").await;
    let account = house.auth.personal_account_of(ada.user.id).await.unwrap().unwrap().id;
    let viewer = house.viewer(&ada).await;
    for (stored, opens) in [("VIEWER", 1), ("EDITOR", 2), ("OWNER", 3)] {
        house.test.execute(&format!("UPDATE account_member SET role = '{stored}'")).await.unwrap();
        for (at, least) in MemberRole::ALL.into_iter().enumerate() {
            let answer = house.auth.require_member(&viewer, account, least).await;
            assert_eq!(answer.is_ok(), at < opens, "{stored} asked for {least:?}");
            assert!(answer.is_ok() || matches!(answer, Err(Error::Forbidden { .. })));
        }
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn tells_the_ledger_who_sees_an_account(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let (ada, bob) = (house.person("Ada").await, house.person("Bob").await);
    let tenants: &dyn Tenants = &house.auth;
    let account = tenants.personal_account(ada.user.id).await.unwrap().unwrap();
    assert_eq!(tenants.personal_account(Uuid::from_u128(3)).await.unwrap(), None);
    assert_eq!(tenants.see(Viewer::User(ada.who), account).await.unwrap().id(), account);
    assert!(matches!(tenants.see(Viewer::User(bob.who), account).await, Err(Error::NotFound)));
    assert!(matches!(tenants.see(Viewer::User(anybody()), account).await, Err(Error::NotFound)));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn lists_ones_own_accounts_and_all_of_them_by_right(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let (ada, _) = (house.person("Ada").await, house.person("Bob").await);
    let right = house.viewer(&ada).await.signed_in().unwrap();
    let page = PageArgs { with_total: true, ..PageArgs::first(10) };
    let own = house.auth.list_own_accounts(right, &page).await.unwrap();
    assert_eq!((own.items.len(), own.total), (1, Some(1)));
    let all = Viewer::System.may(Feature::UsersView, Level::Read).unwrap();
    let all = house.auth.list_accounts(all, &PageArgs { with_total: true, ..PageArgs::first(1) }).await.unwrap();
    assert_eq!((all.items[0].name.as_str(), all.total, all.has_next), ("Bob", Some(2), true));
}
