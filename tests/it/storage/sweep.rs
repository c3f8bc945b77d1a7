//! What removes bytes, on both stores and both databases.

use std::sync::Arc;

use bytes::Bytes;
use inkledger::{
    clock::{Clock as _, FixedClock, SECOND, SystemClock},
    config::Role,
    db::Engine,
    storage::{ObjectKey, Storage},
};
use rstest::rstest;
use uuid::Uuid;

use crate::support::{
    builders::Person,
    s3_server::{S3Server, quick},
    server::{Home, Server},
};

const HOUR: i64 = 3_600 * SECOND;

struct Scene {
    s3: S3Server,
    clock: Arc<FixedClock>,
    server: Server,
    storage: Storage,
    hero: Person,
}

async fn start(home: &Arc<Home>, s3: &S3Server, clock: &Arc<FixedClock>, role: Role) -> Server {
    let (storage, clock) = (s3.storage(), clock.clone());
    home.start_with(|config, seams| {
        config.storage = storage;
        config.role = role;
        seams.clock = clock;
    })
    .await
}

impl Scene {
    /// A server with both stores, whose clock stands still: the stores' own clocks go on.
    async fn open(engine: Engine) -> Self {
        let s3 = S3Server::start().await;
        let clock = Arc::new(FixedClock::new(SystemClock.now()));
        let home = Home::open(engine).await;
        let server = start(&home, &s3, &clock, Role::All).await;
        let storage = Storage::open(home.folder(), &s3.storage(), quick()).unwrap();
        let hero = server.hero().await;
        Self { s3, clock, server, storage, hero }
    }

    /// The hero's account as a key names it.
    async fn account(&self) -> Uuid {
        let sql = "SELECT id FROM account ORDER BY id LIMIT 1";
        let db = &self.server.db;
        let row = sea_orm::ConnectionTrait::query_one_raw(db.reader(), db.statement(sql, [])).await.unwrap().unwrap();
        row.try_get("", "id").unwrap()
    }

    async fn scan(&self) -> u64 {
        let mut removed = 0;
        for place in self.storage.places() {
            removed += self.server.objects.scan(place).await.unwrap().removed;
        }
        removed
    }

    async fn mark(&self, key: &ObjectKey, store: &str) {
        let at = self.clock.now();
        self.server
            .execute(&format!(
                "INSERT INTO object_purge (object_key, store, marked_at) VALUES ('{key}', '{store}', {at})"
            ))
            .await;
    }
}

fn key(account: Uuid, no: u128) -> ObjectKey {
    ObjectKey::image(account, Uuid::from_u128(no), "original", "png").unwrap()
}

#[rstest]
#[tokio::test]
async fn bytes_without_a_row_go_after_a_day_and_no_others(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let scene = Scene::open(engine).await;
    let Scene { server, storage, hero, clock, .. } = &scene;
    server.give(hero, hero, 10).await;
    let task = server.drawing(hero, 1, "kept-images").await;
    assert_eq!(server.ended(hero, &task).await["status"], "SUCCESS");
    let account = scene.account().await;
    let (orphan, stranger) = (key(account, 1), key(Uuid::from_u128(99), 2));
    for place in storage.places() {
        for key in [&orphan, &stranger] {
            place.put(key, Bytes::from_static(b"left behind")).await.unwrap();
        }
    }
    let rows = server.number("SELECT COUNT(*) FROM stored_object").await;

    clock.advance(23 * HOUR);
    assert_eq!(scene.scan().await, 0, "nothing younger than a day goes");
    clock.advance(2 * HOUR);
    assert_eq!(scene.scan().await, 2, "the orphan goes from both stores");
    assert_eq!(scene.scan().await, 0);
    for place in storage.places() {
        assert!(!place.exists(&orphan).await.unwrap());
        assert!(place.exists(&stranger).await.unwrap(), "another installation's objects are none of ours");
    }
    let kept: i64 = server.number("SELECT COUNT(*) FROM stored_object").await;
    assert_eq!(kept, rows);
    let query = "query($a: ID!) { images(accountId: $a) { nodes { url } } }";
    let hero = &server.sign_in("hero").await;
    let images = server.payload(hero, query, serde_json::json!({"a": hero.account})).await;
    let url = images["nodes"][0]["url"].as_str().unwrap();
    assert_eq!(reqwest::get(url).await.unwrap().status(), 200, "an image's own bytes stay");
}

