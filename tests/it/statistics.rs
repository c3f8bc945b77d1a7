//! What a site's pipeline comes to: as many as a count of the rows says, by the site's own days, all of one moment.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use inkledger::{
    clock::{FixedClock, SECOND},
    db::Engine,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

const PLANNER: &str = "planner { keywords keywordsClustered clusters ideas ideasQueued }";
const WRITER: &str =
    "writer { contentTasks contentTasksCompleted content inReview approved imagesGenerated imagesPending }";
const PUBLISHER: &str = "publisher { scheduled published failed }";

/// `2026-03-28 08:00` in microseconds.
fn instant(text: &str) -> i64 {
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc().timestamp_micros()
}

struct Stage {
    server: Server,
    owner: Person,
    site: Value,
    /// The number of the next row.
    next: std::sync::atomic::AtomicU32,
}

impl Stage {
    async fn open(engine: Engine, now: &str, zone: &str) -> Self {
        let clock = Arc::new(FixedClock::new(instant(now)));
        let server = Home::open(engine).await.start_with(move |_, seams| seams.clock = clock).await;
        let owner = server.sign_up("owner").await;
        let query = "mutation($i: CreateSiteInput!) { createSite(input: $i) { site { id } userErrors { code } } }";
        let input = json!({"accountId": owner.account, "name": "Shop", "domain": "shop.example", "timeZone": zone});
        let site = server.payload(&owner, query, json!({"i": input})).await["site"]["id"].clone();
        Self { server, owner, site, next: 1.into() }
    }

    async fn sector(&self, name: &str) {
        let query =
            "mutation($i: CreateSectorInput!) { createSector(input: $i) { sector { id } userErrors { code } } }";
        let input = json!({"siteId": self.site, "name": name});
        self.server.payload(&self.owner, query, json!({"i": input})).await;
    }

