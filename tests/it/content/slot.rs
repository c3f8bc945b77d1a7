//! Slots: given by hand, by the schedule, and kept in another zone.

use std::collections::BTreeSet;

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::{Stage, refusal};

fn slot(content: &Value) -> &str {
    content["slot"]["at"].as_str().unwrap_or_else(|| panic!("{content}"))
}

// REQ-B-57
#[rstest]
#[tokio::test]
async fn a_slot_by_hand_obeys_the_past_and_what_is_taken(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let content = stage.content("APPROVED", &[("schedule_blocked_by", "'NO_SLOT'")]).await;
    stage.scheduled("2026-02-01 08:00").await;
    for (at, code) in [
        ("2026-01-05T11:00:00Z", "SLOT_IN_PAST"),
        ("2026-01-05T10:00:00Z", "SLOT_IN_PAST"),
        ("2026-02-01T09:00:00+01:00", "SLOT_TAKEN"),
    ] {
        let refused = stage.act("scheduleContent", &content, 1, json!({"at": at})).await;
        assert_eq!(refusal(&refused), (code, json!(["input", "at"])), "{at}");
    }
    let placed = stage.done("scheduleContent", &content, json!({"at": "2026-01-05T11:00:00.000001Z"})).await;
    assert_eq!((slot(&placed), &placed["slot"]["source"]), ("2026-01-05T11:00:00.000001Z", &json!("MANUAL")));
    assert_eq!(
        (&placed["flags"], &placed["scheduleBlockedBy"]),
        (&json!(["AUTO_APPROVED", "PLACED_BY_HAND"]), &json!(null))
    );
    let moved = stage.act("scheduleContent", &content, 2, json!({"at": "2026-02-01T08:00:01Z"})).await;
    assert_eq!(slot(&moved["content"]), "2026-02-01T08:00:01.000000Z");
    // Where it is already, nothing changes.
    let same = stage.act("scheduleContent", &content, 3, json!({"at": "2026-02-01T08:00:01Z"})).await;
    assert_eq!(same["content"]["version"], 3);
    assert_eq!((stage.trail("schedule").await, stage.trail("reschedule").await), (1, 1));
    let freed = stage.act("unscheduleContent", &content, 3, json!({})).await;
    assert_eq!((&freed["content"]["state"], &freed["content"]["slot"]), (&json!("APPROVED"), &json!(null)));
}

// REQ-B-57: two that want one slot at once.
#[rstest]
#[tokio::test]
async fn of_two_that_want_a_slot_at_once_one_gets_it(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let (one, other) = (
        stage.content("APPROVED", &[]).await,
        stage.content("FAILED", &[("approved_at", "1"), ("approved_source", "'AUTO'")]).await,
    );
    let at = json!({"at": "2026-02-01T08:00:00Z"});
    let (one, other) = tokio::join!(
        stage.act("scheduleContent", &one, 1, at.clone()),
        stage.act("scheduleContent", &other, 1, at.clone()),
    );
    let codes = [one, other].map(|payload| payload["userErrors"][0]["code"].clone());
    assert!(codes.contains(&json!(null)) && codes.contains(&json!("SLOT_TAKEN")), "{codes:?}");
}

#[rstest]
#[tokio::test]
async fn many_are_scheduled_each_by_itself(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let (good, stale, draft) =
        (stage.content("APPROVED", &[]).await, stage.content("APPROVED", &[]).await, stage.content("DRAFT", &[]).await);
    let query = "mutation($i: ScheduleContentsInput!) { scheduleContents(input: $i) { items { content { state } userErrors \
                 { code path } } userErrors { code path } } }";
    let item =
        |content: &Value, version: i32, at: &str| json!({"contentId": content, "expectedVersion": version, "at": at});
    let nobody = inkledger::graphql::node::encode(inkledger::graphql::node::NodeKind::Content, uuid::Uuid::nil());
    let items = json!([
        item(&good, 1, "2026-02-01T08:00:00Z"),
        item(&stale, 7, "2026-02-02T08:00:00Z"),
        item(&draft, 1, "2026-02-03T08:00:00Z"),
        item(&json!(nobody.as_str()), 1, "2026-02-03T08:00:00Z"),
    ]);
    let done = stage.server.payload(&stage.owner, query, json!({"i": {"items": items}})).await;
    let refused = |code: &str, at: &str, field: &str| json!({"content": null, "userErrors": [{"code": code, "path": ["input", "items", at, field]}]});
    assert_eq!(
        done,
        json!({"items": [
            {"content": {"state": "SCHEDULED"}, "userErrors": []},
            refused("VERSION_CONFLICT", "1", "expectedVersion"),
            refused("ILLEGAL_TRANSITION", "2", "contentId"),
            refused("NOT_FOUND", "3", "contentId"),
        ], "userErrors": []})
    );
    for (items, code) in [
        (json!([]), "COUNT_OUT_OF_RANGE"),
        (json!(vec![item(&good, 1, "2026-02-01T08:00:00Z"); 51]), "COUNT_OUT_OF_RANGE"),
        (json!(vec![item(&good, 1, "2026-02-01T08:00:00Z"); 2]), "CONTENT_TWICE"),
    ] {
        let refused = stage.server.payload(&stage.owner, query, json!({"i": {"items": items}})).await;
        assert_eq!((&refused["items"], refusal(&refused)), (&json!(null), (code, json!(["input", "items"]))));
    }
}