#[rstest]
#[tokio::test]
async fn bytes_of_work_that_has_not_ended_stay(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let scene = Scene::open(engine).await;
    scene.server.give(&scene.hero, &scene.hero, 10).await;
    let task = scene.server.drawing(&scene.hero, 1, "open-images").await;
    assert_eq!(scene.server.ended(&scene.hero, &task).await["status"], "SUCCESS");
    // Without workers, which would finish the task.
    let Scene { s3, clock, server, storage, hero } = scene;
    let home = Arc::clone(&server.home);
    server.stop().await;
    let server = start(&home, &s3, &clock, Role::Api).await;
    let scene = Scene { s3, clock, server, storage, hero };
    let Scene { server, storage, clock, .. } = &scene;
    // As a crash between storing and settling leaves it.
    let sql = "SELECT id FROM ai_attempt LIMIT 1";
    let row = sea_orm::ConnectionTrait::query_one_raw(server.db.reader(), server.db.statement(sql, [])).await;
    let attempt: Uuid = row.unwrap().unwrap().try_get("", "id").unwrap();
    let left = ObjectKey::image(scene.account().await, attempt, "left", "png").unwrap();
    storage.put(&left, Bytes::from_static(b"received, not settled")).await.unwrap();
    server.execute("UPDATE ai_task SET status = 'PAUSED', finished_at = NULL").await;
    clock.advance(25 * HOUR);
    assert_eq!(scene.scan().await, 0);
    server.execute(&format!("UPDATE ai_task SET status = 'SUCCESS', finished_at = {}", clock.now())).await;
    assert_eq!(scene.scan().await, 1);
    assert!(!storage.exists(&left).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn marked_bytes_go_even_when_their_store_was_down(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let mut scene = Scene::open(engine).await;
    let account = scene.account().await;
    let [there, here] = [key(account, 1), key(account, 2)];
    for key in [&there, &here] {
        for place in scene.storage.places() {
            place.put(key, Bytes::from_static(b"deleted")).await.unwrap();
        }
    }
    scene.s3.stop().await;
    scene.mark(&there, "s3").await;
    scene.mark(&here, "local").await;
    scene.server.objects.purge().await.unwrap();
    assert_eq!(scene.server.number("SELECT COUNT(*) FROM object_purge WHERE store = 's3'").await, 1, "it waits");
    assert_eq!(scene.server.number("SELECT COUNT(*) FROM object_purge").await, 1, "the other store did not wait");
    assert!(!scene.storage.at("local").unwrap().exists(&here).await.unwrap());
    scene.s3.restart().await;
    scene.server.objects.purge().await.unwrap();
    assert_eq!(scene.server.number("SELECT COUNT(*) FROM object_purge").await, 0);
    assert!(!scene.storage.at("s3").unwrap().exists(&there).await.unwrap());
    assert!(scene.storage.at("local").unwrap().exists(&there).await.unwrap(), "only the store that the row names");
}

#[tokio::test]
async fn a_running_server_removes_marked_bytes_by_itself() {
    let server = Server::open(Engine::Sqlite).await;
    let storage = Storage::local(server.home.folder()).unwrap();
    let key = key(Uuid::from_u128(1), 1);
    storage.put(&key, Bytes::from_static(b"deleted")).await.unwrap();
    server
        .execute(&format!("INSERT INTO object_purge (object_key, store, marked_at) VALUES ('{key}', 'local', 1)"))
        .await;
    let gone = async {
        while server.number("SELECT COUNT(*) FROM object_purge").await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.unwrap();
    assert!(!storage.exists(&key).await.unwrap());
    let left = std::fs::read_dir(server.home.folder().join("objects")).unwrap().count();
    assert_eq!(left, 0, "its empty folders have gone with it");
}