    /// A row of `table`: of what every one has, and of `more`, columns with values. `sector` is the slug, or empty.
    async fn row(&self, table: &str, sector: &str, at: i64, more: &[(&str, &str)]) -> String {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let id = match self.server.db.engine() {
            Engine::Sqlite => format!("x'{number:032x}'"),
            Engine::Postgres => format!("CAST('00000000-0000-0000-0000-{number:012x}' AS uuid)"),
        };
        let fixed: &[(&str, &str)] = match table {
            "keyword" => &[("text", "'k'"), ("text_key", "KEY"), ("country", "''"), ("bucket_id", "BUCKET")],
            "cluster" => &[("name", "'c'"), ("name_key", "KEY"), ("cluster_type", "'BLOG'"), ("bucket_id", "BUCKET")],
            "idea" => &[("title", "'i'"), ("title_key", "KEY"), ("outline", "''"), ("target_keywords", "'[]'")],
            "content_task" => {
                &[("title", "'t'"), ("outline", "''"), ("keywords", "'[]'"), ("priority", "0"), ("tries", "0")]
            }
            "content" => &[
                ("title", "'t'"),
                ("slug", "KEY"),
                ("html", "''"),
                ("excerpt", "''"),
                ("meta_title", "''"),
                ("meta_description", "''"),
                ("keywords", "'[]'"),
                ("categories", "'[]'"),
                ("tags", "'[]'"),
                ("words", "1"),
                ("version", "1"),
                ("is_sandbox", "FALSE"),
            ],
            _ => &[("kind", "'IN_ARTICLE'"), ("prompt", "''"), ("alt_text", "''")],
        };
        let kinds: &[(&str, &str)] = match table {
            "idea" | "content_task" => &[("content_type", "'BLOG'"), ("target_words", "500")],
            "content" => &[("content_type", "'BLOG'")],
            _ => &[],
        };
        let key = format!("'{number}'");
        let own = |value: &str| match value {
            "KEY" => key.clone(),
            "BUCKET" => "COALESCE(c.id, s.id)".to_owned(),
            value => value.to_owned(),
        };
        let mut columns = vec!["id", "account_id", "site_id", "sector_id", "created_at", "updated_at"];
        let owners = ["s.account_id", "s.id", "c.id"].map(str::to_owned);
        let mut values: Vec<String> = std::iter::once(id.clone()).chain(owners).collect();
        values.extend([at.to_string(), at.to_string()]);
        for (column, value) in fixed.iter().chain(kinds).chain(more) {
            columns.push(column);
            values.push(own(value));
        }
        let sql = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM site s LEFT JOIN sector c ON c.site_id = s.id AND c.slug = '{sector}'",
            columns.join(", "),
            values.join(", ")
        );
        self.server.execute(&sql).await;
        id
    }

    /// One of each kind in each of its states, in a sector or in none.
    async fn fill(&self, sector: &str, at: i64) {
        let cluster = self.row("cluster", sector, at, &[("state", "'NEW'")]).await;
        for state in ["NEW", "ORPHANED", "ARCHIVED"] {
            self.row("keyword", sector, at, &[("state", &format!("'{state}'"))]).await;
        }
        for state in ["CLUSTERED", "IN_USE"] {
            self.row("keyword", sector, at, &[("state", &format!("'{state}'")), ("cluster_id", &cluster)]).await;
        }
        for state in ["NEW", "QUEUED", "COMPLETED", "REJECTED"] {
            self.row("idea", sector, at, &[("state", &format!("'{state}'")), ("cluster_id", &cluster)]).await;
        }
        for state in ["QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED"] {
            self.row("content_task", sector, at, &[("state", &format!("'{state}'"))]).await;
        }
        let approved: &[(&str, &str)] = &[("approved_at", "1"), ("approved_source", "'AUTO'")];
        for state in ["DRAFT", "REVIEW", "APPROVED", "SCHEDULED", "PUBLISHED", "FAILED", "ARCHIVED"] {
            let word = format!("'{state}'");
            // Slots are a site's own.
            let slot = (at + i64::from(self.next.load(Ordering::SeqCst))).to_string();
            let mut more = vec![("state", word.as_str())];
            match state {
                "APPROVED" => more.extend(approved),
                "SCHEDULED" => {
                    more.extend(approved);
                    more.extend([("slot_at", slot.as_str()), ("slot_source", "'AUTO'")]);
                }
                "PUBLISHED" => {
                    more.extend(approved);
                    more.push(("published_at", &slot));
                }
                _ => {}
            }
            let content = self.row("content", sector, at, &more).await;
            for (position, state) in ["PENDING", "GENERATING", "FAILED"].into_iter().enumerate() {
                let (word, position) = (format!("'{state}'"), position.to_string());
                let more = [("state", word.as_str()), ("content_id", &content), ("position", &position)];
                self.row("content_image", sector, at, &more).await;
            }
        }
    }

    async fn stats(&self, period: &str, fields: &str) -> Value {
        let query =
            format!("query($s: ID!, $p: WorkflowPeriod!) {{ workflowStats(siteId: $s, period: $p) {{ {fields} }} }}");
        self.server.payload(&self.owner, &query, json!({"s": self.site, "p": period})).await
    }
}

/// Each count with the rows it counts: the table, and the condition beside site and period.
const DIRECT: [(&str, &str, &str, &str); 15] = [
    ("planner", "keywords", "keyword", "state <> 'ARCHIVED'"),
    ("planner", "keywordsClustered", "keyword", "cluster_id IS NOT NULL"),
    ("planner", "clusters", "cluster", "TRUE"),
    ("planner", "ideas", "idea", "TRUE"),
    ("planner", "ideasQueued", "idea", "state NOT IN ('NEW', 'REJECTED')"),
    ("writer", "contentTasks", "content_task", "TRUE"),
    ("writer", "contentTasksCompleted", "content_task", "state = 'COMPLETED'"),
    ("writer", "content", "content", "TRUE"),
    ("writer", "inReview", "content", "state = 'REVIEW'"),
    ("writer", "approved", "content", "state = 'APPROVED'"),
    ("writer", "imagesGenerated", "content_image", "image_id IS NOT NULL"),
    ("writer", "imagesPending", "content_image", "state IN ('PENDING', 'GENERATING')"),
    ("publisher", "scheduled", "content", "state = 'SCHEDULED'"),
    ("publisher", "published", "content", "published_at IS NOT NULL"),
    ("publisher", "failed", "content", "state = 'FAILED'"),
];

