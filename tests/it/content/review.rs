//! The states of content through the API.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::{Stage, instant, refusal};
use crate::support::content as rows;

const STATES: [&str; 9] =
    ["DRAFT", "REVIEW", "APPROVED", "SCHEDULED", "PUBLISHING", "PUBLISHED", "FAILED", "UNCERTAIN", "ARCHIVED"];

/// Each act, what it brings along, where it leads, and from where it may; everything else is refused.
fn acts() -> [(&'static str, Value, &'static str, &'static [&'static str]); 8] {
    let at = json!({"at": "2026-02-01T09:00:00Z"});
    [
        ("submitContent", json!({}), "REVIEW", &["DRAFT"]),
        ("approveContent", json!({}), "APPROVED", &["REVIEW"]),
        ("requestContentChanges", json!({"note": "Shorter"}), "DRAFT", &["REVIEW"]),
        ("withdrawApproval", json!({}), "REVIEW", &["APPROVED", "SCHEDULED"]),
        ("scheduleContent", at, "SCHEDULED", &["APPROVED", "SCHEDULED", "FAILED"]),
        ("unscheduleContent", json!({}), "APPROVED", &["SCHEDULED", "FAILED"]),
        ("archiveContent", json!({}), "ARCHIVED", &["DRAFT", "REVIEW", "APPROVED", "FAILED"]),
        ("restoreContent", json!({}), "DRAFT", &["ARCHIVED"]),
    ]
}

impl Stage {
    /// Content in a state, with all that state asks for.
    async fn in_state(&self, state: &str, number: i64) -> Value {
        let at = (instant("2026-03-01 08:00") + number).to_string();
        let slot = [("slot_at", &*at), ("slot_source", "'AUTO'")];
        let approved = [("approved_at", "1"), ("approved_source", "'AUTO'")];
        match state {
            "SCHEDULED" | "PUBLISHING" | "UNCERTAIN" => self.content(state, &slot).await,
            "FAILED" => self.content(state, &[slot, approved].concat()).await,
            "PUBLISHED" => self.content(state, &[("published_at", "5")]).await,
            _ => self.content(state, &[]).await,
        }
    }
}

