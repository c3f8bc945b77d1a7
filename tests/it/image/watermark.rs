//! Marked images.

use inkledger::{ai::shelf::KeepError, db::Engine};
use rstest::rstest;
use serde_json::json;

use super::stage::{Stage, picture, uuid_of};

// REQ-A-36: the watermark is never missing, and the clean original is never signed.
#[rstest]
#[tokio::test]
async fn a_marked_image_shows_its_mark_everywhere_for_ever(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let clean = stage.draw(json!({"aspectRatio": "16:9"})).await;
    assert_eq!(clean["watermarkText"], json!(null));
    stage.set_watermark(Some("© Studio"), true).await;
    // The sandbox draws the same from the same request, so all that differs is the mark.
    let marked = stage.draw(json!({"aspectRatio": "16:9"})).await;
    assert_eq!(marked["watermarkText"], "© Studio");
    for (before, after) in [(&clean, &marked), (&clean["copies"][1], &marked["copies"][1])] {
        let (before, after) = (stage.pixels(&before["url"]).await, stage.pixels(&after["url"]).await);
        let (width, height) = after.dimensions();
        let differs =
            |x: u32, y: u32| (0..3).any(|at| before.get_pixel(x, y)[at].abs_diff(after.get_pixel(x, y)[at]) > 60);
        let corner = |x: u32, y: u32| x > width / 2 && y > height * 9 / 10;
        let all = (0..width).flat_map(|x| (0..height).map(move |y| (x, y)));
        let (inside, outside): (Vec<_>, Vec<_>) =
            all.filter(|(x, y)| differs(*x, *y)).partition(|(x, y)| corner(*x, *y));
        assert!(inside.len() > 50 && outside.is_empty(), "{} {}", inside.len(), outside.len());
    }
    // Nobody is given the clean original, whatever they may see.
    for token in [&stage.owner.token, &stage.hero.token] {
        let seen = stage.see(Some(token), marked["id"].as_str().unwrap()).await;
        assert!(!seen.to_string().contains("/original."), "{seen}");
        assert!(seen["url"].as_str().unwrap().contains("/marked.png"));
    }
    // A change of the setting is one of images to come.
    stage.set_watermark(Some("other"), false).await;
    let again = stage.see(Some(&stage.owner.token), marked["id"].as_str().unwrap()).await;
    assert_eq!(again["watermarkText"], "© Studio");
    assert!(again["url"].as_str().unwrap().contains("/marked.png"));
    let unmarked = stage.draw(json!({"aspectRatio": "16:9"})).await;
    assert_eq!(unmarked["watermarkText"], json!(null));
    assert_eq!(stage.pixels(&unmarked["url"]).await, stage.pixels(&clean["url"]).await);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'account.update'").await, 2);
}

// REQ-A-36: an image that cannot be marked is not delivered, and costs nothing.
#[rstest]
#[tokio::test]
async fn an_image_that_cannot_be_marked_is_not_charged(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.set_watermark(Some("a watermark of many words that a small image has no room for"), true).await;
    let sizes = r#"{"1:1":[40,40]}"#;
    stage.server.execute(&format!("UPDATE ai_model SET aspect_ratios = '{sizes}' WHERE kind = 'IMAGE'")).await;
    let before = stage.server.balance(&stage.owner).await;
    let task = stage.task(json!({})).await;
    assert_eq!((&task["status"], &task["items"][0]["errorCode"]), (&json!("ERROR"), &json!("WATERMARK_FAILED")));
    assert_eq!(stage.server.balance(&stage.owner).await, before);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM image").await, 0);
    stage.server.check_ledger().await;
}

#[tokio::test]
async fn an_enlargement_keeps_the_mark_of_its_original() {
    let stage = Stage::open(Engine::Sqlite).await;
    stage.set_watermark(Some("mine"), true).await;
    let original = stage.draw(json!({})).await;
    stage.set_watermark(None, false).await;
    let enlarged = stage.enlarge(original["id"].as_str().unwrap()).await;
    let enlarged = stage.see(Some(&stage.owner.token), &enlarged).await;
    assert_eq!(enlarged["watermarkText"], "mine");
    assert!(!enlarged.to_string().contains("/original."));
    let mut slot = stage.slot(None);
    slot.watermark = Some("no room".to_owned());
    assert!(matches!(stage.keep(slot, picture(30, 12)).await, Err(KeepError::Unmarkable(_))));
}

#[rstest]
#[tokio::test]
async fn only_the_owner_sets_a_watermark_and_only_one_that_can_be_drawn(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let account = &stage.owner.account;
    let set = |version: i64, text: &str, is_on: bool| json!({"accountId": account, "expectedVersion": version, "watermarkText": text, "isWatermarked": is_on});
    let editor = stage.member("editor", "EDITOR").await;
    let other = stage.server.sign_up("other").await;
    let owner = Some(stage.owner.token.as_str());
    for (token, expected) in [
        (None, "UNAUTHENTICATED"),
        (Some(other.token.as_str()), "NOT_FOUND"),
        (Some(editor.token.as_str()), "FORBIDDEN"),
        (Some(stage.hero.token.as_str()), "NOT_FOUND"),
        (owner, "OK"),
    ] {
        assert_eq!(stage.act(token, "updateAccount", set(1, "mine", true)).await, expected);
    }
    for (input, expected) in [
        (set(1, "mine", true), "VERSION_CONFLICT"),
        (set(2, "漢字", true), "WATERMARK_INVALID"),
        (set(2, &"x".repeat(81), true), "WATERMARK_INVALID"),
        (set(2, " ", true), "WATERMARK_INVALID"),
        (json!({"accountId": account, "expectedVersion": 2, "name": " "}), "NAME_INVALID"),
        (json!({"accountId": account, "expectedVersion": 2, "name": null}), "BAD_USER_INPUT"),
        (json!({"accountId": account, "expectedVersion": 2, "isWatermarked": null}), "BAD_USER_INPUT"),
        // The text goes, and the mark with it; then it cannot be switched on.
        (json!({"accountId": account, "expectedVersion": 2, "watermarkText": null}), "OK"),
        (json!({"accountId": account, "expectedVersion": 3, "isWatermarked": true}), "WATERMARK_INVALID"),
        (json!({"accountId": account, "expectedVersion": 3, "name": "Studio"}), "OK"),
        // Nothing changes, so no version is written.
        (json!({"accountId": account, "expectedVersion": 4, "name": "Studio"}), "OK"),
        (json!({"accountId": account, "expectedVersion": 4}), "OK"),
    ] {
        assert_eq!(stage.act(owner, "updateAccount", input.clone()).await, expected, "{input}");
    }
    let query = "query($id: ID!) { account(id: $id) { name watermarkText isWatermarked version } }";
    let found = stage.server.payload(&stage.owner, query, json!({"id": account})).await;
    assert_eq!(found, json!({"name": "Studio", "watermarkText": null, "isWatermarked": false, "version": 4}));
    let entries = format!(
        "SELECT COUNT(*) FROM audit_entry WHERE action = 'account.update' AND {}",
        match engine {
            Engine::Sqlite => format!("target_id = x'{}'", uuid_of(account).simple()),
            Engine::Postgres => format!("target_id = '{}'", uuid_of(account)),
        }
    );
    assert_eq!(stage.server.number(&entries).await, 3);
}