#[rstest]
#[tokio::test]
async fn every_figure_is_the_count_of_its_rows(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, "2026-03-28 08:00", "Europe/Berlin").await;
    stage.sector("Shoes").await;
    stage.sector("Socks").await;
    stage.sector("Empty").await;
    let shares = "planner { clusteredPercent queuedPercent } writer { writtenPercent generatedPercent } \
                  publisher { publishedPercent }";
    assert_eq!(
        stage.stats("ALL", shares).await,
        json!({
            "planner": {"clusteredPercent": null, "queuedPercent": null},
            "writer": {"writtenPercent": null, "generatedPercent": null},
            "publisher": {"publishedPercent": null}
        }),
        "there is nothing to have a share in"
    );
    let today = instant("2026-03-28 01:00");
    for (sector, times) in [("shoes", 2), ("socks", 1), ("", 3)] {
        for _ in 0..times {
            stage.fill(sector, today).await;
        }
    }
    stage.fill("shoes", instant("2026-03-01 12:00")).await;
    stage.fill("", instant("2025-01-01 12:00")).await;
    // Somebody else's count nowhere.
    let other = stage.server.sign_up("other").await;
    let query = "mutation($i: CreateSiteInput!) { createSite(input: $i) { site { id } } }";
    let input = json!({"accountId": other.account, "name": "Other", "domain": "other.example"});
    let theirs = stage.server.payload(&other, query, json!({"i": input})).await["site"]["id"].clone();
    let query = "mutation($i: ImportKeywordsInput!) { importKeywords(input: $i) { added } }";
    let input = json!({"siteId": theirs, "file": {"content": "keyword\na\nb\n"}});
    stage.server.payload(&other, query, json!({"i": input})).await;

    let groups = format!("{PLANNER} {WRITER} {PUBLISHER}");
    for (period, from) in [
        ("TODAY", Some("2026-03-27 23:00")),
        ("DAYS_7", Some("2026-03-21 23:00")),
        ("DAYS_30", Some("2026-02-26 23:00")),
        ("DAYS_90", Some("2025-12-28 23:00")),
        ("ALL", None),
    ] {
        let fields = format!("period timeZone from to asOf {groups} bySector {{ sector {{ slug }} {groups} }}");
        let stats = stage.stats(period, &fields).await;
        assert_eq!((&stats["period"], &stats["timeZone"]), (&json!(period), &json!("Europe/Berlin")));
        assert_eq!(stats["from"].as_str().map(|at| at[..16].replace('T', " ")).as_deref(), from, "{period}");
        assert_eq!((&stats["to"], &stats["asOf"]), (&stats["asOf"], &json!("2026-03-28T08:00:00.000000Z")));
        let since = from.map_or(i64::MIN, instant);
        for (group, name, table, condition) in DIRECT {
            let time = if name == "published" { "published_at" } else { "created_at" };
            let sql = format!(
                "SELECT COUNT(*) FROM {table} WHERE {condition} AND {time} >= {since} AND site_id = \
                 (SELECT id FROM site WHERE domain = 'shop.example')"
            );
            let counted = stage.server.number(&sql).await;
            assert_eq!(stats[group][name], counted, "{period} {name}");
            let sectors = stats["bySector"].as_array().unwrap();
            let sum: i64 = sectors.iter().map(|sector| sector[group][name].as_i64().unwrap()).sum();
            assert_eq!(sum, counted, "{period} {name} by sector");
        }
        let slugs: Vec<_> =
            stats["bySector"].as_array().unwrap().iter().map(|one| one["sector"]["slug"].clone()).collect();
        assert_eq!(slugs, [json!("shoes"), json!("socks"), json!("empty"), json!(null)]);
        assert_eq!(stats["bySector"][2]["planner"]["keywords"], 0);
        // The same without sectors.
        assert_eq!(stage.stats(period, PLANNER).await["planner"], stats["planner"]);
    }
    assert_eq!(
        stage.stats("TODAY", shares).await,
        json!({
            "planner": {"clusteredPercent": 50, "queuedPercent": 50},
            "writer": {"writtenPercent": 175, "generatedPercent": 0},
            "publisher": {"publishedPercent": 14}
        })
    );
    let query = "query($s: ID!) { workflowStats(siteId: $s, period: ALL) { asOf } }";
    let answer = stage.server.call(Some(&stage.owner.token), query, json!({"s": theirs})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND");
}