// REQ-B-48
#[rstest]
#[tokio::test]
async fn every_act_leads_where_the_table_says_and_nowhere_else(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let mut number = 0;
    for (mutation, more, to, allowed) in acts() {
        for state in STATES {
            number += 1;
            let content = stage.in_state(state, number).await;
            let rows = stage.server.number("SELECT COUNT(*) FROM audit_entry").await;
            let more = match mutation {
                "scheduleContent" => json!({"at": format!("2026-02-01T09:{:02}:00Z", number % 60)}),
                _ => more.clone(),
            };
            let payload = stage.act(mutation, &content, 1, more).await;
            let now = stage.read(&content).await;
            if allowed.contains(&state) {
                assert_eq!(payload["userErrors"], json!([]), "{mutation} {state}: {payload}");
                assert_eq!(
                    (&payload["content"]["state"], &now["version"]),
                    (&json!(to), &json!(2)),
                    "{mutation} {state}"
                );
                assert_eq!(payload["content"], now);
                assert_eq!(stage.server.number("SELECT COUNT(*) FROM audit_entry").await, rows + 1);
            } else {
                let (code, path) = refusal(&payload);
                assert_eq!((code, path), ("ILLEGAL_TRANSITION", json!(["input", "contentId"])), "{mutation} {state}");
                assert_eq!(payload["userErrors"][0]["illegalTransition"], json!({"from": state, "to": to}));
                assert_eq!((&now["state"], &now["version"]), (&json!(state), &json!(1)), "{mutation} {state}");
                assert_eq!(stage.server.number("SELECT COUNT(*) FROM audit_entry").await, rows);
            }
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_review_leaves_its_note_and_an_approval_its_author(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let content = stage.content("REVIEW", &[]).await;
    for note in ["  ", &"n".repeat(1_001)] {
        let refused = stage.act("requestContentChanges", &content, 1, json!({"note": note})).await;
        assert_eq!(refusal(&refused), ("NOTE_INVALID", json!(["input", "note"])));
    }
    let back = stage.done("requestContentChanges", &content, json!({"note": " Shorter,\nplease "})).await;
    assert_eq!((&back["state"], &back["reviewNote"]), (&json!("DRAFT"), &json!("Shorter,\nplease")));
    let again = stage.act("submitContent", &content, 2, json!({})).await;
    assert_eq!((&again["content"]["state"], &again["content"]["reviewNote"]), (&json!("REVIEW"), &json!(null)));
    let approved = stage.act("approveContent", &content, 3, json!({})).await;
    let approved = &approved["content"];
    assert_eq!(
        (&approved["approvedSource"], &approved["approvedBy"]["id"]),
        (&json!("MEMBER"), &json!(stage.owner.user))
    );
    assert_eq!(approved["approvedAt"], "2026-01-05T11:00:00.000000Z");
    assert_eq!((&approved["slot"], &approved["scheduleBlockedBy"]), (&json!(null), &json!(null)));
    let withdrawn = stage.act("withdrawApproval", &content, 4, json!({})).await;
    assert_eq!(
        (&withdrawn["content"]["approvedAt"], &withdrawn["content"]["approvedSource"]),
        (&json!(null), &json!(null))
    );
    for (action, count) in [("request_changes", 1), ("submit", 1), ("approve", 1), ("withdraw_approval", 1)] {
        assert_eq!(stage.trail(action).await, count, "{action}");
    }
}

#[rstest]
#[tokio::test]
async fn a_change_of_an_older_version_is_a_conflict(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let content = stage.content("REVIEW", &[]).await;
    let more = json!({"title": "Other"});
    for (mutation, more) in
        acts().into_iter().map(|(mutation, more, ..)| (mutation, more)).chain([("updateContent", more)])
    {
        for version in [0, 2] {
            let refused = stage.act(mutation, &content, version, more.clone()).await;
            assert_eq!(refusal(&refused), ("VERSION_CONFLICT", json!(["input", "expectedVersion"])), "{mutation}");
            assert_eq!(refused["userErrors"][0]["versionConflict"], json!({"expected": version, "current": 1}));
        }
    }
    // Of two at once, one wins.
    let (one, other) = tokio::join!(
        stage.act("approveContent", &content, 1, json!({})),
        stage.act("requestContentChanges", &content, 1, json!({"note": "No"})),
    );
    let codes = [one, other].map(|payload| payload["userErrors"][0]["code"].clone());
    assert!(codes.contains(&json!(null)) && codes.contains(&json!("VERSION_CONFLICT")), "{codes:?}");
}

#[rstest]
#[tokio::test]
async fn content_is_nobody_elses_and_a_viewer_changes_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let content = stage.content("REVIEW", &[]).await;
    let place = rows::place(&stage.server.db, &content, "FEATURED", 0, "FAILED").await;
    let place = inkledger::graphql::node::encode(inkledger::graphql::node::NodeKind::ContentImage, place);
    let other = stage.server.sign_up("other").await;
    let mutations: Vec<(&str, Value)> = acts()
        .into_iter()
        .map(|(mutation, more, ..)| (mutation, more))
        .chain([("updateContent", json!({"title": "Mine"}))])
        .collect();
    let code = async |mutation: &str, more: &Value, token: &str| {
        let mut input = json!({"contentId": content, "expectedVersion": 1});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = stage.server.call(Some(token), &Stage::document(mutation), json!({"i": input})).await;
        answer["errors"][0]["extensions"]["code"].clone()
    };
    for (mutation, more) in &mutations {
        assert_eq!(code(mutation, more, &other.token).await, "NOT_FOUND", "{mutation}");
    }
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }";
    let ids = json!({"ids": [content, place.as_str()]});
    assert_eq!(stage.server.payload(&other, nodes, ids.clone()).await, json!([null, null]));
    let own = stage.server.payload(&stage.owner, nodes, ids).await;
    assert_eq!((&own[0]["__typename"], &own[1]["__typename"]), (&json!("Content"), &json!("ContentImage")));
    for query in
        ["query($id: ID!) { content(id: $id) { title } }", "query($id: ID!) { contents(siteId: $id) { totalCount } }"]
    {
        let id = if query.contains("siteId") { &stage.site } else { &content };
        let answer = stage.server.call(Some(&other.token), query, json!({"id": id})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND", "{query}");
    }
    stage.server.execute("UPDATE account_member SET role = 'VIEWER'").await;
    for (mutation, more) in &mutations {
        assert_eq!(code(mutation, more, &stage.owner.token).await, "FORBIDDEN", "{mutation}");
    }
    let seen = stage.read(&content).await;
    assert_eq!((&seen["version"], &seen["failedImages"][0]["kind"]), (&json!(1), &json!("FEATURED")));
    stage.server.execute("UPDATE account_member SET role = 'EDITOR'").await;
    assert_eq!(stage.done("approveContent", &content, json!({})).await["state"], "APPROVED");
}

#[rstest]
#[tokio::test]
async fn content_is_listed_by_what_it_is(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let tents = stage.content("DRAFT", &[("title", "'Best Tents'"), ("title_key", "'best tents'")]).await;
    let boots = stage.content("REVIEW", &[("content_type", "'PRODUCT'")]).await;
    let query = "query($s: ID!, $f: ContentFilter) { contents(siteId: $s, filter: $f) { nodes { id } totalCount } }";
    for (filter, expected) in [
        (json!({}), vec![&boots, &tents]),
        (json!({"state": "DRAFT"}), vec![&tents]),
        (json!({"type": "PRODUCT"}), vec![&boots]),
        (json!({"search": "TENTS"}), vec![&tents]),
        (json!({"sectorId": null}), vec![&boots, &tents]),
        (json!({"state": "APPROVED"}), vec![]),
    ] {
        let listed = stage.server.payload(&stage.owner, query, json!({"s": stage.site, "f": filter})).await;
        let ids: Vec<&Value> = listed["nodes"].as_array().unwrap().iter().map(|node| &node["id"]).collect();
        assert_eq!((ids, &listed["totalCount"]), (expected.clone(), &json!(expected.len())), "{filter}");
    }
}