// REQ-B-51, REQ-B-54
#[rstest]
#[tokio::test]
async fn an_approval_takes_the_next_slot_that_the_preview_shows(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    stage.set(json!({"autoSchedule": true})).await;
    stage.scheduled("2026-01-07 08:00").await;
    let query = "query($i: SchedulePreviewInput!) { schedulePreview(input: $i) { slots { at } } }";
    let preview = stage.server.payload(&stage.owner, query, json!({"i": {"siteId": stage.site, "count": 3}})).await;
    let shown: Vec<&str> =
        preview["slots"].as_array().unwrap().iter().map(|slot| slot["at"].as_str().unwrap()).collect();
    assert_eq!(shown, ["2026-01-06T08:00:00.000000Z", "2026-01-08T08:00:00.000000Z", "2026-01-09T08:00:00.000000Z"]);
    for at in shown {
        let content = stage.content("REVIEW", &[]).await;
        let approved = stage.done("approveContent", &content, json!({})).await;
        assert_eq!((&approved["state"], slot(&approved)), (&json!("SCHEDULED"), at));
        assert_eq!((&approved["slot"]["source"], &approved["version"]), (&json!("AUTO"), &json!(2)));
    }
    assert_eq!((stage.trail("approve").await, stage.trail("schedule").await), (3, 3));
}

#[rstest]
#[tokio::test]
async fn without_a_slot_approved_content_waits_with_the_reason(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    // Every Monday, whose only slot somebody has, far beyond the search.
    stage.set(json!({"autoSchedule": true, "schedule": {"weekdays": ["MONDAY"]}})).await;
    for week in 0..26_i64 {
        let monday = chrono::NaiveDate::from_ymd_opt(2026, 1, 12).unwrap() + chrono::Days::new(7 * week.unsigned_abs());
        let hour = if ("2026-03-29".parse::<chrono::NaiveDate>().unwrap()..).contains(&monday) { 7 } else { 8 };
        stage.scheduled(&format!("{monday} {hour:02}:00")).await;
    }
    let content = stage.content("REVIEW", &[]).await;
    let approved = stage.done("approveContent", &content, json!({})).await;
    assert_eq!(
        (&approved["state"], &approved["slot"], &approved["scheduleBlockedBy"]),
        (&json!("APPROVED"), &json!(null), &json!("NO_SLOT"))
    );
}

// REQ-B-53
#[rstest]
#[tokio::test]
async fn twenty_approvals_at_once_get_twenty_slots(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.set(json!({"autoSchedule": true})).await;
    let mut contents = Vec::new();
    for _ in 0..20 {
        contents.push(stage.content("REVIEW", &[]).await);
    }
    let acts = contents.iter().map(|content| stage.act("approveContent", content, 1, json!({})));
    let slots: BTreeSet<String> =
        futures_util::future::join_all(acts).await.iter().map(|payload| slot(&payload["content"]).to_owned()).collect();
    assert_eq!(slots.len(), 20);
    assert_eq!(slots.last().unwrap(), "2026-01-25T08:00:00.000000Z");
}

// Vector 19: slots to come keep their local time together, or nothing changes.
#[rstest]
#[tokio::test]
async fn a_new_zone_moves_slots_only_when_asked_and_all_or_none(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let first = stage.scheduled("2026-03-28 08:00").await;
    let second = stage.scheduled("2026-03-28 13:00").await;
    let due = stage.scheduled("2026-01-05 11:00").await;
    let zone = json!({"timeZone": "America/New_York"});
    assert_eq!(stage.set(zone.clone()).await["userErrors"], json!([]));
    assert_eq!(slot(&stage.read(&first).await), "2026-03-28T08:00:00.000000Z");
    stage.set(json!({"timeZone": "Europe/Berlin"})).await;
    // One takes the place that the other leaves.
    let keep = json!({"timeZone": "America/New_York", "keepLocalTime": true});
    assert_eq!(stage.set(keep.clone()).await["userErrors"], json!([]));
    assert_eq!(slot(&stage.read(&first).await), "2026-03-28T13:00:00.000000Z");
    assert_eq!(slot(&stage.read(&second).await), "2026-03-28T18:00:00.000000Z");
    assert_eq!(slot(&stage.read(&due).await), "2026-01-05T11:00:00.000000Z");
    assert_eq!((&stage.read(&first).await["version"], stage.trail("reschedule").await), (&json!(2), 2));
    // On the way back one would meet what is being published, and nothing changes.
    let at = super::stage::instant("2026-03-28 08:00").to_string();
    stage.content("PUBLISHING", &[("slot_at", &at), ("slot_source", "'AUTO'")]).await;
    let back = json!({"timeZone": "Europe/Berlin", "keepLocalTime": true, "name": "Renamed"});
    let refused = stage.set(back).await;
    assert_eq!(refusal(&refused), ("SLOT_TAKEN", json!(["input", "keepLocalTime"])), "{refused}");
    assert_eq!(slot(&stage.read(&second).await), "2026-03-28T18:00:00.000000Z");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM site WHERE name = 'Renamed'").await, 0);
    stage.scheduled("2026-01-05 12:00").await;
    let past = stage.set(json!({"timeZone": "Asia/Tokyo", "keepLocalTime": true})).await;
    assert_eq!(refusal(&past).0, "SLOT_IN_PAST");
}
