//! The calendar: one answer for month, week and list.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    content::stage::{Stage, instant},
    support::content as rows,
};

const CALENDAR: &str = "from to timeZone asOf isTruncated entries { at localDate localTime weekday content { id state } } \
    tray { id scheduleBlockedBy } counts { total scheduled publishing published failed uncertain tray }";

async fn calendar(stage: &Stage, from: &str, to: &str, filter: Value) -> Value {
    let query = format!(
        "query($s: ID!, $from: Date!, $to: Date!, $f: CalendarFilter) {{ \
         contentCalendar(siteId: $s, from: $from, to: $to, filter: $f) {{ {CALENDAR} }} }}"
    );
    let variables = json!({"s": stage.site, "from": from, "to": to, "f": filter});
    stage.server.payload(&stage.owner, &query, variables).await
}

fn shown(calendar: &Value) -> Vec<(&str, &str, &str)> {
    let entries = calendar["entries"].as_array().unwrap_or_else(|| panic!("{calendar}"));
    entries
        .iter()
        .map(|entry| {
            let state = entry["content"]["state"].as_str().unwrap();
            (entry["localDate"].as_str().unwrap(), entry["localTime"].as_str().unwrap(), state)
        })
        .collect()
}

// REQ-B-55
#[rstest]
#[tokio::test]
async fn entries_lie_on_the_sites_day_and_every_view_counts_alike(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let at = |text: &str| instant(text).to_string();
    // Half past midnight in Berlin is the day before in UTC.
    stage.scheduled("2026-01-09 23:30").await;
    stage.content("PUBLISHED", &[("published_at", &at("2026-01-05 08:01"))]).await;
    // A clock that was put back has published it later than now: it is not shown yet.
    stage.content("PUBLISHED", &[("published_at", &at("2026-01-05 12:00"))]).await;
    for (state, slot) in
        [("PUBLISHING", "2026-01-05 10:59"), ("UNCERTAIN", "2026-01-04 08:00"), ("FAILED", "2026-01-03 08:00")]
    {
        let slot = at(slot);
        let more =
            [("slot_at", &*slot), ("slot_source", "'AUTO'"), ("approved_at", "1"), ("approved_source", "'AUTO'")];
        stage.content(state, &more).await;
    }
    let tray = stage.content("APPROVED", &[("schedule_blocked_by", "'NO_SLOT'")]).await;
    stage.content("DRAFT", &[]).await;
    let month = calendar(&stage, "2025-12-29", "2026-02-02", json!({})).await;
    assert_eq!(
        shown(&month),
        [
            ("2026-01-03", "09:00", "FAILED"),
            ("2026-01-04", "09:00", "UNCERTAIN"),
            ("2026-01-05", "09:01", "PUBLISHED"),
            ("2026-01-05", "11:59", "PUBLISHING"),
            ("2026-01-10", "00:30", "SCHEDULED"),
        ]
    );
    assert_eq!(
        (&month["entries"][4]["weekday"], &month["entries"][4]["at"]),
        (&json!("SATURDAY"), &json!("2026-01-09T23:30:00.000000Z"))
    );
    assert_eq!(
        month["counts"],
        json!({"total": 5, "scheduled": 1, "publishing": 1, "published": 1, "failed": 1, "uncertain": 1, "tray": 1})
    );
    assert_eq!(month["tray"], json!([{"id": tray, "scheduleBlockedBy": "NO_SLOT"}]));
    assert_eq!((&month["timeZone"], &month["asOf"]), (&json!("Europe/Berlin"), &json!("2026-01-05T11:00:00.000000Z")));
    assert_eq!(month["isTruncated"], false);
    // The same days in two parts have the same entries.
    let week = calendar(&stage, "2025-12-29", "2026-01-10", json!({})).await;
    let rest = calendar(&stage, "2026-01-10", "2026-02-02", json!({})).await;
    assert_eq!([shown(&week), shown(&rest)].concat(), shown(&month));
    assert_eq!((&week["counts"]["total"], &rest["counts"]["total"]), (&json!(4), &json!(1)));
}

#[rstest]
#[tokio::test]
async fn one_filter_holds_for_entries_tray_and_counts(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let slot = instant("2026-01-07 08:00").to_string();
    let more = [("slot_at", &*slot), ("slot_source", "'AUTO'"), ("content_type", "'PAGE'")];
    stage.content("SCHEDULED", &more).await;
    stage.scheduled("2026-01-08 08:00").await;
    let edited = stage.content("APPROVED", &[]).await;
    stage.done("updateContent", &edited, json!({"title": "Mine", "keepApproval": true})).await;
    let nobody = inkledger::graphql::node::encode(inkledger::graphql::node::NodeKind::Cluster, uuid::Uuid::nil());
    for (filter, entries, tray) in [
        (json!({}), 2, 1),
        (json!({"type": "PAGE"}), 1, 0),
        (json!({"type": "BLOG"}), 1, 1),
        (json!({"state": "SCHEDULED"}), 2, 0),
        (json!({"state": "APPROVED"}), 0, 1),
        (json!({"authorId": stage.owner.user}), 0, 1),
        (json!({"clusterId": nobody.as_str()}), 0, 0),
    ] {
        let found = calendar(&stage, "2026-01-05", "2026-01-12", filter.clone()).await;
        let counts = (&found["counts"]["total"], &found["counts"]["tray"]);
        assert_eq!(counts, (&json!(entries), &json!(tray)), "{filter}");
        assert_eq!((shown(&found).len(), found["tray"].as_array().unwrap().len()), (entries, tray), "{filter}");
    }
}

