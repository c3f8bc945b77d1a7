//! Roles and deletion.

use inkledger::{
    audit::store::count_entries,
    auth::model::{AssignRoleError, DeleteUserError, UserFilter, UserOrder},
    bus::Bus,
    db::Engine,
    error::{Error, Failure},
    ledger::Refusal,
    page::PageArgs,
    viewer::{Feature, Level, PlatformRole, Viewer},
};
use rstest::rstest;
use uuid::Uuid;

use super::house::{House, fault, home, newcomer, refused};

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_hero_assigns_roles_and_leaves_an_audit_row_for_each(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let hero = house.person_as("Hero", PlatformRole::Hero).await;
    let ada = house.person("Ada").await;
    let right = house.right(&hero, Feature::RolesAssign, Level::Hero).await;
    let mut hints = house.bus.subscribe();
    let assign = |role| house.auth.assign_role(right, ada.user.id, role, Some("request-1".to_owned()));
    let changed = assign(PlatformRole::Admin).await.unwrap();
    assert_eq!((changed.role, changed.access_version), (PlatformRole::Admin, ada.user.access_version + 1));
    let hint = hints.try_recv().unwrap();
    assert_eq!((hint.topic.as_str(), hint.key), ("access", ada.user.id.to_string()));
    let same = assign(PlatformRole::Admin).await.unwrap();
    assert_eq!(same.access_version, changed.access_version, "the same role again changes nothing");
    assert_eq!(count_entries(house.test.db.reader(), "user.assign_role", ada.user.id).await.unwrap(), 1);
    let row = "SELECT COUNT(*) FROM audit_entry WHERE actor_kind = 'admin' AND before = 'USER' AND after = 'ADMIN' \
               AND request_id = 'request-1'";
    assert_eq!(house.number(row).await, 1);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn nobody_assigns_their_own_role_deletes_themselves_or_does_so_without_the_right(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let hero = house.person_as("Hero", PlatformRole::Hero).await;
    let admin = house.person_as("Admin", PlatformRole::Admin).await;
    let roles = house.right(&hero, Feature::RolesAssign, Level::Hero).await;
    let delete = house.right(&hero, Feature::UsersDelete, Level::Hero).await;
    let own = house.auth.assign_role(roles, hero.user.id, PlatformRole::User, None).await;
    assert_eq!(refused(own), AssignRoleError::OwnUser);
    assert_eq!(refused(house.auth.delete_user(delete, hero.user.id, None).await), DeleteUserError::OwnUser);
    let unknown = house.auth.assign_role(roles, Uuid::from_u128(5), PlatformRole::User, None).await;
    assert_eq!(refused(unknown), AssignRoleError::UserNotFound);
    assert_eq!(refused(house.auth.delete_user(delete, Uuid::from_u128(5), None).await), DeleteUserError::UserNotFound);
    let crossed = house.auth.assign_role(delete, admin.user.id, PlatformRole::User, None).await;
    assert!(matches!(fault(crossed), Error::Forbidden { feature: Feature::RolesAssign, level: Level::Hero }));
    let admin = house.viewer(&admin).await;
    assert!(admin.may(Feature::RolesAssign, Level::Read).is_err());
    assert!(admin.may(Feature::UsersDelete, Level::Read).is_err());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_last_hero_stays_by_every_path(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let hero = house.person_as("Hero", PlatformRole::Hero).await;
    let operator = house.auth.promote("hero@example.com", PlatformRole::User).await;
    assert_eq!(refused(operator), AssignRoleError::LastHero);
    let right = Viewer::System.may(Feature::UsersDelete, Level::Hero).unwrap();
    assert_eq!(refused(house.auth.delete_user(right, hero.user.id, None).await), DeleteUserError::LastHero);
    house.person_as("Second", PlatformRole::Hero).await;
    house.auth.promote("Hero", PlatformRole::User).await.unwrap();
    assert_eq!(refused(house.auth.promote("Second", PlatformRole::Admin).await), AssignRoleError::LastHero);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_heroes_who_demote_each_other_at_once_exactly_one_fails(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let second = if engine == Engine::Postgres { house.second().await } else { house.auth.clone() };
    for round in 0..10 {
        let (one, two) = (format!("One{round}"), format!("Two{round}"));
        let (one, two) =
            (house.person_as(&one, PlatformRole::Hero).await, house.person_as(&two, PlatformRole::Hero).await);
        if round > 0 {
            let rest = "UPDATE app_user SET platform_role = 'USER' WHERE username NOT IN";
            let names = format!("{rest} ('One{round}', 'Two{round}')");
            house.test.execute(&names).await.unwrap();
        }
        let (right_one, right_two) = (
            house.right(&one, Feature::RolesAssign, Level::Hero).await,
            house.right(&two, Feature::RolesAssign, Level::Hero).await,
        );
        let (auth, second, target) = (house.auth.clone(), second.clone(), two.user.id);
        let first = tokio::spawn(async move { auth.assign_role(right_one, target, PlatformRole::User, None).await });
        let target = one.user.id;
        let other = tokio::spawn(async move { second.assign_role(right_two, target, PlatformRole::User, None).await });
        let answers = [first.await.unwrap(), other.await.unwrap()];
        let failed: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
        assert!(matches!(failed.as_slice(), [Failure::Refused(AssignRoleError::LastHero)]), "{failed:?}");
        let left = "SELECT COUNT(*) FROM app_user WHERE platform_role = 'HERO' AND deleted_at IS NULL";
        assert_eq!(house.number(left).await, 1);
    }
}

#[tokio::test]
async fn a_hero_who_was_demoted_meanwhile_may_no_longer_act() {
    let house = House::open(Engine::Sqlite).await;
    let one = house.person_as("One", PlatformRole::Hero).await;
    house.person_as("Two", PlatformRole::Hero).await;
    let ada = house.person("Ada").await;
    let right = house.right(&one, Feature::RolesAssign, Level::Hero).await;
    let delete = house.right(&one, Feature::UsersDelete, Level::Hero).await;
    house.auth.promote("One", PlatformRole::Admin).await.unwrap();
    let late = house.auth.assign_role(right, ada.user.id, PlatformRole::Hero, None).await;
    assert!(matches!(fault(late), Error::Forbidden { .. }));
    assert!(matches!(fault(house.auth.delete_user(delete, ada.user.id, None).await), Error::Forbidden { .. }));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn deletion_takes_what_is_personal_and_leaves_the_ledger(#[case] engine: Engine) {
    let house = House::open(engine).await;
    let hero = house.person_as("Hero", PlatformRole::Hero).await;
    let ada = house.person("Ada").await;
    let account = house.auth.personal_account_of(ada.user.id).await.unwrap().unwrap();
    let right = house.right(&hero, Feature::UsersDelete, Level::Hero).await;
    house.auth.delete_user(right, ada.user.id, Some("request-2".to_owned())).await.unwrap();
    for table in ["app_user", "account", "audit_entry"] {
        let columns = match table {
            "app_user" => "username || username_key || email || email_key || COALESCE(password_hash, '')",
            "account" => "name",
            _ => "COALESCE(before, '') || COALESCE(after, '')",
        };
        let left = format!("SELECT COUNT(*) FROM {table} WHERE lower({columns}) LIKE '%ada%'");
        assert_eq!(house.number(&left).await, 0, "{table}");
    }
    let credits = house.ledger.account(account.id).await.unwrap().unwrap();
    assert_eq!((credits.balance.available, credits.sequence), (25, 1));
    assert_eq!(refused(house.give(account.id, 1).await), Refusal::AccountClosed);
    assert_eq!(house.auth.personal_account_of(ada.user.id).await.unwrap(), None);
    assert_eq!(refused(house.auth.delete_user(right, ada.user.id, None).await), DeleteUserError::UserNotFound);
    assert_eq!(count_entries(house.test.db.reader(), "user.delete", ada.user.id).await.unwrap(), 1);
    // The name is free again, and the new person's account takes credits.
    let next = house.auth.sign_up(newcomer("Ada"), &home()).await.unwrap();
    let open = house.auth.personal_account_of(next.user.id).await.unwrap().unwrap();
    house.give(open.id, 1).await.unwrap();
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn lists_people_newest_first_by_part_of_name_or_address_and_role(#[case] engine: Engine) {
    let house = House::open(engine).await;
    for name in ["Ada_1", "Ada-2", "Bob", "Cy_Ada"] {
        house.person(name).await;
    }
    house.auth.promote("Bob", PlatformRole::Admin).await.unwrap();
    let right = Viewer::System.may(Feature::UsersView, Level::Read).unwrap();
    let names = async |search: Option<&str>, role, page| {
        let filter = UserFilter { search: search.map(str::to_owned), role };
        let page = house.auth.list_users(right, &filter, UserOrder::Newest, &page).await.unwrap();
        (page.items.into_iter().map(|listed| listed.user.username).collect::<Vec<_>>(), page.total, page.has_next)
    };
    let total = PageArgs { with_total: true, ..PageArgs::first(2) };
    let (first, count, more) = names(None, None, total).await;
    assert_eq!((first, count, more), (vec!["Cy_Ada".to_owned(), "Bob".to_owned()], Some(4), true));
    assert_eq!(names(Some("ADA"), None, PageArgs::first(9)).await.0, ["Cy_Ada", "Ada-2", "Ada_1"]);
    assert_eq!(names(Some("a_1"), None, PageArgs::first(9)).await.0, ["Ada_1"], "`_` is no wildcard");
    assert_eq!(names(Some("%"), None, PageArgs::first(9)).await.0, Vec::<String>::new());
    assert_eq!(names(Some("bob@ex"), None, PageArgs::first(9)).await.0, ["Bob"]);
    assert_eq!(names(None, Some(PlatformRole::Admin), PageArgs::first(9)).await.0, ["Bob"]);
    let last = PageArgs { from_end: true, ..PageArgs::first(2) };
    assert_eq!(names(None, None, last).await.0, ["Ada-2", "Ada_1"]);
}
