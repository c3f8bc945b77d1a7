//! Every list of the pipeline as a console asks for it: the first page and a deep one, with filters, with a search that
//! finds little, each with the number of all rows.

use serde_json::{Value, json};

use super::world::{World, field};
use crate::support::open_loop::{Spread, at_rate, ms};

const PER_SECOND: u32 = 20;
/// A month of a calendar is a thousand entries: nobody turns so many pages in a second.
const CALENDARS_PER_SECOND: u32 = 4;
const REQUESTS: u32 = 100;
const PAGE: u32 = 50;
/// How many rows lie before the deep page.
const DEEP: i64 = 9_000;

/// A list: its arguments, what a filter and a search are, and what is shown of a row.
struct List {
    field: &'static str,
    /// Variables beside those of every list, as declared and as given on.
    declared: &'static str,
    given: &'static str,
    row: &'static str,
    filtered: Option<Value>,
    searched: Option<Value>,
}

fn pipeline(field: &'static str, declared: &'static str, row: &'static str, filtered: Value, searched: &str) -> List {
    let searched = Some(json!({"f": {"search": searched}}));
    List { field, declared, given: "siteId: $s, filter: $f", row, filtered: Some(json!({"f": filtered})), searched }
}

fn lists(world: &World) -> Vec<List> {
    let sector = &world.sectors[3];
    vec![
        pipeline(
            "keywords",
            "$s: ID!, $f: KeywordFilter",
            "id text country volume difficulty cpc intent state createdAt cluster { id name } sector { id name }",
            json!({"state": "CLUSTERED", "sectorId": sector}),
            "term 77",
        ),
        pipeline(
            "clusters",
            "$s: ID!, $f: ClusterFilter",
            "id name type intent state keywordCount volume difficulty createdAt sector { id name }",
            json!({"state": "MAPPED", "sectorId": sector}),
            "cluster 77",
        ),
        pipeline(
            "ideas",
            "$s: ID!, $f: IdeaFilter",
            "id title contentType targetWords targetKeywords state createdAt cluster { id name } sector { id name } \
             contentTask { id state }",
            json!({"state": "NEW", "sectorId": sector}),
            "number 77",
        ),
        pipeline(
            "contentTasks",
            "$s: ID!, $f: ContentTaskFilter",
            "id title contentType targetWords priority tries state createdAt cluster { id name } sector { id name } \
             idea { id title }",
            json!({"state": "QUEUED", "sectorId": sector}),
            "number 77",
        ),
        pipeline(
            "contents",
            "$s: ID!, $f: ContentFilter",
            "id title slug type words score version state flags createdAt publishedAt slot { at source } \
             cluster { id name } sector { id name } images { id kind state }",
            json!({"state": "REVIEW", "sectorId": sector}),
            "number 77",
        ),
        List {
            field: "aiTasks",
            declared: "$a: ID",
            given: "accountId: $a",
            row: "id function status phase percent itemsTotal itemsDelivered itemsFailed creditsUsed createdAt finishedAt \
                  error { code message } model { name }",
            filtered: None,
            searched: None,
        },
        List {
            field: "automationRuns",
            declared: "$s: ID!, $state: AutomationRunState",
            given: "siteId: $s, state: $state",
            row: "id state trigger currentStage pauseReason creditsStart creditsUsed startedAt finishedAt \
                  startedBy { username } stages { stage status total succeeded failed skipped percent creditsUsed }",
            filtered: Some(json!({"state": "CANCELLED"})),
            searched: None,
        },
        List {
            field: "notifications",
            declared: "$a: ID, $unread: Boolean! = false",
            given: "accountId: $a, unreadOnly: $unread",
            row: "id kind severity title message isRead createdAt task { id status }",
            filtered: Some(json!({"unread": true})),
            searched: None,
        },
    ]
}

impl List {
    fn document(&self) -> String {
        format!(
            "query({}, $n: Int, $after: String) {{ {}({}, first: $n, after: $after) {{ totalCount pageInfo {{ hasNextPage \
             endCursor }} nodes {{ {} }} }} }}",
            self.declared, self.field, self.given, self.row
        )
    }

    fn variables(&self, world: &World, more: Option<&Value>) -> Value {
        let mut variables = json!({"n": PAGE});
        let of = variables.as_object_mut().unwrap();
        let whose = if self.given.contains("$s,") { ("s", &world.site) } else { ("a", &world.owner.account) };
        of.insert(whose.0.to_owned(), json!(whose.1));
        if let Some(more) = more {
            of.extend(more.as_object().unwrap().clone());
        }
        variables
    }

