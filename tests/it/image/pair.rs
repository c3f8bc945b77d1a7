//! An image and its enlargement: linked both ways, seen by the same people, one per original.

use inkledger::{
    ai::shelf::{ImageShelf as _, OriginalBytes},
    db::Engine,
};
use rstest::rstest;
use serde_json::json;

use super::stage::{Stage, picture, uuid_of};

// REQ-A-37: linked both ways, once.
#[rstest]
#[tokio::test]
async fn an_original_has_one_enlargement_at_most(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let drawn = stage.draw(json!({})).await;
    let original = drawn["id"].as_str().unwrap();
    let (account, gallery) = (uuid_of(&stage.owner.account), stage.gallery());
    let ids = [uuid_of(original)];
    let before = gallery.enlargeable(account, &ids).await.unwrap();
    assert_eq!((before.len(), before[0].enlarged, before[0].width), (1, None, 512));
    assert!(gallery.enlargeable(uuid_of(&stage.hero.account), &ids).await.unwrap().is_empty());

    // Two are drawn at once: whichever is delivered second is refused by the guard.
    let one = stage.keep(stage.slot(Some(original)), picture(1024, 1024)).await.unwrap();
    let two = stage.keep(stage.slot(Some(original)), picture(1024, 1024)).await.unwrap();
    let (one, two) = tokio::join!(stage.deliver(&one, Some(original)), stage.deliver(&two, Some(original)));
    assert_ne!(one, two);
    let seen = stage.see(Some(&stage.owner.token), original).await;
    let enlarged = seen["enlargement"]["id"].as_str().unwrap();
    let linked = stage.see(Some(&stage.owner.token), enlarged).await;
    assert_eq!((&linked["original"]["id"], &linked["enlargement"]), (&json!(original), &json!(null)));
    assert_eq!((&linked["eventType"], &linked["style"]), (&json!("WEDDING"), &json!("Origami")));
    let after = gallery.enlargeable(account, &[ids[0], uuid_of(enlarged)]).await.unwrap();
    assert_eq!((after.len(), after[0].enlarged), (1, Some(uuid_of(enlarged))), "an enlargement is not enlarged");
    let OriginalBytes::Here(bytes, content_type) = gallery.read_original(account, ids[0]).await.unwrap() else {
        panic!()
    };
    assert_eq!((bytes, content_type.as_str()), (stage.fetch(&drawn["url"]).await.1, "image/png"));
    assert_eq!(gallery.read_original(uuid_of(&stage.hero.account), ids[0]).await.unwrap(), OriginalBytes::NoImage);
}

// REQ-A-37, REQ-A-38: the pair shares visibility.
#[rstest]
#[tokio::test]
async fn a_pair_is_seen_by_the_same_people(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let other = stage.server.sign_up("other").await;
    let drawn = stage.draw(json!({})).await;
    let original = drawn["id"].as_str().unwrap();
    let owner = Some(stage.owner.token.as_str());
    assert_eq!(
        stage.act(owner, "setImageVisibility", json!({"imageId": original, "visibility": "PUBLIC"})).await,
        "OK"
    );
    // From its first moment on it is what its original is.
    let enlarged = stage.enlarge(original).await;
    let public = |id: String| {
        let (stage, other) = (&stage, &other);
        async move { stage.see(Some(&other.token), &id).await.is_object() }
    };
    assert!(public(enlarged.clone()).await);
    // To those who see it because it is public, the pair is not told.
    assert_eq!(stage.see(Some(&other.token), original).await["enlargement"], json!(null));
    for (of, visibility) in [(enlarged.as_str(), "PRIVATE"), (original, "PUBLIC"), (original, "PRIVATE")] {
        assert_eq!(
            stage.act(owner, "setImageVisibility", json!({"imageId": of, "visibility": visibility})).await,
            "OK"
        );
        let expected = visibility == "PUBLIC";
        assert_eq!((public(original.to_owned()).await, public(enlarged.clone()).await), (expected, expected));
    }
    assert_eq!(
        stage.act(owner, "setImageVisibility", json!({"imageId": enlarged, "visibility": "PUBLIC"})).await,
        "OK"
    );
    let hide = json!({"imageId": enlarged, "isHidden": true});
    assert_eq!(stage.act(Some(&stage.hero.token), "moderateImage", hide).await, "OK");
    assert!(!public(original.to_owned()).await && !public(enlarged.clone()).await);
}

// REQ-A-37: deleting the original deletes both; the enlargement alone may go, and another be made.
#[rstest]
#[tokio::test]
async fn an_original_takes_its_enlargement_with_it(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let drawn = stage.draw(json!({})).await;
    let original = drawn["id"].as_str().unwrap();
    let first = stage.enlarge(original).await;
    let owner = Some(stage.owner.token.as_str());
    assert_eq!(stage.act(owner, "deleteImage", json!({"imageId": first})).await, "OK");
    assert_eq!(stage.see(owner, &first).await, json!(null));
    assert_eq!(stage.see(owner, original).await["enlargement"], json!(null));
    let second = stage.enlarge(original).await;
    let late = stage.keep(stage.slot(Some(original)), picture(1024, 1024)).await.unwrap();
    let query = "mutation($i: DeleteImageInput!) { deleteImage(input: $i) { images { id url copies { url } } userErrors { code } } }";
    let payload = stage.server.payload(&stage.owner, query, json!({"i": {"imageId": original}})).await;
    let gone = json!([
        {"id": original, "url": null, "copies": null},
        {"id": second, "url": null, "copies": null},
    ]);
    assert_eq!(payload, json!({"images": gone, "userErrors": []}));
    for id in [original, &second] {
        assert_eq!(stage.see(owner, id).await, json!(null));
    }
    // One that is delivered after that finds no original.
    assert!(!stage.deliver(&late, Some(original)).await);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM image WHERE deleted_at IS NULL").await, 0);
}
