//! Slots: what the preview shows is what a site's days and content leave free.

mod calendar;

use std::sync::Arc;

use inkledger::{clock::FixedClock, db::Engine};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

struct Stage {
    server: Server,
    owner: Person,
    site: Value,
}

/// `2026-03-28 08:00` in microseconds.
fn instant(text: &str) -> i64 {
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc().timestamp_micros()
}

impl Stage {
    /// A site in `zone` with a schedule, at a time that stands still.
    async fn open(engine: Engine, now: &str, zone: &str, schedule: Value) -> Self {
        let now = instant(now);
        let change = |_: &mut inkledger::config::Config, seams: &mut inkledger::app::Seams| {
            seams.clock = Arc::new(FixedClock::new(now));
        };
        let server = Home::open(engine).await.start_with(change).await;
        let owner = server.sign_up("owner").await;
        let query = "mutation($i: CreateSiteInput!) { createSite(input: $i) { site { id } userErrors { code } } }";
        let input = json!({"accountId": owner.account, "name": "Shop", "domain": "shop.example", "timeZone": zone});
        let site = server.payload(&owner, query, json!({"i": input})).await["site"]["id"].clone();
        let query = "mutation($i: UpdateSiteInput!) { updateSite(input: $i) { userErrors { code message } } }";
        let input = json!({"siteId": site, "expectedVersion": 1, "schedule": schedule});
        assert_eq!(server.payload(&owner, query, json!({"i": input})).await["userErrors"], json!([]));
        Self { server, owner, site }
    }

    async fn preview(&self, more: Value) -> Value {
        let mut input = json!({"siteId": self.site});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let query = "query($i: SchedulePreviewInput!) { schedulePreview(input: $i) \
                     { slots { at localDate localTime weekday mark } endedBy userErrors { code path } } }";
        self.server.payload(&self.owner, query, json!({"i": input})).await
    }

    /// The instants of the next slots, to the minute.
    async fn slots(&self, count: i32) -> Vec<String> {
        let preview = self.preview(json!({"count": count})).await;
        let slots = preview["slots"].as_array().unwrap_or_else(|| panic!("{preview}"));
        slots.iter().map(|slot| slot["at"].as_str().unwrap()[..16].replace('T', " ")).collect()
    }

    /// A content with a slot, as approval or a person leaves it.
    async fn content(&self, number: u32, slot: &str, source: &str) {
        let at = instant(slot);
        let id = |number: u32| match self.server.db.engine() {
            Engine::Sqlite => format!("x'{number:032x}'"),
            Engine::Postgres => format!("CAST('00000000-0000-0000-0000-{number:012x}' AS uuid)"),
        };
        self.server
            .execute(&format!(
                "INSERT INTO content (id, account_id, site_id, content_type, title, slug, html, excerpt, meta_title, \
                 meta_description, keywords, categories, tags, words, version, is_sandbox, state, approved_at, \
                 approved_source, slot_at, slot_source, created_at, updated_at) \
                 SELECT {}, account_id, id, 'BLOG', 't', 'slug-{number}', '', '', '', '', '[]', '[]', '[]', 1, 1, FALSE, \
                 'SCHEDULED', 1, 'AUTO', {at}, '{source}', 1, 1 FROM site",
                id(number)
            ))
            .await;
    }
}

// REQ-B-52, vectors 6 to 8: the lead of fifteen minutes.
#[rstest]
#[case("2026-01-10 07:50", "2026-01-11 08:00")]
#[case("2026-01-10 07:40", "2026-01-10 08:00")]
#[case("2026-01-10 07:45", "2026-01-10 08:00")]
#[tokio::test]
async fn the_next_slot_is_at_least_fifteen_minutes_ahead(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] now: &str,
    #[case] slot: &str,
) {
    let stage = Stage::open(engine, now, "Europe/Berlin", json!({})).await;
    assert_eq!(stage.slots(1).await, [slot]);
}

// REQ-B-52, vectors 1, 2 and 18; REQ-B-54.
#[rstest]
#[tokio::test]
async fn a_preview_counts_from_the_last_automatic_slot_and_goes_round_those_placed_by_hand(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, "2026-01-05 12:00", "Europe/Berlin", json!({})).await;
    stage.content(1, "2026-01-10 08:00", "AUTO").await;
    stage.content(2, "2026-01-11 08:00", "MANUAL").await;
    assert_eq!(stage.slots(2).await, ["2026-01-12 08:00", "2026-01-13 08:00"]);
    stage.content(3, "2026-03-27 08:00", "AUTO").await;
    // Clocks are put forward between the two.
    assert_eq!(stage.slots(2).await, ["2026-03-28 08:00", "2026-03-29 07:00"]);
    let other = stage.preview(json!({"count": 1, "schedule": {"interval": "WEEKLY", "publishTime": "02:30"}})).await;
    assert_eq!(other["slots"][0]["localDate"], "2026-04-03");
    assert_eq!(stage.slots(1).await, ["2026-03-28 08:00"], "a preview of other settings changes none");
}

// REQ-B-52, vectors 3 and 4.
#[rstest]
#[tokio::test]
async fn hours_that_do_not_exist_or_exist_twice_are_marked(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, "2026-03-07 20:00", "America/New_York", json!({"publishTime": "02:30"})).await;
    let slot = stage.preview(json!({"count": 1})).await["slots"][0].take();
    assert_eq!(
        slot,
        json!({"at": "2026-03-08T07:30:00.000000Z", "localDate": "2026-03-08", "localTime": "03:30", "weekday": "SUNDAY", "mark": "SHIFTED"})
    );
    let stage = Stage::open(engine, "2026-10-31 20:00", "America/New_York", json!({"publishTime": "01:30"})).await;
    let slot = stage.preview(json!({"count": 1})).await["slots"][0].take();
    assert_eq!((&slot["at"], &slot["mark"]), (&json!("2026-11-01T05:30:00.000000Z"), &json!("REPEATED")));
}

#[rstest]
#[tokio::test]
async fn a_preview_names_what_is_wrong_with_its_settings(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, "2026-01-05 12:00", "UTC", json!({})).await;
    for count in [0, 31] {
        let refused = stage.preview(json!({"count": count})).await;
        assert_eq!(refused["userErrors"], json!([{"code": "COUNT_OUT_OF_RANGE", "path": ["input", "count"]}]));
    }
    let refused = stage.preview(json!({"schedule": {"weekdays": []}})).await;
    let path = json!(["input", "schedule", "weekdays"]);
    assert_eq!(refused["userErrors"], json!([{"code": "SCHEDULE_INVALID", "path": path}]));
    assert_eq!(stage.preview(json!({"count": 30})).await["slots"].as_array().unwrap().len(), 30);
}
