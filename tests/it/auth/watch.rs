//! Live connections close soon after sign-out, demotion and deletion (G19, G56).

use std::{sync::Arc, time::Duration};

use inkledger::{
    auth::{AccessWatch, model::CloseReason},
    bus::{Bus, Hint, local::LocalBus},
    db::Engine,
    viewer::{Feature, Level, PlatformRole},
};
use rstest::rstest;
use tokio::{sync::broadcast, time::timeout};
use tokio_util::sync::CancellationToken;

use super::house::House;

/// A bus that loses everything, as it may.
struct Lossy(LocalBus);

impl Bus for Lossy {
    fn publish(&self, _: Hint) {}
    fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.0.subscribe()
    }
    fn origin(&self) -> &str {
        self.0.origin()
    }
}

fn start(house: &House, bus: Arc<dyn Bus>) -> (AccessWatch, CancellationToken) {
    let (watch, stop) = (AccessWatch::new(house.test.db.clone(), bus), CancellationToken::new());
    tokio::spawn(watch.clone().run(stop.clone()));
    (watch, stop)
}

#[rstest]
#[case::sqlite(Engine::Sqlite, true)]
#[case::postgres(Engine::Postgres, true)]
#[case::sqlite_without_hints(Engine::Sqlite, false)]
#[case::postgres_without_hints(Engine::Postgres, false)]
#[tokio::test]
async fn closes_within_five_seconds_and_leaves_the_others_open(#[case] engine: Engine, #[case] hints: bool) {
    let house = House::open(engine).await;
    let hero = house.person_as("Hero", PlatformRole::Hero).await;
    let admin = house.person_as("Admin", PlatformRole::Admin).await;
    let (ada, ada_too, gone) = (house.person("Ada").await, house.sign_in("Ada").await, house.person("Gone").await);
    let bus: Arc<dyn Bus> = if hints { house.bus.clone() } else { Arc::new(Lossy(LocalBus::new("lossy"))) };
    let (watch, stop) = start(&house, bus);
    let most = if hints { Duration::from_secs(1) } else { Duration::from_secs(5) };
    let watched = async |session| watch.watch(house.viewer(session).await.user().unwrap());
    let signed_out = watched(&ada).await;
    let demoted = watched(&admin).await;
    let deleted = watched(&gone).await;
    let mut open = Box::pin(watched(&ada_too).await);
    assert_eq!(watch.len(), 4);

    house.auth.sign_out(house.viewer(&ada).await.signed_in().unwrap()).await.unwrap();
    assert_eq!(timeout(most, signed_out).await.unwrap(), CloseReason::SessionEnded);
    let right = house.right(&hero, Feature::RolesAssign, Level::Hero).await;
    house.auth.assign_role(right, admin.user.id, PlatformRole::User, None).await.unwrap();
    assert_eq!(timeout(most, demoted).await.unwrap(), CloseReason::RightsChanged);
    let right = house.right(&hero, Feature::UsersDelete, Level::Hero).await;
    house.auth.delete_user(right, gone.user.id, None).await.unwrap();
    assert_eq!(timeout(most, deleted).await.unwrap(), CloseReason::SessionEnded);

    assert!(timeout(Duration::from_millis(2_500), &mut open).await.is_err(), "a live session stays open");
    assert_eq!(watch.len(), 1);
    drop(open);
    assert!(watch.is_empty(), "nothing is left of closed connections");
    stop.cancel();
}

#[tokio::test]
async fn notices_what_happened_between_the_check_and_the_watch() {
    let house = House::open(Engine::Sqlite).await;
    let session = house.person("Ada").await;
    let who = house.viewer(&session).await.user().unwrap();
    house.auth.promote("Ada", PlatformRole::Admin).await.unwrap();
    let (watch, stop) = start(&house, house.bus.clone());
    let closed = timeout(Duration::from_secs(5), watch.watch(who)).await.unwrap();
    assert_eq!(closed, CloseReason::RightsChanged);
    stop.cancel();
}

#[tokio::test]
async fn a_thousand_connections_close_together() {
    let house = House::open(Engine::Sqlite).await;
    let session = house.person("Ada").await;
    let who = house.viewer(&session).await.user().unwrap();
    let (watch, stop) = start(&house, house.bus.clone());
    let open: Vec<_> = (0..1_000).map(|_| tokio::spawn(watch.watch(who))).collect();
    house.auth.sign_out_everywhere(house.viewer(&session).await.signed_in().unwrap(), false).await.unwrap();
    for one in open {
        let reason = timeout(Duration::from_secs(5), one).await.unwrap().unwrap();
        assert_eq!(reason, CloseReason::SessionEnded);
    }
    assert!(watch.is_empty());
    stop.cancel();
}
