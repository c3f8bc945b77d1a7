//! Images that go: by their account's members, by a right, and with their person.

use std::time::Duration;

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::json;

use super::stage::{Stage, picture};

// REQ-A-38: a deleted image is not found at once, and its bytes are marked to go.
#[rstest]
#[tokio::test]
async fn a_deleted_image_is_gone_at_once_and_what_was_charged_stays(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let task = stage.task(json!({"count": 2, "aspectRatio": "16:9"})).await;
    let id = |at: usize| task["items"][at]["image"]["id"].as_str().unwrap();
    let image = stage.see(Some(&stage.owner.token), id(0)).await;
    let balance = stage.server.balance(&stage.owner).await;
    let (viewer, other) = (stage.member("viewer", "VIEWER").await, stage.server.sign_up("other").await);
    let delete = json!({"imageId": id(0)});
    for (token, expected) in [
        (None, "UNAUTHENTICATED"),
        (Some(&other.token), "NOT_FOUND"),
        (Some(&viewer.token), "FORBIDDEN"),
        (Some(&stage.owner.token), "OK"),
        (Some(&stage.owner.token), "NOT_FOUND"),
    ] {
        assert_eq!(stage.act(token.map(String::as_str), "deleteImage", delete.clone()).await, expected);
    }
    assert_eq!(stage.see(Some(&stage.owner.token), id(0)).await, json!(null));
    // Addresses that were signed before show nothing any more.
    for url in [&image["url"], &image["copies"][0]["url"], &image["copies"][3]["url"]] {
        assert_eq!(stage.fetch(url).await.0, 404, "{url}");
    }
    let query = "query($a: ID!) { images(accountId: $a) { nodes { id } totalCount } }";
    let list = stage.server.payload(&stage.owner, query, json!({"a": stage.owner.account})).await;
    assert_eq!(list, json!({"nodes": [{"id": id(1)}], "totalCount": 1}));
    let kept = stage.server.task(&stage.owner, task["id"].as_str().unwrap()).await;
    assert_eq!(kept["items"][0]["image"], json!(null));
    assert_eq!(kept["creditsUsed"], task["creditsUsed"]);
    stage.server.objects.purge().await.unwrap();
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM object_purge").await, 0);
    assert_eq!(count_files(&stage.server.home.folder().join("objects/images")), 4, "the bytes of the other one");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM stored_object").await, 4);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM image WHERE prompt = '' AND deleted_at > 0").await, 1);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM credit_usage").await, 2);
    assert_eq!(stage.server.balance(&stage.owner).await, balance);

    // By `images:delete`, whosever it is.
    let admin = stage.server.admin(&stage.hero, "moderator").await;
    assert_eq!(stage.act(Some(&admin.token), "deleteImage", json!({"imageId": id(1)})).await, "OK");
    assert_eq!(stage.see(Some(&stage.owner.token), id(1)).await, json!(null));
    for actor in ["user", "admin"] {
        let acts = format!("SELECT COUNT(*) FROM audit_entry WHERE action = 'image.delete' AND actor_kind = '{actor}'");
        assert_eq!(stage.server.number(&acts).await, 1, "{actor}");
    }
    stage.server.check_ledger().await;
    stage.server.check_records().await;
}

// REQ-A-6: a user with images can be deleted; ledger and usage rows stay.
#[rstest]
#[tokio::test]
async fn a_deleted_person_takes_their_images_with_them(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.set_watermark(Some("secret name"), true).await;
    let drawn = stage.draw(json!({"prompt": "a secret garden"})).await;
    stage.enlarge(drawn["id"].as_str().unwrap()).await;
    let usage = stage.server.number("SELECT COUNT(*) FROM credit_usage").await;
    let posted = stage.server.number("SELECT COUNT(*) FROM credit_transaction").await;
    let input = json!({"userId": stage.owner.user});
    assert_eq!(stage.act(Some(&stage.hero.token), "deleteUser", input).await, "OK");
    assert_eq!(stage.see(Some(&stage.hero.token), drawn["id"].as_str().unwrap()).await, json!(null));
    assert_eq!(stage.fetch(&drawn["url"]).await.0, 404);
    for left in ["image_variant", "stored_object", "image WHERE deleted_at IS NULL", "image WHERE prompt <> ''"] {
        assert_eq!(stage.server.number(&format!("SELECT COUNT(*) FROM {left}")).await, 0, "{left}");
    }
    stage.server.objects.purge().await.unwrap();
    assert_eq!(count_files(&stage.server.home.folder().join("objects/images")), 0);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM account WHERE watermark_text IS NOT NULL").await, 0);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM credit_usage").await, usage);
    assert!(stage.server.number("SELECT COUNT(*) FROM credit_transaction").await >= posted);
    // What was under way is delivered, for it is paid for; the sweep takes it away.
    let late = stage.keep(stage.slot(None), picture(400, 400)).await.unwrap();
    assert!(stage.deliver(&late, None).await);
    let gone = async {
        while stage.server.number("SELECT COUNT(*) FROM image WHERE deleted_at IS NULL").await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("the late image stayed");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM stored_object").await, 0);
    stage.server.check_ledger().await;
}

fn count_files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { count_files(&entry.path()) } else { 1 }).sum()
}
