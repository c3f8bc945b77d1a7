//! Thumbnails, WebP copies and placeholders.

use inkledger::{ai::provider::sandbox::Step, db::Engine};
use rstest::rstest;
use serde_json::json;

use super::stage::{Stage, picture};

// REQ-A-36: derivatives are readable, of the right size, and never larger than the image.
#[rstest]
#[tokio::test]
async fn a_delivered_image_has_its_copies_at_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let image = stage.draw(json!({"aspectRatio": "16:9"})).await;
    assert_eq!((&image["width"], &image["height"]), (&json!(768), &json!(432)));
    let copies = image["copies"].as_array().unwrap();
    let kinds: Vec<_> = copies.iter().map(|copy| copy["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["THUMBNAIL_320", "THUMBNAIL_640", "THUMBNAIL_1280", "WEBP"]);
    for (copy, size) in copies.iter().zip([(320, 180), (640, 360)]) {
        assert_eq!((copy["width"].as_u64(), copy["height"].as_u64()), (Some(size.0), Some(size.1)), "{copy}");
        assert_eq!((&copy["contentType"], &copy["failure"]), (&json!("image/jpeg"), &json!(null)));
        let (status, bytes) = stage.fetch(&copy["url"]).await;
        assert_eq!((status, bytes.len() as u64), (200, copy["bytes"].as_u64().unwrap()));
        let read = image::load_from_memory(&bytes).unwrap();
        assert_eq!((u64::from(read.width()), u64::from(read.height())), size);
    }
    assert_eq!((&copies[2]["url"], &copies[2]["failure"]), (&json!(null), &json!("IMAGE_NOT_WIDER")));
    // The WebP copy holds the same pixels in fewer bytes.
    assert_eq!(copies[3]["failure"], json!(null), "{}", copies[3]);
    assert!(copies[3]["bytes"].as_u64() < image["bytes"].as_u64());
    assert_eq!(stage.pixels(&copies[3]["url"]).await, stage.pixels(&image["url"]).await);
    assert!(image["placeholder"].as_str().is_some_and(|hash| hash.len() >= 20), "{image}");
    assert_eq!((&image["aspectRatio"], &image["quality"]), (&json!("16:9"), &json!("STANDARD")));
    assert_eq!((&image["kind"], &image["visibility"]), (&json!("STANDALONE"), &json!("PRIVATE")));
    // Every object of the store has a row, so that whoever sweeps the store takes none of them for an orphan.
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM stored_object").await, 4);
    stage.server.check_ledger().await;
    stage.server.check_records().await;
}

// REQ-A-34, REQ-A-36: what is no image costs nothing and leaves nothing.
#[rstest]
#[tokio::test]
async fn a_corrupt_image_is_neither_charged_nor_kept(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let before = stage.server.balance(&stage.owner).await;
    stage.server.script.rule(|_| Some(Step::Corrupt));
    let task = stage.task(json!({})).await;
    assert_eq!((&task["status"], &task["items"][0]["errorCode"]), (&json!("ERROR"), &json!("CORRUPT_IMAGE")));
    assert_eq!(stage.server.balance(&stage.owner).await, before);
    for table in ["image", "image_variant", "stored_object"] {
        assert_eq!(stage.server.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
}

// REQ-A-36: a copy that cannot be stored is null with its reason; the image stands.
#[tokio::test]
async fn a_copy_that_the_store_refuses_is_left_out_with_the_reason() {
    let stage = Stage::open(Engine::Sqlite).await;
    stage.draw(json!({})).await;
    let slot = stage.slot(None);
    // Where the thumbnail should go stands a folder.
    let folder = stage.server.home.folder().join(format!("objects/images/{}/{}", slot.account, slot.image));
    std::fs::create_dir_all(folder.join("w320.jpg/in-the-way")).unwrap();
    let kept = stage.keep(slot, picture(700, 400)).await.unwrap();
    assert!(stage.deliver(&kept, None).await);
    let query = "query($a: ID!) { images(accountId: $a, first: 1) { nodes { url copies { kind url failure } } } }";
    let found = stage.server.data(Some(&stage.owner.token), query, json!({"a": stage.owner.account})).await;
    let image = &found["images"]["nodes"][0];
    assert_eq!(image["copies"][0], json!({"kind": "THUMBNAIL_320", "url": null, "failure": "STORE_UNAVAILABLE"}));
    assert_eq!(image["copies"][1]["failure"], json!(null));
    assert!(image["url"].is_string());
}

#[tokio::test]
async fn a_run_after_a_crash_finds_the_bytes_and_makes_the_same_again() {
    use inkledger::ai::shelf::ImageShelf as _;
    let stage = Stage::open(Engine::Sqlite).await;
    let mut slot = stage.slot(None);
    slot.watermark = Some("© me".to_owned());
    assert_eq!(stage.gallery().find_kept(slot.clone()).await.unwrap(), None);
    let kept = stage.keep(slot.clone(), picture(700, 400)).await.unwrap();
    assert_eq!(stage.gallery().find_kept(slot).await.unwrap(), Some(kept));
}
