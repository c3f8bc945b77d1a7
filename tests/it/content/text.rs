//! Editing articles.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::json;

use super::stage::{Stage, refusal};

#[rstest]
#[tokio::test]
async fn an_edit_is_cleaned_and_makes_a_version(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let content = stage.content("DRAFT", &[]).await;
    let edit = json!({
        "title": "  Best   tents ", "slug": "best-tents", "html": "<h1>Tents</h1><p onclick=\"x\">Two <b>words</b></p><script>no</script>",
        "excerpt": "Short", "metaTitle": "Meta", "keywords": ["Tents", "tents ", "boots"], "tags": ["One"]
    });
    let edited = stage.done("updateContent", &content, edit.clone()).await;
    assert_eq!(
        (&edited["title"], &edited["slug"], &edited["state"]),
        (&json!("Best tents"), &json!("best-tents"), &json!("DRAFT"))
    );
    assert_eq!(edited["html"], "<h2>Tents</h2><p>Two <b>words</b></p>");
    assert_eq!((&edited["words"], &edited["keywords"]), (&json!(3), &json!(["Tents", "boots"])));
    let versions = &edited["revisions"];
    assert_eq!(versions["totalCount"], 2);
    assert_eq!(
        versions["nodes"][0],
        json!({"version": 2, "cause": "EDITED", "title": "Best tents", "html": edited["html"], "author": {"id": stage.owner.user}})
    );
    assert_eq!(
        (&versions["nodes"][1]["cause"], &versions["nodes"][1]["html"]),
        (&json!("GENERATED"), &json!("<p>The first text.</p>"))
    );
    // The same again changes nothing, and what is omitted stays.
    let same = stage.act("updateContent", &content, 2, edit).await;
    assert_eq!(same["content"]["version"], 2);
    let titled = stage.act("updateContent", &content, 2, json!({"title": "Tents", "excerpt": ""})).await;
    assert_eq!((&titled["content"]["html"], &titled["content"]["excerpt"]), (&edited["html"], &json!("")));
    assert_eq!(titled["content"]["revisions"]["nodes"][0]["html"], edited["html"]);
    assert_eq!(stage.trail("update").await, 2);
    let query = "query($id: ID!) { content(id: $id) { one: revision(version: 1) { version html } none: revision(version: 9) { version } } }";
    let found = stage.server.payload(&stage.owner, query, json!({"id": content})).await;
    assert_eq!(found, json!({"one": {"version": 1, "html": "<p>The first text.</p>"}, "none": null}));
    let search = "query($s: ID!) { contents(siteId: $s, filter: {search: \"tents\"}) { nodes { id } } }";
    assert_eq!(stage.server.payload(&stage.owner, search, json!({"s": stage.site})).await["nodes"][0]["id"], content);
}

#[rstest]
#[tokio::test]
async fn what_is_wrong_about_an_edit_is_named(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let content = stage.content("DRAFT", &[]).await;
    stage.content("DRAFT", &[("slug", "'taken'")]).await;
    for (more, code, field) in [
        (json!({"title": " "}), "TITLE_INVALID", "title"),
        (json!({"title": "t".repeat(201)}), "TITLE_INVALID", "title"),
        (json!({"slug": "No Slug"}), "SLUG_INVALID", "slug"),
        (json!({"slug": "taken"}), "SLUG_TAKEN", "slug"),
        (json!({"html": "<script>x</script>"}), "HTML_EMPTY", "html"),
        (json!({"html": "a".repeat(100_001)}), "HTML_TOO_LONG", "html"),
        (json!({"excerpt": "e".repeat(301)}), "EXCERPT_TOO_LONG", "excerpt"),
        (json!({"metaTitle": "m".repeat(61)}), "META_TITLE_TOO_LONG", "metaTitle"),
        (json!({"metaDescription": "m".repeat(161)}), "META_DESCRIPTION_TOO_LONG", "metaDescription"),
        (json!({"keywords": [""]}), "KEYWORDS_INVALID", "keywords"),
        (json!({"categories": ["1", "2", "3", "4", "5", "6"]}), "CATEGORIES_INVALID", "categories"),
        (json!({"tags": ["t".repeat(61)]}), "TAGS_INVALID", "tags"),
    ] {
        let refused = stage.act("updateContent", &content, 1, more).await;
        assert_eq!(refusal(&refused), (code, json!(["input", field])), "{refused}");
    }
    let input = json!({"contentId": content, "expectedVersion": 1, "title": null});
    let answer =
        stage.server.call(Some(&stage.owner.token), &Stage::document("updateContent"), json!({"i": input})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(stage.read(&content).await["version"], 1);
    assert_eq!(stage.trail("update").await, 0);
}

#[rstest]
#[tokio::test]
async fn an_edit_takes_an_approval_back_unless_the_editor_keeps_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    for content in [stage.content("APPROVED", &[]).await, stage.scheduled("2026-02-01 08:00").await] {
        let lost = stage.done("updateContent", &content, json!({"title": "Other"})).await;
        assert_eq!(
            (&lost["state"], &lost["slot"], &lost["approvedAt"]),
            (&json!("REVIEW"), &json!(null), &json!(null))
        );
    }
    assert_eq!(stage.trail("lose_approval").await, 2);
    let kept = stage.scheduled("2026-02-01 08:00").await;
    let kept = stage.done("updateContent", &kept, json!({"title": "Other", "keepApproval": true})).await;
    assert_eq!((&kept["state"], &kept["slot"]["at"]), (&json!("SCHEDULED"), &json!("2026-02-01T08:00:00.000000Z")));
    assert_eq!((&kept["approvedSource"], &kept["approvedBy"]["id"]), (&json!("MEMBER"), &json!(stage.owner.user)));
    assert_eq!(stage.trail("keep_approval").await, 1);
    // Content that is on its way out or put away stays as it is; what failed may go out at once.
    let at = [("slot_at", "9"), ("slot_source", "'AUTO'")];
    let publishing = stage.content("PUBLISHING", &at).await;
    let archived = stage.content("ARCHIVED", &[]).await;
    let failed = stage.content("FAILED", &[("approved_at", "1"), ("approved_source", "'AUTO'")]).await;
    for content in [&publishing, &archived, &failed] {
        let refused = stage.act("updateContent", content, 1, json!({"title": "Other"})).await;
        assert_eq!(refusal(&refused), ("CONTENT_NOT_EDITABLE", json!(["input", "contentId"])));
    }
    let repaired = stage.done("updateContent", &failed, json!({"title": "Other", "keepApproval": true})).await;
    assert_eq!((&repaired["state"], &repaired["approvedSource"]), (&json!("FAILED"), &json!("MEMBER")));
    let published = stage.content("PUBLISHED", &[("published_at", "5")]).await;
    let updated = stage.done("updateContent", &published, json!({"title": "Other"})).await;
    assert_eq!((&updated["state"], &updated["approvedSource"]), (&json!("PUBLISHED"), &json!("AUTO")));
}