// REQ-B-56
#[rstest]
#[tokio::test]
async fn a_thousand_entries_are_shown_and_one_more_is_told(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.scheduled("2026-01-07 08:00").await;
    let copy = |from: i64, to: i64, state: &str| {
        let (id, numbers) = match engine {
            Engine::Sqlite => (
                "randomblob(16)",
                format!(
                    "(WITH RECURSIVE n(value) AS (SELECT {from} UNION ALL SELECT value + 1 FROM n WHERE value < {to}) \
                     SELECT value FROM n) AS numbers"
                ),
            ),
            Engine::Postgres => ("gen_random_uuid()", format!("generate_series({from}, {to}) AS numbers(value)")),
        };
        let slot = if state == "SCHEDULED" { "slot_at + value, slot_source" } else { "NULL, NULL" };
        format!(
            "INSERT INTO content (id, account_id, site_id, content_type, title, slug, html, excerpt, meta_title, \
             meta_description, keywords, categories, tags, words, version, is_sandbox, state, approved_at, approved_source, \
             slot_at, slot_source, created_at, updated_at) SELECT {id}, account_id, site_id, content_type, title, \
             '{state}-' || value, html, '', '', '', '[]', '[]', '[]', 1, 1, FALSE, '{state}', 1, 'AUTO', {slot}, 1, 1 \
             FROM (SELECT * FROM content WHERE slug LIKE 'slug-%') AS first, {numbers}"
        )
    };
    stage.server.execute(&copy(1, 999, "SCHEDULED")).await;
    stage.server.execute(&copy(1, 201, "APPROVED")).await;
    let full = calendar(&stage, "2026-01-07", "2026-01-08", json!({})).await;
    assert_eq!((full["entries"].as_array().unwrap().len(), &full["isTruncated"]), (1_000, &json!(false)));
    assert_eq!((full["tray"].as_array().unwrap().len(), &full["counts"]["tray"]), (200, &json!(201)));
    stage.server.execute(&copy(1_000, 1_000, "SCHEDULED")).await;
    let more = calendar(&stage, "2026-01-07", "2026-01-08", json!({})).await;
    assert_eq!((more["entries"].as_array().unwrap().len(), &more["isTruncated"]), (1_000, &json!(true)));
    assert_eq!(more["counts"]["total"], 1_001);
}

#[rstest]
#[tokio::test]
async fn a_calendar_has_one_to_sixty_two_days_and_one_owner(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    rows::content(&stage.server.db, &stage.site, "APPROVED", &[]).await;
    assert_eq!(calendar(&stage, "2026-01-01", "2026-03-04", json!({})).await["to"], "2026-03-04");
    let query =
        "query($s: ID!, $from: Date!, $to: Date!) { contentCalendar(siteId: $s, from: $from, to: $to) { asOf } }";
    for (from, to) in [("2026-01-01", "2026-03-05"), ("2026-01-01", "2026-01-01"), ("2026-01-02", "2026-01-01")] {
        let variables = json!({"s": stage.site, "from": from, "to": to});
        let answer = stage.server.call(Some(&stage.owner.token), query, variables).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{from} {to}");
    }
    let other = stage.server.sign_up("other").await;
    let variables = json!({"s": stage.site, "from": "2026-01-01", "to": "2026-01-02"});
    let answer = stage.server.call(Some(&other.token), query, variables).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND");
}

// REQ-B-63, as far as nothing is sent yet: what is not out says that it is late, and what is in the way.
#[rstest]
#[tokio::test]
async fn entries_tell_whether_they_are_late_and_what_is_in_the_way(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let entry = async |state: &str, slot: &str, more: &[(&str, &str)]| {
        let slot = instant(slot).to_string();
        let slot =
            [("slot_at", &*slot), ("slot_source", "'AUTO'"), ("approved_at", "1"), ("approved_source", "'AUTO'")];
        stage.content(state, &[&slot, more].concat()).await;
    };
    let out = |text: &str| instant(text).to_string();
    entry("PUBLISHED", "2026-01-05 07:00", &[("published_at", &out("2026-01-05 08:00"))]).await;
    entry("PUBLISHED", "2026-01-05 07:01", &[("published_at", &out("2026-01-05 08:02"))]).await;
    entry("FAILED", "2026-01-05 09:00", &[]).await;
    entry("SCHEDULED", "2026-01-05 10:45", &[]).await;
    entry("PUBLISHING", "2026-01-05 10:46", &[]).await;
    entry("SCHEDULED", "2026-01-06 08:00", &[("is_sandbox", "TRUE")]).await;
    let told = async || {
        let query = "query($s: ID!) { contentCalendar(siteId: $s, from: \"2026-01-05\", to: \"2026-01-12\") \
                     { entries { isLate reason } } }";
        let found = stage.server.payload(&stage.owner, query, json!({"s": stage.site})).await;
        let entries = found["entries"].as_array().unwrap().clone();
        let (late, reasons): (Vec<_>, Vec<_>) =
            entries.iter().map(|entry| (entry["isLate"].as_bool().unwrap(), entry["reason"].clone())).unzip();
        (late, reasons)
    };
    let late = vec![false, true, true, true, false, false];
    let no = Value::Null;
    let reasons = |first: &Value, second: &str| {
        vec![no.clone(), no.clone(), no.clone(), first.clone(), no.clone(), json!(second)]
    };
    assert_eq!(told().await, (late.clone(), reasons(&no, "SANDBOX")));
    assert_eq!(stage.set(json!({"isActive": false})).await["userErrors"], json!([]));
    assert_eq!(told().await, (late.clone(), reasons(&json!("SITE_INACTIVE"), "SITE_INACTIVE")));
    stage.server.execute("UPDATE account SET state = 'SUSPENDED'").await;
    assert_eq!(told().await, (late, reasons(&json!("ACCOUNT_SUSPENDED"), "ACCOUNT_SUSPENDED")));
}
