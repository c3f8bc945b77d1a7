//! Who sees an image, and how much of it.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::Stage;

/// The fields that those see who see an image because it is public, beside the object `copies`.
const SAFE: [&str; 16] = [
    "id",
    "url",
    "contentType",
    "width",
    "height",
    "kind",
    "visibility",
    "isHidden",
    "isSandbox",
    "placeholder",
    "altText",
    "eventType",
    "style",
    "createdAt",
    "copies",
    "__typename",
];

fn told(image: &Value) -> Vec<&str> {
    let fields = image.as_object().unwrap().iter();
    fields.filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str()).collect()
}

// REQ-A-38, REQ-B-47: visibility, safe fields.
#[rstest]
#[tokio::test]
async fn a_public_image_tells_others_what_is_safe_and_a_private_one_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let drawn = stage.draw(json!({})).await;
    let id = drawn["id"].as_str().unwrap();
    let (viewer, editor) = (stage.member("viewer", "VIEWER").await, stage.member("editor", "EDITOR").await);
    let (other, admin) = (stage.server.sign_up("other").await, stage.server.admin(&stage.hero, "moderator").await);
    let insiders = [&stage.owner, &viewer, &editor, &admin, &stage.hero];
    let set = |visibility: &str| json!({"imageId": id, "visibility": visibility});

    // PRIVATE, as it was delivered.
    assert_eq!(stage.see(Some(&other.token), id).await, json!(null));
    for person in insiders {
        assert_eq!(stage.see(Some(&person.token), id).await["prompt"], "a lighthouse at dusk", "{}", person.name);
    }
    for (token, expected) in [
        (None, "UNAUTHENTICATED"),
        (Some(&other.token), "NOT_FOUND"),
        (Some(&admin.token), "NOT_FOUND"),
        (Some(&viewer.token), "FORBIDDEN"),
        (Some(&editor.token), "OK"),
    ] {
        assert_eq!(stage.act(token.map(String::as_str), "setImageVisibility", set("PUBLIC")).await, expected);
    }

    // PUBLIC.
    let seen = stage.see(Some(&other.token), id).await;
    for name in told(&seen) {
        assert!(SAFE.contains(&name), "{name} is told to others: {seen}");
    }
    assert_eq!((&seen["id"], &seen["isSandbox"], &seen["visibility"]), (&json!(id), &json!(true), &json!("PUBLIC")));
    assert_eq!(stage.fetch(&seen["url"]).await.0, 200);
    assert!(!seen.to_string().contains("lighthouse"));
    let query = "query($id: ID!) { node(id: $id) { id } }";
    let anonymous = stage.server.call(None, query, json!({"id": id})).await;
    assert_eq!(anonymous["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    // Public or not, it is not others' to change, and their gallery does not hold it.
    for (field, input) in [("setImageVisibility", set("PRIVATE")), ("deleteImage", json!({"imageId": id}))] {
        assert_eq!(stage.act(Some(&other.token), field, input).await, "NOT_FOUND", "{field}");
    }

    // Hidden by a moderator.
    let hide = |is_hidden: bool| json!({"imageId": id, "isHidden": is_hidden, "reason": "reported"});
    for (token, expected) in [
        (None, "UNAUTHENTICATED"),
        (Some(&other.token), "FORBIDDEN"),
        (Some(&stage.owner.token), "FORBIDDEN"),
        (Some(&admin.token), "OK"),
    ] {
        assert_eq!(stage.act(token.map(String::as_str), "moderateImage", hide(true)).await, expected);
    }
    assert_eq!(stage.see(Some(&other.token), id).await, json!(null));
    for person in insiders {
        assert_eq!(stage.see(Some(&person.token), id).await["isHidden"], true);
    }
    let long = json!({"imageId": id, "isHidden": true, "reason": "x".repeat(501)});
    assert_eq!(stage.act(Some(&admin.token), "moderateImage", long).await, "REASON_TOO_LONG");
    assert_eq!(stage.act(Some(&admin.token), "moderateImage", hide(false)).await, "OK");
    assert_eq!(stage.see(Some(&other.token), id).await["id"], id);

    // PRIVATE again.
    assert_eq!(stage.act(Some(&stage.owner.token), "setImageVisibility", set("PRIVATE")).await, "OK");
    assert_eq!(stage.see(Some(&other.token), id).await, json!(null));
    let acts = "SELECT COUNT(*) FROM audit_entry WHERE target_kind = 'image' AND request_id IS NOT NULL";
    assert_eq!(stage.server.number(acts).await, 4);
}