// The vectors of section 7: days that begin at one o'clock, because clocks are moved at midnight.
#[rstest]
#[case("Africa/Cairo", "2026-04-24 10:00", "2026-04-23 22:00")]
#[case("America/Santiago", "2026-09-06 12:00", "2026-09-06 04:00")]
#[tokio::test]
async fn a_day_without_midnight_begins_with_its_first_instant(
    #[case] zone: &str,
    #[case] now: &str,
    #[case] from: &str,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, now, zone).await;
    let (first, now) = (instant(from), instant(now));
    for at in [first - 1, first, now - SECOND, now, now + 1] {
        stage.row("keyword", "", at, &[("state", "'NEW'")]).await;
    }
    let stats = stage.stats("TODAY", "from planner { keywords }").await;
    assert_eq!(stats["from"].as_str().unwrap()[..16].replace('T', " "), from);
    assert_eq!(stats["planner"]["keywords"], 2, "half open at both ends");
}

// Whoever writes keywords and clusters in pairs never makes one be seen without the other.
#[rstest]
#[tokio::test]
async fn writers_at_the_same_time_never_give_a_mixed_answer(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Arc::new(Stage::open(engine, "2026-03-28 08:00", "UTC").await);
    let stop = Arc::new(AtomicBool::new(false));
    let (writing, ended) = (stage.clone(), stop.clone());
    let writer = tokio::spawn(async move {
        let id = match writing.server.db.engine() {
            Engine::Sqlite => "randomblob(16)",
            Engine::Postgres => "gen_random_uuid()",
        };
        let mut number = 0;
        while !ended.load(Ordering::SeqCst) {
            number += 1;
            let pair = [
                format!(
                    "INSERT INTO keyword (id, account_id, site_id, bucket_id, text, text_key, country, state, created_at, \
                     updated_at) SELECT {id}, account_id, id, id, 'k', '{number}', '', 'NEW', 0, 0 FROM site"
                ),
                format!(
                    "INSERT INTO cluster (id, account_id, site_id, bucket_id, name, name_key, cluster_type, state, \
                     created_at, updated_at) SELECT {id}, account_id, id, id, 'c', '{number}', 'BLOG', 'NEW', 0, 0 FROM site"
                ),
            ];
            let written = writing.server.db.write(pair, |tx, pair| {
                Box::pin(async move {
                    for sql in pair {
                        sea_orm::ConnectionTrait::execute_unprepared(tx, sql).await?;
                    }
                    Ok::<_, inkledger::error::Failure<inkledger::error::Never>>(())
                })
            });
            written.await.unwrap();
        }
        number
    });
    let mut seen = 0;
    for _ in 0..200 {
        let stats = stage.stats("ALL", "planner { keywords clusters }").await;
        assert_eq!(stats["planner"]["keywords"], stats["planner"]["clusters"]);
        seen = stats["planner"]["keywords"].as_i64().unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    assert!(seen <= writer.await.unwrap() && seen > 0, "{seen} pairs");
}