    /// The cursor with [`DEEP`] rows before what follows it.
    async fn deep_cursor(&self, world: &World) -> Value {
        let query = format!(
            "query({}, $n: Int, $after: String) {{ {}({}, first: $n, after: $after) {{ pageInfo {{ endCursor }} }} }}",
            self.declared, self.field, self.given
        );
        let mut variables = self.variables(world, Some(&json!({"n": 100})));
        for _ in 0..DEEP / 100 {
            let page = field(world.api.ask(&world.owner.token, &query, variables.clone()).await);
            variables["after"] = page["pageInfo"]["endCursor"].clone();
        }
        variables["after"].clone()
    }
}

/// Asks again and again; every answer must be without an error.
async fn timed(world: &World, query: &str, variables: Value) -> Spread {
    at(PER_SECOND, world, query, variables).await
}

async fn at(per_second: u32, world: &World, query: &str, variables: Value) -> Spread {
    at_rate(per_second, REQUESTS, |_| {
        let (api, token) = (world.api.clone(), world.owner.token.clone());
        let (query, variables) = (query.to_owned(), variables.clone());
        async move {
            field(api.ask(&token, &query, variables).await);
        }
    })
    .await
}

fn figures(spread: Option<&Spread>) -> String {
    spread.map_or("–".to_owned(), |spread| format!("{} / {}", ms(spread.percentile(50)), ms(spread.percentile(95))))
}

fn line(name: &str, spreads: [Option<&Spread>; 4]) {
    println!("| `{name}` | {} |", spreads.map(figures).join(" | "));
}

const CALENDAR: &str = "query($s: ID!, $from: Date!, $to: Date!, $f: CalendarFilter) { contentCalendar(siteId: $s, from: \
    $from, to: $to, filter: $f) { asOf timeZone isTruncated counts { total published scheduled publishing uncertain failed \
    tray } entries { at localDate localTime weekday content { id title state type cluster { id name } } } \
    tray { id title approvedAt scheduleBlockedBy } } }";

async fn calendar(world: &World) {
    let today = chrono::Utc::now().date_naive();
    let month = |offset: i64, filter: Value| {
        let day = |days| (today + chrono::Duration::days(offset + days)).to_string();
        json!({"s": world.site, "from": day(0), "to": day(31), "f": filter})
    };
    let scheduled = json!({"state": "SCHEDULED", "type": "BLOG"});
    // The busiest month: half of it published, half of it to come. The deep one is two months back.
    let [first, deep, filtered] = [month(-15, Value::Null), month(-75, Value::Null), month(0, scheduled)]
        .map(|of| at(CALENDARS_PER_SECOND, world, CALENDAR, of));
    let (first, deep, filtered) = (first.await, deep.await, filtered.await);
    line("contentCalendar", [Some(&first), Some(&deep), Some(&filtered), None]);
}

/// What a console reads again and again: the status of one run and of one task.
async fn status(world: &World) {
    let run = "id state currentStage pauseReason creditsStart creditsUsed creditsHeld creditsRemaining startedAt finishedAt \
               stages { stage status total processed succeeded failed skipped remaining percent creditsUsed }";
    let task =
        "id status phase percent itemsTotal itemsDelivered itemsFailed creditsUsed items { position state credits }";
    let newest = |list: &str| format!("query($w: ID!) {{ {list}, first: 1) {{ nodes {{ id }} }} }}");
    for (name, shown, list, whose) in [
        ("automationRun", run, "automationRuns(siteId: $w", &world.site),
        ("aiTask", task, "aiTasks(accountId: $w", &world.owner.account),
    ] {
        let found = field(world.api.ask(&world.owner.token, &newest(list), json!({ "w": whose })).await);
        let query = format!("query($id: ID!) {{ {name}(id: $id) {{ {shown} }} }}");
        let spread = timed(world, &query, json!({"id": found["nodes"][0]["id"]})).await;
        line(name, [Some(&spread), None, None, None]);
    }
}

/// Measures them on a full site.
pub async fn measure(world: &World) {
    println!("\n| p50 / p95, ms | first page | deep page | filtered | search |\n|---|---|---|---|---|");
    for list in lists(world) {
        let query = list.document();
        let first = list.variables(world, None);
        let total =
            field(world.api.ask(&world.owner.token, &query, first.clone()).await)["totalCount"].as_i64().unwrap();
        assert!(total >= super::world::ROWS, "{} has {total} rows", list.field);
        let deep = json!({"after": list.deep_cursor(world).await});
        let first = timed(world, &query, first).await;
        let deep = timed(world, &query, list.variables(world, Some(&deep))).await;
        let filtered = match &list.filtered {
            Some(more) => Some(timed(world, &query, list.variables(world, Some(more))).await),
            None => None,
        };
        let searched = match &list.searched {
            Some(more) => Some(timed(world, &query, list.variables(world, Some(more))).await),
            None => None,
        };
        line(list.field, [Some(&first), Some(&deep), filtered.as_ref(), searched.as_ref()]);
    }
    calendar(world).await;
    status(world).await;
}
